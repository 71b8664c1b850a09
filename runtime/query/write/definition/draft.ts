/**
 * The catalog while a statement changes it: objects as they will be, found by the next part of the same statement, and at the end put into
 * the transaction's overlay.
 */
import { TableKey, tableTree } from "../../../store/table-trees.js";
import type { TreeReader } from "../../../store/tree.js";
import { assert } from "../../../types/assert.js";
import { type CatalogHead, catalogHeadOid, encodeCatalogHead, encodeObject } from "../../catalog/encoding.js";
import {
  type CatalogEntry,
  informationSchemaOid,
  isType,
  kimberliteSchemaOid,
  pgCatalogSchemaOid,
  type Relation,
  rowsOfObject,
  type SchemaDefinition,
  type TableDefinition,
  type TypeDefinition,
} from "../../catalog/model.js";
import { ObjectCatalog, publicSchema } from "../../catalog/over-trees.js";
import { bootstrapName } from "../../catalog/role-set.js";
import { type NamePath, ownTemporarySchema, schemaNamed, schemasOf } from "../../catalog/temporary.js";
import { findTypeIn, typeNamed } from "../../catalog/user-types.js";
import { notSupported, SqlError } from "../../error.js";
import type { RelationName } from "../../syntax/ast-query.js";
import type { Overlay } from "../../table/overlay.js";
import { quoteIdentifier } from "../../types/quote.js";
import type { Oid } from "../../types/sql-type.js";
import type { FindUserType } from "../../types/type-name.js";

const builtInSchemas: ReadonlyMap<string, Oid> = new Map([
  ["pg_catalog", pgCatalogSchemaOid],
  ["information_schema", informationSchemaOid],
  ["kimberlite", kimberliteSchemaOid],
]);

/** One entry before and after; null where it was not there, or is not any more. */
export interface CatalogChange {
  readonly oid: Oid;
  readonly before: CatalogEntry | null;
  readonly after: CatalogEntry | null;
}

export class CatalogDraft {
  readonly #before: ReadonlyMap<Oid, CatalogEntry>;
  readonly #objects: Map<Oid, CatalogEntry>;
  readonly #changed = new Set<Oid>();
  readonly #version: number;
  readonly #path: NamePath;
  readonly #changes: number;
  #nextOid: Oid;
  #catalog: ObjectCatalog;

  /**
   * @param version of the catalogs that come of it: below 0, and of no other
   * @param firstOid the first number that nobody has drawn, where others draw beside it
   */
  constructor(catalog: ObjectCatalog, path: NamePath, version: number, firstOid: Oid = catalog.head.nextOid) {
    assert(version < 0, "the catalog of an open transaction is told apart by its version");
    assert(firstOid >= catalog.head.nextOid, "numbers that the catalog has given are not given again");
    this.#before = new Map([...catalog.entries()].map((entry) => [entry.oid, entry]));
    this.#objects = new Map(this.#before);
    this.#nextOid = firstOid;
    this.#changes = catalog.head.changes + 1;
    const { searchPath, temporarySchema } = path;
    this.#path = { searchPath, temporarySchema };
    this.#version = version;
    this.#catalog = catalog;
  }

  /** The catalog as it is by now. */
  get catalog(): ObjectCatalog {
    return this.#catalog;
  }

  newOid(): Oid {
    const oid = this.#nextOid;
    this.#nextOid += 1;
    return oid;
  }

  /** The first number that it has not given. */
  get nextOid(): Oid {
    return this.#nextOid;
  }

  get #head(): CatalogHead {
    return { nextOid: this.#nextOid, changes: this.#changes };
  }

