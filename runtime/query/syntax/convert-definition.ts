/** Statements that define tables, indexes, views, schemas and sequences, of the parser into ours. */

import { notSupported, SqlError } from "../error.js";
import type {
  AlterDomain,
  AlterType,
  CreateIndex,
  CreateTableAs,
  CreateView,
  DefinitionStatement,
  Drop,
  DropType,
  IndexKeySyntax,
  Rename,
} from "./ast-definition.js";
import type { RelationName } from "./ast-query.js";
import type { RenameRole } from "./ast-role.js";
import type { CreateTableAsExecute } from "./ast-session.js";
import type { Conversion } from "./conversion.js";
import { convertSequenceOptions } from "./convert-constraint.js";
import { convertExecute } from "./convert-execute.js";
import { optional } from "./convert-expression.js";
import { privilegeConverters } from "./convert-privilege.js";
import { convertRelation } from "./convert-query.js";
import { convertAlterTable, convertCreateTable } from "./convert-table.js";
import {
  convertAlterComposite,
  convertAlterDomain,
  convertAlterEnum,
  convertCreateComposite,
  convertCreateDomain,
  convertCreateEnum,
  convertDropType,
  convertRenameAttribute,
  convertRenameDomainConstraint,
  convertTypeChange,
  isTypeKind,
} from "./convert-type.js";
import { isTemporary, isUnlogged, nameParts, objectName, onCommitOf, relationType } from "./definition-names.js";
import { checkOptionIn, definitionElements, roleName, valueText } from "./options.js";
import { expectHeap, expectTablespace } from "./storage-clauses.js";
import { expectHints } from "./storage-hints.js";
import {
  type Fields,
  fieldsOf,
  flagOf,
  has,
  itemsOf,
  listOf,
  stringNode,
  stringsOf,
  textOf,
  textOrNull,
  unwrap,
} from "./tree.js";

type Convert = (fields: Fields, conversion: Conversion) => DefinitionStatement;

/** Kinds of what CREATE SCHEMA makes, in the order in which it does. */
const elementKinds = ["CreateSeqStmt", "CreateStmt", "ViewStmt", "IndexStmt", "GrantStmt"];

function schemaElements(nodes: readonly unknown[], conversion: Conversion): readonly DefinitionStatement[] {
  const rank = (node: unknown): number => elementKinds.indexOf(unwrap(node)[0]);
  return [...nodes]
    .toSorted((a, b) => rank(a) - rank(b))
    .map((node) => {
      const [kind, fields] = unwrap(node);
      const convert = definitionConverters[kind];
      // The grammar lets nothing else in.
      if (convert === undefined) throw notSupported("CREATE TRIGGER");
      return convert(fields, conversion);
    });
}

/** The one option of a materialized view. */
function maintenanceOf(into: Fields, conversion: Conversion): "incremental" | "refresh" | null {
  let found: "incremental" | "refresh" | null = null;
  for (const { name, value, location } of definitionElements(listOf(into, "options"), conversion)) {
    if (name !== "maintenance") throw notSupported(`the option ${name} of a materialized view`, location);
    const text = valueText(value);
    if (text !== "incremental" && text !== "refresh") {
      throw new SqlError("22023", `invalid value for option "maintenance": "${text ?? ""}"`, {
        position: location < 0 ? undefined : location,
        detail: 'Valid values are "incremental" and "refresh".',
      });
    }
    found = text;
  }
  return found;
}

/** What a view demands of rows that are written through it: WITH CHECK OPTION, or the option that it stands for. */
function checkOptionOf(fields: Fields, conversion: Conversion): CreateView["checkOption"] {
  const written = textOf(fields, "withCheckOption");
  const own = written === "LOCAL_CHECK_OPTION" ? "local" : written === "CASCADED_CHECK_OPTION" ? "cascaded" : null;
  const given = checkOptionIn(definitionElements(listOf(fields, "options"), conversion));
  if (own !== null && given !== null) throw new SqlError("22023", 'parameter "check_option" specified more than once');
  return own ?? given ?? "none";
}

/** CREATE TABLE AS of a query, or of what was prepared. */
export function convertTableAs(fields: Fields, conversion: Conversion): CreateTableAs | CreateTableAsExecute {
  const table = tableAs(fields, conversion);
  const [kind, inner] = unwrap(fields["query"]);
  if (kind === "ExecuteStmt")
    return {
      kind: "createTableAsExecute",
      execute: convertExecute(inner, conversion),
      table,
      location: table.location,
    };
  return { ...table, query: conversion.convertQuery(fields["query"], conversion) };
}

