/** INSERT, UPDATE, DELETE, MERGE and TRUNCATE of the parser into ours. */
import { notSupported } from "../error.js";
import type {
  Assignment,
  DataStatement,
  Delete,
  Insert,
  InsertColumn,
  Merge,
  MergeClause,
  OnConflict,
  Truncate,
  Update,
} from "./ast-modify.js";
import type { SelectItem, WithClause } from "./ast-query.js";
import type { Conversion } from "./conversion.js";
import { convertExpression, convertSteps, optional } from "./convert-expression.js";
import {
  convertFrom,
  convertItems,
  convertRelation,
  convertSelect,
  convertTable,
  convertWith,
} from "./convert-query.js";
import { type Fields, fieldsOf, flagOf, has, listOf, numberOf, textOf, textOrNull, unwrap } from "./tree.js";

/** A statement that may stand in a WITH. */
export function convertData(node: unknown, conversion: Conversion): DataStatement {
  const [kind, fields] = unwrap(node);
  switch (kind) {
    case "SelectStmt":
      return convertSelect(fields, conversion, convertData);
    case "InsertStmt":
      return conversion.within(-1, () => convertInsert(fields, conversion));
    case "UpdateStmt":
      return conversion.within(-1, () => convertUpdate(fields, conversion));
    case "DeleteStmt":
      return conversion.within(-1, () => convertDelete(fields, conversion));
    case "MergeStmt":
      return conversion.within(-1, () => convertMerge(fields, conversion));
    default:
      throw notSupported(`${kind} here`);
  }
}

const withOf = (fields: Fields, conversion: Conversion): WithClause | null =>
  has(fields, "withClause") ? convertWith(fields["withClause"], conversion, convertData) : null;

function returningOf(fields: Fields, conversion: Conversion): readonly SelectItem[] {
  if (!has(fields, "returningClause")) return convertItems(listOf(fields, "returningList"), conversion);
  const clause = fieldsOf(fields["returningClause"], "ReturningClause");
  if (has(clause, "options")) throw notSupported("RETURNING WITH");
  return convertItems(listOf(clause, "exprs"), conversion);
}

const insertColumns = (nodes: readonly unknown[], conversion: Conversion): readonly InsertColumn[] =>
  nodes.map((item) => {
    const target = fieldsOf(item, "ResTarget");
    const location = conversion.at(target);
    const steps = convertSteps(listOf(target, "indirection"), location, conversion);
    return { name: textOf(target, "name"), steps, location };
  });

function overridingOf(fields: Fields): Insert["overriding"] {
  const text = textOf(fields, "override");
  return text.includes("SYSTEM") ? "system" : text.includes("USER") ? "user" : "none";
}

function convertInsert(fields: Fields, conversion: Conversion): Insert {
  return {
    kind: "insert",
    with: withOf(fields, conversion),
    table: convertTable(fields["relation"], conversion),
    columns: insertColumns(listOf(fields, "cols"), conversion),
    source: has(fields, "selectStmt") ? conversion.convertQuery(fields["selectStmt"], conversion) : null,
    overriding: overridingOf(fields),
    onConflict: has(fields, "onConflictClause") ? convertConflict(fields["onConflictClause"], conversion) : null,
    returning: returningOf(fields, conversion),
    location: -1,
  };
}

function convertConflict(node: unknown, conversion: Conversion): OnConflict {
  const fields = fieldsOf(node, "OnConflictClause");
  return {
    action: textOf(fields, "action") === "ONCONFLICT_UPDATE" ? "update" : "nothing",
    target: has(fields, "infer") ? convertTarget(fieldsOf(fields["infer"], "InferClause"), conversion) : null,
    assignments: convertAssignments(listOf(fields, "targetList"), conversion),
    where: optional(fields, "whereClause", conversion),
    location: conversion.at(fields),
  };
}

