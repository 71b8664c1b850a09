/** DROP of tables, indexes, sequences, views and schemas. */
import type { CatalogObject, Relation, SchemaDefinition } from "../../catalog/model.js";
import { isRelation, isType, publicSchemaOid } from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { Drop } from "../../syntax/ast-definition.js";
import { placeOf } from "./draft.js";
import { dependsError, dropIndex, dropRelation, labelOf } from "./drop.js";
import { dropType } from "./drop-type.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

const kindNames: Readonly<Record<Drop["objectType"], string>> = {
  table: "table",
  view: "view",
  materializedView: "materialized view",
  index: "index",
  sequence: "sequence",
  schema: "schema",
};

export function dropSchema(ports: DefinitionPorts, name: string, isCascade: boolean): void {
  const { draft } = ports;
  const schema = draft.schema(name);
  const inside = [...draft.catalog.objects()].filter(
    (object): object is Exclude<CatalogObject, SchemaDefinition> =>
      object.kind !== "schema" && object.schema === schema.oid && object.kind !== "index",
  );
  const relations = inside.filter(isRelation).filter((each) => each.kind !== "sequence" || each.ownerTable === 0);
  const types = inside.filter(isType);
  const owned = [...relations, ...types];
  if (owned.length > 0 && !isCascade) {
    const dependents = owned.map((each) => ({
      description: `${labelOf(each)} ${name}.${each.name} depends on schema ${name}`,
    }));
    throw dependsError(schema, dependents);
  }
  if (owned.length > 0) ports.notice("NOTICE", "00000", `drop cascades to ${owned.length} other objects`);
  for (const each of relations) if (draft.catalog.objectByOid(each.oid) !== null) dropRelation(ports, each, true);
  for (const each of types) dropType(ports, each, true);
  if (schema.oid === publicSchemaOid) throw notSupported("dropping the schema public");
  for (const each of draft.catalog.defaultPrivileges) if (each.schema === schema.oid) draft.remove(each.oid);
  draft.remove(schema.oid);
}

function matches(relation: Relation, type: Drop["objectType"]): boolean {
  return relation.kind === type;
}

export function drop(statement: Drop, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const { objectType, ifExists, isCascade } = statement;
  const what = kindNames[objectType];
  const tag = `DROP ${what.toUpperCase()}`;
  for (const name of statement.names) {
    if (objectType === "schema") {
      if (draft.catalog.schemaByName(name.name) === null) {
        if (!ifExists) throw new SqlError("3F000", `schema "${name.name}" does not exist`);
        ports.notice("NOTICE", "00000", `schema "${name.name}" does not exist, skipping`);
        continue;
      }
      dropSchema(ports, name.name, isCascade);
      continue;
    }
    const relation = draft.find(name);
    if (relation === null) {
      const schemaIsMissing = name.schema !== null && draft.catalog.schemaByName(name.schema) === null;
      const missing = schemaIsMissing ? `schema "${name.schema}"` : `${what} "${name.name}"`;
      if (!ifExists)
        throw new SqlError(schemaIsMissing ? "3F000" : missingState(objectType), `${missing} does not exist`);
      ports.notice("NOTICE", "00000", `${missing} does not exist, skipping`);
      continue;
    }
    if (!matches(relation, objectType)) {
      throw new SqlError("42809", `"${relation.name}" is not ${/^[aeiou]/.test(what) ? "an" : "a"} ${what}`, {
        position: placeOf(name.location),
        hint: `Use DROP ${labelOf(relation).toUpperCase()} to remove ${/^[aeiou]/.test(labelOf(relation)) ? "an" : "a"} ${labelOf(relation)}.`,
      });
    }
    if (relation.kind === "index") dropIndex(ports, relation);
    else dropRelation(ports, relation, isCascade);
  }
  return { tag };
}

const missingState = (type: Drop["objectType"]): string => (type === "index" ? "42704" : "42P01");
