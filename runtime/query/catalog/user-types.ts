/** Types of a tenant by their names, and the labels of enums. */
import { SqlError } from "../error.js";
import { type SqlType, sqlType } from "../types/sql-type.js";
import type { EnumLabels } from "../types/text-context.js";
import type { FindUserType } from "../types/type-name.js";
import { arrayOfType } from "../types/type-table.js";
import { isOwnType, isUserType, numberInOid } from "../types/user-types.js";
import { builtInDomainNamed } from "./built-in-domains.js";
import { type Catalog, type DomainDefinition, type EnumDefinition, isType, type TypeDefinition } from "./model.js";
import { type NamePath, schemaNamed, schemasOf } from "./temporary.js";

/** The type of that name, with its schema or along the search path. */
export function typeNamed(names: readonly string[], catalog: Catalog, path: NamePath): TypeDefinition | null {
  const name = names.at(-1) ?? "";
  const schemas = names.length > 1 ? [schemaNamed(names.at(-2) ?? "", path)] : schemasOf(path);
  for (const each of schemas) {
    const schema = catalog.schemaByName(each);
    const found = schema === null ? null : catalog.typeByName(schema.oid, name);
    if (found !== null) return found;
  }
  return null;
}

/** What a column of the type is of. */
export const typeOf = (definition: TypeDefinition): SqlType =>
  definition.kind === "domain" ? { ...definition.base, domain: definition.oid } : sqlType(definition.oid);

/** Finds a type by its number or its name, also that of the arrays of one by the name that it has in `pg_type`. */
export const findTypeIn =
  (catalog: Catalog, path: NamePath): FindUserType =>
  (by, position) => {
    if (typeof by === "number") {
      const object = catalog.objectByOid(by);
      if (object !== null && isType(object)) return typeOf(object);
      const domain = elementDomainIn(catalog, by);
      return domain === null ? null : arrayOfType(typeOf(domain));
    }
    const name = by.at(-1) ?? "";
    const found =
      typeNamed(by, catalog, path) ?? (by.at(-2) === "information_schema" ? builtInDomainNamed(name) : null);
    if (found !== null) return typeOf(found);
    const element = name.startsWith("_") ? typeNamed([...by.slice(0, -1), name.slice(1)], catalog, path) : null;
    if (element !== null) return arrayOfType(typeOf(element));
    expectSchema(by, catalog, path, position);
    return null;
  };

/** Throws 3F000 for a name whose schema there is not. */
function expectSchema(names: readonly string[], catalog: Catalog, path: NamePath, position: number | undefined): void {
  const schema = names.at(-2);
  if (schema === undefined || /^(?:pg_catalog|information_schema|kimberlite|pg_temp.*)$/u.test(schema)) return;
  if (catalog.schemaByName(schemaNamed(schema, path)) === null)
    throw new SqlError("3F000", `schema "${schema}" does not exist`, { position });
}

/** The domain whose arrays are called by a number; null where it is no such number. */
export function elementDomainIn(catalog: Catalog, oid: number): DomainDefinition | null {
  if (!isUserType(oid) || isOwnType(oid)) return null;
  const object = catalog.objectByOid(numberInOid(oid));
  return object?.kind === "domain" ? object : null;
}

/** A domain and those that it is over, the lowest first. */
export function domainsBeneath(domain: DomainDefinition, catalog: Catalog): readonly DomainDefinition[] {
  const found = [domain];
  for (let { base } = domain; base.domain !== undefined; ) {
    const next = catalog.objectByOid(base.domain);
    if (next?.kind !== "domain") break;
    found.unshift(next);
    ({ base } = next);
  }
  return found;
}

/** A domain and all that are over it, at any height. */
export function domainsOver(domain: DomainDefinition, catalog: Catalog): readonly DomainDefinition[] {
  const isOver = (object: DomainDefinition): boolean =>
    domainsBeneath(object, catalog).some(({ oid }) => oid === domain.oid);
  return [...catalog.objects()].filter((object) => object.kind === "domain").filter(isOver);
}

/** Bytes of a name at most. */
const nameBytesMax = 63;

export const arrayName = (name: string): string => `_${name}`.slice(0, nameBytesMax);

const known = new WeakMap<EnumDefinition, EnumLabels>();

export function labelsOf(definition: EnumDefinition): EnumLabels {
  let labels = known.get(definition);
  if (labels === undefined) {
    const values = new Map(definition.labels.map(({ label, value }) => [label, value]));
    const texts = new Map(definition.labels.map(({ label, value }) => [value, label]));
    labels = {
      valueOf: (label) => values.get(label) ?? null,
      labelOf: (value) => texts.get(value) ?? null,
      values: definition.labels.map(({ value }) => value),
    };
    known.set(definition, labels);
  }
  return labels;
}