function convertTarget(fields: Fields, conversion: Conversion): OnConflict["target"] {
  const location = conversion.at(fields);
  const name = textOrNull(fields, "conname");
  if (name !== null) return { kind: "constraint", name, location };
  return {
    kind: "columns",
    items: listOf(fields, "indexElems").map((item) => {
      const element = fieldsOf(item, "IndexElem");
      if (has(element, "opclass") || has(element, "collation")) {
        throw notSupported("a collation or operator class in ON CONFLICT", location);
      }
      return { column: textOrNull(element, "name"), expression: optional(element, "expr", conversion) };
    }),
    where: optional(fields, "whereClause", conversion),
    location,
  };
}

function convertAssignments(nodes: readonly unknown[], conversion: Conversion): readonly Assignment[] {
  return nodes.map((node) => {
    const fields = fieldsOf(node, "ResTarget");
    const [kind, inner] = unwrap(fields["val"]);
    const location = conversion.at(fields);
    const steps = convertSteps(listOf(fields, "indirection"), location, conversion);
    const target = { column: textOf(fields, "name"), steps, location };
    if (kind !== "MultiAssignRef") return { ...target, value: convertExpression(fields["val"], conversion) };
    return {
      ...target,
      value: {
        kind: "rowField" as const,
        row: convertExpression(inner["source"], conversion),
        index: numberOf(inner, "colno") - 1,
        count: numberOf(inner, "ncolumns"),
      },
    };
  });
}

function convertUpdate(fields: Fields, conversion: Conversion): Update {
  return {
    kind: "update",
    with: withOf(fields, conversion),
    table: convertTable(fields["relation"], conversion),
    assignments: convertAssignments(listOf(fields, "targetList"), conversion),
    from: listOf(fields, "fromClause").map((item) => convertFrom(item, conversion)),
    where: optional(fields, "whereClause", conversion),
    returning: returningOf(fields, conversion),
    location: -1,
  };
}

function convertDelete(fields: Fields, conversion: Conversion): Delete {
  return {
    kind: "delete",
    with: withOf(fields, conversion),
    table: convertTable(fields["relation"], conversion),
    using: listOf(fields, "usingClause").map((item) => convertFrom(item, conversion)),
    where: optional(fields, "whereClause", conversion),
    returning: returningOf(fields, conversion),
    location: -1,
  };
}

function convertMerge(fields: Fields, conversion: Conversion): Merge {
  const table = convertTable(fields["relation"], conversion);
  if (has(fields, "returningClause")) throw notSupported("RETURNING of MERGE", table.location);
  return {
    kind: "merge",
    with: withOf(fields, conversion),
    table,
    source: convertFrom(fields["sourceRelation"], conversion),
    condition: convertExpression(fields["joinCondition"], conversion),
    clauses: listOf(fields, "mergeWhenClauses").map((item) =>
      convertMergeClause(fieldsOf(item, "MergeWhenClause"), conversion),
    ),
    location: -1,
  };
}

function convertMergeClause(fields: Fields, conversion: Conversion): MergeClause {
  const match = textOf(fields, "matchKind");
  if (match === "MERGE_WHEN_NOT_MATCHED_BY_SOURCE") throw notSupported("WHEN NOT MATCHED BY SOURCE");
  const shared = {
    isMatched: match === "MERGE_WHEN_MATCHED",
    condition: optional(fields, "condition", conversion),
    location: -1,
  };
  const targets = listOf(fields, "targetList");
  switch (textOf(fields, "commandType")) {
    case "CMD_UPDATE":
      return { ...shared, kind: "update", assignments: convertAssignments(targets, conversion) };
    case "CMD_DELETE":
      return { ...shared, kind: "delete" };
    case "CMD_INSERT":
      return {
        ...shared,
        kind: "insert",
        columns: insertColumns(targets, conversion),
        values: has(fields, "values")
          ? listOf(fields, "values").map((value) => convertExpression(value, conversion))
          : null,
        overriding: overridingOf(fields),
      };
    default:
      return { ...shared, kind: "nothing" };
  }
}

export function convertTruncate(fields: Fields, conversion: Conversion): Truncate {
  return {
    kind: "truncate",
    tables: listOf(fields, "relations").map((item) => convertRelation(item, conversion)),
    restartsSequences: flagOf(fields, "restart_seqs"),
    isCascade: textOf(fields, "behavior") === "DROP_CASCADE",
    location: -1,
  };
}
