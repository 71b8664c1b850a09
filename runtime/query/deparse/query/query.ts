/**
 * Queries as PostgreSQL shows those of views: every column with its table, conversions where they tell something, clauses on lines of their own.
 * A query is analysed first, for the names and types of its columns; what is found then prints itself.
 */

import { columnNameOf } from "../../bind/names.js";
import type { CatalogWorld } from "../../catalog/system/world.js";
import { notSupported } from "../../error.js";
import type { EvaluationContext } from "../../functions/context.js";
import type { Expression } from "../../syntax/ast-expression.js";
import { isModification } from "../../syntax/ast-modify.js";
import type { GroupItem, Query, SelectQuery, SetOperationQuery, ValuesQuery } from "../../syntax/ast-query.js";
import { quoteIdentifier } from "../../types/quote.js";
import { type SqlType, sqlType, typeOid } from "../../types/sql-type.js";
import { Analysis } from "../analyse.js";
import type { Analysed } from "../analysed.js";
import { isUnknown } from "../conversion.js";
import type { Printer } from "../print.js";
import { aggregateOf, type CallPorts, groupingOf, subqueryOf, windowOf } from "./calls.js";
import { printKeys, printOrder, printWindow, type ShownSort, shownSort } from "./clauses.js";
import type { ColumnsUsed } from "./columns-used.js";
import { fromItem, type ShownItem } from "./from.js";
import { beside, type CommonTableScope, columnOf, type Output, QueryScope } from "./scope.js";
import { searchAndCycle } from "./search-cycle.js";

export interface ShownQuery {
  readonly outputs: readonly Output[];
  /** Columns of tables and views that it names anywhere. */
  readonly columnsUsed: ColumnsUsed;
  /** Columns of queries around it that it names. */
  readonly outer: readonly Analysed[];
  /** @param names of the columns, if others than its own @param isNamed whether a column's name is seen by somebody */
  print(printer: Printer, names: readonly string[] | null, isNamed: boolean): void;
}

/** A query whose literals of unknown type may still become something. */
interface Body extends Omit<ShownQuery, "outer" | "columnsUsed"> {
  /** Types of the columns; "unknown" for such literals. */
  readonly types: readonly SqlType[];
  settle(index: number, type: SqlType): void;
}

interface Around {
  readonly world: CatalogWorld;
  readonly context: EvaluationContext;
}

const standard = 8;
const variable = 4;
const int8 = sqlType(typeOid.int8);
const text = sqlType(typeOid.text);

type Clause = (word: string, own?: number) => void;
const clauseOf =
  (printer: Printer): Clause =>
  (word, own = 0) =>
    printer.keyword(word, -standard, standard, own);

/** @param taken names that nothing in it may be shown by */
export function shownQuery(
  query: Query,
  around: Around,
  parent: QueryScope | null,
  taken: ReadonlySet<string>,
): ShownQuery {
  const from = query.kind === "select" ? query.from : [];
  const scope = new QueryScope(parent, from, taken);
  const commonTables = withOf(query, scope, around);
  const body = bodyOf(query, scope, around);
  for (const [index, type] of body.types.entries()) if (type.oid === typeOid.unknown) body.settle(index, text);
  return {
    outputs: body.outputs.map((output) => (output.type.oid === typeOid.unknown ? { ...output, type: text } : output)),
    outer: outerUsed(parent),
    columnsUsed: scope.columnsUsed,
    print: (printer, names, isNamed) => {
      const { indent } = printer;
      commonTables(printer);
      body.print(printer, names, isNamed);
      printer.indent = indent;
    },
  };
}

/** That a query around it is used by it, which is all that is asked. */
const outerUsed = (parent: QueryScope | null): readonly Analysed[] =>
  parent?.isUsed === true ? [{ kind: "name", text: "", isSpecial: false, type: text }] : [];

