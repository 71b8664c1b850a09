/** Types that somebody has made in what is stored: known by their numbers, shown by their names. */
import { assert } from "../../../types/assert.js";
import {
  type Catalog,
  type CatalogObject,
  isType,
  type StoredExpression,
  type StoredQuery,
} from "../../catalog/model.js";
import { elementDomainIn } from "../../catalog/user-types.js";
import { mapTypeNames } from "../../syntax/stored-types.js";
import type { Oid } from "../../types/sql-type.js";
import type { FindUserType } from "../../types/type-name.js";
import { elementTypeOf } from "../../types/type-table.js";
import { isOwnType } from "../../types/user-types.js";
import type { DefinitionPorts } from "./ports.js";

/** The tree with the number of each such type beside its name, which gets its schema: it is found whatever the search path is. */
export const numbered = <Tree>(syntax: Tree, find: FindUserType, catalog: Catalog): Tree =>
  mapTypeNames(syntax, (name) => {
    const own = name.oid === undefined ? find(name.names) : null;
    if (own === null) return name;
    const { oid, domain } = own;
    // Else the name is that of an array's type in the catalog: `_mood`.
    const ofDomain = domain === undefined ? null : elementDomainIn(catalog, domain);
    const isOwn = ofDomain === null && (domain !== undefined || isOwnType(oid));
    const type = ofDomain ?? catalog.objectByOid(isOwn ? (domain ?? oid) : elementTypeOf(oid));
    assert(type !== null && isType(type), "a type that was found is in the catalog");
    const schema = catalog.objectByOid(type.schema);
    assert(schema !== null, "a type lies in a schema");
    const dimensions = isOwn ? name.arrayDimensions : 1;
    return { ...name, names: [schema.name, type.name], oid: type.oid, arrayDimensions: dimensions };
  });

/** After a type has got another name, or has gone to another schema: what is shown of stored syntax says so. */
export function followType(
  ports: DefinitionPorts,
  oid: Oid,
  to: { readonly name: string } | { readonly schema: string },
): void {
  const renamed = (names: readonly string[]): readonly string[] =>
    "name" in to ? [...names.slice(0, -1), to.name] : [to.schema, names.at(-1) ?? ""];
  const follow = <Tree>(syntax: Tree): Tree =>
    mapTypeNames(syntax, (name) => (name.oid === oid ? { ...name, names: renamed(name.names) } : name));
  const expression = <Stored extends StoredExpression | null>(stored: Stored): Stored => {
    const syntax = stored === null ? null : follow(stored.syntax);
    return syntax === null || syntax === stored?.syntax ? stored : (ports.storeExpression(syntax) as Stored);
  };
  const query = (stored: StoredQuery): StoredQuery => {
    const syntax = follow(stored.syntax);
    return syntax === stored.syntax ? stored : ports.storeQuery(syntax);
  };
  const followed = (object: CatalogObject): CatalogObject => {
    switch (object.kind) {
      case "view":
        return {
          ...object,
          query: query(object.query),
          columns: object.columns.map((column) =>
            column.default === undefined ? column : { ...column, default: expression(column.default) },
          ),
        };
      case "materializedView":
        return { ...object, query: query(object.query) };
      case "table":
        return {
          ...object,
          version: object.version + 1,
          columns: object.columns.map((column) => ({
            ...column,
            default: expression(column.default),
            generated: expression(column.generated),
          })),
          constraints: object.constraints.map((each) =>
            each.kind === "check" ? { ...each, expression: expression(each.expression) } : each,
          ),
        };
      case "domain":
        return {
          ...object,
          default: expression(object.default),
          checks: object.checks.map((check) => ({ ...check, expression: expression(check.expression) })),
        };
      case "index":
        return {
          ...object,
          predicate: expression(object.predicate),
          keys: object.keys.map((key) => ({ ...key, expression: expression(key.expression) })),
        };
      default:
        return object;
    }
  };
  for (const object of [...ports.draft.catalog.objects()]) {
    if (follow(object) !== object) ports.draft.put(followed(object));
  }
}
