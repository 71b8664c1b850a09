/**
 * What an object of the catalog rests on: none of it may go, or become another thing, before the transaction that makes the object is over.
 */
import type { CatalogEntry } from "../../catalog/model.js";
import { numbersIn, sequencesDrawn, tablesRead } from "../../syntax/names-read.js";
import type { Oid } from "../../types/sql-type.js";
import { isUserType, numberInOid } from "../../types/user-types.js";
import type { CatalogDraft } from "./draft.js";
import { sequenceNumber } from "./stored-sequences.js";

/** What a number may be of: an object, or the type of arrays of one. */
function* objectsOf(number: number): Iterable<Oid> {
  yield number;
  if (!isUserType(number)) return;
  yield number - 1;
  yield numberInOid(number);
}

/**
 * Objects that an entry refers to, by number or by name, and the schemas of those, since stored names have them. Rather too many: a number that
 * is an object's by chance is taken for it.
 */
export function referencesOf(entry: CatalogEntry, draft: CatalogDraft): ReadonlySet<Oid> {
  const { catalog } = draft;
  const found = new Set<Oid>();
  const add = (oid: Oid): void => {
    const object = oid === entry.oid ? null : catalog.objectByOid(oid);
    if (object === null) return;
    found.add(oid);
    if (object.kind !== "schema") found.add(object.schema);
  };
  for (const number of numbersIn(entry)) for (const oid of objectsOf(number)) add(oid);
  for (const name of tablesRead(entry)) add(draft.find(name)?.oid ?? entry.oid);
  for (const name of sequencesDrawn(entry)) add(sequenceNumber(name, draft) ?? entry.oid);
  return found;
}
