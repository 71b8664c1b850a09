/** DROP of tables, indexes, sequences, views and schemas. */
import type { CatalogObject, Relation, SchemaDefinition, TypeDefinition } from "../../catalog/model.js";
import { isRelation, isType, publicSchemaOid } from "../../catalog/model.js";
import { publicSchema } from "../../catalog/over-trees.js";
import { SqlError } from "../../error.js";
import type { Drop } from "../../syntax/ast-definition.js";
import { numberInOid } from "../../types/user-types.js";
import { placeOf } from "./draft.js";
import {
  type Dependent,
  dependsError,
  dependsOnSome,
  dropIndex,
  dropRelation,
  dropRelations,
  inOrder,
  labelOf,
  noteAll,
} from "./drop.js";
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

export const dropSchema = (ports: DefinitionPorts, name: string, isCascade: boolean): void =>
  dropSchemas(ports, [ports.draft.schema(name)], isCascade);

type Contents = Exclude<CatalogObject, SchemaDefinition>;

/** Removes schemas with what is in them. Throws 2BP01 when something is and `isCascade` does not say that it goes too. */
function dropSchemas(ports: DefinitionPorts, schemas: readonly SchemaDefinition[], isCascade: boolean): void {
  const { draft } = ports;
  const oids = new Set(schemas.map(({ oid }) => oid));
  const inside = (): Contents[] =>
    [...draft.catalog.objects()].filter(
      (object): object is Contents => object.kind !== "schema" && object.kind !== "index" && oids.has(object.schema),
    );
  const types = inside().filter(isType);
  if (!isCascade) {
    const told = [...types.map((type) => inSchema(ports, type)), ...dependentsIn(ports, schemas, inside())];
    const [first, ...others] = schemas;
    if (told.length > 0 && first !== undefined && others.length === 0) throw dependsError(first.name, first, told);
    if (told.length > 0) throw dependsOnSome(told);
  }
  // Types first, whose numbers are others: most tables are made of types that were there.
  for (const type of types.sort((left, right) => drawnNumber(left) - drawnNumber(right))) {
    if (draft.catalog.objectByOid(type.oid) === null) continue;
    ports.cascades.note({ description: `type ${draft.shown(type)}`, partOf: null });
    dropType(ports, type, true);
  }
  noteAll(ports, dependentsIn(ports, schemas, inside()));
  ports.cascades.silently(() => {
    for (const { oid } of inside().filter(isRelation)) {
      // As it is by now: without constraints that went with others.
      const now = draft.catalog.objectByOid(oid);
      if (now !== null && isRelation(now)) dropRelation(ports, now, true);
    }
  });
  for (const schema of schemas) {
    for (const each of draft.catalog.defaultPrivileges) if (each.schema === schema.oid) draft.remove(each.oid);
    // Nothing is stored of the schema that is there from the beginning: that it is gone has to be.
    if (schema.oid === publicSchemaOid) draft.put({ ...publicSchema, isDropped: true });
    else draft.remove(schema.oid);
  }
}

/** Types are told of in the order in which they were made. */
const drawnNumber = ({ kind, oid }: TypeDefinition): number => (kind === "domain" ? oid : numberInOid(oid));

/** An object as what hangs on its schema. */
function inSchema({ draft }: DefinitionPorts, object: Relation | TypeDefinition): Dependent {
  const schema = draft.catalog.objectByOid(object.schema);
  return {
    description: `${labelOf(object)} ${draft.shown(object)} depends on schema ${schema?.name ?? ""}`,
    oid: object.oid,
    partOf: null,
    relation: isRelation(object) ? object : null,
    drop: () => {},
  };
}

/** Relations of schemas, each followed by what hangs on it. Sequences of columns are parts of their tables. */
function dependentsIn(
  ports: DefinitionPorts,
  schemas: readonly SchemaDefinition[],
  inside: readonly Contents[],
): readonly Dependent[] {
  const relations = inside.filter(isRelation).filter((each) => each.kind !== "sequence" || each.ownerTable === 0);
  const roots = schemas.map(({ oid }) =>
    relations.filter((each) => each.schema === oid).map((each) => inSchema(ports, each)),
  );
  const owned = new Set(relations.map(({ oid }) => oid));
  const isPart = ({ partOf }: Dependent): boolean => owned.has(partOf ?? 0);
  return inOrder(ports, roots, new Set()).filter((each) => !isPart(each));
}

function matches(relation: Relation, type: Drop["objectType"]): boolean {
  return relation.kind === type;
}

export function drop(statement: Drop, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const { objectType, ifExists, isCascade } = statement;
  const what = kindNames[objectType];
  const tag = `DROP ${what.toUpperCase()}`;
  const relations: Relation[] = [];
  const schemas: SchemaDefinition[] = [];
  for (const name of statement.names) {
    if (objectType === "schema") {
      const schema = draft.catalog.schemaByName(name.name);
      if (schema === null) {
        if (!ifExists) throw new SqlError("3F000", `schema "${name.name}" does not exist`);
        ports.notice("NOTICE", "00000", `schema "${name.name}" does not exist, skipping`);
        continue;
      }
      if (!schemas.includes(schema)) schemas.push(schema);
      continue;
    }
    const relation = draft.find(name);
    if (relation === null) {
      const schemaIsMissing = draft.isWithoutSchema(name);
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
    else if (!relations.includes(relation)) relations.push(relation);
  }
  if (schemas.length > 0) dropSchemas(ports, schemas, isCascade);
  dropRelations(ports, relations, isCascade);
  return { tag };
}

const missingState = (type: Drop["objectType"]): string => (type === "index" ? "42704" : "42P01");
