/** Queries of the parser into ours. */
import { notSupported, SqlError } from "../error.js";
import type { FunctionCall } from "./ast-expression.js";
import type { DataStatement } from "./ast-modify.js";
import type {
  Alias,
  CommonTable,
  CycleClause,
  FromItem,
  FunctionReference,
  GroupItem,
  Query,
  RelationName,
  RowLock,
  SearchClause,
  SelectItem,
  SystemTime,
  TableReference,
  WithClause,
} from "./ast-query.js";
import type { Conversion } from "./conversion.js";
import {
  convertExpression,
  convertTypeName,
  convertWindow,
  expressionsOf,
  optional,
  sortItemsOf,
} from "./convert-expression.js";
import { type Fields, fieldsOf, flagOf, has, itemsOf, listOf, stringsOf, textOf, textOrNull, unwrap } from "./tree.js";

/** Converts a statement inside WITH; given by `convert.ts`, since modifications hold queries and queries modifications. */
export type ConvertData = (node: unknown, conversion: Conversion) => DataStatement;

/** A SELECT, VALUES, TABLE or set operation. */
export function convertSelect(node: unknown, conversion: Conversion, convertData: ConvertData): Query {
  const fields = fieldsOf(node, "SelectStmt");
  return conversion.within(-1, () => {
    const tail = {
      with: has(fields, "withClause") ? convertWith(fields["withClause"], conversion, convertData) : null,
      order: sortItemsOf(fields, "sortClause", conversion),
      limit: optional(fields, "limitCount", conversion),
      offset: optional(fields, "limitOffset", conversion),
      isWithTies: textOf(fields, "limitOption") === "LIMIT_OPTION_WITH_TIES",
      locks: listOf(fields, "lockingClause").map((item) => convertLock(item, conversion)),
      location: -1,
    };
    const operation = textOf(fields, "op");
    if (operation !== "SETOP_NONE" && operation !== "") {
      return {
        kind: "setOperation" as const,
        operation: operation === "SETOP_UNION" ? "union" : operation === "SETOP_INTERSECT" ? "intersect" : "except",
        isAll: flagOf(fields, "all"),
        left: convertSelect(fields["larg"], conversion, convertData),
        right: convertSelect(fields["rarg"], conversion, convertData),
        ...tail,
      };
    }
    if (has(fields, "valuesLists")) {
      const rows = listOf(fields, "valuesLists").map((row) =>
        itemsOf(row).map((item) => convertExpression(item, conversion)),
      );
      return { kind: "values" as const, rows, ...tail };
    }
    return {
      kind: "select" as const,
      distinct: has(fields, "distinctClause")
        ? listOf(fields, "distinctClause")
            .filter((item) => unwrap(item)[0] !== "")
            .map((item) => convertExpression(item, conversion))
        : null,
      items: convertItems(listOf(fields, "targetList"), conversion),
      into: has(fields, "intoClause")
        ? convertRelation(fieldsOf(fields["intoClause"], "IntoClause")["rel"], conversion)
        : null,
      from: listOf(fields, "fromClause").map((item) => convertFrom(item, conversion)),
      where: optional(fields, "whereClause", conversion),
      group: listOf(fields, "groupClause").map((item) => convertGroup(item, conversion)),
      isGroupDistinct: flagOf(fields, "groupDistinct"),
      having: optional(fields, "havingClause", conversion),
      windows: listOf(fields, "windowClause").map((item) => convertWindow(item, conversion)),
      ...tail,
    };
  });
}

export function convertItems(nodes: readonly unknown[], conversion: Conversion): readonly SelectItem[] {
  return nodes.map((node) => {
    const fields = fieldsOf(node, "ResTarget");
    const expression = convertExpression(fields["val"], conversion);
    return { expression, name: textOrNull(fields, "name"), location: conversion.at(fields) };
  });
}

export function convertRelation(node: unknown, conversion: Conversion): RelationName {
  const fields = fieldsOf(node, "RangeVar");
  return {
    database: textOrNull(fields, "catalogname"),
    schema: textOrNull(fields, "schemaname"),
    name: textOf(fields, "relname"),
    location: conversion.at(fields),
  };
}

export function convertAlias(fields: Fields): Alias | null {
  if (!has(fields, "alias")) return null;
  const alias = fieldsOf(fields["alias"], "Alias");
  return { name: textOf(alias, "aliasname"), columns: stringsOf(alias, "colnames") };
}

