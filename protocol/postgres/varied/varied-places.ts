/**
 * Which constants of a statement a parameter could stand for without changing what it means: values that are stored, and what columns are
 * compared with. All others stay as they are: what is sorted and grouped by, limits, patterns (whose beginning an index may serve), what an
 * index's expression may have within, arguments of functions.
 */
import type { Statement } from "../../../runtime/query/syntax/ast.js";
import type { Expression } from "../../../runtime/query/syntax/ast-expression.js";
import type { Assignment, Insert } from "../../../runtime/query/syntax/ast-modify.js";

/** Bytes of the statement's text where such constants begin. */
export function variedPlaces(statement: Statement): ReadonlySet<number> {
  const places = new Set<number>();
  switch (statement.kind) {
    case "insert":
      addInserted(statement, places);
      break;
    case "update":
      addAssigned(statement.assignments, places);
      addCompared(statement.where, places);
      break;
    case "delete":
    case "select":
      addCompared(statement.where, places);
      break;
    default:
      break;
  }
  return places;
}

/** What ON CONFLICT assigns stays: it may be wrong without ever being assigned, and is told so then. */
function addInserted({ source }: Insert, places: Set<number>): void {
  if (source?.kind === "values") for (const row of source.rows) for (const item of row) addStored(item, places);
}

function addAssigned(assignments: readonly Assignment[], places: Set<number>): void {
  for (const { value, steps } of assignments)
    if (value.kind !== "rowField" && steps.length === 0) addStored(value, places);
}

const arithmetic: ReadonlySet<string> = new Set(["+", "-", "*", "/", "%"]);

/** A value, or numbers that are reckoned with. */
function addStored(value: Expression, places: Set<number>): void {
  if (value.kind !== "operator") return addConstant(value, places);
  for (const side of [value.left, value.right])
    if (arithmetic.has(value.name) && side !== null && isNumber(side)) places.add(side.location);
}

const comparisons: ReadonlySet<string> = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);

function addCompared(root: Expression | null, places: Set<number>): void {
  const waiting: Expression[] = root === null ? [] : [root];
  for (let term = waiting.pop(); term !== undefined; term = waiting.pop()) {
    switch (term.kind) {
      case "and":
      case "or":
        waiting.push(...term.terms);
        break;
      case "not":
        waiting.push(term.term);
        break;
      case "operator":
        if (!comparisons.has(term.name) || term.left === null) break;
        if (isOfColumn(term.left)) addConstant(term.right, places);
        else if (isOfColumn(term.right)) addConstant(term.left, places);
        break;
      case "inList":
        if (isOfColumn(term.subject)) for (const item of term.items) addConstant(item, places);
        break;
      case "between":
        if (!isOfColumn(term.subject)) break;
        addConstant(term.low, places);
        addConstant(term.high, places);
        break;
      case "quantified":
        if (isOfColumn(term.left) && comparisons.has(term.name) && term.right.kind === "array")
          for (const item of term.right.items) addConstant(item, places);
        break;
      default:
        break;
    }
  }
}

const isOfColumn = ({ kind }: Expression): boolean => kind === "columnName";

const isNumber = ({ kind }: Expression): boolean => kind === "integerLiteral" || kind === "numberLiteral";

/** A constant, or a text that is cast to a type without modifiers, of which a parameter is then. */
function addConstant(value: Expression, places: Set<number>): void {
  if (isNumber(value) || value.kind === "stringLiteral") places.add(value.location);
  if (value.kind !== "cast" || value.subject.kind !== "stringLiteral") return;
  const { modifiers, arrayDimensions, isSetOf } = value.type;
  if (modifiers.length === 0 && arrayDimensions === 0 && !isSetOf) places.add(value.subject.location);
}
