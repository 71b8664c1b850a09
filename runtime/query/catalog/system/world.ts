/** What the system's catalogs are made from: one version of a tenant's catalog, its users, and who asks. */

import { SqlError } from "../../error.js";
import type { EvaluationContext } from "../../functions/context.js";
import type { Datum } from "../../types/datum.js";
import { quoteIdentifier } from "../../types/quote.js";
import type { Oid } from "../../types/sql-type.js";
import { elementTypeOf, typeFactsOf } from "../../types/type-table.js";
import { compositeOid, isClassNumber, isOwnType, isUserType, numberInOid } from "../../types/user-types.js";
import { builtInDomains } from "../built-in-domains.js";
import {
  type Catalog,
  type CompositeDefinition,
  type DomainDefinition,
  type IndexDefinition,
  informationSchemaOid,
  isRelation,
  isType,
  kimberliteSchemaOid,
  type MaterializedViewDefinition,
  pgCatalogSchemaOid,
  type Relation,
  rowsOfObject,
  type SchemaDefinition,
  type SequenceDefinition,
  type TableDefinition,
  type TypeDefinition,
  type ViewDefinition,
} from "../model.js";
import { maySearch, type Searcher } from "../privileges.js";
import { bootstrapRole, roleOidOf } from "../role-set.js";
import { ownTemporarySchema, schemaNamed, schemasOf } from "../temporary.js";
import { arrayName, typeNamed } from "../user-types.js";
import { systemRelation, systemRelationByOid } from "./relations.js";
import { rolesIn } from "./roles.js";

/** A row by the names of its columns. One that is left out is NULL, or nothing (0, false, "") where its column is never NULL. */
export type SystemRow = Readonly<Record<string, Datum>>;

const builtInSchemas: readonly SchemaDefinition[] = [
  { kind: "schema", oid: pgCatalogSchemaOid, name: "pg_catalog", owner: "" },
  { kind: "schema", oid: informationSchemaOid, name: "information_schema", owner: "" },
  { kind: "schema", oid: kimberliteSchemaOid, name: "kimberlite", owner: "" },
];

export type CatalogView = Searcher & Pick<EvaluationContext, "searchPath">;

/** Answers questions about names that several catalogs ask. */
export class CatalogWorld {
  readonly catalog: Catalog;
  readonly #view: CatalogView;

  constructor(view: CatalogView) {
    this.catalog = view.catalog;
    this.#view = view;
  }

  *schemas(): Iterable<SchemaDefinition> {
    yield* builtInSchemas;
    for (const object of this.catalog.objects()) if (object.kind === "schema") yield object;
  }

  *relations(): Iterable<Relation> {
    for (const object of this.catalog.objects()) if (isRelation(object)) yield object;
  }

  *tables(): Iterable<TableDefinition> {
    for (const object of this.catalog.objects()) if (object.kind === "table") yield object;
  }

  *views(): Iterable<ViewDefinition> {
    for (const object of this.catalog.objects()) if (object.kind === "view") yield object;
  }

  *materializedViews(): Iterable<MaterializedViewDefinition> {
    for (const object of this.catalog.objects()) if (object.kind === "materializedView") yield object;
  }

  *indexes(): Iterable<IndexDefinition> {
    for (const object of this.catalog.objects()) if (object.kind === "index") yield object;
  }

  *sequences(): Iterable<SequenceDefinition> {
    for (const object of this.catalog.objects()) if (object.kind === "sequence") yield object;
  }

  *types(): Iterable<TypeDefinition> {
    yield* builtInDomains;
    for (const object of this.catalog.objects()) if (isType(object)) yield object;
  }

  *composites(): Iterable<CompositeDefinition> {
    for (const object of this.catalog.objects()) if (object.kind === "composite") yield object;
  }

  /** The composite type that `pg_class` lists under a number; null for any other. */
  compositeOfClass(oid: Oid): CompositeDefinition | null {
    const object = isClassNumber(oid) ? this.catalog.objectByOid(compositeOid(oid)) : null;
    return object?.kind === "composite" ? object : null;
  }

  *domains(): Iterable<DomainDefinition> {
    yield* builtInDomains;
    for (const object of this.catalog.objects()) if (object.kind === "domain") yield object;
  }

  /** A type of the tenant's own, or the type of its arrays (`_name`); null for built-in ones. */
  userType(oid: Oid): { readonly type: TypeDefinition; readonly name: string } | null {
    const domain = this.catalog.objectByOid(oid);
    if (domain?.kind === "domain") return { type: domain, name: domain.name };
    if (!isUserType(oid)) return null;
    const own = this.catalog.objectByOid(isOwnType(oid) ? oid : elementTypeOf(oid));
    const object = own ?? this.catalog.objectByOid(numberInOid(oid));
    if (object === null || !isType(object)) return null;
    return { type: object, name: isOwnType(oid) ? object.name : arrayName(object.name) };
  }

