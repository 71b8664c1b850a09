/** Windows: OVER (…) and WINDOW, with their frames. */
import { notSupported, SqlError } from "../error.js";
import { resolveOperator } from "../functions/resolve.js";
import type { BoundExpression } from "../plan/expression.js";
import type { SortKey, WindowBound, WindowNode } from "../plan/plan.js";
import { columnsOf } from "../plan/walk.js";
import type { Expression, FrameBound, WindowDefinition } from "../syntax/ast-expression.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { positionOf } from "./binder.js";
import { asText, coerce, coerceTo } from "./coerce.js";
import type { ExpressionContext } from "./context.js";
import { bindSort } from "./sort.js";

type Bind = (expression: Expression, context: ExpressionContext) => BoundExpression;

export interface BoundWindow {
  readonly partition: readonly BoundExpression[];
  readonly order: readonly SortKey[];
  readonly frame: WindowNode["frame"];
}

/** A window with what it takes over of the one that it is based on. */
function complete(over: WindowDefinition, context: ExpressionContext): WindowDefinition {
  const find = (name: string): WindowDefinition => {
    const found = context.windows.find((window) => window.name === name);
    if (found !== undefined) return found;
    throw new SqlError("42704", `window "${name}" does not exist`, { position: positionOf(over.location) });
  };
  if (over.base === null) return over;
  const base = complete(find(over.base), {
    ...context,
    windows: context.windows.filter(({ name }) => name !== over.name),
  });
  const position = positionOf(over.location);
  if (over.partition.length > 0) {
    throw new SqlError("42P20", `cannot override PARTITION BY clause of window "${over.base}"`, { position });
  }
  if (over.order.length > 0 && base.order.length > 0) {
    throw new SqlError("42P20", `cannot override ORDER BY clause of window "${over.base}"`, { position });
  }
  if (!base.frame.isDefault) {
    throw new SqlError("42P20", `cannot copy window "${over.base}" because it has a frame clause`, { position });
  }
  return { ...over, partition: base.partition, order: over.order.length > 0 ? over.order : base.order };
}

export function bindWindow(over: WindowDefinition, context: ExpressionContext, bind: Bind): BoundWindow {
  const { binder } = context;
  const position = positionOf(over.location);
  let definition = over;
  if (over.name !== null && !context.windows.includes(over)) {
    const named = context.windows.find(({ name }) => name === over.name);
    if (named === undefined) throw new SqlError("42704", `window "${over.name}" does not exist`, { position });
    definition = named;
  }
  definition = complete(definition, context);
  const partition = definition.partition.map((item) => asText(binder, bind(item, context)));
  const order = definition.order.map((item) =>
    bindSort(item, asText(binder, bind(item.expression, context)), position),
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
    const raw = bind(bound.offset, { ...context, collector: null, clause: "frame offsets" });
    if (columnsOf(raw).size > 0) {
      throw new SqlError("42P10", `argument of ${frame.mode.toUpperCase()} must not contain variables`, { position });
    }
    if (frame.mode !== "range" || key === undefined) {
      return { kind: bound.kind, offset: coerceTo(binder, raw, typeOid.int8, frame.mode.toUpperCase()) };
    }
    return { kind: bound.kind, offset: rangeOffset(raw, key, context, position) };
  };
  const from = offset(frame.from);
  const to = offset(frame.to);
  const offsetType = "offset" in from ? from.offset.type : "offset" in to ? to.offset.type : null;
  if (frame.mode !== "range" || key === undefined || offsetType === null) {
    return { mode: frame.mode, from, to, exclude: frame.exclude, add: null, subtract: null };
  }
  const { oid } = key.expression.type;
  const add = resolveOperator("+", oid, offsetType.oid, position);
  const subtract = resolveOperator("-", oid, offsetType.oid, position);
  if (add.resultType.oid !== oid || subtract.resultType.oid !== oid) {
    throw notSupported("RANGE with an offset of this type", position);
  }
  return { mode: frame.mode, from, to, exclude: frame.exclude, add, subtract };
}

const dateTypes: ReadonlySet<number> = new Set([
  typeOid.timestamp,
  typeOid.timestamptz,
  typeOid.time,
  typeOid.interval,
]);

/** The offset has the order column's own type, or is an interval for moments. */
function rangeOffset(
  raw: BoundExpression,
  key: SortKey,
  context: ExpressionContext,
  position: number | undefined,
): BoundExpression {
  const { oid } = key.expression.type;
  const type = dateTypes.has(oid) ? sqlType(typeOid.interval) : sqlType(oid);
  if (oid === typeOid.date) throw notSupported("RANGE with an offset over dates", position);
  const coerced = coerce(context.binder, raw, type, "implicit");
  if (coerced !== null) return coerced;
  throw notSupported("RANGE with an offset of this type", position);
}