function withOf(query: Query, scope: QueryScope, around: Around): (printer: Printer) => void {
  const clause = query.with;
  if (clause === null) return () => undefined;
  const shown = clause.tables.map((table) => {
    const { statement, name, columns } = table;
    if (isModification(statement)) throw notSupported("showing such a WITH query");
    const isRecursive = clause.isRecursive && statement.kind === "setOperation";
    const clauses = searchAndCycle(table, analysisIn(scope, around).analysis);
    const add = ({ outputs }: Pick<ShownQuery, "outputs">): void => {
      const own: CommonTableScope = {
        name,
        outputs: [
          // What a recursive query yields is no column of the table that it begins with.
          ...outputs.map(({ name: own, type, origin }, index) => ({
            name: columns[index] ?? own,
            type,
            ...(origin === undefined || isRecursive ? {} : { origin }),
          })),
          ...clauses.outputs,
        ],
      };
      scope.commonTables = [...scope.commonTables, own];
    };
    if (isRecursive) add(shownQuery(statement.left, around, scope, scope.taken));
    const inner = shownQuery(statement, around, scope, scope.taken);
    if (!isRecursive) add(inner);
    return { table, inner, clauses };
  });
  return (printer) => {
    printer.indent += standard;
    printer.write(clause.isRecursive ? " WITH RECURSIVE " : " WITH ");
    for (const [index, { table, inner, clauses }] of shown.entries()) {
      const { name, columns, materialized } = table;
      if (index > 0) printer.write(", ");
      printer.write(quoteIdentifier(name));
      if (columns.length > 0) printer.write(`(${columns.map(quoteIdentifier).join(", ")})`);
      printer.write(" AS ");
      if (materialized !== "default") printer.write(materialized === "always" ? "MATERIALIZED " : "NOT MATERIALIZED ");
      printer.write("(");
      printer.keyword("", 0, 0);
      inner.print(printer, null, true);
      printer.keyword("", 0, 0);
      printer.write(")");
      clauses.print(printer);
    }
    printer.indent -= standard;
    printer.keyword("", 0, 0);
  };
}

function bodyOf(query: Query, scope: QueryScope, around: Around): Body {
  if (query.locks.length > 0) throw notSupported("showing FOR UPDATE");
  switch (query.kind) {
    case "select":
      return selectOf(query, scope, around);
    case "values":
      return valuesOf(query, scope, around);
    case "setOperation":
      return setOperationOf(query, scope, around);
  }
}

function analysisIn(scope: QueryScope, around: Around): CallPorts {
  const analysis = new Analysis(
    around.context,
    (name) => scope.column(name),
    (syntax) => {
      if (syntax.kind === "subquery") return subqueryOf(syntax, ports);
      return syntax.kind === "grouping" ? groupingOf(syntax, ports) : aggregateOf(syntax, ports);
    },
  );
  const ports: CallPorts = { analysis, subquery: (query) => shownQuery(query, around, scope, scope.taken) };
  return ports;
}

/** ORDER BY is read by whoever knows the outputs; OFFSET and LIMIT are the same for all. */
function tailOf(
  query: Query,
  analysis: Analysis,
  sorts: readonly ShownSort[],
  byPlace: boolean,
): (printer: Printer) => void {
  const count = (syntax: Expression | null): Analysed | null =>
    syntax === null || syntax.kind === "nullLiteral"
      ? null
      : analysis.conversions.convert(analysis.analyse(syntax), int8, "implicit");
  const [offset, limit] = [count(query.offset), count(query.limit)];
  return (printer) => {
    const clause = clauseOf(printer);
    if (sorts.length > 0) {
      clause(" ORDER BY ", 1);
      printOrder(printer, sorts, byPlace);
    }
    if (offset !== null) {
      clause(" OFFSET ");
      printer.print(offset, "hidden");
    }
    if (query.limit === null) return;
    clause(query.isWithTies ? " FETCH FIRST " : " LIMIT ");
    if (query.isWithTies) printer.write("(");
    if (limit === null) printer.write("ALL");
    else printer.print(limit, "hidden");
    if (query.isWithTies) printer.write(") ROWS WITH TIES");
  };
}

// ---- SELECT

interface Item {
  readonly name: string;
  value: Analysed;
}

