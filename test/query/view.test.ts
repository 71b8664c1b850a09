/** What a materialized view's aggregates are kept in: rows that come and go, what cannot be taken back, and what would be a defect. */
import test from "ava";
import type { AggregateCall } from "../../runtime/query/plan/plan.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { decimalFromText, decimalText } from "../../runtime/query/types/decimal.js";
import { sqlType, typeOid } from "../../runtime/query/types/sql-type.js";
import { type MaintainedAggregate, maintainedAggregate } from "../../runtime/query/view/maintained-aggregate.js";
import { ViewRows } from "../../runtime/query/view/view-rows.js";
import { evaluationContext } from "./evaluation-context.js";

const breach = (what: string): string => `assertion failed: ${what}`;

const column = (oid: number) => ({ kind: "column" as const, id: 1, name: "x", type: sqlType(oid), location: -1 });

const made = (name: string, oid: number): MaintainedAggregate =>
  maintainedAggregate(
    { callee: { name }, arguments: name === "count" ? [] : [column(oid)] } as unknown as AggregateCall,
    evaluationContext(),
  );

const inserted = (aggregate: MaintainedAggregate, ...values: readonly Datum[]): readonly Datum[] =>
  values.reduce<readonly Datum[]>((state, value) => aggregate.insert(state, value) ?? [], aggregate.empty);

test("sums take back what they were given, and say when they cannot: digits that no value has any more, or a NaN", (t) => {
  const sum = made("sum", typeOid.numeric);
  const [one, half, three] = ["1", "0.50", "3"].map(decimalFromText);
  const state = inserted(sum, one ?? null, half ?? null, three ?? null, null);
  const shown = (of: readonly Datum[] | null): string => {
    const value = of === null ? null : sum.result(of);
    return value === null ? "" : decimalText(value as ReturnType<typeof decimalFromText>);
  };
  t.is(shown(state), "4.50");
  t.is(shown(sum.remove(state, three ?? null)), "1.50");
  t.is(sum.remove(state, half ?? null), null);
  t.is(sum.remove(inserted(sum, one ?? null, decimalFromText("NaN")), decimalFromText("NaN")), null);
  t.is(sum.result(sum.remove(inserted(sum, one ?? null), one ?? null) ?? []), null);
  t.throws(() => sum.remove(sum.empty, one ?? null), { message: breach("order: a value that leaves a sum was in it") });
});

test("an extreme that goes is looked for anew, another value is not missed; counts never fall below nothing", (t) => {
  const least = made("min", typeOid.int4);
  const state = inserted(least, 4, 2, null, 9);
  t.is(least.result(state), 2);
  t.is(least.remove(state, 2), null);
  t.deepEqual(least.remove(state, 9), state);
  t.throws(() => least.remove(least.empty, 1), { message: breach("order: a value that leaves a group was in it") });
  const count = made("count", 0);
  t.is(count.result(inserted(count, null, 1)), 2);
  t.throws(() => count.remove(count.empty, 1), { message: breach("order: rows that leave a group were in it") });
});

test("a row that is not in a view does not leave it", (t) => {
  const table = { keyColumns: [], columns: [], storage: 7 } as unknown as ConstructorParameters<typeof ViewRows>[0];
  const writer = {} as ConstructorParameters<typeof ViewRows>[1];
  const reader = { get: () => false } as unknown as ConstructorParameters<typeof ViewRows>[2]["reader"];
  const rows = new ViewRows(table, writer, { tenant: 1, reader, check: () => {} });
  t.is(rows.countOf(new Uint8Array(20)), 0);
  t.throws(() => rows.countBy(new Uint8Array(20), [], -1), {
    message: breach("order: rows that leave a view are in it"),
  });
});
