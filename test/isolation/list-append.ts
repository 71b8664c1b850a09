/**
 * From a history of list appends to the dependencies between its transactions, and the anomalies that need no cycle to be seen:
 *
 *   duplicate       a value stands in a list twice
 *   phantom         a value that nobody appended was read
 *   incompatible    two reads of a list of which neither begins with the other
 *   internal        a transaction did not see what it had read or appended itself
 *   abortedRead     (G1a) a value of a transaction that was not committed was read
 *   intermediate    (G1b) a list was read as it was between two appends of one transaction
 *   lost            an append was committed, others after it were read, and it is in no read
 *
 * The order of versions of a list is the longest read of it. Dependencies, all between two different transactions:
 *
 *   ww   a's append comes directly before b's in a list
 *   wr   b read a list whose last value is a's
 *   rw   a read a list to which b's append is the next
 */
import { assert } from "../../runtime/types/assert.js";
import type { Transaction } from "./history.js";

export type DependencyKind = "ww" | "wr" | "rw" | "realtime";

export interface Dependency {
  readonly from: number;
  readonly to: number;
  readonly kind: DependencyKind;
}

export interface Anomaly {
  readonly kind: "duplicate" | "phantom" | "incompatible" | "internal" | "abortedRead" | "intermediate" | "lost";
  readonly transactions: readonly number[];
  readonly explanation: string;
}

export interface Inference {
  readonly anomalies: readonly Anomaly[];
  readonly dependencies: readonly Dependency[];
  /** Reads of committed transactions that were looked at: a check that saw none proves nothing. */
  readonly readsSeen: number;
}

interface ExternalRead {
  readonly key: number;
  readonly values: readonly number[];
}

const beginsWith = (long: readonly number[], short: readonly number[]): boolean =>
  short.length <= long.length && short.every((value, index) => value === long[index]);

export class ListAppendInference {
  readonly #history: readonly Transaction[];
  readonly #byId = new Map<number, Transaction>();
  /** Who appended a value; values are unique over all lists. */
  readonly #writers = new Map<number, number>();
  readonly #anomalies: Anomaly[] = [];
  readonly #dependencies = new Map<string, Dependency>();
  #readsSeen = 0;

  constructor(history: readonly Transaction[]) {
    this.#history = history;
    for (const transaction of history) {
      assert(!this.#byId.has(transaction.id), "a transaction's id is its own");
      this.#byId.set(transaction.id, transaction);
      for (const operation of transaction.operations) {
        if (operation.kind !== "append") continue;
        assert(!this.#writers.has(operation.value), "a value is appended by one operation only");
        this.#writers.set(operation.value, transaction.id);
      }
    }
  }

  infer(): Inference {
    const orders = this.#versionOrders();
    for (const [key, order] of orders) this.#orderWrites(key, order);
    for (const transaction of this.#history) {
      if (transaction.outcome !== "committed") continue;
      this.#internal(transaction);
      for (const read of externalReads(transaction)) this.#read(transaction, read, orders.get(read.key) ?? []);
    }
    this.#lostAppends(orders);
    return {
      anomalies: this.#anomalies,
      dependencies: [...this.#dependencies.values()],
      readsSeen: this.#readsSeen,
    };
  }

  #depends(from: number, to: number, kind: DependencyKind): void {
    if (from === to) return;
    this.#dependencies.set(`${from} ${to} ${kind}`, { from, to, kind });
  }

  #found(kind: Anomaly["kind"], transactions: readonly number[], explanation: string): void {
    this.#anomalies.push({ kind, transactions, explanation });
  }

  /** By key the longest list that a committed transaction read; every other read has to be the beginning of it. */
  #versionOrders(): Map<number, readonly number[]> {
    const longest = new Map<number, { by: number; values: readonly number[] }>();
    const reads: { by: number; key: number; values: readonly number[] }[] = [];
    for (const { id, outcome, operations } of this.#history) {
      if (outcome !== "committed") continue;
      for (const operation of operations) {
        if (operation.kind !== "read" || operation.values === null) continue;
        this.#readsSeen += 1;
        reads.push({ by: id, key: operation.key, values: operation.values });
        if (new Set(operation.values).size !== operation.values.length) {
          this.#found("duplicate", [id], `list ${operation.key} read as ${operation.values.join(" ")}`);
        }
        const known = longest.get(operation.key);
        if (known === undefined || operation.values.length > known.values.length) {
          longest.set(operation.key, { by: id, values: operation.values });
        }
      }
    }
    for (const { by, key, values } of reads) {
      const order = longest.get(key);
      assert(order !== undefined, "a list that was read has a longest read");
      if (!beginsWith(order.values, values)) {
        const shown = `list ${key} read as ${values.join(" ")} and as ${order.values.join(" ")}`;
        this.#found("incompatible", [by, order.by], shown);
      }
    }
    return new Map([...longest].map(([key, { values }]) => [key, values]));
  }