function selectOf(query: SelectQuery, scope: QueryScope, around: Around): Body {
  if (query.into !== null) throw notSupported("showing SELECT INTO");
  const ports = analysisIn(scope, around);
  const { analysis } = ports;
  const from: ShownItem[] = [];
  for (const item of query.from) {
    const shown = fromItem(item, {
      world: around.world,
      scope,
      analysis,
      subquery: (inner, isLateral) => shownQuery(inner, around, isLateral ? scope : beside(scope), scope.taken),
    });
    from.push(shown);
    scope.columns = from.flatMap(({ columns }) => columns);
  }
  const items = query.items.flatMap(({ expression, name }): Item[] => {
    if (expression.kind === "columnName" && expression.isStar) return starOf(expression.parts, scope);
    return [{ name: name ?? columnNameOf(expression), value: analysis.analyse(expression) }];
  });
  const where = query.where === null ? null : analysis.boolean(query.where);
  const key = (syntax: Expression, isGroup: boolean): { readonly node: () => Analysed; readonly place: number } => {
    const place = placeOf(syntax, items, scope, isGroup);
    if (place > 0) return { node: () => items[place - 1]?.value ?? failed(), place };
    const own = analysis.asText(analysis.analyse(syntax));
    return { node: () => own, place };
  };
  const order = query.order.map((item) => ({ item, ...key(item.expression, false) }));
  const distinct = query.distinct?.map((expression) => key(expression, false).node) ?? null;
  const group = query.group.map((item) => groupItem(item, (syntax) => key(syntax, true).node));
  const hasSets = query.group.some(({ kind }) => kind !== "expression");
  const having = query.having === null ? null : analysis.boolean(query.having);
  const windows = query.windows.map((definition) => windowOf(ports, definition));
  const sorts = (): readonly ShownSort[] => order.map(({ node, place, item }) => shownSort(node(), place, item));
  sorts();
  return {
    outputs: items.map(({ name, value }) => ({ name, type: value.type, ...originOf(value) })),
    types: items.map(({ value }) => value.type),
    settle: (index, type) => {
      const item = items[index];
      if (item !== undefined && isUnknown(item.value))
        item.value = analysis.conversions.convert(item.value, type, "implicit");
    },
    print: (printer, names, isNamed) => {
      const clause = clauseOf(printer);
      printer.indent += standard;
      printer.write(" SELECT");
      if (distinct !== null) printer.write(" DISTINCT");
      if (distinct !== null && distinct.length > 0) {
        printer.write(" ON (");
        printKeys(printer, nodesOf(distinct));
        printer.write(")");
      }
      printItems(printer, items, names, isNamed);
      printFrom(printer, from);
      if (where !== null) {
        clause(" WHERE ", 1);
        printer.print(where, "hidden");
      }
      if (group.length > 0) {
        clause(" GROUP BY ", 1);
        if (query.isGroupDistinct) printer.write("DISTINCT ");
        if (!hasSets) printKeys(printer, nodesOf(group.flatMap(({ keys }) => keys)));
        else
          for (const [index, item] of group.entries()) {
            if (index > 0) printer.write(", ");
            printGroup(printer, item, true);
          }
      }
      if (having !== null) {
        clause(" HAVING ");
        printer.print(having, "hidden");
      }
      for (const [index, window] of windows.entries()) {
        if (index === 0) clause(" WINDOW ", 1);
        else printer.write(", ");
        printer.write(`${quoteIdentifier(window.definition.name ?? "")} AS `);
        printWindow(printer, window);
      }
      tailOf(query, analysis, sorts(), false)(printer);
    },
  };
}

const originOf = (value: Analysed): Pick<Output, "origin"> =>
  value.kind === "name" && value.origin !== undefined ? { origin: value.origin } : {};

const nodesOf = (keys: readonly (() => Analysed)[]): readonly Analysed[] => keys.map((node) => node());

const failed = (): never => {
  throw notSupported("showing an output that is not there");
};

function starOf(parts: readonly string[], scope: QueryScope): Item[] {
  const columns = parts.length === 0 ? scope.columns : scope.relation(parts.at(-1) ?? "")?.columns;
  if (columns === undefined) throw notSupported("showing the row of another query");
  for (const column of columns) scope.columnsUsed.add(column);
  return columns.map((column) => ({ name: column.name, value: columnOf(column) }));
}

/** The output that an item of ORDER BY or GROUP BY means, from 1; 0 for none. */
function placeOf(syntax: Expression, items: readonly Item[], scope: QueryScope, isGroup: boolean): number {
  if (syntax.kind === "integerLiteral") return syntax.value;
  if (syntax.kind !== "columnName" || syntax.parts.length !== 1 || syntax.isStar) return 0;
  const [name] = syntax.parts;
  if (isGroup && scope.columns.some((column) => column.name === name)) return 0;
  return items.findIndex((item) => item.name === name) + 1;
}

