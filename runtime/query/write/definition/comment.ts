/** COMMENT ON: what people say of tables and their parts stands in the catalog, with a past like all else there. */
import {
  type CatalogObject,
  type Comments,
  type CompositeDefinition,
  type DomainDefinition,
  partName,
  type Relation,
  type TableDefinition,
  type TypeDefinition,
} from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { CommentOn } from "../../syntax/ast-definition.js";
import { columnNamed } from "./constraints.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

const relationKinds: Readonly<Record<string, readonly [kind: Relation["kind"], article: string]>> = {
  table: ["table", "a table"],
  view: ["view", "a view"],
  matview: ["materializedView", "a materialized view"],
  index: ["index", "an index"],
  sequence: ["sequence", "a sequence"],
};

/** Throws `SqlError`: 42P01, 42703, 42704, 3F000 for what is not there, 42809 for another kind of object, 0A000 for what has no comments here. */
export function comment(statement: CommentOn, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const { objectType, name } = statement;
  const put = (object: CatalogObject, part: string): void => {
    // Of a constraint PostgreSQL locks no more than who reads the table.
    if (object.kind === "table" && objectType !== "tabconstraint") ports.lockTable(object, "SHARE UPDATE EXCLUSIVE");
    draft.put({ ...object, comments: said(object.comments ?? {}, part, statement.text) });
  };
  const wanted = relationKinds[objectType];
  if (wanted !== undefined) {
    const relation = relationNamed(name, ports);
    const [kind, article] = wanted;
    if (relation.kind !== kind) throw new SqlError("42809", `"${relation.name}" is not ${article}`);
    put(relation, partName.itself);
  } else if (objectType === "schema") {
    put(draft.schema(name[0] ?? ""), partName.itself);
  } else if (objectType === "type" || objectType === "domain") {
    const type = typeNamed(name, ports);
    if (type === null) throw new SqlError("42704", `type "${name.join(".")}" does not exist`);
    put(type, partName.itself);
  } else if (objectType === "domconstraint") {
    const domain = domainNamed(name.slice(0, -1), ports);
    put(domain, partName.constraint(checkOid(domain, name.at(-1) ?? "", ports)));
  } else if (objectType === "column") {
    const [column = "", ...of] = name.toReversed();
    const type = typeNamed(of.toReversed(), ports);
    if (type?.kind === "composite") put(type, partName.column(attributeNumber(type, column)));
    else {
      const relation = relationNamed(of.toReversed(), ports);
      put(relation, partName.column(columnNumber(relation, column)));
    }
  } else if (objectType === "tabconstraint") {
    const relation = relationNamed(name.slice(0, -1), ports);
    put(relation, partName.constraint(constraintOid(relation, name.at(-1) ?? "")));
  } else throw notSupported(`COMMENT ON ${objectType.replaceAll("_", " ").toUpperCase()}`);
  return { tag: "COMMENT" };
}

/** Nothing, and the empty text, take back what was said. */
function said(comments: Comments, part: string, text: string | null): Comments {
  const others = Object.entries(comments).filter(([each]) => each !== part);
  return Object.fromEntries(text === null || text === "" ? others : [...others, [part, text]]);
}

function relationNamed(name: readonly string[], { draft }: DefinitionPorts): Relation {
  const found = draft.find({ database: null, schema: name.at(-2) ?? null, name: name.at(-1) ?? "", location: -1 });
  if (found === null) throw new SqlError("42P01", `relation "${name.join(".")}" does not exist`);
  return found;
}

function columnNumber(relation: Relation, name: string): number {
  if (relation.kind === "table") {
    const column = columnNamed(relation.columns, name);
    if (column !== null) return column.number;
  } else if (relation.kind === "view" || relation.kind === "materializedView") {
    const index = relation.columns.findIndex((column) => column.name === name);
    if (index >= 0) return index + 1;
  } else
    throw new SqlError("42809", `cannot set comment on relation "${relation.name}"`, {
      detail: `This operation is not supported for ${relation.kind === "index" ? "indexes" : "sequences"}.`,
    });
  throw new SqlError("42703", `column "${name}" of relation "${relation.name}" does not exist`);
}

function constraintOid(relation: Relation, name: string): number {
  if (relation.kind !== "table") throw new SqlError("42809", `"${relation.name}" is not a table`);
  const found = (relation satisfies TableDefinition).constraints.find((constraint) => constraint.name === name);
  if (found !== undefined) return found.oid;
  throw new SqlError("42704", `constraint "${name}" for table "${relation.name}" does not exist`);
}

const typeNamed = (name: readonly string[], { draft }: DefinitionPorts): TypeDefinition | null =>
  draft.type({ database: null, schema: name.at(-2) ?? null, name: name.at(-1) ?? "", location: -1 });

function attributeNumber({ name: type, attributes }: CompositeDefinition, name: string): number {
  const found = attributes.find((attribute) => attribute.name === name);
  if (found !== undefined) return found.number;
  throw new SqlError("42703", `column "${name}" of relation "${type}" does not exist`);
}

function domainNamed(name: readonly string[], ports: DefinitionPorts): DomainDefinition {
  const type = typeNamed(name, ports);
  if (type === null) throw new SqlError("42704", `type "${name.join(".")}" does not exist`);
  if (type.kind !== "domain") throw new SqlError("42809", `"${name.join(".")}" is not a domain`);
  return type;
}

function checkOid(domain: DomainDefinition, name: string, { draft }: DefinitionPorts): number {
  const found = domain.checks.find((check) => check.name === name);
  if (found !== undefined) return found.oid;
  throw new SqlError("42704", `constraint "${name}" for domain ${draft.shown(domain)} does not exist`);
}