/** A table in FROM, with the clause of time that followed it in the text. */
export function convertTable(node: unknown, conversion: Conversion): TableReference {
  const fields = fieldsOf(node, "RangeVar");
  const name = convertRelation(fields, conversion);
  return {
    kind: "table",
    name,
    alias: convertAlias(fields),
    time: timeOf(name.location, conversion),
    isInherited: flagOf(fields, "inh"),
    location: name.location,
  };
}

function timeOf(location: number, conversion: Conversion): SystemTime | null {
  if (location < 0) return null;
  for (const clause of conversion.times) {
    if (!clause.referenceStarts.includes(location + conversion.base)) continue;
    conversion.useTime(clause);
    return rebase(clause.time, conversion);
  }
  return null;
}

/** Locations of a clause count from the text's beginning; those of a tree from the statement's. */
function rebase(time: SystemTime, conversion: Conversion): SystemTime {
  const move = <T extends { readonly location: number }>(node: T): T => ({
    ...node,
    location: node.location - conversion.base,
  });
  const point = (at: Extract<SystemTime, { kind: "asOf" }>["point"]) => {
    if (at.value.kind === "parameterName") conversion.parameter(at.value.number);
    return { ...move(at), value: move(at.value) };
  };
  switch (time.kind) {
    case "asOf":
      return { ...move(time), point: point(time.point) };
    case "between":
      return { ...move(time), from: point(time.from), to: point(time.to) };
    case "all":
      return move(time);
  }
}

export function convertFrom(node: unknown, conversion: Conversion): FromItem {
  const [kind, fields] = unwrap(node);
  const location = conversion.at(fields);
  switch (kind) {
    case "RangeVar":
      return convertTable(node, conversion);
    case "RangeSubselect":
      return {
        kind: "subqueryReference",
        query: conversion.convertQuery(fields["subquery"], conversion),
        alias: convertAlias(fields),
        isLateral: flagOf(fields, "lateral"),
        location: -1,
      };
    case "RangeFunction":
      return convertFunctionReference(fields, conversion);
    case "JoinExpr":
      return conversion.within(-1, () => convertJoin(fields, conversion));
    case "RangeTableSample":
      throw notSupported("TABLESAMPLE", location);
    default:
      throw notSupported(kind === "RangeTableFunc" ? "XMLTABLE" : `${kind} in FROM`, location);
  }
}

function convertJoin(fields: Fields, conversion: Conversion): FromItem {
  const type = textOf(fields, "jointype");
  const using = has(fields, "usingClause") ? stringsOf(fields, "usingClause") : null;
  const condition = optional(fields, "quals", conversion);
  const isNatural = flagOf(fields, "isNatural");
  const isCross = type === "JOIN_INNER" && using === null && condition === null && !isNatural;
  return {
    kind: "join",
    type: isCross
      ? "cross"
      : type === "JOIN_LEFT"
        ? "left"
        : type === "JOIN_RIGHT"
          ? "right"
          : type === "JOIN_FULL"
            ? "full"
            : "inner",
    isNatural,
    left: convertFrom(fields["larg"], conversion),
    right: convertFrom(fields["rarg"], conversion),
    using,
    usingAlias: has(fields, "join_using_alias")
      ? textOf(fieldsOf(fields["join_using_alias"], "Alias"), "aliasname")
      : null,
    condition,
    alias: convertAlias(fields),
    location: -1,
  };
}

function convertFunctionReference(fields: Fields, conversion: Conversion): FunctionReference {
  const definitionsOf = (nodes: readonly unknown[]) =>
    nodes.map((node) => {
      const column = fieldsOf(node, "ColumnDef");
      const location = conversion.at(column);
      return { name: textOf(column, "colname"), type: convertTypeName(column["typeName"], conversion), location };
    });
  const functions = listOf(fields, "functions").map((pair) => {
    const [call, definitions] = itemsOf(pair);
    return {
      call: convertExpression(call, conversion) as FunctionCall,
      definitions:
        definitions === undefined || unwrap(definitions)[0] === "" ? [] : definitionsOf(itemsOf(definitions)),
    };
  });
  return {
    kind: "functionReference",
    functions,
    isRowsFrom: flagOf(fields, "is_rowsfrom"),
    alias: convertAlias(fields),
    definitions: definitionsOf(listOf(fields, "coldeflist")),
    hasOrdinality: flagOf(fields, "ordinality"),
    isLateral: flagOf(fields, "lateral"),
    location: functions[0]?.call.location ?? -1,
  };
}

