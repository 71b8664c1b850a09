/**
 * The catalog of one tenant, read from the store's catalog trees: as it is, as it was at a position, or as an open transaction has it. It is
 * read whole and kept by its version, since it changes rarely and is asked for with every statement.
 */

import { positionAt, spaceTrees, TableKey, tableSpace, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { databaseOwnerRole } from "../../types/predefined-roles.js";
import { behindPrefix } from "../table/key-codec.js";
import { type Versions, VersionWalk } from "../table/version-walk.js";
import type { Oid } from "../types/sql-type.js";
import { builtInObject } from "./built-in-domains.js";
import { type CatalogHead, catalogHeadOid, decodeCatalogHead, decodeObject } from "./encoding.js";
import {
  type Catalog,
  type CatalogEntry,
  type CatalogObject,
  type ConstraintDefinition,
  type DatabaseDefinition,
  type DefaultPrivileges,
  firstUserOid,
  type IndexDefinition,
  isObject,
  isType,
  type MaterializedViewDefinition,
  publicSchemaOid,
  type Relation,
  rowsOfObject,
  type SchemaDefinition,
  type TableDefinition,
  type TypeDefinition,
} from "./model.js";

const catalogTrees = spaceTrees[tableSpace.catalog];
assert(catalogTrees !== undefined, "the catalog has its trees");

/** Every tenant begins with it; it is whoever owns the tenant's. */
export const publicSchema: SchemaDefinition = {
  kind: "schema",
  oid: publicSchemaOid,
  name: "public",
  owner: databaseOwnerRole,
};

type Referencing = readonly { readonly table: TableDefinition; readonly constraint: ConstraintDefinition }[];

export class ObjectCatalog implements Catalog {
  readonly version: number;
  /** The oid that the next object gets, and how often the catalog was changed. */
  readonly head: CatalogHead;
  readonly #objects = new Map<Oid, CatalogObject>();
  readonly #schemas = new Map<string, SchemaDefinition>();
  readonly #relations = new Map<Oid, Map<string, Relation>>();
  readonly #types = new Map<string, TypeDefinition>();
  readonly #referencing = new Map<Oid, { table: TableDefinition; constraint: ConstraintDefinition }[]>();
  readonly #materialized: MaterializedViewDefinition[] = [];
  /** What says that a schema is gone. */
  readonly #dropped: SchemaDefinition[] = [];
  #database: DatabaseDefinition | null = null;
  readonly #defaultPrivileges: DefaultPrivileges[] = [];
  /** Tables that views are kept up to date from. */
  readonly #maintaining = new Set<Oid>();

  constructor(version: number, head: CatalogHead, entries: Iterable<CatalogEntry>) {
    this.version = version;
    this.head = head;
    this.#add(publicSchema);
    for (const entry of entries) {
      if (isObject(entry)) this.#add(entry);
      else if (entry.kind === "database") this.#database = entry;
      else this.#defaultPrivileges.push(entry);
    }
    this.#materialized.sort((a, b) => a.oid - b.oid);
  }

  #add(object: CatalogObject): void {
    assert(object.oid > 0, "an object has an oid");
    if (object.kind === "schema" && object.isDropped === true) return this.#takeAway(object);
    this.#objects.set(object.oid, object);
    if (object.kind === "schema") {
      this.#schemas.set(object.name, object);
      return;
    }
    if (isType(object)) {
      this.#types.set(`${object.schema} ${object.name}`, object);
      return;
    }
    let names = this.#relations.get(object.schema);
    if (names === undefined) {
      names = new Map();
      this.#relations.set(object.schema, names);
    }
    names.set(object.name, object);
    if (object.kind === "materializedView") {
      this.#materialized.push(object);
      if (object.isPopulated && object.maintenance.kind === "incremental")
        for (const { table } of object.sources) this.#maintaining.add(table);
    }
    if (object.kind !== "table") return;
    for (const constraint of object.constraints) {
      if (constraint.kind !== "foreignKey") continue;
      const list = this.#referencing.get(constraint.referencedTable) ?? [];
      list.push({ table: object, constraint });
      this.#referencing.set(constraint.referencedTable, list);
    }
  }

  #takeAway(schema: SchemaDefinition): void {
    this.#dropped.push(schema);
    this.#objects.delete(schema.oid);
    // Another may have its name by now.
    if (this.#schemas.get(schema.name)?.oid === schema.oid) this.#schemas.delete(schema.name);
  }

  schemaByName(name: string): SchemaDefinition | null {
    return this.#schemas.get(name) ?? null;
  }

  relationByName(schema: Oid, name: string): Relation | null {
    return this.#relations.get(schema)?.get(name) ?? null;
  }

  typeByName(schema: Oid, name: string): TypeDefinition | null {
    return this.#types.get(`${schema} ${name}`) ?? null;
  }

  objectByOid(oid: Oid): CatalogObject | null {
    return this.#objects.get(oid) ?? builtInObject(oid);
  }

  indexesOf(table: TableDefinition): readonly IndexDefinition[] {
    return table.indexes.map((oid) => {
      const index = this.#objects.get(oid);
      assert(index?.kind === "index", "a table's index is in the catalog");
      return index;
    });
  }

  referencing(table: Oid): Referencing {
    return this.#referencing.get(table) ?? [];
  }

  objects(): Iterable<CatalogObject> {
    return this.#objects.values();
  }

  get database(): DatabaseDefinition | null {
    return this.#database;
  }

  get defaultPrivileges(): readonly DefaultPrivileges[] {
    return this.#defaultPrivileges;
  }

  *entries(): Iterable<CatalogEntry> {
    yield* this.#objects.values();
    yield* this.#dropped;
    yield* this.#defaultPrivileges;
    if (this.#database !== null) yield this.#database;
  }

  /** Materialized views by their oids: one that reads another comes behind it. */
  get materializedViews(): readonly MaterializedViewDefinition[] {
    return this.#materialized;
  }

  /** Whether a change of a table's rows changes a view's. */
  isMaintaining(table: Oid): boolean {
    return this.#maintaining.has(table);
  }
}

/** A definition and the positions at which it held: from `from` on, before `to` (Infinity: it still does). */
export interface TableVersion {
  readonly definition: TableDefinition;
  readonly from: number;
  readonly to: number;
}

/** Every definition that held at some position of a range, and when. In the order of their oids. */
export function* catalogHistory(
  reader: TreeReader,
  tenant: number,
  versions: Versions,
): Iterable<{ readonly object: CatalogEntry; readonly from: number; readonly to: number }> {
  assert(catalogTrees !== undefined, "the catalog has its trees");
  const walk = new VersionWalk(reader, catalogTrees);
  const low = new TableKey().object(tenant, catalogHeadOid).slice();
  const high = low.slice(0, 8);
  walk.open(low, low.length, high, behindPrefix(high, high.length), false, versions);
  while (walk.next()) {
    const { bytes, contentAt, contentLength, from, to } = walk;
    if (new DataView(walk.key.buffer).getUint32(8) === catalogHeadOid) continue;
    yield { object: decodeObject(bytes, contentAt, contentAt + contentLength), from, to };
  }
}

/** Catalogs of one reader's tenants, by version. */
export class CatalogCache {
  /** Newest versions last. */
  readonly #catalogs = new Map<string, ObjectCatalog>();
  /** Decoded definitions by tenant, oid and the position that wrote them. */
  readonly #objects = new Map<string, CatalogEntry>();
  readonly #key = new TableKey();

  /** After a roll back the same positions may mean other definitions. */
  clear(): void {
    this.#catalogs.clear();
    this.#objects.clear();
  }

  /** The catalog as `reader` has it now. */
  current(reader: TreeReader, tenant: number): ObjectCatalog {
    const isThere = reader.get(tableTree.catalog, this.#key.object(tenant, catalogHeadOid));
    const version = isThere ? positionAt(reader.valueView, reader.valueStart) + 1 : 0;
    return this.#at(reader, tenant, version, null);
  }

  /** The catalog as it was at a position. */
  past(reader: TreeReader, tenant: number, position: number): ObjectCatalog {
    const versions = { from: position, to: position + 1 };
    const walk = this.#walk(reader, tenant, versions, true);
    const version = walk.next() ? walk.from + 1 : 0;
    return this.#at(reader, tenant, version, versions);
  }

  /** Definitions that a table had at some position of a range, the oldest first. */
  tableVersions(reader: TreeReader, tenant: number, oid: Oid, versions: Versions): TableVersion[] {
    const walk = new VersionWalk(reader, catalogTrees);
    const low = this.#key.object(tenant, oid).slice();
    const high = low.slice();
    walk.open(low, low.length, high, behindPrefix(high, high.length), false, versions);
    const found: TableVersion[] = [];
    while (walk.next()) {
      const { bytes, contentAt, contentLength } = walk;
      const object = this.#object(tenant, oid, walk.from, bytes, contentAt, contentAt + contentLength);
      const definition = isObject(object) ? rowsOfObject(object) : null;
      if (definition !== null) found.push({ definition, from: walk.from, to: walk.to });
    }
    return found;
  }

  /**
   * The catalog with the definitions that a transaction has written and nobody else sees.
   *
   * @param committed what everybody sees: numbers of its objects are not drawn again, though others have drawn them since the transaction did
   * @param version a number that stands for no other catalog
   */
  pending(reader: TreeReader, tenant: number, committed: ObjectCatalog, version: number): ObjectCatalog {
    assert(version < 0, "the catalog of an open transaction is told apart by its version");
    return this.#read(reader, tenant, version, null, committed.head.nextOid);
  }

  #walk(reader: TreeReader, tenant: number, versions: Versions | null, isHead: boolean): VersionWalk {
    const walk = new VersionWalk(reader, catalogTrees);
    const low = this.#key.object(tenant, catalogHeadOid).slice();
    const high = low.slice(0, isHead ? low.length : 8);
    const highLength = behindPrefix(high, high.length);
    walk.open(low, low.length, high, highLength, false, versions);
    return walk;
  }

  #at(reader: TreeReader, tenant: number, version: number, versions: Versions | null): ObjectCatalog {
    const name = `${tenant} ${version}`;
    const known = this.#catalogs.get(name);
    if (known !== undefined) return known;
    const catalog = this.#read(reader, tenant, version, versions);
    if (this.#catalogs.size >= catalogsMax) {
      const oldest = this.#catalogs.keys().next().value;
      if (oldest !== undefined) this.#catalogs.delete(oldest);
    }
    this.#catalogs.set(name, catalog);
    return catalog;
  }

  #read(
    reader: TreeReader,
    tenant: number,
    version: number,
    versions: Versions | null,
    nextOid = firstUserOid,
  ): ObjectCatalog {
    const objects: CatalogEntry[] = [];
    let head: CatalogHead = { nextOid: firstUserOid, changes: 0 };
    const walk = this.#walk(reader, tenant, versions, false);
    while (walk.next()) {
      const { bytes, view, contentAt, contentLength } = walk;
      const oid = new DataView(walk.key.buffer).getUint32(8);
      if (oid === catalogHeadOid) head = decodeCatalogHead(bytes, view, contentAt);
      else objects.push(this.#object(tenant, oid, walk.from, bytes, contentAt, contentAt + contentLength));
    }
    return new ObjectCatalog(version, { ...head, nextOid: Math.max(head.nextOid, nextOid) }, objects);
  }

  /** Definitions that did not change are the same objects in every version, and so are the codecs that hang on them. */
  #object(tenant: number, oid: Oid, from: number, bytes: Uint8Array, at: number, to: number): CatalogEntry {
    // What an open transaction has written has no position yet.
    if (from === 0) return decodeObject(bytes, at, to);
    const name = `${tenant} ${oid} ${from}`;
    let object = this.#objects.get(name);
    if (object === undefined) {
      object = decodeObject(bytes, at, to);
      if (this.#objects.size >= objectsMax) this.#objects.clear();
      this.#objects.set(name, object);
    }
    return object;
  }
}

const catalogsMax = 256;
const objectsMax = 100_000;
