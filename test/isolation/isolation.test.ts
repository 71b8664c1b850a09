/** The checker of isolation itself: known anomalies are found and named, and it agrees with trying every serial order. */
import test from "ava";
import fc from "fast-check";
import type { CycleClass } from "./cycles.js";
import type { ListOperation, Transaction } from "./history.js";
import { type IsolationLevel, judge, showCycle } from "./verdict.js";

const append = (key: number, value: number): ListOperation => ({ kind: "append", key, value });
const read = (key: number, ...values: number[]): ListOperation => ({ kind: "read", key, values });

/** Transactions that all overlap. */
const history = (...operations: readonly ListOperation[][]): Transaction[] =>
  operations.map((of, id) => ({ id, session: id, outcome: "committed", begin: 0, end: 100, operations: of }));

function classesOf(transactions: readonly Transaction[]): CycleClass[] {
  return judge(transactions, "serializable", { isStrict: true }).cycles.map((cycle) => cycle.class);
}

test("two serial transactions are serializable", (t) => {
  const verdict = judge(history([append(1, 10)], [read(1, 10), append(1, 11)], [read(1, 10, 11)]), "serializable", {
    isStrict: true,
  });
  t.true(verdict.isKept);
  t.is(verdict.readsSeen, 2);
  t.true(verdict.dependencies > 0);
});

test("G0: writes of two transactions in both orders", (t) => {
  const lists = history(
    [append(1, 10), append(2, 20)],
    [append(1, 11), append(2, 21)],
    [read(1, 10, 11), read(2, 21, 20)],
  );
  t.true(classesOf(lists).includes("G0"));
});

test("G1c: two transactions that saw each other", (t) => {
  const lists = history([append(1, 10), read(2, 20)], [append(2, 20), read(1, 10)]);
  t.deepEqual(classesOf(lists), ["G1c"]);
});

test("G-single: a list read before and another after the same transaction", (t) => {
  const lists = history([append(1, 10), append(2, 20)], [read(1), read(2, 20)], [read(1, 10)]);
  t.deepEqual(classesOf(lists), ["G-single"]);
  t.true(judge(lists, "readCommitted", { isStrict: false }).isKept, "committed reads allow it");
  t.false(judge(lists, "repeatableRead", { isStrict: false }).isKept, "a snapshot does not");
});

test("G-single: a read that is not the same when it is repeated", (t) => {
  t.deepEqual(classesOf(history([append(1, 10)], [read(1), read(1, 10)])), ["G-single"]);
});

test("G2: a write skew", (t) => {
  const lists = history([read(1), append(2, 20)], [read(2), append(1, 10)], [read(1, 10), read(2, 20)]);
  t.deepEqual(classesOf(lists), ["G2"]);
  t.true(judge(lists, "repeatableRead", { isStrict: false }).isKept, "a snapshot allows it");
  const { violations } = judge(lists, "serializable", { isStrict: false });
  t.regex(violations.map(showCycle).join("; "), /^T\d rw→ T\d rw→ T\d$/);
});

test("real time: a read that began after a committed append and does not see it", (t) => {
  const lists: Transaction[] = [
    { id: 0, session: 0, outcome: "committed", begin: 0, end: 1, operations: [append(1, 10)] },
    { id: 1, session: 1, outcome: "committed", begin: 2, end: 3, operations: [read(1)] },
    { id: 2, session: 0, outcome: "committed", begin: 4, end: 5, operations: [read(1, 10)] },
  ];
  t.true(judge(lists, "serializable", { isStrict: false }).isKept, "serial in another order");
  t.false(judge(lists, "serializable", { isStrict: true }).isKept, "but not in the order of time");
});

test("anomalies that need no cycle", (t) => {
  const kinds = (lists: readonly Transaction[]): string[] =>
    judge(lists, "serializable", { isStrict: true }).anomalies.map(({ kind }) => kind);
  t.deepEqual(kinds(history([append(1, 10)], [read(1, 10, 10)])), ["duplicate"]);
  t.deepEqual(kinds(history([read(1, 77)])), ["phantom"]);
  t.true(kinds(history([append(1, 10)], [append(1, 11)], [read(1, 10)], [read(1, 11)])).includes("incompatible"));
  t.deepEqual(kinds(history([append(1, 10), read(1)])), ["internal"]);
  t.true(kinds(history([append(1, 10), append(1, 11)], [read(1, 10)], [read(1, 10, 11)])).includes("intermediate"));
  const aborted = history([append(1, 10)], [read(1, 10)]);
  t.true(kinds([{ ...aborted[0], outcome: "aborted" }, aborted[1]]).includes("abortedRead"));
  t.deepEqual(kinds([{ ...aborted[0], outcome: "unknown", end: Number.POSITIVE_INFINITY }, aborted[1]]), []);
  const lost: Transaction[] = [
    { id: 0, session: 0, outcome: "committed", begin: 0, end: 1, operations: [append(1, 10)] },
    { id: 1, session: 1, outcome: "committed", begin: 2, end: 3, operations: [append(1, 11), read(1, 11)] },
  ];
  t.true(kinds(lost).includes("lost"));
});

