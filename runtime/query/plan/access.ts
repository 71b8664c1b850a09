/**
 * Ways into a table. An index (or the row key) serves conditions that fix its first columns to values, and a range of the next one; it
 * also yields its rows in its order. Conditions stay in the scan's filter: a range may hold NULLs that they do not let pass.
 */
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { elementTypeOf } from "../types/type-table.js";
import { conjunctsOf } from "./conjuncts.js";
import { selectivity } from "./estimate.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import type { PlanRange, ScanNode, SortKey } from "./plan.js";
import { columnsOf, hasSubquery, isVolatile } from "./walk.js";

/** Ranges that a list of values makes at most; with more, rows are filtered instead. */
const rangesMax = 1_000;

interface Restriction {
  readonly operator: "=" | "<" | "<=" | ">" | ">=";
  /** Several for IN. */
  readonly values: readonly BoundExpression[];
  /** `= ANY (array)`: the only value is the array. */
  readonly isEach: boolean;
}

interface KeyColumn {
  readonly number: number;
  readonly type: SqlType;
  readonly isDescending: boolean;
  readonly nullsFirst: boolean;
}

export interface AccessPath {
  readonly index: IndexDefinition | null;
  readonly ranges: readonly PlanRange[];
  /** Key columns that are fixed to one value. */
  readonly fixed: number;
  readonly rows: number;
  readonly cost: number;
}

export const everything: PlanRange = { from: null, to: null };

/** The cheapest way to the rows that the scan's filter lets pass. */
export function choosePath(scan: ScanNode, indexes: readonly IndexDefinition[], tableRows: number): AccessPath {
  const paths = pathsOf(scan, indexes, tableRows);
  let [best] = paths;
  for (const path of paths) if (best === undefined || path.cost < best.cost) best = path;
  return best ?? fullScan(scan, tableRows);
}

const fullScan = (scan: ScanNode, tableRows: number): AccessPath => ({
  index: null,
  ranges: [everything],
  fixed: 0,
  rows: Math.max(1, tableRows * selectivity(scan.filter)),
  cost: tableRows + 1,
});

export function pathsOf(scan: ScanNode, indexes: readonly IndexDefinition[], tableRows: number): readonly AccessPath[] {
  const own = new Set(scan.columns.map(({ id }) => id));
  const restrictions = restrictionsOf(scan, own);
  const paths: AccessPath[] = [fullScan(scan, tableRows)];
  const keyed = pathOf(scan, null, restrictions, tableRows);
  if (keyed !== null) paths.push(keyed);
  for (const index of indexes) {
    if (index.isPrimary || !isUsable(index, scan)) continue;
    const path = pathOf(scan, index, restrictions, tableRows);
    if (path !== null) paths.push(path);
  }
  return paths;
}

/** A partial index serves a query that says its condition too; which this does not find out, so it never does. */
const isUsable = (index: IndexDefinition, scan: ScanNode): boolean =>
  index.predicate === null &&
  index.keys.length > 0 &&
  (scan.time === null || index.keys.every(({ expression }) => expression === null));

export function keyColumnsOf(table: TableDefinition, index: IndexDefinition | null): readonly KeyColumn[] {
  if (index !== null) {
    return index.keys.map(({ column, type, isDescending, nullsFirst }) => ({
      number: column,
      type,
      isDescending,
      nullsFirst,
    }));
  }
  return table.keyColumns.flatMap((number) => {
    const column = table.columns.find((one) => one.number === number);
    return column === undefined ? [] : [{ number, type: column.type, isDescending: false, nullsFirst: false }];
  });
}

function restrictionsOf(scan: ScanNode, own: ReadonlySet<ColumnId>): ReadonlyMap<number, readonly Restriction[]> {
  const found = new Map<number, Restriction[]>();
  const numberOf = new Map(scan.columns.map(({ id }, index) => [id, scan.numbers[index] ?? 0]));
  for (const term of conjunctsOf(scan.filter)) {
    for (const { id, restriction } of termRestrictions(term, own)) {
      const number = numberOf.get(id) ?? 0;
      const list = found.get(number) ?? [];
      list.push(restriction);
      found.set(number, list);
    }
  }
  return found;
}

