/** Statements about types, of the parser into ours. */
import type { AlterType, CreateEnum, DropType } from "./ast-definition.js";
import type { RelationName } from "./ast-query.js";
import { nameParts } from "./definition-names.js";
import { type Fields, flagOf, listOf, stringNode, stringsOf, textOf, textOrNull } from "./tree.js";

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
  return { kind: "alterType", name: typeNameOf(stringsOf(fields, "typeName")), change, location: -1 };
}

export const convertTypeChange = (fields: Fields, change: AlterType["change"]): AlterType => ({
  kind: "alterType",
  name: typeNameOf(nameParts(fields["object"])),
  change,
  location: -1,
});

export const convertDropType = (fields: Fields): DropType => ({
  kind: "dropType",
  names: listOf(fields, "objects").map((item) => typeNameOf(nameParts(item))),
  ifExists: flagOf(fields, "missing_ok"),
  isCascade: textOf(fields, "behavior") === "DROP_CASCADE",
  location: -1,
});
