/** Groups by comparing each row with the groups so far, and aggregates of each group's rows, one after the other. */
import type { AggregateCall, AggregateNode } from "../../../runtime/query/plan/plan.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { areSame, orderOf } from "./compare.js";
import { type ExpressionPort, evaluate } from "./expression.js";
import { type Row, rowOf, Scope } from "./scope.js";

export function* aggregated(
  node: AggregateNode,
  input: readonly Row[],
  outer: Scope | null,
  port: ExpressionPort,
): Generator<Row> {
  const sets = node.sets ?? [node.groups.map((_, place) => place)];
  const types = node.groups.map(({ expression }) => expression.type.oid);
  for (const [number, places] of sets.entries()) {
    const groups: { readonly keys: readonly Datum[]; readonly scopes: Scope[] }[] = [];
    for (const row of input) {
      const scope = new Scope(row, outer);
      const keys = node.groups.map(({ expression }, place) =>
        places.includes(place) ? evaluate(expression, scope, port) : null,
      );
      const group = groups.find((one) => areSame(types, one.keys, keys));
      if (group === undefined) groups.push({ keys, scopes: [scope] });
      else group.scopes.push(scope);
    }
    // What is not grouped by anything is one group, even of no rows.
    const isWhole = places.length === 0 && (node.isPlain || node.sets !== null);
    if (isWhole && groups.length === 0) groups.push({ keys: types.map(() => null), scopes: [] });
    for (const { keys, scopes } of groups) {
      const results = node.aggregates.map((call) => resultOf(call, scopes, outer, port));
      yield rowOf(node.columns, [...keys, ...results, ...(node.setId === null ? [] : [number])]);
    }
  }
}

function resultOf(call: AggregateCall, scopes: readonly Scope[], outer: Scope | null, port: ExpressionPort): Datum {
  const { callee, order, filter } = call;
  const counted = scopes.filter((scope) => filter === null || evaluate(filter, scope, port) === true);
  let added = counted.map((scope) => ({
    values: call.arguments.map((argument) => evaluate(argument, scope, port)),
    keys: order.map(({ expression }) => evaluate(expression, scope, port)),
  }));
  if (callee.isStrict) added = added.filter(({ values }) => !values.includes(null));
  if (call.isDistinct) {
    const types = call.arguments.map(({ type }) => type.oid);
    const distinct: typeof added = [];
    for (const one of added) if (!distinct.some(({ values }) => areSame(types, values, one.values))) distinct.push(one);
    added = distinct;
  }
  if (order.length > 0) added = added.toSorted((a, b) => orderOf(order, a.keys, b.keys));
  const state = callee.start(port.context, callee.form === "plain" ? [] : order);
  for (const { values } of added) state.add(values[0] ?? null, values.slice(1));
  const scope = counted[0] ?? new Scope(new Map(), outer);
  return state.finish(call.direct.map((direct) => evaluate(direct, scope, port)));
}
