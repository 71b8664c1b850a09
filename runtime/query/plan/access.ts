/**
 * Ways into a table. An index (or the row key) serves conditions that fix its first columns to values, and a range of the next one; it
 * also yields its rows in its order. Conditions stay in the scan's filter: a range may hold NULLs that they do not let pass.
 */
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import type { KeyBound, KeyRange } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { elementTypeOf } from "../types/type-table.js";
import { conjunctsOf } from "./conjuncts.js";
import { betweenShare, selectivity } from "./estimate.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import { type PlanBound, type PlanRange, rowKeyColumn, type ScanNode, type SortKey } from "./plan.js";
import { afterPrefix, likePrefix } from "./prefix.js";
import type { UsableIndex } from "./usable-indexes.js";
import { columnsOf, expressionKey, hasSubquery, isVolatile } from "./walk.js";

/** Elements that an array is taken to have. */
const eachGuess = 10;
/** Ranges that a list of values makes at most; with more, rows are filtered instead. */
const rangesMax = 1_000;

interface Restriction {
  readonly operator: "=" | "<" | "<=" | ">" | ">=";
  /** Several for IN. */
  readonly values: readonly BoundExpression[];
  /** `= ANY (array)`: the only value is the array. */
  readonly isEach: boolean;
  /** Of a comparison of rows: the same of the next column, where the first is equal. */
  readonly then?: Restricted | null;
}

