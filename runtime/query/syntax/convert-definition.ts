/** Statements that define tables, indexes, views, schemas and sequences, of the parser into ours. */
import { notSupported, SqlError } from "../error.js";
import type {
  AlterTable,
  AlterTableAction,
  ColumnSyntax,
  ConstraintSyntax,
  CreateIndex,
  CreateTable,
  DefinitionStatement,
  Drop,
  IndexKeySyntax,
  ReferentialAction,
  Rename,
  SequenceOptions,
} from "./ast-definition.js";
import type { RelationName } from "./ast-query.js";
import type { Conversion } from "./conversion.js";
import { convertExpression, convertTypeName, optional } from "./convert-expression.js";
import { convertRelation } from "./convert-query.js";
import { definitionElements, roleName, valueText } from "./options.js";
import {
  type Fields,
  fieldsOf,
  flagOf,
  has,
  itemsOf,
  listOf,
  numberOf,
  stringNode,
  stringsOf,
  textOf,
  textOrNull,
  unwrap,
} from "./tree.js";

type Convert = (fields: Fields, conversion: Conversion) => DefinitionStatement;

/** Whether WITH says anything but how full a page is to be: a hint that changes no answer. */
const hasOptions = (fields: Fields): boolean =>
  listOf(fields, "options").some((node) => textOf(fieldsOf(node, "DefElem"), "defname") !== "fillfactor");

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

