/** DROP of tables, indexes, sequences, views and schemas. */
import type { CatalogObject, Relation, SchemaDefinition, TypeDefinition } from "../../catalog/model.js";
import { isRelation, isType, publicSchemaOid } from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { Drop } from "../../syntax/ast-definition.js";
import { placeOf } from "./draft.js";
import { allDependentsOf, dependsError, dropIndex, dropRelation, labelOf } from "./drop.js";
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
  const inOrder = (left: CatalogObject, right: CatalogObject): number => left.oid - right.oid;
  const relations = inside.filter(isRelation).filter((each) => each.kind !== "sequence" || each.ownerTable === 0);
  // As they were made, but for types, whose numbers are others: most tables are made of types that were there.
  const owned = [...inside.filter(isType).sort(inOrder), ...relations.sort(inOrder)];
  if (owned.length > 0 && !isCascade) {
    throw dependsError(schema.name, schema, dependentsIn(ports, schema, owned));
  }
  for (const each of owned) {
    // What has gone with another was told of then.
    if (draft.catalog.objectByOid(each.oid) === null) continue;
    ports.cascades.note({ description: `${labelOf(each)} ${draft.shown(each)}`, partOf: null });
    // As it is by now: without constraints that went with others.
    const now = draft.catalog.objectByOid(each.oid);
    if (isType(each)) dropType(ports, each, true);
    else if (now?.kind === each.kind) dropRelation(ports, now, true);
  }
  if (schema.oid === publicSchemaOid) throw notSupported("dropping the schema public");
  for (const each of draft.catalog.defaultPrivileges) if (each.schema === schema.oid) draft.remove(each.oid);
  draft.remove(schema.oid);
}

/** What is in a schema, each followed by what hangs on it from elsewhere. */
function dependentsIn(
  ports: DefinitionPorts,
  schema: SchemaDefinition,
  owned: readonly (Relation | TypeDefinition)[],
): readonly { readonly description: string }[] {
  const { draft } = ports;
  const seen = new Set(owned.map(({ oid }) => oid));
  return owned.flatMap((each) => [
    { description: `${labelOf(each)} ${draft.shown(each)} depends on schema ${schema.name}` },
    ...(isType(each) ? [] : allDependentsOf(ports, each)).filter(
      ({ partOf, relation }) => !seen.has(partOf ?? 0) && !seen.has(relation?.oid ?? 0),
    ),
  ]);
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