function convertGroup(node: unknown, conversion: Conversion): GroupItem {
  const [kind, fields] = unwrap(node);
  const location = conversion.at(fields);
  if (kind === "RowExpr" && textOf(fields, "row_format") !== "COERCE_EXPLICIT_CALL") {
    return { kind: "list", items: expressionsOf(fields, "args", conversion), location };
  }
  if (kind !== "GroupingSet") return { kind: "expression", expression: convertExpression(node, conversion), location };
  const items = (): readonly GroupItem[] => listOf(fields, "content").map((item) => convertGroup(item, conversion));
  return conversion.within(location, () => {
    switch (textOf(fields, "kind")) {
      case "GROUPING_SET_EMPTY":
        return { kind: "empty" as const, location };
      case "GROUPING_SET_ROLLUP":
        return { kind: "rollup" as const, items: items(), location };
      case "GROUPING_SET_CUBE":
        return { kind: "cube" as const, items: items(), location };
      case "GROUPING_SET_SETS":
        return { kind: "sets" as const, items: items(), location };
      default:
        return { kind: "list" as const, items: expressionsOf(fields, "content", conversion), location };
    }
  });
}

function convertLock(node: unknown, conversion: Conversion): RowLock {
  const fields = fieldsOf(node, "LockingClause");
  const strengths = {
    LCS_FORUPDATE: "update",
    LCS_FORNOKEYUPDATE: "noKeyUpdate",
    LCS_FORSHARE: "share",
    LCS_FORKEYSHARE: "keyShare",
  } as const;
  const waits = { LockWaitBlock: "block", LockWaitSkip: "skip", LockWaitError: "error" } as const;
  const strength = strengths[textOf(fields, "strength") as keyof typeof strengths] as RowLock["strength"] | undefined;
  const wait = waits[textOf(fields, "waitPolicy") as keyof typeof waits] as RowLock["wait"] | undefined;
  if (strength === undefined || wait === undefined) throw notSupported("this locking clause");
  return {
    strength,
    wait,
    tables: listOf(fields, "lockedRels").map((item) => convertRelation(item, conversion)),
    location: -1,
  };
}

function searchOf(table: Fields, conversion: Conversion): SearchClause | null {
  if (!has(table, "search_clause")) return null;
  const fields = fieldsOf(table["search_clause"], "CTESearchClause");
  return {
    order: flagOf(fields, "search_breadth_first") ? "breadth" : "depth",
    columns: stringsOf(fields, "search_col_list"),
    sequence: textOf(fields, "search_seq_column"),
    location: conversion.at(fields),
  };
}

function cycleOf(table: Fields, conversion: Conversion): CycleClause | null {
  if (!has(table, "cycle_clause")) return null;
  const fields = fieldsOf(table["cycle_clause"], "CTECycleClause");
  return {
    columns: stringsOf(fields, "cycle_col_list"),
    mark: textOf(fields, "cycle_mark_column"),
    value: convertExpression(fields["cycle_mark_value"], conversion),
    otherwise: convertExpression(fields["cycle_mark_default"], conversion),
    path: textOf(fields, "cycle_path_column"),
    location: conversion.at(fields),
  };
}

export function convertWith(node: unknown, conversion: Conversion, convertData: ConvertData): WithClause {
  const fields = fieldsOf(node, "WithClause");
  const materialized = { CTEMaterializeAlways: "always", CTEMaterializeNever: "never" } as const;
  const tables = listOf(fields, "ctes").map((item): CommonTable => {
    const table = fieldsOf(item, "CommonTableExpr");
    const how = textOf(table, "ctematerialized");
    return {
      name: textOf(table, "ctename"),
      columns: stringsOf(table, "aliascolnames"),
      materialized: materialized[how as keyof typeof materialized] ?? "default",
      statement: convertData(table["ctequery"], conversion),
      search: searchOf(table, conversion),
      cycle: cycleOf(table, conversion),
      location: conversion.at(table),
    };
  });
  const names = new Set<string>();
  for (const table of tables) {
    if (names.has(table.name)) {
      throw new SqlError("42712", `WITH query name "${table.name}" specified more than once`, {
        position: table.location,
      });
    }
    names.add(table.name);
  }
  return { isRecursive: flagOf(fields, "recursive"), tables, location: conversion.at(fields) };
}