const mirrored = { "=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

function* termRestrictions(
  term: BoundExpression,
  own: ReadonlySet<ColumnId>,
): Iterable<{ readonly id: ColumnId; readonly restriction: Restriction }> {
  if (term.kind === "call" && term.arguments.length === 2 && term.callee.name in mirrored) {
    const operator = term.callee.name as keyof typeof mirrored;
    const [left, right] = term.arguments;
    if (left === undefined || right === undefined) return;
    const a = bareColumn(left, own);
    if (a !== null && isFree(right, own) && isComparable(a.type, right.type)) {
      yield { id: a.id, restriction: { operator, values: [right], isEach: false } };
    }
    const b = bareColumn(right, own);
    if (b !== null && isFree(left, own) && isComparable(b.type, left.type)) {
      yield { id: b.id, restriction: { operator: mirrored[operator], values: [left], isEach: false } };
    }
  } else if (term.kind === "inList" && !term.isNegated && term.items.length <= rangesMax) {
    const column = bareColumn(term.subject, own);
    if (column === null) return;
    if (!term.items.every((item) => isFree(item, own) && isComparable(column.type, item.type))) return;
    yield { id: column.id, restriction: { operator: "=", values: term.items, isEach: false } };
  } else if (term.kind === "quantified" && term.quantifier === "any" && term.comparison.name === "=") {
    const column = bareColumn(term.left, own);
    const element = sqlType(elementTypeOf(term.array.type.oid));
    if (column === null || !isFree(term.array, own) || !isComparable(column.type, element)) return;
    yield { id: column.id, restriction: { operator: "=", values: [term.array], isEach: true } };
  } else if (term.kind === "or") {
    const merged = mergeOr(term, own);
    if (merged !== null) yield merged;
  }
}

/** `a = 1 OR a = 2` is a list of values too. */
function mergeOr(term: Extract<BoundExpression, { kind: "and" | "or" }>, own: ReadonlySet<ColumnId>) {
  const parts = term.terms.map((one) => [...termRestrictions(one, own)]);
  const id = parts[0]?.[0]?.id;
  if (id === undefined) return null;
  const values: BoundExpression[] = [];
  for (const part of parts) {
    const match = part.find((one) => one.id === id && one.restriction.operator === "=" && !one.restriction.isEach);
    if (match === undefined) return null;
    values.push(...match.restriction.values);
  }
  return values.length > rangesMax ? null : { id, restriction: { operator: "=" as const, values, isEach: false } };
}

/** The column itself, or as the same bytes under another name: varchar as text. */
function bareColumn(
  expression: BoundExpression,
  own: ReadonlySet<ColumnId>,
): { readonly id: ColumnId; readonly type: SqlType } | null {
  if (expression.kind === "column") return own.has(expression.id) ? { id: expression.id, type: expression.type } : null;
  if (expression.kind !== "cast" || expression.cast.kind !== "none" || expression.subject.kind !== "column")
    return null;
  const { subject } = expression;
  return own.has(subject.id) && subject.type.oid === typeOid.varchar && expression.type.oid === typeOid.text
    ? { id: subject.id, type: expression.type }
    : null;
}

/** A value that is known before the scan begins. */
const isFree = (expression: BoundExpression, own: ReadonlySet<ColumnId>): boolean => {
  if (isVolatile(expression) || hasSubquery(expression)) return false;
  for (const id of columnsOf(expression)) if (own.has(id)) return false;
  return true;
};

const integers: readonly number[] = [typeOid.int2, typeOid.int4, typeOid.int8];
const strings: ReadonlySet<number> = new Set([typeOid.text, typeOid.varchar]);

/** Values of one type stand for keys of the other: the same type, or a narrower integer. */
function isComparable(column: SqlType, value: SqlType): boolean {
  if (column.oid === value.oid) return column.oid !== typeOid.bpchar;
  if (strings.has(column.oid) && strings.has(value.oid)) return true;
  const [wide, narrow] = [integers.indexOf(column.oid), integers.indexOf(value.oid)];
  return wide >= 0 && narrow >= 0 && narrow < wide;
}

function pathOf(
  scan: ScanNode,
  index: IndexDefinition | null,
  restrictions: ReadonlyMap<number, readonly Restriction[]>,
  tableRows: number,
): AccessPath | null {
  const keys = keyColumnsOf(scan.table, index);
  let prefixes: readonly (readonly BoundExpression[])[] = [[]];
  let used = 0;
  let fixed = 0;
  let share = 1;
  let isEach = false;
  for (const { number } of keys) {
    if (number === 0) break;
    const all = restrictions.get(number)?.filter(({ operator }) => operator === "=") ?? [];
    const equal = all.filter(({ isEach }) => !isEach);
    const [each] = all.filter(({ isEach }) => isEach);
    if (equal.length === 0 && each !== undefined) {
      prefixes = prefixes.map((prefix) => [...prefix, ...each.values]);
      used += 1;
      share *= 0.05;
      isEach = true;
      break;
    }
    const best = equal.toSorted((a, b) => a.values.length - b.values.length)[0];
    if (best === undefined || prefixes.length * best.values.length > rangesMax) break;
    prefixes = prefixes.flatMap((prefix) => best.values.map((value) => [...prefix, value]));
    used += 1;
    if (best.values.length === 1 && fixed === used - 1) fixed += 1;
    share *= Math.min(1, 0.005 * best.values.length);
  }
  const next = isEach ? undefined : keys[used];
  const bounds =
    next === undefined || next.number === 0
      ? []
      : (restrictions.get(next.number) ?? []).filter(({ operator }) => operator !== "=");
  if (used === 0 && bounds.length === 0) return null;
  const ranges = prefixes.map((prefix) =>
    isEach ? { ...rangeOf(prefix, next, bounds), isEach } : rangeOf(prefix, next, bounds),
  );
  const isPoint = used === keys.length && !isEach && (index === null || index.isUnique);
  const hasRange = bounds.length > 0;
  const found = isPoint ? prefixes.length : Math.max(1, tableRows * share * (hasRange ? 0.33 : 1));
  const rows = Math.max(isPoint ? prefixes.length : 1, Math.min(found, tableRows));
  // A row by an index is a walk into the table's tree as well; a range costs a descent.
  const perRow = index === null ? 1 : 3;
  return { index, ranges, fixed, rows, cost: Math.min(found, tableRows) * perRow + prefixes.length * 2 };
}

function rangeOf(
  prefix: readonly BoundExpression[],
  next: KeyColumn | undefined,
  bounds: readonly Restriction[],
): PlanRange {
  const plain = prefix.length === 0 ? null : { values: prefix, isInclusive: true };
  let from = plain;
  let to = plain;
  if (next === undefined) return { from, to };
  for (const { operator, values } of bounds) {
    const [value] = values;
    if (value === undefined) continue;
    const bound = { values: [...prefix, value], isInclusive: operator === "<=" || operator === ">=" };
    const isLower = operator === ">" || operator === ">=";
    // The first bound of each side is taken; others stay in the filter.
    if (isLower !== next.isDescending) {
      if (from === plain) from = bound;
    } else if (to === plain) to = bound;
  }
  return { from, to };
}

/**
 * Whether the path yields its rows in the order of the keys: forwards, backwards, or not. Key columns fixed to one value may be left out.
 */
export function orderOf(scan: ScanNode, path: AccessPath, keys: readonly SortKey[]): "forward" | "backward" | null {
  if (path.ranges.length !== 1 || path.ranges[0]?.isEach === true) return null;
  // The past of a range may lie in several places, one read behind the other.
  if (scan.time !== null && scan.time.kind !== "asOf") return null;
  const columns = keyColumnsOf(scan.table, path.index);
  const numberOf = new Map(scan.columns.map(({ id }, index) => [id, scan.numbers[index] ?? 0]));
  const nullable = (number: number): boolean =>
    scan.table.columns.find((one) => one.number === number)?.isNotNull !== true &&
    !scan.table.keyColumns.includes(number);
  let at = 0;
  let direction: "forward" | "backward" | null = null;
  for (const key of keys) {
    const number = key.expression.kind === "column" ? (numberOf.get(key.expression.id) ?? 0) : 0;
    if (number === 0) return null;
    if (columns.slice(0, path.fixed).some((column) => column.number === number)) continue;
    if (at < path.fixed) at = path.fixed;
    const column = columns[at];
    if (column === undefined || column.number !== number) return null;
    const way = key.isDescending === column.isDescending ? "forward" : "backward";
    const nullsFirst = way === "forward" ? column.nullsFirst : !column.nullsFirst;
    if (nullable(number) && nullsFirst !== key.nullsFirst) return null;
    if (direction !== null && direction !== way) return null;
    direction = way;
    at += 1;
  }
  return direction ?? "forward";
}