interface ShownGroup {
  readonly kind: GroupItem["kind"];
  readonly keys: readonly (() => Analysed)[];
  readonly items: readonly ShownGroup[];
}

function groupItem(item: GroupItem, key: (syntax: Expression) => () => Analysed): ShownGroup {
  switch (item.kind) {
    case "expression":
      return { kind: item.kind, keys: [key(item.expression)], items: [] };
    case "list":
      return { kind: item.kind, keys: item.items.map(key), items: [] };
    case "empty":
      return { kind: item.kind, keys: [], items: [] };
    case "rollup":
    case "cube":
    case "sets":
      return { kind: item.kind, keys: [], items: item.items.map((inner) => groupItem(inner, key)) };
  }
}

function printGroup(printer: Printer, { kind, keys, items }: ShownGroup, isBare: boolean): void {
  if (kind === "empty") {
    printer.write("()");
    return;
  }
  if (kind === "expression" || kind === "list") {
    const isEnclosed = !isBare || keys.length !== 1;
    if (isEnclosed) printer.write("(");
    printKeys(printer, nodesOf(keys));
    if (isEnclosed) printer.write(")");
    return;
  }
  printer.write(kind === "sets" ? "GROUPING SETS (" : `${kind.toUpperCase()}(`);
  for (const [index, item] of items.entries()) {
    if (index > 0) printer.write(", ");
    printGroup(printer, item, kind !== "sets");
  }
  printer.write(")");
}

/** Each but the first on a line of its own. */
function printItems(printer: Printer, items: readonly Item[], names: readonly string[] | null, isNamed: boolean): void {
  for (const [index, { name, value }] of items.entries()) {
    printer.write(index === 0 ? " " : ", ");
    const own = printer.apart(() => {
      let told: string | null = isNamed ? null : "?column?";
      if (value.kind === "name" && value.column !== undefined) told = value.column;
      printer.print(value, "shown");
      const wanted = names?.[index] ?? name;
      if (told !== wanted) printer.write(` AS ${quoteIdentifier(wanted)}`);
    });
    if (own.startsWith("\n")) printer.trimSpaces();
    else if (index > 0) printer.keyword("", -standard, standard, variable);
    printer.write(own);
  }
}

function printFrom(printer: Printer, from: readonly ShownItem[]): void {
  for (const [index, item] of from.entries()) {
    if (index === 0) {
      clauseOf(printer)(" FROM ", 2);
      item.print(printer);
      continue;
    }
    printer.write(", ");
    const own = printer.apart(() => item.print(printer));
    if (own.startsWith("\n")) printer.trimSpaces();
    else printer.keyword("", -standard, standard, variable);
    printer.write(own);
  }
}

// ---- VALUES

function valuesOf(query: ValuesQuery, scope: QueryScope, around: Around): Body {
  if (query.order.length > 0) throw notSupported("showing VALUES in an order");
  const { analysis } = analysisIn(scope, around);
  const rows = query.rows.map((row) => row.map((item) => analysis.analyse(item)));
  const width = rows[0]?.length ?? 0;
  const types = Array.from({ length: width }, (_, index) =>
    analysis.common(
      rows.map((row) => row[index] ?? failed()),
      "VALUES",
    ),
  );
  const settle = (index: number, type: SqlType): void => {
    for (const row of rows) {
      const value = row[index];
      if (value !== undefined) row[index] = analysis.conversions.convert(value, type, "implicit");
    }
  };
  for (const [index, type] of types.entries()) if (type.oid !== typeOid.unknown) settle(index, type);
  const outputs = types.map((type, index) => ({ name: `column${index + 1}`, type }));
  const tail = tailOf(query, analysis, [], false);
  const printRows = (printer: Printer): void => {
    for (const [index, row] of rows.entries()) {
      printer.write(index === 0 ? "VALUES (" : ", (");
      for (const [at, value] of row.entries()) {
        if (at > 0) printer.write(",");
        printer.print(value, "hidden");
      }
      printer.write(")");
    }
  };
  return {
    outputs,
    types,
    settle,
    print: (printer, names) => {
      printer.indent += standard;
      const isRenamed = names !== null && outputs.some(({ name }, index) => (names[index] ?? name) !== name);
      if (isRenamed) {
        const items = outputs.map(
          ({ name, type }): Item => ({ name, value: columnOf({ name, type, text: `"*VALUES*".${name}` }) }),
        );
        printer.write(" SELECT");
        printItems(printer, items, names, true);
        clauseOf(printer)(" FROM ", 2);
        printer.write("(");
        printRows(printer);
        printer.write(') "*VALUES*"');
      } else {
        printer.write(" ");
        printRows(printer);
      }
      tail(printer);
    },
  };
}