/** Whether some serial order of all transactions gives every read its answer. */
function isSerializable(transactions: readonly Transaction[]): boolean {
  const orders: number[][] = [[]];
  while (orders.length > 0) {
    const order = orders.pop() ?? [];
    if (!isRight(order.map((index) => transactions[index]))) continue;
    if (order.length === transactions.length) return true;
    for (const index of transactions.keys()) if (!order.includes(index)) orders.push([...order, index]);
  }
  return false;
}

function isRight(order: readonly Transaction[]): boolean {
  const lists = new Map<number, number[]>();
  for (const { operations } of order) {
    for (const operation of operations) {
      const list = lists.get(operation.key) ?? [];
      if (operation.kind === "append") lists.set(operation.key, [...list, operation.value]);
      else if (operation.values?.join() !== list.join()) return false;
    }
  }
  return true;
}

interface Plan {
  readonly transactions: readonly (readonly { readonly isAppend: boolean; readonly key: number }[])[];
  /** Which transaction takes its next step. */
  readonly schedule: readonly number[];
  readonly snapshots: boolean;
}

const plans: fc.Arbitrary<Plan> = fc.record({
  transactions: fc.array(
    fc.array(fc.record({ isAppend: fc.boolean(), key: fc.integer({ min: 1, max: 2 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    {
      minLength: 2,
      maxLength: 4,
    },
  ),
  schedule: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 16 }),
  snapshots: fc.boolean(),
});

/** Runs a plan over lists without any isolation, or with snapshots for reads; then everything is read once more. */
function execute({ transactions, schedule, snapshots }: Plan): Transaction[] {
  const lists = new Map<number, number[]>();
  const at = transactions.map(() => 0);
  const snapshot = new Map<number, Map<number, number[]>>();
  const own = transactions.map(() => new Map<number, number[]>());
  const done: ListOperation[][] = transactions.map(() => []);
  let value = 100;
  const step = (index: number): void => {
    const planned = transactions[index]?.[at[index]];
    if (planned === undefined) return;
    at[index] += 1;
    const { key } = planned;
    if (!snapshot.has(index)) snapshot.set(index, new Map([...lists].map(([of, list]) => [of, [...list]])));
    if (planned.isAppend) {
      value += 1;
      lists.set(key, [...(lists.get(key) ?? []), value]);
      own[index].set(key, [...(own[index].get(key) ?? []), value]);
      done[index].push(append(key, value));
    } else {
      const seen = snapshots
        ? [...(snapshot.get(index)?.get(key) ?? []), ...(own[index].get(key) ?? [])]
        : lists.get(key);
      done[index].push(read(key, ...(seen ?? [])));
    }
  };
  for (const index of schedule) step(index);
  for (const [index, planned] of transactions.entries()) for (let i = 0; i < planned.length; i++) step(index);
  const last = [read(1, ...(lists.get(1) ?? [])), read(2, ...(lists.get(2) ?? []))];
  return history(...done, last);
}

test("the verdict is that of trying every serial order", (t) => {
  let kept = 0;
  let broken = 0;
  fc.assert(
    fc.property(plans, (plan) => {
      const transactions = execute(plan);
      const expected = isSerializable(transactions);
      const verdict = judge(transactions, "serializable", { isStrict: false });
      if (expected) kept += 1;
      else broken += 1;
      return verdict.isKept === expected;
    }),
    { numRuns: 3_000 },
  );
  t.true(kept > 100 && broken > 100, `both verdicts were met: ${kept} and ${broken}`);
});

test("weaker levels forbid less", (t) => {
  const levels: readonly IsolationLevel[] = ["readCommitted", "repeatableRead", "serializable"];
  let differences = 0;
  fc.assert(
    fc.property(plans, (plan) => {
      const transactions = execute(plan);
      const kept = levels.map((level) => judge(transactions, level, { isStrict: false }).isKept);
      if (kept[0] !== kept[2]) differences += 1;
      return (kept[0] || !kept[1]) && (kept[1] || !kept[2]);
    }),
    { numRuns: 1_000 },
  );
  t.true(differences > 10, `levels differed ${differences} times`);
});
