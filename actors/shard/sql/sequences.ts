/**
 * Numbers that are given once: values of sequences, and numbers of rows without a primary key. They go on when a transaction is rolled back,
 * so they live beside the transactions, in the shard's memory; each commit that has taken some writes down how far they are. What was
 * taken only by transactions that never committed may be given again after the shard has been started anew.
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

export class Sequences {
  readonly #states = new Map<string, SequenceState>();

  /** After a roll back of the state: what is in memory may not be what the trees will say. */
  clear(): void {
    this.#states.clear();
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
    this.#states.set(`${tenant} ${object}`, state);
    return state;
  }

  next(reader: TreeReader, tenant: number, sequence: SequenceDefinition): bigint {
    const state =
      this.find(reader, tenant, sequence.oid) ??
      this.set(tenant, sequence.oid, { value: sequence.start, isCalled: false });
    return advance(sequence, state);
  }

  nextRowNumber(reader: TreeReader, tenant: number, storage: number): number {
    const state = this.find(reader, tenant, storage) ?? this.set(tenant, storage, { value: 0n, isCalled: true });
    state.value += 1n;
    return Number(state.value);
  }
}
