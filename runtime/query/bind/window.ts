/** Windows: OVER (…) and WINDOW, with their frames. */
import { SqlError } from "../error.js";
import { rangeFamilyOf } from "../functions/in-range.js";
import type { BoundExpression } from "../plan/expression.js";
import type { SortKey, WindowBound, WindowNode } from "../plan/plan.js";
import { columnsOf } from "../plan/walk.js";
import type { Expression, FrameBound, WindowDefinition } from "../syntax/ast-expression.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { positionOf } from "./binder.js";
import { asText, coerce, coerceTo, isUnknown } from "./coerce.js";
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
