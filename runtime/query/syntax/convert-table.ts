/** CREATE TABLE and ALTER TABLE, of the parser into ours. */

import { notSupported, SqlError } from "../error.js";
import type {
  AlterTable,
  AlterTableAction,
  ColumnSyntax,
  ConstraintSyntax,
  CreateTable,
  ReplicaIdentity,
} from "./ast-definition.js";
import type { RelationName } from "./ast-query.js";
import type { Conversion } from "./conversion.js";
import { convertConstraints, convertSequenceOptions } from "./convert-constraint.js";
import { convertExpression, convertTypeName, optional } from "./convert-expression.js";
import { convertRelation } from "./convert-query.js";
import { isTemporary, isUnlogged, onCommitOf, relationType } from "./definition-names.js";
import { checkOptionIn, definitionElements, roleName, valueText } from "./options.js";
import { expectHeap, expectTablespace } from "./storage-clauses.js";
import { expectChangedHints, expectColumnHint, expectCompression, expectHints } from "./storage-hints.js";
import { type Fields, fieldsOf, flagOf, has, listOf, numberOf, stringsOf, textOf, unwrap } from "./tree.js";

export function convertCreateTable(fields: Fields, conversion: Conversion): CreateTable {
  const name = convertRelation(fields["relation"], conversion);
  const columns: ColumnSyntax[] = [];
  const constraints: ConstraintSyntax[] = [];
  const likes: { table: RelationName; options: number; at: number }[] = [];
  for (const element of listOf(fields, "tableElts")) {
    const [kind, inner] = unwrap(element);
    if (kind === "ColumnDef") columns.push(convertColumnDefinition(inner, conversion));
    else if (kind === "Constraint") constraints.push(...convertConstraints([element], conversion));
    else if (kind === "TableLikeClause") {
      const table = convertRelation(inner["relation"], conversion);
      likes.push({ table, options: numberOf(inner, "options"), at: columns.length });
    } else throw notSupported(`${kind} in CREATE TABLE`, name.location);
  }
  const clauses: string[] = [];
  if (has(fields, "inhRelations")) clauses.push(has(fields, "partbound") ? "PARTITION OF" : "INHERITS");
  if (has(fields, "partspec")) clauses.push("PARTITION BY");
  if (has(fields, "ofTypename")) clauses.push("OF");
  expectHints(listOf(fields, "options"), "table", conversion);
  expectTablespace(fields, "tablespacename");
  expectHeap(fields);
  return {
    kind: "createTable",
    name,
    ifNotExists: flagOf(fields, "if_not_exists"),
    isTemporary: isTemporary(fields["relation"]),
    onCommit: onCommitOf(fields, "oncommit"),
    isUnlogged: isUnlogged(fields["relation"]),
    columns,
    constraints,
    likes,
    clauses,
    location: name.location,
  };
}

export function convertColumnDefinition(fields: Fields, conversion: Conversion): ColumnSyntax {
  // Of a table that takes its columns from a type or another table, whose options this column changes.
  if (!has(fields, "typeName")) throw notSupported("a column without a type", conversion.at(fields));
  if (has(fields, "compression")) expectCompression(textOf(fields, "compression"));
  const constraints = convertConstraints(listOf(fields, "constraints"), conversion);
  const collation = has(fields, "collClause") ? fieldsOf(fields["collClause"], "CollateClause") : null;
  return {
    name: textOf(fields, "colname"),
    type: convertTypeName(fields["typeName"], conversion),
    collation: collation === null ? null : stringsOf(collation, "collname"),
    collationLocation: collation === null ? -1 : conversion.at(collation),
    constraints,
    location: conversion.at(fields),
  };
}

export function convertAlterTable(fields: Fields, conversion: Conversion): AlterTable {
  const name = convertRelation(fields["relation"], conversion);
  const isOfView = textOf(fields, "objtype") === "OBJECT_VIEW";
  return {
    kind: "alterTable",
    objectType: relationType(textOf(fields, "objtype"), "ALTER"),
    name,
    ifExists: flagOf(fields, "missing_ok"),
    actions: listOf(fields, "cmds").map((item) => convertAction(fieldsOf(item, "AlterTableCmd"), isOfView, conversion)),
    location: name.location,
  };
}

