/** Windows: OVER (…) and WINDOW, with their frames. */
import { SqlError } from "../error.js";
import { rangeFamilyOf } from "../functions/in-range.js";
import type { BoundExpression } from "../plan/expression.js";
import type { PlanNode, SortKey, WindowBound, WindowCall, WindowNode } from "../plan/plan.js";
import { columnsOf, expressionKey, visitExpression } from "../plan/walk.js";
import type { Expression, FrameBound, WindowDefinition } from "../syntax/ast-expression.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { positionOf } from "./binder.js";
import { asText, coerce, coerceTo, isUnknown } from "./coerce.js";
import type { CollectedWindow, Collector, ExpressionContext } from "./context.js";
import { estimates } from "./from-item.js";
import { bindSort, expectEquality } from "./sort.js";

type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

interface BoundWindow {
  readonly partition: readonly BoundExpression[];
  readonly order: readonly SortKey[];
  readonly frame: WindowNode["frame"];
}

const doesNotExist = (name: string, { location }: WindowDefinition): SqlError =>
  new SqlError("42704", `window "${name}" does not exist`, { position: positionOf(location) });

/** The window that an OVER names, or what is written in it. Throws 42704. */
export function findWindow(over: WindowDefinition, windows: readonly WindowDefinition[]): WindowDefinition {
  if (over.name === null) return over;
  const named = windows.find(({ name }) => name === over.name);
  if (named === undefined) throw doesNotExist(over.name, over);
  return named;
}

/**
 * Binds the windows of a query once the rest of it is bound, as PostgreSQL does: those of WINDOW, whether used or not, and then what is
 * written in OVER (…). Throws 42P20 and 42704, and what binding their parts does.
 */
export function bindWindows(collector: Collector, context: ExpressionContext, bind: Bind): readonly CollectedWindow[] {
  const inner = { ...context, allowsWindows: false, clause: "window definitions" };
  const bound = new Map<WindowDefinition, BoundWindow>();
  const known: WindowDefinition[] = [];
  for (const definition of context.windows) {
    const { name, location } = definition;
    if (known.some((earlier) => earlier.name === name))
      throw new SqlError("42P20", `window "${name ?? ""}" is already defined`, { position: positionOf(location) });
    const whole = complete(definition, known);
    bound.set(definition, bindWindow(whole, inner, bind));
    known.push(whole);
  }
  return collector.windowCalls.map((called) => {
    const { over, location } = called;
    const window = bound.get(over) ?? bindWindow(complete(over, known), inner, bind);
    bound.set(over, window);
    expectNoneWithin([...window.partition, ...window.order.map(({ expression }) => expression)], collector, location);
    return { ...called, ...window };
  });
}

/** No call with OVER stands within another. Throws 42P20. */
export function expectNoneWithin(parts: readonly BoundExpression[], collector: Collector, location: number): void {
  const position = positionOf(location);
  for (const id of columnsOf(...parts)) {
    if (collector.windowIds.has(id))
      throw new SqlError("42P20", "window function calls cannot be nested", { position });
  }
}

/** Throws 0A000 for a function that returns sets in the arguments of a window function. */
export function expectNoSets(parts: readonly BoundExpression[], collector: Collector): void {
  for (const part of parts)
    visitExpression(part, (within) => {
      if (within.kind !== "column" || !collector.sets.has(within.id)) return;
      throw new SqlError("0A000", "window function calls cannot contain set-returning function calls", {
        position: positionOf(within.location),
        hint: "You might be able to move the set-returning function into a LATERAL FROM item.",
      });
    });
}

/** A window with what it takes over of the one that it is based on, which stands before it. */
function complete(over: WindowDefinition, known: readonly WindowDefinition[]): WindowDefinition {
  if (over.base === null) return over;
  const base = known.find(({ name }) => name === over.base);
  if (base === undefined) throw doesNotExist(over.base, over);
  const position = positionOf(over.location);
  if (over.partition.length > 0) {
    throw new SqlError("42P20", `cannot override PARTITION BY clause of window "${over.base}"`, { position });
  }
  if (over.order.length > 0 && base.order.length > 0) {
    throw new SqlError("42P20", `cannot override ORDER BY clause of window "${over.base}"`, { position });
  }
  if (!base.frame.isDefault) {
    const isNameAlone = over.order.length === 0 && over.frame.isDefault;
    const hint = isNameAlone ? { hint: "Omit the parentheses in this OVER clause." } : {};
    const message = `cannot copy window "${over.base}" because it has a frame clause`;
    throw new SqlError("42P20", message, { position, ...hint });
  }
  return { ...over, partition: base.partition, order: over.order.length > 0 ? over.order : base.order };
}

function bindWindow(definition: WindowDefinition, context: ExpressionContext, bind: Bind): BoundWindow {
  const { binder } = context;
  const position = positionOf(definition.location);
  const partition = definition.partition.map((item) => asText(binder, bind(item, context)));
  for (const { type, location } of partition) expectEquality(binder, type, location);
  const order = definition.order.map((item) =>
    bindSort(binder, item, asText(binder, bind(item.expression, context)), position),
  );
  return { partition, order, frame: bindFrame(definition, order, context, bind) };
}