  /** A type's name as SQL would have it, with its schema where the bare name does not find it. */
  typeText(oid: Oid): string {
    const found = this.userType(oid);
    if (found === null) return "???";
    const name = quoteIdentifier(found.name);
    return this.#isVisible(found.type) ? name : `${quoteIdentifier(this.schemaName(found.type.schema))}.${name}`;
  }

  #isVisible(type: TypeDefinition): boolean {
    return this.typeNamed([type.name])?.oid === type.oid;
  }

  /** Whether the bare name finds this type; null for a number that is none's. */
  isTypeVisible(oid: Oid): boolean | null {
    const found = this.userType(oid);
    if (found !== null) return this.#isVisible(found.type);
    return typeFactsOf(oid) === null ? null : true;
  }

  typeNamed(names: readonly string[]): TypeDefinition | null {
    return typeNamed(names, this.catalog, this.#view);
  }

  indexByOid(oid: Oid): IndexDefinition | null {
    const found = this.catalog.objectByOid(oid);
    return found?.kind === "index" ? found : null;
  }

  /** A table, or what holds the rows of a materialized view: what can have an index. */
  table(oid: Oid): TableDefinition | null {
    return rowsOfObject(this.catalog.objectByOid(oid));
  }

  relation(oid: Oid): Relation | null {
    const object = this.catalog.objectByOid(oid);
    return object !== null && isRelation(object) ? object : (systemRelationByOid(oid)?.definition ?? null);
  }

  schemaName(oid: Oid): string {
    const builtIn = builtInSchemas.find((schema) => schema.oid === oid);
    if (builtIn !== undefined) return builtIn.name;
    const object = this.catalog.objectByOid(oid);
    return object?.kind === "schema" ? object.name : "";
  }

  schemaOid(name: string): Oid | null {
    return builtInSchemas.find((schema) => schema.name === name)?.oid ?? this.catalog.schemaByName(name)?.oid ?? null;
  }

  roleOid(name: string): Oid {
    return name === "" ? bootstrapRole : roleOidOf(name);
  }

  roleName(oid: Oid): string | null {
    return rolesIn(this.catalog, this.#view.roles).find(({ name }) => roleOidOf(name) === oid)?.name ?? null;
  }

  /** The name of whoever owns an object; the built-in ones belong to the first superuser. */
  ownerName(owner: string): string {
    if (owner !== "") return owner;
    return this.#view.roles.all.find((role) => role.isSuperuser)?.name ?? this.#view.currentUser;
  }

  /** Names of schemas that unqualified names are looked for in, in order. `pg_catalog` is first unless the path names it. */
  searchSchemas(): readonly string[] {
    const path = this.#view.searchPath.map((name) => (name === "$user" ? this.#view.currentUser : name));
    const { temporarySchema } = this.#view;
    const searchPath = path.includes("pg_catalog") ? path : ["pg_catalog", ...path];
    return schemasOf({ searchPath, temporarySchema }).filter((schema) => this.maySearch(schema));
  }

  maySearch(schema: string): boolean {
    return maySearch(schema, this.#view);
  }

  /** What somebody names. Throws 3F000 for the session's own schema before it has one, 42501 for a schema that may not be used. */
  relationAskedFor(names: readonly string[]): Relation | null {
    const [, given] = names.toReversed();
    if (given === ownTemporarySchema && this.#view.temporarySchema === null)
      throw new SqlError("3F000", `schema "${given}" does not exist`);
    if (given !== undefined && !this.maySearch(schemaNamed(given, this.#view)))
      throw new SqlError("42501", `permission denied for schema ${given}`);
    return this.relationNamed(names);
  }

  relationNamed(names: readonly string[]): Relation | null {
    const name = names.at(-1) ?? "";
    const schemas = names.length > 1 ? [schemaNamed(names.at(-2) ?? "", this.#view)] : this.searchSchemas();
    for (const schema of schemas) {
      const system = systemRelation(schema, name);
      if (system !== null) return system.definition;
      const oid = this.catalog.schemaByName(schema)?.oid;
      const found = oid === undefined ? null : this.catalog.relationByName(oid, name);
      if (found !== null) return found;
    }
    return null;
  }

  /** Whether the bare name finds this relation. */
  isVisible(relation: Relation): boolean {
    return this.relationNamed([relation.name])?.oid === relation.oid;
  }

  /** The relation's name, with its schema where the bare name does not find it. */
  relationText(relation: Relation): string {
    const name = quoteIdentifier(relation.name);
    return this.isVisible(relation) ? name : `${quoteIdentifier(this.schemaName(relation.schema))}.${name}`;
  }

  /** The relation's name with its schema. */
  qualifiedText(relation: Relation): string {
    return `${quoteIdentifier(this.schemaName(relation.schema))}.${quoteIdentifier(relation.name)}`;
  }
}

/** Number of the row in `pg_rewrite` of a view's query: made from the view's. */
export const ruleOid = (view: Oid): Oid => defaultOid(view, 0);

/** Number of a default's row in `pg_attrdef`: made from its table and column. */
export const defaultOid = (table: Oid, column: number): Oid => 2_147_483_648 + (table % 1_000_000) * 1_600 + column;
