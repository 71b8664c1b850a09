/** FROM: what its items are called, which columns they have, and how they are shown. */
import { type Relation, rowsOfObject } from "../../catalog/model.js";
import type { CatalogWorld } from "../../catalog/system/world.js";
import { notSupported } from "../../error.js";
import { findFunction } from "../../functions/resolve.js";
import type { FunctionCall } from "../../syntax/ast-expression.js";
import type { FromItem, FunctionReference, JoinReference, Query, TableReference } from "../../syntax/ast-query.js";
import { joinWords } from "../../syntax/print.js";
import { quoteIdentifier } from "../../types/quote.js";
import { type Oid, type SqlType, sqlType, typeOid } from "../../types/sql-type.js";
import { isComposite } from "../../types/user-types.js";
import type { Analysis } from "../analyse.js";
import type { Analysed } from "../analysed.js";
import type { Printer } from "../print.js";
import type { ShownQuery } from "./query.js";
import { givenName, type Output, ownName, type QueryScope, renamed, type ScopeColumn } from "./scope.js";

export interface FromPorts {
  readonly world: CatalogWorld;
  readonly scope: QueryScope;
  readonly analysis: Analysis;
  /** A query in FROM; a lateral one sees what stands before it. */
  subquery(query: Query, isLateral: boolean): ShownQuery;
}

export interface ShownItem {
  /** By bare names. */
  readonly columns: readonly ScopeColumn[];
  readonly print: (printer: Printer) => void;
}

const joinIndent = 4;
const queryIndent = 8;

export function fromItem(item: FromItem, ports: FromPorts): ShownItem {
  switch (item.kind) {
    case "table":
      return tableItem(item, ports);
    case "subqueryReference": {
      const query = ports.subquery(item.query, item.isLateral);
      const names = item.alias?.columns ?? [];
      return named(item, query.outputs, names, ports, names.length > 0, (printer) => {
        printer.write(item.isLateral ? "LATERAL (" : "(");
        query.print(printer, null, true);
        printer.write(")");
      });
    }
    case "functionReference":
      return functionItem(item, ports);
    case "join":
      return joinItem(item, ports);
  }
}

/** @param isListed whether the names of its columns are shown behind its own */
function named(
  item: Exclude<FromItem, JoinReference>,
  outputs: readonly Output[],
  names: readonly string[],
  { scope }: FromPorts,
  isListed: boolean,
  print: (printer: Printer) => void,
  isPlain = false,
  oid?: Oid,
): ShownItem {
  const shown = scope.shownName(item);
  const columns = renamed(outputs, shown, names);
  const name = item.alias?.name ?? ownName(item) ?? shown;
  scope.relations.push({ name, shown, columns, isTable: isPlain, ...(oid === undefined ? {} : { oid }) });
  return {
    columns,
    print: (printer) => {
      print(printer);
      if (!isPlain || isListed || givenName(item) !== null || (item.kind === "table" && shown !== item.name.name))
        printer.write(` ${quoteIdentifier(shown)}`);
      if (isListed) printer.write(`(${columns.map((column) => quoteIdentifier(column.name)).join(", ")})`);
    },
  };
}

function tableItem(item: TableReference, ports: FromPorts): ShownItem {
  const { world, scope } = ports;
  const { name, alias } = item;
  if (item.time !== null) throw notSupported("showing FOR SYSTEM_TIME");
  const names = alias?.columns ?? [];
  const common = name.schema === null ? scope.commonTable(name.name) : null;
  if (common !== null)
    return named(
      item,
      common.outputs,
      names,
      ports,
      names.length > 0,
      (printer) => printer.write(quoteIdentifier(name.name)),
      true,
    );
  const relation = world.relationNamed(name.schema === null ? [name.name] : [name.schema, name.name]);
  if (relation === null) throw notSupported("showing a table that is not there");
  scope.columnsUsed.read(relation.oid);
  const outputs = columnsOf(relation).map(
    ({ name: own, type, number }): Output => ({ name: own, type, origin: { relation: relation.oid, column: number } }),
  );
  const isRenamed = names.some((own, index) => own !== outputs[index]?.name);
  const isHidden = scope.commonTable(relation.name) !== null;
  const text = isHidden ? world.qualifiedText(relation) : world.relationText(relation);
  const print = (printer: Printer): void => printer.write(`${item.isInherited ? "" : "ONLY "}${text}`);
  return named(item, outputs, names, ports, isRenamed, print, true, relation.oid);
}

function columnsOf(relation: Relation): readonly (Output & { readonly number: number })[] {
  if (relation.kind === "view" || relation.kind === "materializedView")
    return relation.columns.map(({ name, type }, index) => ({ name, type, number: index + 1 }));
  const table = rowsOfObject(relation);
  if (table === null) throw notSupported("showing a sequence or an index as a table");
  return table.columns.filter(({ isDropped }) => !isDropped);
}