function bindFrame(
  definition: WindowDefinition,
  order: readonly SortKey[],
  context: ExpressionContext,
  bind: Bind,
): WindowNode["frame"] {
  const { binder } = context;
  const { frame } = definition;
  const position = positionOf(definition.location);
  const hasOffset = "offset" in frame.from || "offset" in frame.to;
  const fail = (state: string, message: string): SqlError => new SqlError(state, message, { position });
  if (frame.from.kind === "unboundedFollowing") throw fail("42P20", "frame start cannot be UNBOUNDED FOLLOWING");
  if (frame.to.kind === "unboundedPreceding") throw fail("42P20", "frame end cannot be UNBOUNDED PRECEDING");
  if (frame.from.kind === "currentRow" && frame.to.kind === "preceding") {
    throw fail("42P20", "frame starting from current row cannot have preceding rows");
  }
  if (frame.from.kind === "following" && (frame.to.kind === "preceding" || frame.to.kind === "currentRow")) {
    throw fail("42P20", "frame starting from following row cannot have preceding rows");
  }
  if (frame.mode === "groups" && order.length === 0) throw fail("42P20", "GROUPS mode requires an ORDER BY clause");
  const [key] = order;
  if (frame.mode === "range" && hasOffset && order.length !== 1) {
    throw fail("42P20", "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column");
  }
  const offset = (bound: FrameBound): WindowBound => {
    if (!("offset" in bound)) return bound;
    const raw = bind(bound.offset, { ...context, collector: null, sets: null, clause: "frame offsets" });
    if (columnsOf(raw).size > 0) {
      throw new SqlError("42P10", `argument of ${frame.mode.toUpperCase()} must not contain variables`, {
        position: positionOf(raw.location),
      });
    }
    if (frame.mode !== "range" || key === undefined) {
      return { kind: bound.kind, offset: coerceTo(binder, raw, typeOid.int8, frame.mode.toUpperCase()) };
    }
    return { kind: bound.kind, offset: rangeOffset(raw, key, context) };
  };
  const from = offset(frame.from);
  const to = offset(frame.to);
  const hasRange = frame.mode === "range" && key !== undefined && hasOffset;
  const range = hasRange ? (rangeFamilyOf(key.expression.type.oid)?.range ?? null) : null;
  return { mode: frame.mode, from, to, exclude: frame.exclude, range };
}

/** The offset as one of the types that the order column's values have distances of: its own, if that is one of them. Throws 0A000. */
function rangeOffset(raw: BoundExpression, key: SortKey, { binder }: ExpressionContext): BoundExpression {
  const { type } = key.expression;
  const position = positionOf(raw.location);
  const family = rangeFamilyOf(type.oid);
  const refused = `RANGE with offset PRECEDING/FOLLOWING is not supported for column type ${typeLabel(type.oid)}`;
  if (family === null) throw new SqlError("0A000", refused, { position });
  const preferred = isUnknown(raw) ? type.oid : raw.type.oid;
  const chosen = family.offsets.find((oid) => oid === preferred) ?? family.offsets[0];
  const coerced = chosen === undefined ? null : coerce(binder, raw, sqlType(chosen), "implicit");
  if (coerced !== null) return coerced;
  const hint = "Cast the offset value to an appropriate type.";
  throw new SqlError("0A000", `${refused} and offset type ${typeLabel(raw.type.oid)}`, { position, hint });
}

/** One operator for all calls over the same window. */
export function addWindows(input: PlanNode, windows: readonly CollectedWindow[]): PlanNode {
  const byKey = new Map<string | WindowDefinition, CollectedWindow[]>();
  for (const window of windows) {
    // What is drawn anew with each look is drawn once for a window that several name.
    const key = windowKey(window) ?? window.over;
    const same = byKey.get(key);
    if (same === undefined) byKey.set(key, [window]);
    else same.push(window);
  }
  let plan = input;
  for (const group of byKey.values()) {
    const [first] = group;
    if (first === undefined) continue;
    const calls: WindowCall[] = group.map(({ call }) => call);
    const columns = [...plan.columns, ...calls.map(({ id, type, callee }) => ({ id, type, name: callee.name }))];
    const { partition, order, frame } = first;
    plan = { kind: "window", input: plan, partition, order, frame, calls, stream: null, columns, ...estimates };
  }
  return plan;
}

function windowKey({ partition, order, frame }: CollectedWindow): string | null {
  const offsets = [frame.from, frame.to].map((bound) => ("offset" in bound ? expressionKey(bound.offset) : bound.kind));
  const keys = [
    ...partition.map(expressionKey),
    ...order.map(({ expression }) => expressionKey(expression)),
    ...offsets,
  ];
  if (keys.includes(null)) return null;
  const directions = order.map(({ isDescending, nullsFirst }) => `${isDescending}${nullsFirst}`);
  return [partition.length, ...keys, ...directions, frame.mode, frame.from.kind, frame.to.kind, frame.exclude].join(
    "|",
  );
}
