/** Types of a tenant by their names, and the labels of enums. */
import type { Oid } from "../types/sql-type.js";
import type { EnumLabels } from "../types/text-context.js";
import type { Catalog, EnumDefinition } from "./model.js";
import { type NamePath, schemaNamed, schemasOf } from "./temporary.js";

/** The type of that name, with its schema or along the search path. */
export function typeNamed(names: readonly string[], catalog: Catalog, path: NamePath): EnumDefinition | null {
  const name = names.at(-1) ?? "";
  const schemas = names.length > 1 ? [schemaNamed(names.at(-2) ?? "", path)] : schemasOf(path);
  for (const each of schemas) {
    const schema = catalog.schemaByName(each);
    const found = schema === null ? null : catalog.typeByName(schema.oid, name);
    if (found !== null) return found;
  }
  return null;
}

/** Finds a type, or that of its arrays by the name that it has in `pg_type`; 0 for none. */
export function typeOidNamed(names: readonly string[], catalog: Catalog, path: NamePath): Oid {
  const found = typeNamed(names, catalog, path);
  if (found !== null) return found.oid;
  const name = names.at(-1) ?? "";
  if (!name.startsWith("_")) return 0;
  const element = typeNamed([...names.slice(0, -1), name.slice(1)], catalog, path);
  return element === null ? 0 : element.oid + 1;
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