  #catalogOf(objects: Iterable<CatalogEntry>): ObjectCatalog {
    return new ObjectCatalog(
      this.#version,
      this.#head,
      [...objects].filter((object) => object !== publicSchema),
    );
  }

  #rebuild(): void {
    this.#catalog = this.#catalogOf(this.#objects.values());
  }

  /** The catalog as it would be with another definition of one object. */
  catalogWith(object: CatalogEntry): ObjectCatalog {
    return this.#catalogOf(new Map([...this.#objects, [object.oid, object]]).values());
  }

  put(...objects: readonly CatalogEntry[]): void {
    for (const object of objects) {
      this.#objects.set(object.oid, object);
      this.#changed.add(object.oid);
    }
    this.#rebuild();
  }

  remove(oid: Oid): void {
    assert(this.#objects.has(oid), "what is dropped is there");
    this.#objects.delete(oid);
    this.#changed.add(oid);
    this.#rebuild();
  }

  get hasChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** What is other than it was when the draft was begun. */
  *changes(): Iterable<CatalogChange> {
    for (const oid of this.#changed) {
      const before = this.#before.get(oid) ?? null;
      const after = this.#objects.get(oid) ?? null;
      if (before !== after) yield { oid, before, after };
    }
  }

  /** Writes what has changed into the overlay. */
  finish(tenant: number, overlay: Overlay, reader: TreeReader): void {
    if (!this.hasChanged) return;
    const key = new TableKey();
    for (const oid of this.#changed) {
      const object = this.#objects.get(oid);
      const treeKey = key.object(tenant, oid).slice();
      if (object !== undefined) overlay.put(tableTree.catalog, treeKey, encodeObject(object));
      else if (reader.get(tableTree.catalog, treeKey)) overlay.remove(tableTree.catalog, treeKey);
    }
    const head = key.object(tenant, catalogHeadOid).slice();
    overlay.put(tableTree.catalog, head, encodeCatalogHead(this.#head));
  }

  // ------------------------------------------------------------------ names

  /** The schema in which a new object is made. */
  schemaFor({ schema, location }: RelationName): SchemaDefinition {
    if (schema !== null) return this.schema(schema, location);
    for (const name of this.#path.searchPath) {
      const found = this.#catalog.schemaByName(name);
      if (found !== null) return found;
    }
    throw new SqlError("3F000", "no schema has been selected to create in", { position: placeOf(location) });
  }

  /** The schema in which a relation is made: for a temporary one that of the session, made now if need be. It is nobody's who acts in it. */
  schemaOf(name: RelationName, isTemporary: boolean): SchemaDefinition {
    if (!isTemporary && name.schema !== ownTemporarySchema) return this.schemaFor(name);
    const { temporarySchema } = this.#path;
    const isElsewhere = name.schema !== null && schemaNamed(name.schema, this.#path) !== temporarySchema;
    if (isElsewhere) {
      const position = placeOf(name.location);
      throw new SqlError("42P16", "cannot create temporary relation in non-temporary schema", { position });
    }
    if (temporarySchema === null) throw notSupported("something temporary without a session's schema for it");
    const known = this.#catalog.schemaByName(temporarySchema);
    if (known !== null) return known;
    const oid = this.newOid();
    const made: SchemaDefinition = { kind: "schema", oid, name: temporarySchema, owner: bootstrapName };
    this.put(made);
    return made;
  }

  schema(name: string, location = -1): SchemaDefinition {
    if (builtInSchemas.has(name)) {
      throw new SqlError("42501", `permission denied for schema ${name}`, { position: placeOf(location) });
    }
    const found = this.#catalog.schemaByName(schemaNamed(name, this.#path));
    if (found !== null) return found;
    throw new SqlError("3F000", `schema "${name}" does not exist`, { position: placeOf(location) });
  }

  find({ schema, name }: RelationName): Relation | null {
    if (schema !== null) {
      const found = this.#catalog.schemaByName(schemaNamed(schema, this.#path));
      return found === null ? null : this.#catalog.relationByName(found.oid, name);
    }
    for (const each of schemasOf(this.#path)) {
      const found = this.#catalog.schemaByName(each);
      const relation = found === null ? null : this.#catalog.relationByName(found.oid, name);
      if (relation !== null) return relation;
    }
    return null;
  }

  /** Finds a type that somebody has made. */
  readonly findType: FindUserType = (by, position) => findTypeIn(this.#catalog, this.#path)(by, position);

  type({ schema, name }: RelationName): TypeDefinition | null {
    return typeNamed(schema === null ? [name] : [schema, name], this.#catalog, this.#path);
  }

  /** What an object is called where its schema may be another than those that are looked in: `visits`, `clinic.visits`. */
  shown(object: Relation | TypeDefinition): string {
    const bare = { database: null, schema: null, name: object.name, location: -1 };
    const found = isType(object) ? this.type(bare) : this.find(bare);
    const schema = this.#catalog.objectByOid(object.schema);
    const name = quoteIdentifier(object.name);
    return found?.oid === object.oid || schema?.kind !== "schema" ? name : `${quoteIdentifier(schema.name)}.${name}`;
  }

  /** Whether a name says a schema that is not there. A session's own is there from the first temporary table on, as it were. */
  isWithoutSchema({ schema }: RelationName): boolean {
    if (schema === null) return false;
    if (schema === ownTemporarySchema) return this.#path.temporarySchema === null;
    return this.#catalog.schemaByName(schema) === null;
  }

  /** Throws 42P01 and 42809. @param position of a table that is not there: PostgreSQL tells it of few statements */
  table(name: RelationName, position?: number): TableDefinition {
    const found = this.find(name);
    if (found === null && this.isWithoutSchema(name))
      throw new SqlError("3F000", `schema "${name.schema}" does not exist`, { position });
    if (found === null) throw new SqlError("42P01", `relation "${shownName(name)}" does not exist`, { position });
    if (found.kind === "table") return found;
    throw new SqlError("42809", `"${found.name}" is not a table`);
  }

  /** A table, or what holds the rows of a materialized view: what can have an index. */
  indexable(name: RelationName): TableDefinition {
    const rows = rowsOfObject(this.find(name));
    return rows ?? this.table(name);
  }

  /** Puts a table back where it was found, also one that holds a materialized view's rows. */
  putRows(table: TableDefinition): void {
    const owner = this.#objects.get(table.oid);
    this.put(owner?.kind === "materializedView" ? { ...owner, rows: table } : table);
  }

  /** Whether a relation has the name, or a composite type, which is listed among them. */
  isTaken(schema: Oid, name: string): boolean {
    if (this.#catalog.relationByName(schema, name) !== null) return true;
    return this.#catalog.typeByName(schema, name)?.kind === "composite";
  }
}

export const placeOf = (location: number): number | undefined => (location < 0 ? undefined : location);
export const shownName = ({ schema, name }: RelationName): string => (schema === null ? name : `${schema}.${name}`);