function functionItem(item: FunctionReference, ports: FromPorts): ShownItem {
  const { scope, analysis } = ports;
  const [only] = item.functions;
  if (item.isRowsFrom || only === undefined || item.functions.length > 1) throw notSupported("showing ROWS FROM");
  if (only.call.kind !== "functionCall" || item.definitions.length > 0 || only.definitions.length > 0)
    throw notSupported("showing a function with a list of columns");
  const before = scope.isUsed;
  scope.isUsed = false;
  const call = analysis.analyse(only.call);
  const isLateral = item.isLateral || scope.isUsed;
  scope.isUsed = before;
  const own = item.alias?.name ?? only.call.name.at(-1) ?? "";
  const outputs: Output[] =
    fieldsIn(call.type, ports) ??
    (call.type.oid === typeOid.record ? columnsOfCall(call, only.call) : [{ name: own, type: call.type }]);
  if (item.hasOrdinality) outputs.push({ name: "ordinality", type: sqlType(typeOid.int8) });
  return named(item, outputs, item.alias?.columns ?? [], ports, true, (printer) => {
    printer.write(isLateral ? "LATERAL " : "");
    printer.print(call, "shown");
    printer.write(item.hasOrdinality ? " WITH ORDINALITY" : "");
  });
}

/** The fields of a composite type; null of any other. */
function fieldsIn({ oid }: SqlType, { world }: FromPorts): Output[] | null {
  const type = isComposite(oid) ? world.catalog.objectByOid(oid) : null;
  return type?.kind === "composite" ? type.attributes.map(({ name, type: own }) => ({ name, type: own })) : null;
}

/** Columns of a function that yields several. */
function columnsOfCall(call: Analysed, { name, isVariadic }: FunctionCall): Output[] {
  const args = call.kind === "call" ? call.arguments : [];
  const callee = findFunction({
    schema: name.length > 1 ? (name.at(-2) ?? null) : null,
    name: name.at(-1) ?? "",
    args: args.map(({ type }) => ({ type: type.oid })),
    isVariadic,
    orderedCount: 0,
  });
  if (callee?.kind !== "set" || callee.columns === null) throw notSupported("showing a function of unknown columns");
  return callee.columns.map((column) => ({ name: column.name, type: column.type }));
}

function joinItem(item: JoinReference, ports: FromPorts): ShownItem {
  const { scope, analysis } = ports;
  if (item.isNatural || item.usingAlias !== null) throw notSupported("showing a NATURAL join or an alias of USING");
  const first = scope.relations.length;
  const { columnsUsed } = scope;
  const left = fromItem(item.left, ports);
  scope.columns = [...scope.columns, ...left.columns];
  const right = fromItem(item.right, ports);
  const merged = mergedColumns(item, left, right);
  for (const column of [...left.columns, ...right.columns])
    if (item.using?.includes(column.name) === true) columnsUsed.add(column);
  const isMerged = ({ name }: ScopeColumn): boolean => item.using?.includes(name) === true;
  let columns = [...merged, ...[...left.columns, ...right.columns].filter((column) => !isMerged(column))];
  const shown = scope.shownName(item);
  let condition: Analysed | null = null;
  if (item.condition !== null) {
    const outside = scope.columns;
    scope.columns = [...left.columns, ...right.columns];
    condition = analysis.boolean(item.condition);
    scope.columns = outside;
  }
  const { alias } = item;
  if (alias !== null) {
    columns = [...renamed(columns, shown, alias.columns)];
    scope.relations.splice(first, scope.relations.length - first, { name: alias.name, shown, columns, isTable: false });
  }
  const isUnconditional = condition === null && item.using === null;
  const word = item.type === "inner" && isUnconditional ? joinWords.cross : joinWords[item.type];
  const print = (printer: Printer): void => {
    const isEnclosed = !printer.isPretty || alias !== null;
    if (isEnclosed) printer.write("(");
    left.print(printer);
    printer.keyword(` ${word} `, -queryIndent, queryIndent, joinIndent);
    const isRightEnclosed = printer.isPretty && item.right.kind === "join" && item.right.alias === null;
    if (isRightEnclosed) printer.write("(");
    right.print(printer);
    if (isRightEnclosed) printer.write(")");
    if (item.using !== null) printer.write(` USING (${item.using.map(quoteIdentifier).join(", ")})`);
    else if (condition !== null) {
      printer.write(printer.isPretty ? " ON " : " ON (");
      printer.print(condition, "hidden");
      if (!printer.isPretty) printer.write(")");
    }
    if (isEnclosed) printer.write(")");
    if (alias === null) return;
    printer.write(` ${quoteIdentifier(shown)}`);
    if (alias.columns.length > 0)
      printer.write(`(${columns.map((column) => quoteIdentifier(column.name)).join(", ")})`);
  };
  return { columns, print };
}

/** A column that USING merges is that of one side, but for FULL joins, where it is neither's. */
function mergedColumns({ using, type }: JoinReference, left: ShownItem, right: ShownItem): readonly ScopeColumn[] {
  return (using ?? []).map((name) => {
    const [a, b] = [left, right].map(({ columns }) => columns.find((column) => column.name === name));
    if (a === undefined || b === undefined || a.type.oid !== b.type.oid) throw notSupported("showing USING");
    if (type === "full") return { name: a.name, type: a.type, text: quoteIdentifier(name) };
    return type === "right" ? b : a;
  });
}