  #orderWrites(key: number, order: readonly number[]): void {
    for (const [index, value] of order.entries()) {
      const writer = this.#writers.get(value);
      if (writer === undefined) {
        this.#found("phantom", [], `list ${key} holds ${value}, which nobody appended`);
        continue;
      }
      const next = order[index + 1];
      const nextWriter = next === undefined ? undefined : this.#writers.get(next);
      if (nextWriter !== undefined) this.#depends(writer, nextWriter, "ww");
    }
  }

  #read(transaction: Transaction, read: ExternalRead, order: readonly number[]): void {
    const { values } = read;
    for (const value of values) {
      const writer = this.#byId.get(this.#writers.get(value) ?? -1);
      if (writer?.outcome === "aborted") {
        const shown = `${value} of list ${read.key} was read, and its transaction was not committed`;
        this.#found("abortedRead", [transaction.id, writer.id], shown);
      }
    }
    const last = values.at(-1);
    const lastWriter = last === undefined ? undefined : this.#byId.get(this.#writers.get(last) ?? -1);
    if (lastWriter !== undefined && lastWriter.id !== transaction.id) {
      this.#depends(lastWriter.id, transaction.id, "wr");
      const own = appendsTo(lastWriter, read.key);
      if (own.at(-1) !== last) {
        const shown = `list ${read.key} was read up to ${last}, of the appends ${own.join(" ")} of one transaction`;
        this.#found("intermediate", [transaction.id, lastWriter.id], shown);
      }
    }
    if (!beginsWith(order, values)) return;
    const next = order[values.length];
    const nextWriter = next === undefined ? undefined : this.#writers.get(next);
    if (nextWriter !== undefined) this.#depends(transaction.id, nextWriter, "rw");
  }

  /** What a transaction reads is what it read before, and its own appends behind it. */
  #internal({ id, operations }: Transaction): void {
    const own = new Map<number, number[]>();
    const seen = new Map<number, readonly number[]>();
    for (const operation of operations) {
      if (operation.kind === "append") {
        own.set(operation.key, [...(own.get(operation.key) ?? []), operation.value]);
        const known = seen.get(operation.key);
        if (known !== undefined) seen.set(operation.key, [...known, operation.value]);
        continue;
      }
      if (operation.values === null) continue;
      const appended = own.get(operation.key) ?? [];
      const end = operation.values.slice(operation.values.length - appended.length);
      if (appended.length > 0 && !beginsWith(end, appended)) {
        this.#found("internal", [id], `list ${operation.key} was read without the transaction's own appends`);
      }
      seen.set(operation.key, operation.values);
    }
  }

  /** A committed append that is missing where later ones of the same client, or of whoever began after it had ended, are seen. */
  #lostAppends(orders: ReadonlyMap<number, readonly number[]>): void {
    const ends = new Map<number, number>();
    for (const { outcome, begin, operations } of this.#history) {
      if (outcome !== "committed") continue;
      for (const operation of operations) {
        if (operation.kind !== "read" || operation.values === null) continue;
        ends.set(operation.key, Math.max(ends.get(operation.key) ?? Number.NEGATIVE_INFINITY, begin));
      }
    }
    for (const { id, outcome, end, operations } of this.#history) {
      if (outcome !== "committed") continue;
      for (const operation of operations) {
        if (operation.kind !== "append") continue;
        const newestRead = ends.get(operation.key);
        if (newestRead === undefined || newestRead <= end) continue;
        if (!(orders.get(operation.key) ?? []).includes(operation.value)) {
          const shown = `${operation.value} was appended to list ${operation.key}, and a read that began later lacks it`;
          this.#found("lost", [id], shown);
        }
      }
    }
  }
}

const appendsTo = ({ operations }: Transaction, key: number): number[] =>
  operations.flatMap((operation) => (operation.kind === "append" && operation.key === key ? [operation.value] : []));

/**
 * What a transaction saw of others: each of its reads without its own appends at the end. A list that it read twice counts twice, so that a
 * read that cannot be repeated shows as a cycle.
 */
function externalReads({ operations }: Transaction): ExternalRead[] {
  const own = new Map<number, number[]>();
  const reads: ExternalRead[] = [];
  for (const operation of operations) {
    const appended = own.get(operation.key) ?? [];
    if (operation.kind === "append") own.set(operation.key, [...appended, operation.value]);
    else if (operation.values !== null) {
      const others = operation.values.length - appended.length;
      const endsWithOwn = appended.every((value, index) => value === operation.values?.[others + index]);
      if (others >= 0 && endsWithOwn) reads.push({ key: operation.key, values: operation.values.slice(0, others) });
    }
  }
  return reads;
}
