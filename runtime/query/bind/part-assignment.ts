/** Values for parts of columns: `SET a[1] = …`, `SET c.field = …`, `INSERT INTO t (a[1:2], j['k'], c.field)`. */
import { notSupported, SqlError } from "../error.js";
import {
  elementAssigned,
  fieldStep,
  type PartStep,
  partAssigned,
  pathAssigned,
  sliceAssigned,
  subscriptStep,
} from "../functions/part-assignment.js";
import type { ResolvedScalar } from "../functions/registry.js";
import type { BoundExpression } from "../plan/expression.js";
import type { Indirection } from "../syntax/ast-expression.js";
import { type RecordField, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { elementTypeOf } from "../types/type-table.js";
import { isComposite } from "../types/user-types.js";
import { positionOf } from "./binder.js";
import { coerce } from "./coerce.js";
import type { ExpressionContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { fieldsOfType } from "./field.js";
import { arraySubscript, jsonbSubscript, noSubscripts, type Subscript } from "./subscript.js";

/** Where a value goes: steps behind the name of a column. */
export interface Part {
  readonly column: string;
  readonly steps: readonly Indirection["step"][];
  readonly location: number;
}

/**
 * The column with a value for a part of it.
 *
 * @param whole what it holds before: its own value, or NULL in a new row
 * @param value null for DEFAULT, which is refused (0A000)
 * @param context what the subscripts may name
 */
export function assignPart(
  whole: BoundExpression,
  value: BoundExpression | null,
  part: Part,
  context: ExpressionContext,
): BoundExpression {
  const { steps, location } = part;
  const { binder } = context;
  const position = positionOf(location);
  if (value === null) {
    const what = steps[0]?.kind === "field" ? "a subfield" : "an array element";
    throw new SqlError("0A000", `cannot set ${what} to DEFAULT`, { position });
  }
  const found = stepsTo(whole, part, context);
  const coerced = coerce(binder, value, found.takes, "assignment");
  if (coerced === null) {
    const given = binder.labelOf(value.type);
    const wanted = binder.labelOf(found.takes);
    const message = found.isSubscripted
      ? `subscripted assignment to "${found.name}" requires type ${wanted} but expression is of type ${given}`
      : `subfield "${found.name}" is of type ${wanted} but expression is of type ${given}`;
    throw new SqlError("42804", message, { position, hint: "You will need to rewrite or cast the expression." });
  }
  const type = sqlType(whole.type.oid, whole.type.modifier);
  const callee = partAssigned(type, found.takes, found.steps);
  return { kind: "call", callee, arguments: [whole, coerced, ...found.places], form: "function", type, location };
}

interface FoundPart {
  readonly steps: readonly PartStep[];
  /** The subscripts of all steps. */
  readonly places: readonly BoundExpression[];
  /** What the part is of. */
  readonly takes: SqlType;
  /** The column or field that it is, or is an element of. */
  readonly name: string;
  readonly isSubscripted: boolean;
}

/** Goes from a value's type to that of a part of it: subscripts side by side are one step, a field is another. */
function stepsTo(
  whole: BoundExpression,
  { column, steps: written, location }: Part,
  context: ExpressionContext,
): FoundPart {
  const steps: PartStep[] = [];
  const places: BoundExpression[] = [];
  let takes = whole.type;
  let name = column;
  let isSubscripted = false;
  for (let at = 0; at < written.length; ) {
    const subscripts: Subscript[] = [];
    for (const step of written.slice(at)) {
      if (step.kind !== "index" && step.kind !== "slice") break;
      subscripts.push(step);
    }
    isSubscripted = subscripts.length > 0;
    if (isSubscripted) {
      const chosen = calleeOf(takes, subscripts, at === 0 ? whole.location : -1, context);
      steps.push(subscriptStep(chosen.callee, chosen.places.length));
      places.push(...chosen.places);
      ({ takes } = chosen);
      at += subscripts.length;
      continue;
    }
    const { index, fields, field } = fieldIn(takes, written[at], name, location, context);
    steps.push(fieldStep(takes.oid, fields, index));
    ({ type: takes, name } = field);
    at += 1;
  }
  return { steps, places, takes, name, isSubscripted };
}

function fieldIn(
  type: SqlType,
  step: Indirection["step"] | undefined,
  of: string,
  location: number,
  { binder }: ExpressionContext,
): { readonly index: number; readonly fields: readonly RecordField[]; readonly field: RecordField } {
  const position = positionOf(location);
  if (step?.kind !== "field") throw new SqlError("0A000", 'row expansion via "*" is not supported here', { position });
  const refused = `cannot assign to field "${step.name}" of column "${of}" because`;
  const label = binder.labelOf(type);
  const fields = isComposite(type.oid) ? fieldsOfType(type, binder.environment) : null;
  if (fields === null)
    throw new SqlError("42804", `${refused} its type ${label} is not a composite type`, { position });
  const index = fields.findIndex(({ name }) => name === step.name);
  const field = fields[index];
  if (field === undefined)
    throw new SqlError("42703", `${refused} there is no such column in data type ${label}`, { position });
  return { index, fields, field };
}

function partType(whole: SqlType, subscripts: readonly Subscript[], location: number): SqlType {
  const { oid, modifier } = whole;
  if (oid === typeOid.jsonb || subscripts.some(({ kind }) => kind === "slice")) return sqlType(oid, modifier);
  const element = elementTypeOf(oid);
  if (element === 0) throw noSubscripts(whole, location);
  return sqlType(element, modifier);
}

interface Chosen {
  readonly callee: ResolvedScalar;
  readonly places: readonly BoundExpression[];
  /** What the part is of. */
  readonly takes: SqlType;
}

function calleeOf(
  whole: SqlType,
  subscripts: readonly Subscript[],
  location: number,
  context: ExpressionContext,
): Chosen {
  const { oid } = whole;
  const type = sqlType(oid);
  if (oid === typeOid.jsonb) {
    const bound = subscripts.map((step) => jsonbSubscript(step, context, bindExpression));
    return {
      callee: pathAssigned(type, bound[0]?.isNumber === true),
      places: bound.map(({ text }) => text),
      takes: type,
    };
  }
  if (oid === typeOid.name) throw notSupported("assignment to a character of a name");
  const takes = partType(whole, subscripts, location);
  const element = elementTypeOf(oid);
  const place = (index: Parameters<typeof arraySubscript>[0]) => arraySubscript(index, context, bindExpression);
  if (!subscripts.some(({ kind }) => kind === "slice")) {
    const places = subscripts.flatMap((step) => (step.kind === "index" ? [place(step.index)] : []));
    return { callee: elementAssigned(type, element), places, takes };
  }
  // Beside a slice a single number is one that begins at 1.
  const ends = subscripts.map((step) =>
    step.kind === "slice"
      ? step
      : { from: { kind: "numberLiteral", text: "1", location: -1 } as const, to: step.index },
  );
  return {
    callee: sliceAssigned(
      type,
      element,
      ends.map(({ from, to }) => ({ from: from !== null, to: to !== null })),
    ),
    places: ends.flatMap(({ from, to }) => [from, to].flatMap((end) => (end === null ? [] : [place(end)]))),
    takes,
  };
}
