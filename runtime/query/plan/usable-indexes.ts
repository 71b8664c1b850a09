/**
 * Which indexes of a table may lead to the rows that a scan's filter lets pass. An index of expressions serves conditions about the same
 * expressions. A partial index has entries only for rows for which its predicate is true: it serves a scan whose filter says that too.
 */
import type { RowRules } from "../bind/bound.js";
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import { comparatorOf, hasOrder } from "../types/compare.js";
import { conjunctsOf } from "./conjuncts.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import type { ScanNode } from "./plan.js";
import { substitute } from "./rewrite.js";
import { expressionKey } from "./walk.js";

export interface UsableIndex {
  readonly index: IndexDefinition;
  /** For each key that is an expression, what it has in common with the same expression elsewhere; null for columns. */
  readonly expressions: readonly (string | null)[];
}

const isPlain = ({ predicate, keys }: IndexDefinition): boolean =>
  predicate === null && keys.every(({ expression }) => expression === null);

const plain = (index: IndexDefinition): UsableIndex => ({ index, expressions: index.keys.map(() => null) });

/** @param rulesOf the indexes' expressions, bound; null where nobody binds them: then only those of columns are used */
export function usableIndexes(
  scan: ScanNode,
  indexes: readonly IndexDefinition[],
  rulesOf: ((table: TableDefinition) => RowRules) | null,
): readonly UsableIndex[] {
  const usable = indexes.filter((index) => isPlain(index)).map(plain);
  // Of the past only entries by columns are asked for.
  if (rulesOf === null || scan.time !== null || usable.length === indexes.length) return usable;
  const rules = rulesOf(scan.table);
  const columns = columnsOfScan(scan, rules);
  const known = conjunctsOf(scan.filter);
  for (const { index, keys, predicate } of rules.indexes) {
    if (isPlain(index) || !indexes.some(({ oid }) => oid === index.oid)) continue;
    const condition = predicate === null ? null : substitute(predicate, columns);
    if (predicate !== null && (condition === null || !conjunctsOf(condition).every((term) => isImplied(term, known))))
      continue;
    const expressions = index.keys.map(({ expression }, at) => {
      const key = keys[at];
      const own = expression === null || key === undefined ? null : substitute(key, columns);
      return own === null ? null : expressionKey(own);
    });
    usable.push({ index, expressions });
  }
  return usable;
}

/** Columns of the rules as those of the scan. */
function columnsOfScan(scan: ScanNode, { rowIds }: RowRules): ReadonlyMap<ColumnId, BoundExpression> {
  const live = scan.table.columns.filter(({ isDropped }) => !isDropped);
  const columns = new Map<ColumnId, BoundExpression>();
  for (const [at, { number }] of live.entries()) {
    const column = scan.columns[scan.numbers.indexOf(number)];
    const id = rowIds[at];
    if (column !== undefined && id !== undefined) columns.set(id, { kind: "column", ...column, location: -1 });
  }
  return columns;
}

/** Whether the condition is true of every row of which all the known ones are. False when it is not seen to be. */
export function isImplied(condition: BoundExpression, known: readonly BoundExpression[]): boolean {
  const key = expressionKey(condition);
  if (key === null) return false;
  if (known.some((one) => expressionKey(one) === key)) return true;
  if (condition.kind === "isTest" && condition.test === "null" && condition.isNegated)
    return known.some((one) => isNeverTrueOfNull(one, condition.subject));
  const wanted = boundOf(condition);
  return wanted !== null && known.some((one) => isWithin(boundOf(one), wanted));
}

/** Whether a condition that is true says that the expression is not NULL. */
function isNeverTrueOfNull(condition: BoundExpression, expression: BoundExpression): boolean {
  const key = expressionKey(expression);
  const isIt = (one: BoundExpression): boolean => key !== null && expressionKey(one) === key;
  switch (condition.kind) {
    case "call":
      return condition.callee.isStrict && condition.arguments.some(isIt);
    case "inList":
      return !condition.isNegated && isIt(condition.subject);
    case "quantified":
      return condition.quantifier === "any" && isIt(condition.left);
    default:
      return false;
  }
}

type Operator = "=" | "<>" | "<" | "<=" | ">" | ">=";
const mirrored: Readonly<Record<Operator, Operator>> = {
  "=": "=",
  "<>": "<>",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};
const isOperator = (name: string): name is Operator => Object.hasOwn(mirrored, name);

/** A comparison of an expression with a constant of its own type. */
interface Bound {
  readonly subject: string;
  readonly operator: Operator;
  readonly type: number;
  readonly value: NonNullable<Extract<BoundExpression, { kind: "constant" }>["value"]>;
}

function boundOf(condition: BoundExpression): Bound | null {
  if (condition.kind !== "call" || condition.form !== "operator" || !isOperator(condition.callee.name)) return null;
  const { name } = condition.callee;
  const [left, right] = condition.arguments;
  if (left === undefined || right === undefined || left.type.oid !== right.type.oid) return null;
  const type = left.type.oid;
  if (!hasOrder(type)) return null;
  const [subject, other, operator] =
    right.kind === "constant" ? [left, right, name] : left.kind === "constant" ? [right, left, mirrored[name]] : [];
  const key = subject === undefined ? null : expressionKey(subject);
  if (other === undefined || operator === undefined || other.value === null || key === null) return null;
  return { subject: key, operator, type, value: other.value };
}

/** Whether all values within one bound are within the other. */
function isWithin(one: Bound | null, other: Bound): boolean {
  if (one === null || one.subject !== other.subject || one.type !== other.type) return false;
  const order = comparatorOf(one.type)(one.value, other.value);
  switch (other.operator) {
    case "=":
      return one.operator === "=" && order === 0;
    case "<>":
      return (
        (one.operator === "=" && order !== 0) ||
        (one.operator === "<>" && order === 0) ||
        (one.operator === "<" && order <= 0) ||
        (one.operator === ">" && order >= 0) ||
        (one.operator === "<=" && order < 0) ||
        (one.operator === ">=" && order > 0)
      );
    case ">":
      return (one.operator === ">" && order >= 0) || ((one.operator === ">=" || one.operator === "=") && order > 0);
    case ">=":
      return (one.operator === ">" || one.operator === ">=" || one.operator === "=") && order >= 0;
    case "<":
      return (one.operator === "<" && order <= 0) || ((one.operator === "<=" || one.operator === "=") && order < 0);
    case "<=":
      return (one.operator === "<" || one.operator === "<=" || one.operator === "=") && order <= 0;
  }
}
