/**
 * Numbers that are given once: values of sequences, and numbers of rows without a primary key. They go on when a transaction is rolled back,
 * so they live beside the transactions, in the shard's memory; each commit that has taken some writes down how far they are. What a
 * transaction has taken that came to nothing is *left*: a record of its own says so before its ROLLBACK, or its error, is answered. Only what
 * a session took that was cut off in the middle waits for the tenant's next commit, and may be given again when the shard starts anew before.
 *
 * A statement that has to begin anew (it met a lock, or its program found more than it can do) gives back what it took: nobody has seen it.
 *
 * State of a sequence, as in the tree `sequences`: last value i64 · is called u8. A row counter: the next number, and 1.
 */
import type { SequenceDefinition } from "../../../runtime/query/catalog/model.js";
import { SqlError } from "../../../runtime/query/error.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import { readSequence, type SequenceState } from "../../sql/sequence-state.js";

const qualified = ({ name }: SequenceDefinition): string => name;

/** The value after the last one. Throws 2200H at an end. */
export function advance(sequence: SequenceDefinition, state: SequenceState): bigint {
  const { increment, minimum, maximum, cycles } = sequence;
  assert(increment !== 0n && minimum <= maximum, "a sequence has somewhere to go");
  if (!state.isCalled) {
    state.isCalled = true;
    return state.value;
  }
  const next = state.value + increment;
  if (next > maximum || next < minimum) {
    if (!cycles) {
      const [end, limit] = increment > 0n ? ["maximum", maximum] : ["minimum", minimum];
      throw new SqlError("2200H", `nextval: reached ${end} value of sequence "${qualified(sequence)}" (${limit})`);
    }
    state.value = increment > 0n ? minimum : maximum;
  } else state.value = next;
  return state.value;
}

/** What an attempt at a statement found when it first took from an object; null: nothing was ever taken. */
type Before = Map<string, SequenceState | null>;

export class Sequences {
  readonly #states = new Map<string, SequenceState>();
  /** Objects whose numbers were taken in vain and are in no record yet, by tenant. */
  readonly #left = new Map<number, Set<number>>();
  readonly #before: Before = new Map();

  /** After a roll back of the state: what is in memory may not be what the trees will say. */
  clear(): void {
    this.#states.clear();
    this.#left.clear();
    this.#before.clear();
  }

  /** A statement begins: what it takes can be given back until the next one begins. */
  begin(): void {
    this.#before.clear();
  }

  /** The statement begins anew, as if it had taken nothing. */
  giveBack(): void {
    for (const [name, state] of this.#before) {
      if (state === null) this.#states.delete(name);
      else this.#states.set(name, state);
    }
    this.#before.clear();
  }

  #remember(name: string, state: SequenceState | null): void {
    if (!this.#before.has(name)) this.#before.set(name, state === null ? null : { ...state });
  }

  /** A transaction that took from these objects came to nothing. @param kindOf what each is without the transaction */
  leave(tenant: number, objects: Iterable<number>, kindOf: (object: number) => "sequence" | "rows" | "none"): void {
    for (const object of objects) {
      const kind = kindOf(object);
      // The number of an object that never was may be that of another one day.
      if (kind === "none") this.#states.delete(`${tenant} ${object}`);
      // Nobody has seen a row's number.
      if (kind !== "sequence") continue;
      const left = this.#left.get(tenant) ?? new Set();
      left.add(object);
      this.#left.set(tenant, left);
    }
  }

  /** What was left, for the record that is made now. */
  takeLeft(tenant: number): readonly number[] {
    const left = [...(this.#left.get(tenant) ?? [])];
    this.#left.delete(tenant);
    return left;
  }

  /** The state now, null when nothing was ever drawn. */
  find(reader: TreeReader, tenant: number, object: number): SequenceState | null {
    const name = `${tenant} ${object}`;
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    const state = readSequence(reader, tenant, object);
    if (state !== null) this.#states.set(name, state);
    return state;
  }

  set(tenant: number, object: number, state: SequenceState): SequenceState {
    const name = `${tenant} ${object}`;
    this.#remember(name, this.#states.get(name) ?? null);
    this.#states.set(name, state);
    return state;
  }

  /** As it was before a transaction that came to nothing began it anew. */
  restore(tenant: number, object: number, state: SequenceState | null): void {
    const name = `${tenant} ${object}`;
    if (state === null) this.#states.delete(name);
    else this.#states.set(name, { ...state });
  }

  next(reader: TreeReader, tenant: number, sequence: SequenceDefinition): bigint {
    const known = this.find(reader, tenant, sequence.oid);
    if (known !== null) this.#remember(`${tenant} ${sequence.oid}`, known);
    const state = known ?? this.set(tenant, sequence.oid, { value: sequence.start, isCalled: false });
    return advance(sequence, state);
  }

  nextRowNumber(reader: TreeReader, tenant: number, storage: number): number {
    const known = this.find(reader, tenant, storage);
    if (known !== null) this.#remember(`${tenant} ${storage}`, known);
    const state = known ?? this.set(tenant, storage, { value: 0n, isCalled: true });
    state.value += 1n;
    return Number(state.value);
  }
}