function tableAs(fields: Fields, conversion: Conversion): CreateTableAsExecute["table"] {
  const into = fieldsOf(fields["into"], "IntoClause");
  const name = convertRelation(into["rel"], conversion);
  const isMaterializedView = textOf(fields, "objtype") === "OBJECT_MATVIEW";
  const hasOtherOptions = has(into, "options") && !isMaterializedView;
  if (hasOtherOptions) throw notSupported("storage options", name.location);
  expectTablespace(into, "tableSpaceName");
  expectHeap(into);
  if (isMaterializedView && isUnlogged(into["rel"]))
    throw new SqlError("0A000", "materialized views cannot be unlogged");
  return {
    kind: "createTableAs",
    name,
    isUnlogged: isUnlogged(into["rel"]),
    columns: stringsOf(into, "colNames"),
    ifNotExists: flagOf(fields, "if_not_exists"),
    isTemporary: isTemporary(into["rel"]),
    onCommit: onCommitOf(into, "onCommit"),
    isMaterializedView,
    maintenance: isMaterializedView ? maintenanceOf(into, conversion) : null,
    withData: !flagOf(into, "skipData"),
    location: name.location,
  };
}

/** By the parser's name of the statement. */
export const definitionConverters: Readonly<Record<string, Convert>> = {
  ...privilegeConverters,
  CreateStmt: convertCreateTable,
  AlterTableStmt: (fields, conversion) =>
    textOf(fields, "objtype") === "OBJECT_TYPE"
      ? convertAlterComposite(fields, conversion)
      : convertAlterTable(fields, conversion),
  RenameStmt: convertRename,
  CreateEnumStmt: convertCreateEnum,
  CompositeTypeStmt: convertCreateComposite,
  AlterEnumStmt: convertAlterEnum,
  CreateDomainStmt: convertCreateDomain,
  AlterDomainStmt: convertAlterDomain,
  AlterObjectSchemaStmt: (fields, conversion) => {
    const type = textOf(fields, "objectType");
    if (isTypeKind(type))
      return convertTypeChange(fields, type, { kind: "setSchema", newSchema: textOf(fields, "newschema") });
    const name = convertRelation(fields["relation"] ?? {}, conversion);
    return {
      kind: "setSchema",
      objectType: relationType(type, "ALTER … SET SCHEMA"),
      name,
      newSchema: textOf(fields, "newschema"),
      ifExists: flagOf(fields, "missing_ok"),
      location: name.location,
    };
  },
  AlterOwnerStmt: (fields) => ({
    kind: "setOwner",
    objectType: objectName(textOf(fields, "objectType")),
    name: has(fields, "object") ? nameParts(fields["object"]) : [],
    owner: roleName(fields["newowner"]),
    location: -1,
  }),
  IndexStmt: convertCreateIndex,
  ViewStmt: (fields, conversion) => {
    const name = convertRelation(fields["view"], conversion);
    if (isUnlogged(fields["view"]))
      throw new SqlError("42601", "views cannot be unlogged because they do not have storage");
    return {
      kind: "createView",
      name,
      columns: stringsOf(fields, "aliases"),
      query: conversion.convertQuery(fields["query"], conversion),
      orReplace: flagOf(fields, "replace"),
      isTemporary: isTemporary(fields["view"]),
      checkOption: checkOptionOf(fields, conversion),
      location: name.location,
    };
  },
  CreateSchemaStmt: (fields, conversion) => ({
    kind: "createSchema",
    name: textOrNull(fields, "schemaname"),
    owner: has(fields, "authrole") ? roleName(fields["authrole"]) : null,
    ifNotExists: flagOf(fields, "if_not_exists"),
    elements: schemaElements(listOf(fields, "schemaElts"), conversion),
    location: -1,
  }),
  CreateExtensionStmt: (fields) => ({
    kind: "createExtension",
    name: textOf(fields, "extname"),
    ifNotExists: flagOf(fields, "if_not_exists"),
    location: -1,
  }),
  CreateSeqStmt: (fields, conversion) => {
    const name = convertRelation(fields["sequence"], conversion);
    return {
      kind: "createSequence",
      name,
      options: convertSequenceOptions(listOf(fields, "options"), conversion),
      ifNotExists: flagOf(fields, "if_not_exists"),
      isTemporary: isTemporary(fields["sequence"]),
      isUnlogged: isUnlogged(fields["sequence"]),
      location: name.location,
    };
  },
  AlterSeqStmt: (fields, conversion) => {
    const name = convertRelation(fields["sequence"], conversion);
    return {
      kind: "alterSequence",
      name,
      options: convertSequenceOptions(listOf(fields, "options"), conversion),
      ifExists: flagOf(fields, "missing_ok"),
      location: name.location,
    };
  },
  DropStmt: convertDrop,
  RefreshMatViewStmt: (fields, conversion) => {
    const name = convertRelation(fields["relation"], conversion);
    return {
      kind: "refreshMaterializedView",
      name,
      isConcurrent: flagOf(fields, "concurrent"),
      withData: !flagOf(fields, "skipData"),
      location: name.location,
    };
  },
  CommentStmt: (fields) => ({
    kind: "comment",
    objectType: objectName(textOf(fields, "objtype")),
    name: has(fields, "object") ? nameParts(fields["object"]) : [],
    text: textOrNull(fields, "comment"),
    location: -1,
  }),
};