interface KeyColumn {
  /** 0 for an expression. */
  readonly number: number;
  /** What conditions about it are found by: its number, or what the expression has in common with others that are the same. */
  readonly name: string | number;
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

/** What is known of a table without looking at its rows. */
export interface TableSize {
  readonly rows: number;
  /** Share of the rows that have one value of a column. */
  readonly shareOf: (column: number) => number;
  /** The same where an index tells of it; null for others. */
  readonly toldShareOf: (column: number) => number | null;
  /** Shares of an index's entries, or the rows' by their keys (null), that agree in its first column, its first two, …; null where it is not known. */
  readonly sharesOf: (index: IndexDefinition | null) => readonly number[] | null;
  /** Entries within ranges of values that are known, roughly; null where nobody can tell. */
  readonly within: (index: IndexDefinition | null, ranges: readonly KeyRange[]) => number | null;
}

export const everything: PlanRange = { from: null, to: null };

/** The cheapest way to the rows that the scan's filter lets pass. */
export function choosePath(scan: ScanNode, indexes: readonly UsableIndex[], size: TableSize): AccessPath {
  const paths = pathsOf(scan, indexes, size);
  let [best] = paths;
  for (const path of paths) if (best === undefined || path.cost < best.cost) best = path;
  return best ?? fullScan(scan, size);
}

const fullScan = (scan: ScanNode, size: TableSize): AccessPath => ({
  index: null,
  ranges: [everything],
  fixed: 0,
  rows: filteredRows(scan, size),
  cost: size.rows + 1,
});

/** Rows that the scan's filter lets pass, by what is known of the columns. */
export function filteredRows({ filter, columns, numbers }: ScanNode, size: TableSize): number {
  const shareOf = (id: ColumnId): number | null => {
    const number = numbers[columns.findIndex((column) => column.id === id)];
    return number === undefined || number <= 0 ? null : size.toldShareOf(number);
  };
  return Math.max(1, size.rows * selectivity(filter, shareOf));
}

function rowKeyPath(values: readonly BoundExpression[]): AccessPath {
  const key = { values, isInclusive: true };
  return { index: null, ranges: [{ from: key, to: key, isRowKey: true }], fixed: 0, rows: 1, cost: 2 };
}

export function pathsOf(scan: ScanNode, indexes: readonly UsableIndex[], size: TableSize): readonly AccessPath[] {
  const restrictions = restrictionsOf(scan, indexes);
  const paths: AccessPath[] = [fullScan(scan, size)];
  const named = restrictions.get(rowKeyColumn)?.find(({ operator, values }) => operator === "=" && values.length === 1);
  if (named !== undefined && !named.isEach) paths.push(rowKeyPath(named.values));
  const keyed = pathOf(scan, null, restrictions, size);
  if (keyed !== null) paths.push(keyed);
  for (const usable of indexes) {
    if (usable.index.isPrimary || usable.index.keys.length === 0) continue;
    const path = pathOf(scan, usable, restrictions, size);
    if (path !== null) paths.push(path);
  }
  return paths;
}

function keyColumnsOf(table: TableDefinition, usable: UsableIndex | null): readonly KeyColumn[] {
  if (usable !== null) {
    return usable.index.keys.map(({ column, type, isDescending, nullsFirst }, at) => ({
      number: column,
      name: usable.expressions[at] ?? column,
      type,
      isDescending,
      nullsFirst,
    }));
  }
  return table.keyColumns.flatMap((number) => {
    const column = table.columns.find((one) => one.number === number);
    return column === undefined
      ? []
      : [{ number, name: number, type: column.type, isDescending: false, nullsFirst: false }];
  });
}

/** What stands for a key of the scan in its conditions: columns by their ids, expressions that an index has. */
interface Subjects {
  readonly own: ReadonlySet<ColumnId>;
  readonly numberOf: ReadonlyMap<ColumnId, number>;
  readonly expressions: ReadonlySet<string>;
}

function restrictionsOf(
  scan: ScanNode,
  indexes: readonly UsableIndex[],
): ReadonlyMap<string | number, readonly Restriction[]> {
  const found = new Map<string | number, Restriction[]>();
  const subjects: Subjects = {
    own: new Set(scan.columns.map(({ id }) => id)),
    numberOf: new Map(scan.columns.map(({ id }, index) => [id, scan.numbers[index] ?? 0])),
    expressions: new Set(indexes.flatMap(({ expressions }) => expressions.flatMap((one) => one ?? []))),
  };
  for (const term of conjunctsOf(scan.filter)) {
    for (const { name, restriction } of termRestrictions(term, subjects)) {
      const list = found.get(name) ?? [];
      list.push(restriction);
      found.set(name, list);
    }
  }
  return found;
}

const mirrored = { "=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

interface Restricted {
  readonly name: string | number;
  readonly restriction: Restriction;
}

function* termRestrictions(term: BoundExpression, subjects: Subjects): Iterable<Restricted> {
  const { own } = subjects;
  if (term.kind === "call" && term.arguments.length === 2 && term.callee.name in mirrored) {
    const operator = term.callee.name as keyof typeof mirrored;
    const [left, right] = term.arguments;
    if (left === undefined || right === undefined) return;
    const a = subjectOf(left, subjects);
    if (a !== null && isFree(right, own) && isComparable(a.type, right.type)) {
      yield { name: a.name, restriction: { operator, values: [right], isEach: false } };
    }
    const b = subjectOf(right, subjects);
    if (b !== null && isFree(left, own) && isComparable(b.type, left.type)) {
      yield { name: b.name, restriction: { operator: mirrored[operator], values: [left], isEach: false } };
    }
  } else if (term.kind === "call" && term.callee.name === "~~" && term.form === "operator") {
    yield* prefixRestrictions(term.arguments, subjects);
  } else if (term.kind === "inList" && !term.isNegated && term.items.length <= rangesMax) {
    const subject = subjectOf(term.subject, subjects);
    if (subject === null) return;
    if (!term.items.every((item) => isFree(item, own) && isComparable(subject.type, item.type))) return;
    yield { name: subject.name, restriction: { operator: "=", values: term.items, isEach: false } };
  } else if (term.kind === "quantified" && term.quantifier === "any" && term.comparison.name === "=") {
    const subject = subjectOf(term.left, subjects);
    const element = sqlType(elementTypeOf(term.array.type.oid));
    if (subject === null || !isFree(term.array, own) || !isComparable(subject.type, element)) return;
    yield { name: subject.name, restriction: { operator: "=", values: [term.array], isEach: true } };
  } else if (term.kind === "or") {
    const found = mergeOr(term, subjects) ?? rowBound(term, subjects);
    if (found !== null) yield found;
  }
}

/** `(a, b) > (1, 2)`, which is `a > 1 OR (a = 1 AND b > 2)`: from a place of the order by both columns on. */
function rowBound(term: Extract<BoundExpression, { kind: "and" | "or" }>, subjects: Subjects): Restricted | null {
  const [beyond, equal, ...others] = term.terms;
  if (beyond === undefined || equal === undefined || others.length > 0) return null;
  const outer = [...termRestrictions(beyond, subjects)].find(({ restriction: { operator } }) => operator in strict);
  if (outer === undefined) return null;
  const [value] = outer.restriction.values;
  const key = value === undefined ? null : expressionKey(value);
  const isTie = ({ name, restriction: { operator, values, isEach } }: Restricted): boolean =>
    name === outer.name &&
    operator === "=" &&
    !isEach &&
    values.length === 1 &&
    key !== null &&
    values.every((one) => expressionKey(one) === key);
  const terms = conjunctsOf(equal);
  const rest = terms.filter((one) => ![...termRestrictions(one, subjects)].some(isTie));
  if (rest.length === terms.length) return null;
  const { operator } = outer.restriction;
  const within = rest.length === 1 && rest[0] !== undefined ? [...termRestrictions(rest[0], subjects)] : [];
  const then = within.find((one) => one.restriction.operator.startsWith(operator)) ?? null;
  return { name: outer.name, restriction: { ...outer.restriction, operator: `${operator as "<" | ">"}=`, then } };
}

const strict = { "<": true, ">": true };

/** `x LIKE 'abc%'`: from the prefix on, before the first text that is behind all that begin so. */
function* prefixRestrictions(args: readonly BoundExpression[], subjects: Subjects): Iterable<Restricted> {
  const [left, pattern] = args;
  const subject = left === undefined ? null : subjectOf(left, subjects);
  if (subject === null || !strings.has(subject.type.oid)) return;
  if (pattern?.kind !== "constant" || typeof pattern.value !== "string" || !strings.has(pattern.type.oid)) return;
  const found = likePrefix(pattern.value);
  if (found === null) return;
  const { name } = subject;
  const text = (value: string): readonly BoundExpression[] => [{ ...pattern, value }];
  const restriction = (operator: Restriction["operator"], value: string): Restricted => ({
    name,
    restriction: { operator, values: text(value), isEach: false },
  });
  if (found.isWhole) {
    yield restriction("=", found.prefix);
    return;
  }
  yield restriction(">=", found.prefix);
  const end = afterPrefix(found.prefix);
  if (end !== null) yield restriction("<", end);
}

/** `a = 1 OR a = 2` is a list of values too. */
function mergeOr(term: Extract<BoundExpression, { kind: "and" | "or" }>, subjects: Subjects): Restricted | null {
  const parts = term.terms.map((one) => [...termRestrictions(one, subjects)]);
  const name = parts[0]?.[0]?.name;
  if (name === undefined) return null;
  const values: BoundExpression[] = [];
  for (const part of parts) {
    const match = part.find((one) => one.name === name && one.restriction.operator === "=" && !one.restriction.isEach);
    if (match === undefined) return null;
    values.push(...match.restriction.values);
  }
  return values.length > rangesMax ? null : { name, restriction: { operator: "=", values, isEach: false } };
}

/** A key of the table or of an index that the expression is. */
function subjectOf(
  expression: BoundExpression,
  { own, numberOf, expressions }: Subjects,
): { readonly name: string | number; readonly type: SqlType } | null {
  const column = bareColumn(expression, own);
  if (column !== null) return { name: numberOf.get(column.id) ?? 0, type: column.type };
  const key = expressions.size === 0 ? null : expressionKey(expression);
  return key === null || !expressions.has(key) ? null : { name: key, type: expression.type };
}

/** The column itself, or as the same bytes under another name: varchar as text, cidr as inet. */
function bareColumn(
  expression: BoundExpression,
  own: ReadonlySet<ColumnId>,
): { readonly id: ColumnId; readonly type: SqlType } | null {
  if (expression.kind === "column") return own.has(expression.id) ? { id: expression.id, type: expression.type } : null;
  if (expression.kind !== "cast" || expression.cast.kind !== "none" || expression.subject.kind !== "column")
    return null;
  const { subject } = expression;
  const [from, to] = [subject.type.oid, expression.type.oid];
  const isSame = (from === typeOid.varchar && to === typeOid.text) || (from === typeOid.cidr && to === typeOid.inet);
  return own.has(subject.id) && isSame ? { id: subject.id, type: expression.type } : null;
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
  usable: UsableIndex | null,
  restrictions: ReadonlyMap<string | number, readonly Restriction[]>,
  size: TableSize,
): AccessPath | null {
  const index = usable?.index ?? null;
  const tableRows = size.rows;
  const keys = keyColumnsOf(scan.table, usable);
  let prefixes: readonly (readonly BoundExpression[])[] = [[]];
  let used = 0;
  let fixed = 0;
  let share = 1;
  let values = 1;
  let isEach = false;
  for (const { name, number } of keys) {
    if (name === 0) break;
    const all = restrictions.get(name)?.filter(({ operator }) => operator === "=") ?? [];
    const equal = all.filter(({ isEach }) => !isEach);
    const [each] = all.filter(({ isEach }) => isEach);
    if (equal.length === 0 && each !== undefined) {
      prefixes = prefixes.map((prefix) => [...prefix, ...each.values]);
      used += 1;
      share *= Math.min(1, size.shareOf(number) * eachGuess);
      values *= eachGuess;
      isEach = true;
      break;
    }
    const best = equal.toSorted((a, b) => a.values.length - b.values.length)[0];
    if (best === undefined || prefixes.length * best.values.length > rangesMax) break;
    prefixes = prefixes.flatMap((prefix) => best.values.map((value) => [...prefix, value]));
    used += 1;
    if (best.values.length === 1 && fixed === used - 1) fixed += 1;
    share *= Math.min(1, size.shareOf(number) * best.values.length);
    values *= best.values.length;
  }
  const known = used === 0 ? undefined : size.sharesOf(index)?.[used - 1];
  if (known !== undefined) share = Math.min(1, known * values);
  const next = isEach ? undefined : keys[used];
  const bounds =
    next === undefined || next.name === 0
      ? []
      : (restrictions.get(next.name) ?? []).filter(({ operator }) => operator !== "=");
  if (used === 0 && bounds.length === 0) return null;
  const behind = keys.slice(used);
  const ranges = prefixes.map((prefix) =>
    isEach ? { ...rangeOf(prefix, [], bounds), isEach } : rangeOf(prefix, behind, bounds),
  );
  const isPoint =
    used === keys.length && !isEach && (index === null || (index.isUnique && index.isDeferrable !== true));
  const guessed = isPoint ? prefixes.length : Math.max(1, tableRows * share * rangeShare(bounds));
  // What is known of all values is a better floor than one for whatever may be added.
  const least = known !== undefined && bounds.length === 0 ? Math.min(leastShare, share) : leastShare;
  const found = isPoint ? guessed : (entriesOf(index, ranges, size, size.rows * least) ?? guessed);
  const rows = Math.max(isPoint ? prefixes.length : 1, Math.min(found, tableRows));
  // A row by an index is a walk into the table's tree as well; a range costs a descent.
  const perRow = index === null ? 1 : 3;
  return { index, ranges, fixed, rows, cost: Math.min(found, tableRows) * perRow + prefixes.length * 2 };
}

/** Share of rows within bounds: few are between two values. */
function rangeShare(bounds: readonly Restriction[]): number {
  if (bounds.length === 0) return 1;
  const isLower = ({ operator }: Restriction): boolean => operator === ">" || operator === ">=";
  return bounds.some(isLower) && !bounds.every(isLower) ? betweenShare : 0.33;
}

/** Ranges whose entries are counted before one of many is chosen. */
const countedRangesMax = 8;
/** A plan that is kept may see more rows within its constants than there were: no fewer than this share of the table are taken to be there. */
const leastShare = 0.001;

/** Entries within ranges of constants, counted where the table is large enough for it to matter; null where values are not known. */
function entriesOf(
  index: IndexDefinition | null,
  ranges: readonly PlanRange[],
  size: TableSize,
  least: number,
): number | null {
  if (size.rows <= countedRowsMin || ranges.length > countedRangesMax) return null;
  const known: KeyRange[] = [];
  for (const { from, to, isEach, isRowKey } of ranges) {
    const ends = [from, to].map((bound) => (bound === null ? null : knownBound(bound)));
    if (isEach === true || isRowKey === true || ends.includes(undefined)) return null;
    known.push({ from: ends[0] ?? null, to: ends[1] ?? null });
  }
  const entries = size.within(index, known);
  return entries === null ? null : Math.max(1, entries, least);
}

/** Of smaller tables a guess will do. */
const countedRowsMin = 2_000;

/** A bound whose values are written in the statement; undefined for others. */
function knownBound({ values, isInclusive }: PlanBound): KeyBound | undefined {
  const known: Datum[] = [];
  for (const value of values) {
    if (value.kind !== "constant" || value.value === null) return undefined;
    known.push(value.value);
  }
  return { values: known, isInclusive };
}

/** @param keys the key's columns behind the prefix */
function rangeOf(
  prefix: readonly BoundExpression[],
  keys: readonly KeyColumn[],
  bounds: readonly Restriction[],
): PlanRange {
  const plain = prefix.length === 0 ? null : { values: prefix, isInclusive: true };
  let from = plain;
  let to = plain;
  const [next] = keys;
  if (next === undefined) return { from, to };
  for (const restriction of bounds) {
    const { values, isInclusive } = boundOf(restriction, keys);
    if (values.length === 0) continue;
    const bound = { values: [...prefix, ...values], isInclusive, deciding: prefix.length + 1 };
    const isLower = restriction.operator.startsWith(">");
    // The first bound of each side is taken; others stay in the filter.
    if (isLower !== next.isDescending) {
      if (from === plain) from = bound;
    } else if (to === plain) to = bound;
  }
  return { from, to };
}

/** Values of as many of the key's columns as a restriction compares in their order. */
function boundOf(restriction: Restriction, keys: readonly KeyColumn[]): PlanBound {
  const values: BoundExpression[] = [];
  let last = restriction;
  for (const [at, { name, isDescending }] of keys.entries()) {
    const [value] = last.values;
    if (value !== undefined) values.push(value);
    const { then } = last;
    const next = keys[at + 1];
    if (value === undefined || then === undefined || then === null || next === undefined) break;
    if (then.name !== next.name || next.isDescending !== isDescending || name === 0) break;
    last = then.restriction;
  }
  // What follows a bound that ends early decides among those that are equal so far.
  return { values, isInclusive: last.operator.endsWith("=") };
}

/** How a path's rows stand to an order: read forwards or backwards, they have that of so many of the first keys. */
export interface PathOrder {
  readonly way: "forward" | "backward";
  readonly keys: number;
}

/** By how many of the first keys the path yields its rows in order. Key columns fixed to one value may be left out. */
export function orderOf(scan: ScanNode, path: AccessPath, keys: readonly SortKey[]): PathOrder {
  const none: PathOrder = { way: "forward", keys: 0 };
  if (path.ranges.length !== 1 || path.ranges[0]?.isEach === true) return none;
  // The past of a range may lie in several places, one read behind the other.
  if (scan.time !== null && scan.time.kind !== "asOf") return none;
  const { index } = path;
  const columns = keyColumnsOf(scan.table, index === null ? null : { index, expressions: [] });
  const numberOf = new Map(scan.columns.map(({ id }, index) => [id, scan.numbers[index] ?? 0]));
  const nullable = (number: number): boolean =>
    scan.table.columns.find((one) => one.number === number)?.isNotNull !== true &&
    !scan.table.keyColumns.includes(number);
  let at = 0;
  let found: PathOrder["way"] | null = null;
  for (const [count, key] of keys.entries()) {
    const ordered = { way: found ?? "forward", keys: count };
    const number = key.expression.kind === "column" ? (numberOf.get(key.expression.id) ?? 0) : 0;
    if (number === 0) return ordered;
    if (columns.slice(0, path.fixed).some((column) => column.number === number)) continue;
    if (at < path.fixed) at = path.fixed;
    const column = columns[at];
    if (column === undefined || column.number !== number) return ordered;
    const way = key.isDescending === column.isDescending ? "forward" : "backward";
    const nullsFirst = way === "forward" ? column.nullsFirst : !column.nullsFirst;
    if (nullable(number) && nullsFirst !== key.nullsFirst) return ordered;
    if (found !== null && found !== way) return ordered;
    found = way;
    at += 1;
  }
  return { way: found ?? "forward", keys: keys.length };
}
