/** Names of the catalog's objects, as `'t'::regclass` reads them and an oid is shown. */
import type { Catalog, Relation } from "../../runtime/query/catalog/model.js";
import { notSupported, SqlError } from "../../runtime/query/error.js";
import type { NamedObjectKind, ObjectNames } from "../../runtime/query/types/text-context.js";
import { formatType, parseTypeName } from "../../runtime/query/types/type-name.js";
import { quoted } from "../../runtime/query/write/constraint-errors.js";

/** The parts of a dotted name as a user writes it: folded to lower case unless quoted. */
export function nameParts(text: string): string[] {
  const parts: string[] = [];
  for (const [, inQuotes, plain] of text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^."]+))\s*(?:\.|$)/g)) {
    parts.push(inQuotes === undefined ? (plain ?? "").trim().toLowerCase() : inQuotes.replaceAll('""', '"'));
  }
  return parts;
}

export class CatalogNames implements ObjectNames {
  readonly #catalog: Catalog;
  readonly #searchPath: readonly string[];

  constructor(catalog: Catalog, searchPath: readonly string[]) {
    this.#catalog = catalog;
    this.#searchPath = searchPath;
  }

  #relation(text: string): Relation | null {
    const parts = nameParts(text);
    const name = parts.at(-1) ?? "";
    const schemas = parts.length > 1 ? [parts.at(-2) ?? ""] : this.#searchPath;
    for (const each of schemas) {
      const schema = this.#catalog.schemaByName(each);
      const found = schema === null ? null : this.#catalog.relationByName(schema.oid, name);
      if (found !== null) return found;
    }
    return null;
  }

  oidOf(kind: NamedObjectKind, text: string): number {
    if (/^\d+$/.test(text)) return Number(text);
    switch (kind) {
      case "regclass": {
        const found = this.#relation(text);
        if (found === null) throw new SqlError("42P01", `relation "${text}" does not exist`);
        return found.oid;
      }
      case "regtype":
        return parseTypeName(text).oid;
      case "regnamespace": {
        const found = this.#catalog.schemaByName(nameParts(text).at(-1) ?? "");
        if (found === null) throw new SqlError("3F000", `schema "${text}" does not exist`);
        return found.oid;
      }
      default:
        throw notSupported(`reading a ${kind}`);
    }
  }

  nameOf(kind: NamedObjectKind, oid: number): string | null {
    if (kind === "regtype") return formatType(oid, null);
    const object = this.#catalog.objectByOid(oid);
    if (object === null) return null;
    if (object.kind === "schema" || kind !== "regclass") return quoted(object.name);
    const schema = this.#catalog.objectByOid(object.schema);
    const isOnPath = this.#relation(quoted(object.name))?.oid === oid;
    return isOnPath || schema === null ? quoted(object.name) : `${quoted(schema.name)}.${quoted(object.name)}`;
  }
}