function convertRename(fields: Fields, conversion: Conversion): Rename | RenameRole | AlterType | AlterDomain {
  const type = textOf(fields, "renameType");
  const newName = textOf(fields, "newname");
  if (isTypeKind(type)) return convertTypeChange(fields, type, { kind: "rename", newName });
  if (type === "OBJECT_ATTRIBUTE") return convertRenameAttribute(fields, newName, conversion);
  if (type === "OBJECT_DOMCONSTRAINT") return convertRenameDomainConstraint(fields, newName);
  const ifExists = flagOf(fields, "missing_ok");
  const nameless: RelationName = { database: null, schema: null, name: textOf(fields, "subname"), location: -1 };
  if (type === "OBJECT_ROLE") return { kind: "renameRole", name: nameless.name, newName, location: -1 };
  if (type === "OBJECT_SCHEMA") {
    return { kind: "rename", objectType: "schema", name: nameless, part: null, newName, ifExists, location: -1 };
  }
  const objectType =
    type === "OBJECT_COLUMN" ? "column" : type === "OBJECT_TABCONSTRAINT" ? "constraint" : relationType(type, "RENAME");
  const name = convertRelation(fields["relation"] ?? {}, conversion);
  const part = objectType === "column" || objectType === "constraint" ? textOf(fields, "subname") : null;
  const ofType = textOf(fields, "relationType") === "OBJECT_VIEW" ? "view" : "table";
  return { kind: "rename", objectType, name, part, newName, ifExists, ofType, location: name.location };
}

function convertCreateIndex(fields: Fields, conversion: Conversion): CreateIndex {
  const table = convertRelation(fields["relation"], conversion);
  const clauses: string[] = [];
  expectHints(listOf(fields, "options"), "index", conversion);
  expectTablespace(fields, "tableSpace");
  return {
    kind: "createIndex",
    name: textOrNull(fields, "idxname"),
    table,
    method: textOf(fields, "accessMethod"),
    keys: listOf(fields, "indexParams").map((item) => convertIndexKey(fieldsOf(item, "IndexElem"), conversion)),
    included: listOf(fields, "indexIncludingParams").map((item) => textOf(fieldsOf(item, "IndexElem"), "name")),
    isUnique: flagOf(fields, "unique"),
    nullsNotDistinct: flagOf(fields, "nulls_not_distinct"),
    where: optional(fields, "whereClause", conversion),
    ifNotExists: flagOf(fields, "if_not_exists"),
    isConcurrent: flagOf(fields, "concurrent"),
    clauses,
    location: table.location,
  };
}

function convertIndexKey(fields: Fields, conversion: Conversion): IndexKeySyntax {
  const nulls = textOf(fields, "nulls_ordering");
  return {
    column: textOrNull(fields, "name"),
    expression: optional(fields, "expr", conversion),
    isDescending: textOf(fields, "ordering") === "SORTBY_DESC",
    nullsFirst: nulls === "SORTBY_NULLS_FIRST" ? true : nulls === "SORTBY_NULLS_LAST" ? false : null,
    collation: has(fields, "collation") ? stringsOf(fields, "collation") : null,
    operatorClass: has(fields, "opclass") ? stringsOf(fields, "opclass") : null,
  };
}

function convertDrop(fields: Fields, _conversion: Conversion): Drop | DropType {
  const type = textOf(fields, "removeType");
  if (isTypeKind(type)) return convertDropType(fields);
  const objectType = type === "OBJECT_SCHEMA" ? "schema" : relationType(type, "DROP");
  return {
    kind: "drop",
    objectType,
    names: listOf(fields, "objects").map((item): RelationName => {
      const parts = unwrap(item)[0] === "List" ? itemsOf(item).map(stringNode) : nameParts(item);
      const name = parts.at(-1) ?? "";
      return { database: parts.at(-3) ?? null, schema: parts.at(-2) ?? null, name, location: -1 };
    }),
    ifExists: flagOf(fields, "missing_ok"),
    isCascade: textOf(fields, "behavior") === "DROP_CASCADE",
    isConcurrent: flagOf(fields, "concurrent"),
    location: -1,
  };
}
