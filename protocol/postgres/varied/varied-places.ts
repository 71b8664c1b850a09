/**
 * Which constants of a statement a parameter could stand for without changing what it means: values that are stored, and what columns are
 * compared with, in queries within as well. All others stay as they are: what is sorted and grouped by, limits, patterns (whose beginning an
 * index may serve), what an index's expression may have within, arguments of functions.
 */
import type { Statement } from "../../../runtime/query/syntax/ast.js";
import type { Expression } from "../../../runtime/query/syntax/ast-expression.js";
import type { Assignment, Insert } from "../../../runtime/query/syntax/ast-modify.js";
import type { FromItem, Query } from "../../../runtime/query/syntax/ast-query.js";

/** What a parameter stands for: a value, or a term of a sum that bounds a column, which must be too short to have none. */
export type VariedRole = "value" | "term";

/** Where such constants begin, in bytes of the statement's text. */
export type VariedPlaces = Map<number, VariedRole>;

export function variedPlaces(statement: Statement): VariedPlaces {
  const places: VariedPlaces = new Map();
  switch (statement.kind) {
    case "insert":
      addInserted(statement, places);
      break;
    case "update":
      addAssigned(statement.assignments, places);
      addCompared(statement.where, places);
      break;
    case "delete":
      addCompared(statement.where, places);
      break;
    case "select":
    case "setOperation":
      addQuery(statement, places);
      break;
    default:
      break;
  }
  return places;
}

/** Conditions of a query and of those within it. */
function addQuery(root: Query, places: VariedPlaces): void {
  const waiting: (Query | FromItem)[] = [root];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    switch (one.kind) {
      case "select":
        addCompared(one.where, places);
        waiting.push(...one.from);
        break;
      case "setOperation":
        waiting.push(one.left, one.right);
        break;
      case "join":
        addCompared(one.condition, places);
        waiting.push(one.left, one.right);
        break;
      case "subqueryReference":
        waiting.push(one.query);
        break;
      default:
        break;
    }
    if (!("with" in one)) continue;
    for (const { statement } of one.with?.tables ?? [])
      if (statement.kind === "select" || statement.kind === "setOperation") waiting.push(statement);
  }
}

/** What ON CONFLICT assigns stays: it may be wrong without ever being assigned, and is told so then. */
function addInserted({ source }: Insert, places: VariedPlaces): void {
  if (source?.kind === "values") for (const row of source.rows) for (const item of row) addStored(item, places);
}

function addAssigned(assignments: readonly Assignment[], places: VariedPlaces): void {
  for (const { value, steps } of assignments)
    if (value.kind !== "rowField" && steps.length === 0) addStored(value, places);
}

const arithmetic: ReadonlySet<string> = new Set(["+", "-", "*", "/", "%"]);

/** A value, or numbers that are reckoned with. */
function addStored(value: Expression, places: VariedPlaces): void {
  if (value.kind !== "operator") return addConstant(value, places);
  for (const side of [value.left, value.right])
    if (arithmetic.has(value.name) && side !== null && isNumber(side)) places.set(side.location, "value");
}

const comparisons: ReadonlySet<string> = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);

function addCompared(root: Expression | null, places: VariedPlaces): void {
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
        if (comparisons.has(term.name) && term.left !== null) addPair(term.left, term.right, places);
        break;
      case "inList":
        if (isOfColumn(term.subject)) for (const item of term.items) addConstant(item, places);
        break;
      case "between":
        if (!isOfColumn(term.subject)) break;
        addBound(term.low, places);
        addBound(term.high, places);
        break;
      case "subquery":
        addQuery(term.query, places);
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

/** Two sides of a comparison; of rows, which are compared column by column, each pair. */
function addPair(left: Expression, right: Expression, places: VariedPlaces): void {
  if (isOfColumn(left)) addBound(right, places);
  else if (isOfColumn(right)) addBound(left, places);
  else if (left.kind === "row" && right.kind === "row" && left.items.length === right.items.length) {
    for (const [at, item] of left.items.entries()) {
      const other = right.items[at];
      if (other !== undefined && item.kind !== "row") addPair(item, other, places);
    }
  }
}

/** What a column is compared with: a constant, a sum of whole numbers, a query. */
function addBound(value: Expression, places: VariedPlaces): void {
  if (value.kind === "subquery") addQuery(value.query, places);
  if (value.kind !== "operator" || (value.name !== "+" && value.name !== "-")) return addConstant(value, places);
  const { left, right } = value;
  if (left?.kind !== "integerLiteral" || right.kind !== "integerLiteral") return;
  places.set(left.location, "term").set(right.location, "term");
}

/** A column, or something that is computed of one. */
function isOfColumn(root: Expression): boolean {
  const waiting = [root];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (one.kind === "columnName") return true;
    if (one.kind === "cast") waiting.push(one.subject);
    else if (one.kind === "functionCall") waiting.push(...one.arguments);
    else if (one.kind === "operator") waiting.push(one.right, ...(one.left === null ? [] : [one.left]));
  }
  return false;
}

const isNumber = ({ kind }: Expression): boolean => kind === "integerLiteral" || kind === "numberLiteral";

/** A constant, or a text that is cast to a type without modifiers, of which a parameter is then. */
function addConstant(value: Expression, places: VariedPlaces): void {
  if (isNumber(value) || value.kind === "stringLiteral") places.set(value.location, "value");
  if (value.kind !== "cast" || value.subject.kind !== "stringLiteral") return;
  const { modifiers, arrayDimensions, isSetOf } = value.type;
  if (modifiers.length === 0 && arrayDimensions === 0 && !isSetOf) places.set(value.subject.location, "value");
}
