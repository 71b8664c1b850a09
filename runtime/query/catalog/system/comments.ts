/** What COMMENT ON has said, as `pg_description` and the functions that look into it have it. */

import type { Oid } from "../../types/sql-type.js";
import { numberInOid } from "../../types/user-types.js";
import { type CatalogObject, type Comments, isTypeKind, partName, publicSchemaOid } from "../model.js";
import type { CatalogWorld, SystemRow } from "./world.js";

const relationClassOid = 1_259;
const namespaceClassOid = 2_615;
const constraintClassOid = 2_606;
const typeClassOid = 1_247;

/** What PostgreSQL says of `public` from the beginning. */
const standard: Comments = { [partName.itself]: "standard public schema" };

const commentsOf = (object: CatalogObject): Comments =>
  object.comments ?? (object.oid === publicSchemaOid ? standard : {});

/** Of a table or of a domain. */
function constraintsOf(object: CatalogObject): readonly { readonly oid: Oid }[] {
  if (object.kind === "table") return object.constraints;
  return object.kind === "domain" ? object.checks : [];
}

/** The catalog that lists an object. */
function classOf({ kind }: CatalogObject): { readonly name: string; readonly oid: Oid } {
  if (kind === "schema") return { name: "pg_namespace", oid: namespaceClassOid };
  return isTypeKind(kind) ? { name: "pg_type", oid: typeClassOid } : { name: "pg_class", oid: relationClassOid };
}

/** Of an object as a whole; null where nothing was said. */
export function objectComment(oid: Oid, className: string, world: CatalogWorld): string | null {
  if (className === "pg_constraint") {
    for (const object of world.catalog.objects())
      if (constraintsOf(object).some((constraint) => constraint.oid === oid))
        return commentsOf(object)[partName.constraint(oid)] ?? null;
    return null;
  }
  const object = world.catalog.objectByOid(oid);
  if (object === null || className !== classOf(object).name) return null;
  return commentsOf(object)[partName.itself] ?? null;
}

export function columnComment(oid: Oid, column: number, world: CatalogWorld): string | null {
  const object = world.catalog.objectByOid(oid) ?? world.compositeOfClass(oid);
  return object === null ? null : (commentsOf(object)[partName.column(column)] ?? null);
}

/** Numbers of the columns that can have been spoken of. */
function columnNumbers(object: CatalogObject): readonly number[] {
  if (object.kind === "composite") return object.attributes.map(({ number }) => number);
  if (object.kind === "table") return object.columns.filter(({ isDropped }) => !isDropped).map(({ number }) => number);
  return object.kind === "view" || object.kind === "materializedView"
    ? object.columns.map((_, index) => index + 1)
    : [];
}

export function* descriptionRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const object of world.catalog.objects()) {
    const comments = commentsOf(object);
    const classoid = classOf(object).oid;
    const own = comments[partName.itself];
    if (own !== undefined) yield { objoid: object.oid, classoid, objsubid: 0, description: own };
    for (const number of columnNumbers(object)) {
      const description = comments[partName.column(number)];
      if (description === undefined) continue;
      // A composite type is spoken of as a type, its attributes as columns of what `pg_class` lists.
      const objoid = object.kind === "composite" ? numberInOid(object.oid) : object.oid;
      yield { objoid, classoid: relationClassOid, objsubid: number, description };
    }
    for (const { oid } of constraintsOf(object)) {
      const description = comments[partName.constraint(oid)];
      if (description !== undefined) yield { objoid: oid, classoid: constraintClassOid, objsubid: 0, description };
    }
  }
}
