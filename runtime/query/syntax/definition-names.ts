/** Names and kinds of objects that definitions are about, however the parser holds them. */
import { notSupported } from "../error.js";
import type { OnCommit } from "./ast-definition.js";
import { type Fields, fieldsOf, listOf, stringNode, stringsOf, textOf, textOrNull, unwrap } from "./tree.js";

export const isTemporary = (relation: unknown): boolean =>
  textOf(fieldsOf(relation, "RangeVar"), "relpersistence") === "t";

export const isUnlogged = (relation: unknown): boolean =>
  textOf(fieldsOf(relation, "RangeVar"), "relpersistence") === "u";

const onCommits: Readonly<Record<string, OnCommit>> = {
  ONCOMMIT_PRESERVE_ROWS: "preserve",
  ONCOMMIT_DELETE_ROWS: "deleteRows",
  ONCOMMIT_DROP: "drop",
};

export const onCommitOf = (fields: Fields, name: string): OnCommit => onCommits[textOf(fields, name)] ?? null;

/** `OBJECT_MATVIEW` as words: `matview`. */
export const objectName = (type: string): string => type.replace(/^OBJECT_/, "").toLowerCase();

/** The parts of an object's name, however the parser holds it. */
export function nameParts(node: unknown): readonly string[] {
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

export function relationType(type: string, what: string): (typeof relationTypes)[keyof typeof relationTypes] {
  const found = relationTypes[type as keyof typeof relationTypes] as
    | (typeof relationTypes)[keyof typeof relationTypes]
    | undefined;
  if (found === undefined) throw notSupported(`${what} of a ${objectName(type)}`);
  return found;
}