function convertAction(fields: Fields, isOfView: boolean, conversion: Conversion): AlterTableAction {
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
      const collate = has(column, "collClause") ? fieldsOf(column["collClause"], "CollateClause") : null;
      const collation = collate === null ? null : stringsOf(collate, "collname");
      const type = convertTypeName(column["typeName"], conversion);
      return { kind: "setType", column: name, type, collation, using, location };
    }
    case "AT_AddConstraint": {
      const [constraint] = convertConstraints([definition], conversion);
      if (constraint === undefined) throw notSupported("an empty constraint");
      return { kind: "addConstraint", constraint, location };
    }
    case "AT_DropConstraint":
      return { kind: "dropConstraint", name, ifExists: isMissingOk, isCascade, location };
    case "AT_AlterConstraint": {
      const changed = fieldsOf(definition, "ATAlterConstraint");
      if (!flagOf(changed, "alterDeferrability")) throw notSupported("this change of a constraint");
      return {
        kind: "alterConstraint",
        name: textOf(changed, "conname"),
        isDeferrable: flagOf(changed, "deferrable"),
        isInitiallyDeferred: flagOf(changed, "initdeferred"),
        location,
      };
    }
    case "AT_ValidateConstraint":
      return { kind: "validateConstraint", name, location };
    case "AT_AddIdentity": {
      const [constraint] = convertConstraints([definition], conversion);
      if (constraint === undefined) throw notSupported("an empty constraint");
      return { kind: "addIdentity", column: name, constraint, location };
    }
    case "AT_SetIdentity":
      return setIdentity(name, listOf(fieldsOf(definition, "List"), "items"), conversion);
    case "AT_DropIdentity":
      return { kind: "dropIdentity", column: name, ifExists: isMissingOk, location };
    case "AT_DropExpression":
      return { kind: "dropExpression", column: name, ifExists: isMissingOk, location };
    case "AT_ChangeOwner":
      return { kind: "setOwner", owner: roleName(fields["newowner"]), location };
    case "AT_ClusterOn":
      return { kind: "clusterOn", index: name, location };
    case "AT_SetRelOptions":
    case "AT_ResetRelOptions": {
      const elements = definitionElements(listOf(fieldsOf(definition, "List"), "items"), conversion);
      const isCheckOption = elements.some((element) => element.name === "check_option");
      if (!isOfView && !isCheckOption) {
        expectChangedHints(elements, type === "AT_ResetRelOptions");
        return { kind: "hint", column: null, isOfValues: false, location };
      }
      if (type === "AT_SetRelOptions")
        return { kind: "setOptions", checkOption: checkOptionIn(elements) ?? undefined, location };
      return { kind: "setOptions", checkOption: isCheckOption ? null : undefined, location };
    }
    case "AT_SetStatistics":
    case "AT_SetStorage":
    case "AT_SetCompression":
    case "AT_SetOptions":
    case "AT_ResetOptions":
      // A column of an index is told by its number: there is no name then.
      if (name === "") return { kind: "other", name: type.replace(/^AT_/, ""), location };
      expectColumnHint(type, definition, conversion);
      return {
        kind: "hint",
        column: name,
        isOfValues: type === "AT_SetStorage" || type === "AT_SetCompression",
        location,
      };
    case "AT_SetLogged":
    case "AT_SetUnLogged":
      return { kind: "setPersistence", isUnlogged: type === "AT_SetUnLogged", location };
    case "AT_SetTableSpace":
      expectTablespace(fields, "name");
      return { kind: "hint", column: null, isOfValues: true, location };
    case "AT_DropCluster":
      return { kind: "clusterOn", index: null, location };
    case "AT_ReplicaIdentity": {
      const statement = fieldsOf(definition, "ReplicaIdentityStmt");
      const identity = replicaIdentities[textOf(statement, "identity_type")] ?? "default";
      return { kind: "replicaIdentity", identity, index: textOf(statement, "name"), location };
    }
    default: {
      const switched = /^AT_(Enable|Disable)(?:Always|Replica)?(Trig|Rule)(All|User)?$/u.exec(type);
      if (switched !== null) {
        const [, verb, what, group] = switched;
        const which = group === "All" ? "all" : group === "User" ? "user" : { name };
        const isEnabled = verb === "Enable";
        return { kind: "switched", what: what === "Rule" ? "rule" : "trigger", which, isEnabled, location };
      }
      return { kind: "other", name: type.replace(/^AT_/, ""), location };
    }
  }
}

const replicaIdentities: Readonly<Record<string, ReplicaIdentity["identity"]>> = {
  f: "full",
  n: "nothing",
  i: "index",
};

/** SET GENERATED, and options of the column's sequence. */
function setIdentity(column: string, nodes: readonly unknown[], conversion: Conversion): AlterTableAction {
  const isGenerated = (node: unknown): boolean => textOf(fieldsOf(node, "DefElem"), "defname") === "generated";
  const [generated, twice] = definitionElements(nodes.filter(isGenerated), conversion);
  if (twice !== undefined)
    throw new SqlError("42601", "conflicting or redundant options", { position: twice.location });
  return {
    kind: "setIdentity",
    column,
    // As in pg_attribute: a letter's code.
    when:
      generated === undefined
        ? null
        : valueText(generated.value) === String("a".charCodeAt(0))
          ? "always"
          : "byDefault",
    options: convertSequenceOptions(
      nodes.filter((node) => !isGenerated(node)),
      conversion,
    ),
    location: -1,
  };
}
