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

/** The numbers of one object. */
interface Numbers {
  /** Null while it has not been read, or nothing was ever taken. */
  state: SequenceState | null;
  /** The statement that took from it last. */
  statement: number;
}

/** The object whose numbers are those of transactions: none of a catalog's has it. */
export const transactionNumbers = 1;

export class Sequences {
  /** By tenant and object. */
  readonly #numbers = new Map<number, Map<number, Numbers>>();
  /** Objects whose numbers were taken in vain and are in no record yet, by tenant. */
  readonly #left = new Map<number, Set<number>>();
  /** What the statement under way found when it first took from an object. */
  #before: { readonly numbers: Numbers; readonly state: SequenceState | null }[] = [];
  /** Counts statements, and each attempt at one. */
  #statement = 1;

  /** After a roll back of the state: what is in memory may not be what the trees will say. */
  clear(): void {
    this.#numbers.clear();
    this.#left.clear();
    this.begin();
  }

  /** A statement begins: what it takes can be given back until the next one begins. */
  begin(): void {
    this.#statement += 1;
    if (this.#before.length > 0) this.#before = [];
  }

  /** The statement begins anew, as if it had taken nothing. */
  giveBack(): void {
    for (const { numbers, state } of this.#before) numbers.state = state;
    this.begin();
  }

  #of(tenant: number, object: number): Numbers {
    let ofTenant = this.#numbers.get(tenant);
    if (ofTenant === undefined) {
      ofTenant = new Map();
      this.#numbers.set(tenant, ofTenant);
    }
    let numbers = ofTenant.get(object);
    if (numbers === undefined) {
      numbers = { state: null, statement: 0 };
      ofTenant.set(object, numbers);
    }
    return numbers;
  }

  /** As `#of`, with the state that the trees know. */
  #read(reader: TreeReader, tenant: number, object: number): Numbers {
    const numbers = this.#of(tenant, object);
    numbers.state ??= readSequence(reader, tenant, object);
    return numbers;
  }

  #remember(numbers: Numbers): void {
    if (numbers.statement === this.#statement) return;
    assert(numbers.statement < this.#statement, "statements take one after the other");
    numbers.statement = this.#statement;
    this.#before.push({ numbers, state: numbers.state === null ? null : { ...numbers.state } });
  }

  /** A transaction that took from these objects came to nothing. @param kindOf what each is without the transaction */
  leave(tenant: number, objects: Iterable<number>, kindOf: (object: number) => "sequence" | "rows" | "none"): void {
    for (const object of objects) {
      const kind = kindOf(object);
      // The number of an object that never was may be that of another one day.
      if (kind === "none") this.#numbers.get(tenant)?.delete(object);
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
    return this.#read(reader, tenant, object).state;
  }

  set(tenant: number, object: number, state: SequenceState): void {
    const numbers = this.#of(tenant, object);
    this.#remember(numbers);
    numbers.state = state;
  }

  /** As it was before a transaction that came to nothing began it anew. */
  restore(tenant: number, object: number, state: SequenceState | null): void {
    this.#of(tenant, object).state = state === null ? null : { ...state };
  }

  next(reader: TreeReader, tenant: number, sequence: SequenceDefinition): bigint {
    const numbers = this.#read(reader, tenant, sequence.oid);
    this.#remember(numbers);
    numbers.state ??= { value: sequence.start, isCalled: false };
    return advance(sequence, numbers.state);
  }

  /** A statement that begins anew does not give it back: its transaction keeps it. */
  nextTransactionNumber(reader: TreeReader, tenant: number): number {
    const numbers = this.#read(reader, tenant, transactionNumbers);
    numbers.state ??= { value: 0n, isCalled: true };
    numbers.state.value += 1n;
    return Number(numbers.state.value);
  }

  nextRowNumber(reader: TreeReader, tenant: number, storage: number): number {
    const numbers = this.#read(reader, tenant, storage);
    this.#remember(numbers);
    numbers.state ??= { value: 0n, isCalled: true };
    numbers.state.value += 1n;
    return Number(numbers.state.value);
  }
}