// ---- UNION, INTERSECT, EXCEPT

function setOperationOf(query: SetOperationQuery, scope: QueryScope, around: Around): Body {
  const side = (inner: Query): Body & { readonly isEnclosed: boolean; readonly with: (printer: Printer) => void } => {
    const own = new QueryScope(scope, inner.kind === "select" ? inner.from : [], scope.taken);
    const commonTables = withOf(inner, own, around);
    const { order, limit, offset, with: clause } = inner;
    const isEnclosed = clause !== null || order.length > 0 || limit !== null || offset !== null;
    return { ...bodyOf(inner, own, around), isEnclosed, with: commonTables };
  };
  const [left, right] = [side(query.left), side(query.right)];
  const { analysis } = analysisIn(scope, around);
  const types = left.types.map((type, index) => {
    const other = right.types[index];
    if (other === undefined) throw notSupported("showing sides of different widths");
    const value = (of: SqlType): Analysed => ({ kind: "name", text: "", isSpecial: true, type: of });
    return analysis.common([value(type), value(other)], query.operation.toUpperCase());
  });
  const settle = (index: number, type: SqlType): void => {
    left.settle(index, type);
    right.settle(index, type);
  };
  for (const [index, type] of types.entries()) if (type.oid !== typeOid.unknown) settle(index, type);
  const outputs = left.outputs.map(({ name }, index) => ({ name, type: types[index] ?? text }));
  const items = outputs.map(({ name, type }): Item => ({ name, value: columnOf({ name, type, text: name }) }));
  const sorts = query.order.map((item) => {
    const place = placeOf(item.expression, items, scope, false);
    const value = items[place - 1]?.value;
    if (value === undefined) throw notSupported("showing such an ORDER BY");
    return shownSort(value, place, item);
  });
  const tail = tailOf(query, analysis, sorts, true);
  const printLeaf = (printer: Printer, leaf: typeof left, names: readonly string[] | null, isNamed: boolean): void => {
    const { indent } = printer;
    if (leaf.isEnclosed) printer.write("(");
    leaf.with(printer);
    leaf.print(printer, names, isNamed);
    if (leaf.isEnclosed) printer.write(")");
    printer.indent = indent;
  };
  const isSetOperation = (inner: Query): inner is SetOperationQuery => inner.kind === "setOperation";
  const print: Body["print"] = (printer, names, isNamed) => {
    const inner = query.left;
    const isPlain = isSetOperation(inner) && !left.isEnclosed;
    const isSame = isPlain && inner.operation === query.operation && inner.isAll === query.isAll;
    const isApart = isPlain && !isSame;
    const within = isApart ? standard : 0;
    if (isApart) {
      printer.write("(");
      printer.keyword("", within, 0);
    }
    if (isPlain) left.print(printer, names, isNamed);
    else printLeaf(printer, left, names, isNamed);
    printer.keyword(isApart ? ") " : "", -within, 0);
    printer.write(`${query.operation.toUpperCase()} ${query.isAll ? "ALL " : ""}`);
    const isRightApart = isSetOperation(query.right) && !right.isEnclosed;
    if (isRightApart) printer.write("(");
    printer.keyword("", isRightApart ? standard : 0, 0);
    // The names of a query are those of its left side.
    if (isRightApart) right.print(printer, names, false);
    else printLeaf(printer, right, names, false);
    if (isRightApart) {
      printer.indent -= standard;
      printer.keyword(")", 0, 0);
    }
    tail(printer);
  };
  return { outputs, types, settle, print };
}
