/** Statements about types, of the parser into ours. */
import { notSupported } from "../error.js";
import type {
  AlterDomain,
  AlterType,
  AttributeAction,
  CreateComposite,
  CreateDomain,
  CreateEnum,
  DropType,
} from "./ast-definition.js";
import type { RelationName } from "./ast-query.js";
import type { Conversion } from "./conversion.js";
import { convertConstraints } from "./convert-constraint.js";
import { convertTypeName, optional } from "./convert-expression.js";
import { convertRelation } from "./convert-query.js";
import { convertColumnDefinition } from "./convert-table.js";
import { nameParts } from "./definition-names.js";
import { type Fields, fieldsOf, flagOf, has, listOf, stringNode, stringsOf, textOf, textOrNull } from "./tree.js";

const typeNameOf = (parts: readonly string[]): RelationName => ({
  database: parts.at(-3) ?? null,
  schema: parts.at(-2) ?? null,
  name: parts.at(-1) ?? "",
  location: -1,
});

export const convertCreateEnum = (fields: Fields): CreateEnum => ({
  kind: "createEnum",
  name: typeNameOf(stringsOf(fields, "typeName")),
  labels: listOf(fields, "vals").map(stringNode),
  location: -1,
});

export function convertCreateComposite(fields: Fields, conversion: Conversion): CreateComposite {
  const name = convertRelation(fields["typevar"], conversion);
  const attributes = listOf(fields, "coldeflist").map((item) =>
    convertColumnDefinition(fieldsOf(item, "ColumnDef"), conversion),
  );
  return { kind: "createComposite", name, attributes, location: name.location };
}

function convertAttributeAction(fields: Fields, conversion: Conversion): AttributeAction {
  const subtype = textOf(fields, "subtype");
  const name = textOf(fields, "name");
  switch (subtype) {
    case "AT_AddColumn":
      return { kind: "add", attribute: convertColumnDefinition(fieldsOf(fields["def"], "ColumnDef"), conversion) };
    case "AT_DropColumn":
      return {
        kind: "drop",
        name,
        ifExists: flagOf(fields, "missing_ok"),
        isCascade: textOf(fields, "behavior") === "DROP_CASCADE",
      };
    case "AT_AlterColumnType": {
      const { type, collation, location } = convertColumnDefinition(fieldsOf(fields["def"], "ColumnDef"), conversion);
      return { kind: "setType", name, type, collation, location };
    }
    default:
      throw notSupported(`${subtype.replace(/^AT_/, "")} of a type`);
  }
}

/** ALTER TYPE … ADD, DROP and ALTER ATTRIBUTE. */
export function convertAlterComposite(fields: Fields, conversion: Conversion): AlterType {
  const name = convertRelation(fields["relation"], conversion);
  const actions = listOf(fields, "cmds").map((item) =>
    convertAttributeAction(fieldsOf(item, "AlterTableCmd"), conversion),
  );
  return { kind: "alterType", isDomain: false, name, change: { kind: "attributes", actions }, location: -1 };
}

export function convertRenameAttribute(fields: Fields, newName: string, conversion: Conversion): AlterType {
  const name = convertRelation(fields["relation"], conversion);
  const change = { kind: "renameAttribute", attribute: textOf(fields, "subname"), newName } as const;
  return { kind: "alterType", isDomain: false, name, change, location: -1 };
}

/** ALTER TYPE … ADD VALUE, and … RENAME VALUE, which has an old one. */
export function convertAlterEnum(fields: Fields): AlterType {
  const label = textOrNull(fields, "oldVal");
  const newLabel = textOf(fields, "newVal");
  const change: AlterType["change"] =
    label !== null
      ? { kind: "renameValue", label, newLabel }
      : {
          kind: "addValue",
          label: newLabel,
          ifNotExists: flagOf(fields, "skipIfNewValExists"),
          neighbor: textOrNull(fields, "newValNeighbor"),
          isBehind: flagOf(fields, "newValIsAfter"),
        };
  return { kind: "alterType", isDomain: false, name: typeNameOf(stringsOf(fields, "typeName")), change, location: -1 };
}

export const convertTypeChange = (fields: Fields, type: string, change: AlterType["change"]): AlterType => ({
  kind: "alterType",
  isDomain: type === "OBJECT_DOMAIN",
  name: typeNameOf(nameParts(fields["object"])),
  change,
  location: -1,
});

/** Whether it is about a type, or about a domain, which is one. */
export const isTypeKind = (type: string): boolean => type === "OBJECT_TYPE" || type === "OBJECT_DOMAIN";

export function convertCreateDomain(fields: Fields, conversion: Conversion): CreateDomain {
  const type = convertTypeName(fields["typeName"], conversion);
  const collation = has(fields, "collClause") ? fieldsOf(fields["collClause"], "CollateClause") : null;
  return {
    kind: "createDomain",
    name: typeNameOf(stringsOf(fields, "domainname")),
    type,
    collation: collation === null ? null : stringsOf(collation, "collname"),
    constraints: convertConstraints(listOf(fields, "constraints"), conversion),
    location: -1,
  };
}

export function convertAlterDomain(fields: Fields, conversion: Conversion): AlterDomain {
  const change = (): AlterDomain["change"] => {
    switch (textOf(fields, "subtype")) {
      case "T":
        return { kind: "setDefault", expression: optional(fields, "def", conversion) };
      case "N":
        return { kind: "dropNotNull" };
      case "O":
        return { kind: "setNotNull" };
      case "C": {
        const [constraint] = convertConstraints([fields["def"]], conversion);
        if (constraint === undefined) throw notSupported("an empty constraint");
        return { kind: "addConstraint", constraint };
      }
      case "X":
        return { kind: "dropConstraint", constraint: textOf(fields, "name"), ifExists: flagOf(fields, "missing_ok") };
      case "V":
        return { kind: "validateConstraint", constraint: textOf(fields, "name") };
      default:
        throw notSupported("this change of a domain");
    }
  };
  return { kind: "alterDomain", name: typeNameOf(stringsOf(fields, "typeName")), change: change(), location: -1 };
}

export const convertRenameDomainConstraint = (fields: Fields, newName: string): AlterDomain => ({
  kind: "alterDomain",
  name: typeNameOf(nameParts(fields["object"])),
  change: { kind: "renameConstraint", constraint: textOf(fields, "subname"), newName },
  location: -1,
});

export const convertDropType = (fields: Fields): DropType => ({
  kind: "dropType",
  isDomain: textOf(fields, "removeType") === "OBJECT_DOMAIN",
  names: listOf(fields, "objects").map((item) => typeNameOf(nameParts(item))),
  ifExists: flagOf(fields, "missing_ok"),
  isCascade: textOf(fields, "behavior") === "DROP_CASCADE",
  location: -1,
});