/** By the parser's name of the statement. */
export const definitionConverters: Readonly<Record<string, Convert>> = {
  CreateStmt: convertCreateTable,
  CreateTableAsStmt: (fields, conversion) => {
    const into = fieldsOf(fields["into"], "IntoClause");
    const name = convertRelation(into["rel"], conversion);
    const [kind] = unwrap(fields["query"]);
    if (kind !== "SelectStmt") throw notSupported("CREATE TABLE AS EXECUTE", name.location);
    const isMaterializedView = textOf(fields, "objtype") === "OBJECT_MATVIEW";
    const hasOtherOptions = has(into, "options") && !isMaterializedView;
    if (hasOtherOptions || has(into, "accessMethod") || has(into, "tableSpaceName")) {
      throw notSupported("storage options", name.location);
    }
    return {
      kind: "createTableAs",
      name,
      columns: stringsOf(into, "colNames"),
      ifNotExists: flagOf(fields, "if_not_exists"),
      isTemporary: isTemporary(into["rel"]),
      isMaterializedView,
      maintenance: isMaterializedView ? maintenanceOf(into, conversion) : null,
      withData: !flagOf(into, "skipData"),
      query: conversion.convertQuery(fields["query"], conversion),
      location: name.location,
    };
  },
  AlterTableStmt: convertAlterTable,
  RenameStmt: convertRename,
  AlterObjectSchemaStmt: (fields, conversion) => {
    const name = convertRelation(fields["relation"] ?? {}, conversion);
    return {
      kind: "setSchema",
      objectType: relationType(textOf(fields, "objectType"), "ALTER … SET SCHEMA"),
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
    if (has(fields, "options")) throw notSupported("view options", name.location);
    const check = textOf(fields, "withCheckOption");
    return {
      kind: "createView",
      name,
      columns: stringsOf(fields, "aliases"),
      query: conversion.convertQuery(fields["query"], conversion),
      orReplace: flagOf(fields, "replace"),
      isTemporary: isTemporary(fields["view"]),
      checkOption: check === "LOCAL_CHECK_OPTION" ? "local" : check === "CASCADED_CHECK_OPTION" ? "cascaded" : "none",
      location: name.location,
    };
  },
  CreateSchemaStmt: (fields) => ({
    kind: "createSchema",
    name: textOrNull(fields, "schemaname"),
    owner: has(fields, "authrole") ? roleName(fields["authrole"]) : null,
    ifNotExists: flagOf(fields, "if_not_exists"),
    elements: listOf(fields, "schemaElts").length,
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
  GrantStmt: (fields) => ({
    kind: "grant",
    isGrant: flagOf(fields, "is_grant"),
    objectType: objectName(textOf(fields, "objtype")),
    privileges: listOf(fields, "privileges").map((item) => {
      const privilege = fieldsOf(item, "AccessPriv");
      if (has(privilege, "cols")) throw notSupported("privileges on columns");
      return textOf(privilege, "priv_name");
    }),
    objects: listOf(fields, "objects").map(nameParts),
    isAllInSchema: textOf(fields, "targtype") === "ACL_TARGET_ALL_IN_SCHEMA",
    roles: listOf(fields, "grantees").map(roleName),
    withGrantOption: flagOf(fields, "grant_option"),
    isCascade: textOf(fields, "behavior") === "DROP_CASCADE",
    location: -1,
  }),
  GrantRoleStmt: (fields) => ({
    kind: "grantRole",
    isGrant: flagOf(fields, "is_grant"),
    granted: listOf(fields, "granted_roles").map((item) => textOf(fieldsOf(item, "AccessPriv"), "priv_name")),
    roles: listOf(fields, "grantee_roles").map(roleName),
    location: -1,
  }),
  CreateRoleStmt: (fields, conversion) => ({
    kind: "createRole",
    name: textOf(fields, "role"),
    isUser: textOf(fields, "stmt_type") === "ROLESTMT_USER",
    options: roleOptions(fields, conversion),
    location: -1,
  }),
  AlterRoleStmt: (fields, conversion) => ({
    kind: "alterRole",
    name: roleName(fields["role"]),
    isUser: false,
    options: roleOptions(fields, conversion),
    location: -1,
  }),
  DropRoleStmt: (fields) => ({
    kind: "dropRole",
    names: listOf(fields, "roles").map(roleName),
    ifExists: flagOf(fields, "missing_ok"),
    location: -1,
  }),
};
const isTemporary = (relation: unknown): boolean => textOf(fieldsOf(relation, "RangeVar"), "relpersistence") === "t";

const roleOptions = (fields: Fields, conversion: Conversion) =>
  definitionElements(listOf(fields, "options"), conversion).map(({ name, value }) => ({
    name,
    value: valueText(value),
  }));

/** `OBJECT_MATVIEW` as words: `matview`. */
const objectName = (type: string): string => type.replace(/^OBJECT_/, "").toLowerCase();

/** The parts of an object's name, however the parser holds it. */
function nameParts(node: unknown): readonly string[] {
  const [kind, fields] = unwrap(node);
  switch (kind) {
    case "String":
      return [stringNode(node)];
    case "List":
      return listOf(fields, "items").flatMap(nameParts);
    case "RangeVar": {
      const schema = textOrNull(fields, "schemaname");
      return schema === null ? [textOf(fields, "relname")] : [schema, textOf(fields, "relname")];
    }
    case "ObjectWithArgs":
      return stringsOf(fields, "objname");
    case "TypeName":
      return stringsOf(fields, "names");
    default:
      throw notSupported(`a name of the form ${kind}`);
  }
}

const relationTypes = {
  OBJECT_TABLE: "table",
  OBJECT_INDEX: "index",
  OBJECT_SEQUENCE: "sequence",
  OBJECT_VIEW: "view",
  OBJECT_MATVIEW: "materializedView",
} as const;

function relationType(type: string, what: string): (typeof relationTypes)[keyof typeof relationTypes] {
  const found = relationTypes[type as keyof typeof relationTypes] as
    | (typeof relationTypes)[keyof typeof relationTypes]
    | undefined;
  if (found === undefined) throw notSupported(`${what} of a ${objectName(type)}`);
  return found;
}

function convertCreateTable(fields: Fields, conversion: Conversion): CreateTable {
  const name = convertRelation(fields["relation"], conversion);
  const columns: ColumnSyntax[] = [];
  const constraints: ConstraintSyntax[] = [];
  const likes: { table: RelationName; options: number }[] = [];
  for (const element of listOf(fields, "tableElts")) {
    const [kind, inner] = unwrap(element);
    if (kind === "ColumnDef") columns.push(convertColumnDefinition(inner, conversion));
    else if (kind === "Constraint") constraints.push(...convertConstraints([element], conversion));
    else if (kind === "TableLikeClause") {
      likes.push({ table: convertRelation(inner["relation"], conversion), options: numberOf(inner, "options") });
    } else throw notSupported(`${kind} in CREATE TABLE`, name.location);
  }
  const clauses: string[] = [];
  if (has(fields, "inhRelations")) clauses.push(has(fields, "partbound") ? "PARTITION OF" : "INHERITS");
  if (has(fields, "partspec")) clauses.push("PARTITION BY");
  if (has(fields, "ofTypename")) clauses.push("OF");
  if (hasOptions(fields)) clauses.push("WITH");
  if (has(fields, "tablespacename")) clauses.push("TABLESPACE");
  if (has(fields, "accessMethod")) clauses.push("USING");
  const onCommit = textOf(fields, "oncommit");
  if (onCommit !== "" && onCommit !== "ONCOMMIT_NOOP") clauses.push("ON COMMIT");
  return {
    kind: "createTable",
    name,
    ifNotExists: flagOf(fields, "if_not_exists"),
    isTemporary: isTemporary(fields["relation"]),
    isUnlogged: textOf(fieldsOf(fields["relation"], "RangeVar"), "relpersistence") === "u",
    columns,
    constraints,
    likes,
    clauses,
    location: name.location,
  };
}

function convertColumnDefinition(fields: Fields, conversion: Conversion): ColumnSyntax {
  const constraints = convertConstraints(listOf(fields, "constraints"), conversion);
  const collation = has(fields, "collClause") ? fieldsOf(fields["collClause"], "CollateClause") : null;
  return {
    name: textOf(fields, "colname"),
    type: convertTypeName(fields["typeName"], conversion),
    collation: collation === null ? null : stringsOf(collation, "collname"),
    constraints,
    location: conversion.at(fields),
  };
}

const referentialActions: Readonly<Record<string, ReferentialAction>> = {
  a: "noAction",
  r: "restrict",
  c: "cascade",
  n: "setNull",
  d: "setDefault",
};

/** Constraints in order; DEFERRABLE and its like apply to the one before. */
function convertConstraints(nodes: readonly unknown[], conversion: Conversion): readonly ConstraintSyntax[] {
  const constraints: ConstraintSyntax[] = [];
  for (const node of nodes) {
    const fields = fieldsOf(node, "Constraint");
    const type = textOf(fields, "contype");
    const location = conversion.at(fields);
    const last = constraints.at(-1);
    if (type.startsWith("CONSTR_ATTR_")) {
      if (last === undefined) throw new SqlError("42601", "misplaced constraint attribute", { position: location });
      constraints[constraints.length - 1] = {
        ...last,
        isDeferrable: type === "CONSTR_ATTR_DEFERRABLE" || type === "CONSTR_ATTR_DEFERRED" || last.isDeferrable,
        isInitiallyDeferred: type === "CONSTR_ATTR_DEFERRED" || last.isInitiallyDeferred,
      };
      continue;
    }
    constraints.push(convertConstraint(type, fields, location, conversion));
  }
  return constraints;
}

function convertConstraint(type: string, fields: Fields, location: number, conversion: Conversion): ConstraintSyntax {
  const base = {
    name: textOrNull(fields, "conname"),
    isDeferrable: flagOf(fields, "deferrable"),
    isInitiallyDeferred: flagOf(fields, "initdeferred"),
    isNotValid: flagOf(fields, "skip_validation"),
    location,
  };
  switch (type) {
    case "CONSTR_NOTNULL":
      if (has(fields, "keys")) throw notSupported("NOT NULL as a table constraint", location);
      return { ...base, kind: "notNull" };
    case "CONSTR_NULL":
      return { ...base, kind: "null" };
    case "CONSTR_DEFAULT":
      return { ...base, kind: "default", expression: convertExpression(fields["raw_expr"], conversion) };
    case "CONSTR_CHECK":
      return { ...base, kind: "check", expression: convertExpression(fields["raw_expr"], conversion) };
    case "CONSTR_IDENTITY":
      return {
        ...base,
        kind: "identity",
        when: textOf(fields, "generated_when") === "a" ? "always" : "byDefault",
        options: convertSequenceOptions(listOf(fields, "options"), conversion),
      };
    case "CONSTR_GENERATED":
      return {
        ...base,
        kind: "generated",
        expression: convertExpression(fields["raw_expr"], conversion),
        isStored: textOf(fields, "generated_kind") !== "v",
      };
    case "CONSTR_PRIMARY":
    case "CONSTR_UNIQUE":
      if (has(fields, "options") || has(fields, "indexspace")) throw notSupported("storage options", location);
      if (flagOf(fields, "without_overlaps")) throw notSupported("WITHOUT OVERLAPS", location);
      return {
        ...base,
        kind: type === "CONSTR_PRIMARY" ? "primaryKey" : "unique",
        columns: stringsOf(fields, "keys"),
        included: stringsOf(fields, "including"),
        nullsNotDistinct: flagOf(fields, "nulls_not_distinct"),
        index: textOrNull(fields, "indexname"),
      };
    case "CONSTR_FOREIGN": {
      if (has(fields, "fk_del_set_cols")) throw notSupported("SET NULL of some columns", location);
      const match = textOf(fields, "fk_matchtype");
      return {
        ...base,
        kind: "foreignKey",
        columns: stringsOf(fields, "fk_attrs"),
        table: convertRelation(fields["pktable"], conversion),
        referencedColumns: stringsOf(fields, "pk_attrs"),
        match: match === "f" ? "full" : match === "p" ? "partial" : "simple",
        onUpdate: referentialActions[textOf(fields, "fk_upd_action")] ?? "noAction",
        onDelete: referentialActions[textOf(fields, "fk_del_action")] ?? "noAction",
      };
    }
    default:
      throw notSupported(type === "CONSTR_EXCLUSION" ? "EXCLUDE" : `the constraint ${type}`, location);
  }
}

/** Options of a sequence; each once. */
export function convertSequenceOptions(nodes: readonly unknown[], conversion: Conversion): SequenceOptions {
  const found = new Map<string, { value: unknown; location: number }>();
  for (const { name, value, location } of definitionElements(nodes, conversion)) {
    if (found.has(name)) throw new SqlError("42601", "conflicting or redundant options", { position: location });
    found.set(name, { value, location });
  }
  const number = (name: string): string | null => valueText(found.get(name)?.value ?? null);
  /** Undefined when not written, null without a number. */
  const bound = (name: string): string | null | undefined => (found.has(name) ? number(name) : undefined);
  const type = found.get("as")?.value;
  const cycle = found.get("cycle")?.value;
  const owned = found.get("owned_by")?.value;
  const owner = owned === undefined ? null : nameParts(owned);
  return {
    type: type === undefined ? null : convertTypeName(type, conversion),
    start: number("start"),
    increment: number("increment"),
    minimum: bound("minvalue"),
    maximum: bound("maxvalue"),
    cache: number("cache"),
    cycles: cycle === undefined ? null : flagOf(fieldsOf(cycle, "Boolean"), "boolval"),
    ownedBy: owner === null ? null : owner.length === 1 && owner[0] === "none" ? [] : owner,
    restart: bound("restart"),
    location: -1,
  };
}

function convertAlterTable(fields: Fields, conversion: Conversion): AlterTable {
  const name = convertRelation(fields["relation"], conversion);
  return {
    kind: "alterTable",
    objectType: relationType(textOf(fields, "objtype"), "ALTER"),
    name,
    ifExists: flagOf(fields, "missing_ok"),
    actions: listOf(fields, "cmds").map((item) => convertAction(fieldsOf(item, "AlterTableCmd"), conversion)),
    location: name.location,
  };
}

function convertAction(fields: Fields, conversion: Conversion): AlterTableAction {
  const type = textOf(fields, "subtype");
  const name = textOf(fields, "name");
  const definition = fields["def"];
  const isCascade = textOf(fields, "behavior") === "DROP_CASCADE";
  const isMissingOk = flagOf(fields, "missing_ok");
  const location = -1;
  switch (type) {
    case "AT_AddColumn": {
      const column = convertColumnDefinition(fieldsOf(definition, "ColumnDef"), conversion);
      return { kind: "addColumn", column, ifNotExists: isMissingOk, location };
    }
    case "AT_DropColumn":
      return { kind: "dropColumn", column: name, ifExists: isMissingOk, isCascade, location };
    case "AT_ColumnDefault":
      if (definition === undefined) return { kind: "dropDefault", column: name, location };
      return { kind: "setDefault", column: name, expression: convertExpression(definition, conversion), location };
    case "AT_SetNotNull":
      return { kind: "setNotNull", column: name, location };
    case "AT_DropNotNull":
      return { kind: "dropNotNull", column: name, location };
    case "AT_AlterColumnType": {
      const column = fieldsOf(definition, "ColumnDef");
      const using = optional(column, "raw_default", conversion);
      return { kind: "setType", column: name, type: convertTypeName(column["typeName"], conversion), using, location };
    }
    case "AT_AddConstraint": {
      const [constraint] = convertConstraints([definition], conversion);
      if (constraint === undefined) throw notSupported("an empty constraint");
      return { kind: "addConstraint", constraint, location };
    }
    case "AT_DropConstraint":
      return { kind: "dropConstraint", name, ifExists: isMissingOk, isCascade, location };
    case "AT_ValidateConstraint":
      return { kind: "validateConstraint", name, location };
    case "AT_AddIdentity": {
      const [constraint] = convertConstraints([definition], conversion);
      if (constraint === undefined) throw notSupported("an empty constraint");
      return { kind: "addIdentity", column: name, constraint, location };
    }
    case "AT_DropIdentity":
      return { kind: "dropIdentity", column: name, ifExists: isMissingOk, location };
    case "AT_DropExpression":
      return { kind: "dropExpression", column: name, ifExists: isMissingOk, location };
    case "AT_ChangeOwner":
      return { kind: "setOwner", owner: roleName(fields["newowner"]), location };
    default:
      return { kind: "other", name: type.replace(/^AT_/, ""), location };
  }
}

function convertRename(fields: Fields, conversion: Conversion): Rename {
  const type = textOf(fields, "renameType");
  const newName = textOf(fields, "newname");
  const ifExists = flagOf(fields, "missing_ok");
  const nameless: RelationName = { database: null, schema: null, name: textOf(fields, "subname"), location: -1 };
  if (type === "OBJECT_SCHEMA" || type === "OBJECT_ROLE") {
    const objectType = type === "OBJECT_SCHEMA" ? "schema" : "role";
    return { kind: "rename", objectType, name: nameless, part: null, newName, ifExists, location: -1 };
  }
  const objectType =
    type === "OBJECT_COLUMN" ? "column" : type === "OBJECT_TABCONSTRAINT" ? "constraint" : relationType(type, "RENAME");
  const name = convertRelation(fields["relation"] ?? {}, conversion);
  const part = objectType === "column" || objectType === "constraint" ? textOf(fields, "subname") : null;
  return { kind: "rename", objectType, name, part, newName, ifExists, location: name.location };
}

function convertCreateIndex(fields: Fields, conversion: Conversion): CreateIndex {
  const table = convertRelation(fields["relation"], conversion);
  const clauses: string[] = [];
  if (hasOptions(fields)) clauses.push("WITH");
  if (has(fields, "tableSpace")) clauses.push("TABLESPACE");
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

function convertDrop(fields: Fields, _conversion: Conversion): Drop {
  const type = textOf(fields, "removeType");
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
