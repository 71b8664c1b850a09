/**
 * Types that a tenant has made. What kind of type it is stands in its number, so that values can be stored, compared and put in order without
 * a catalog; only their texts need one:
 *
 *   2^30 + 2n               an enum, n the number that the catalog drew for it
 *   2^30 + 2n + 1           the type of its arrays; where n is a domain, what arrays of its values are called by
 *   2^30 + 2^29 + 2n        a composite type; n itself is what `pg_class` lists it under
 *   2^30 + 2^29 + 2n + 1    the type of its arrays
 *
 * A value of an enum is the number that puts it in its place (`pg_enum.enumsortorder`), which it keeps for good: a value that is added
 * between two others gets a number between theirs. A value of a composite type says itself what its fields are of (record.ts).
 */
import { assert } from "../../types/assert.js";
import type { TypeFacts } from "./type-table.js";

const firstOid = 2 ** 30;
const firstComposite = firstOid + 2 ** 29;
const endOid = 2 ** 31;
/** Encloses the number of a type in a text that is made where its name is not known: a character that no name has to have. */
const mark = "\u{f0000}";
const marked = new RegExp(`${mark}(\\d+)${mark}`, "gu");

export const isUserType = (oid: number): boolean => oid >= firstOid && oid < endOid;
export const isEnum = (oid: number): boolean => oid >= firstOid && oid < firstComposite && oid % 2 === 0;
export const isComposite = (oid: number): boolean => oid >= firstComposite && oid < endOid && oid % 2 === 0;
/** Whether it is a type of a tenant's, and not that of arrays of one. */
export const isOwnType = (oid: number): boolean => isEnum(oid) || isComposite(oid);

/** The type of the enum for which the catalog drew `number`. */
export function enumOid(number: number): number {
  const oid = firstOid + 2 * number;
  assert(number > 0 && isEnum(oid), "a type's number has room for what it says");
  return oid;
}

/** Whether the catalog can have drawn it for a composite type, which `pg_class` lists under it. */
export const isClassNumber = (number: number): boolean => number > 0 && number < 2 ** 28;

/** The type of rows for which the catalog drew `number`. */
export function compositeOid(number: number): number {
  const oid = firstComposite + 2 * number;
  assert(number > 0 && isComposite(oid), "a type's number has room for what it says");
  return oid;
}

/** What arrays of a domain are called by, of the domain's number in the catalog. */
export function domainArrayOid(domain: number): number {
  const oid = firstOid + 2 * domain + 1;
  assert(domain > 0 && isUserType(oid) && oid < firstComposite, "a type's number has room for what it says");
  return oid;
}

/** The number that the catalog drew for what a number of this room is of. */
export const numberInOid = (oid: number): number => (oid - (oid < firstComposite ? firstOid : firstComposite)) >> 1;

/** A type's name in a text, to be put in by `withTypeNames`. */
export const typeMark = (oid: number): string => `${mark}${oid}${mark}`;

/** The text with the names of types in the places of their marks. */
export const withTypeNames = (text: string, nameOf: (oid: number) => string): string =>
  text.includes(mark) ? text.replaceAll(marked, (_mark, digits: string) => nameOf(Number(digits))) : text;

/** Facts are asked for once for each candidate of each operator: those of so many types are kept. */
const keptMax = 4_096;
const kept = new Map<number, TypeFacts>();

/** As in `pg_type`, but for the name; null for a number that is no type of a tenant's. */
export function userTypeFacts(oid: number): TypeFacts | null {
  if (!isUserType(oid)) return null;
  const known = kept.get(oid);
  if (known !== undefined) return known;
  if (kept.size >= keptMax) kept.clear();
  const made = factsOf(oid);
  kept.set(oid, made);
  return made;
}

function factsOf(oid: number): TypeFacts {
  const shared = {
    oid,
    isPreferred: false,
    delimiter: ",",
    modifierIn: 0,
    modifierOut: 0,
    alignment: "i",
    collation: 0,
  };
  if (isComposite(oid))
    return {
      ...shared,
      name: typeMark(oid),
      length: -1,
      isByValue: false,
      kind: "c",
      category: "C",
      element: 0,
      array: oid + 1,
      input: 2_290,
      output: 2_291,
      receive: 2_402,
      send: 2_403,
      alignment: "d",
      storage: "x",
    };
  return isEnum(oid)
    ? {
        ...shared,
        name: typeMark(oid),
        length: 4,
        isByValue: true,
        kind: "e",
        category: "E",
        element: 0,
        array: oid + 1,
        input: 3_506,
        output: 3_507,
        receive: 3_532,
        send: 3_533,
        storage: "p",
      }
    : {
        ...shared,
        alignment: isComposite(oid - 1) ? "d" : "i",
        name: `_${typeMark(oid - 1)}`,
        length: -1,
        isByValue: false,
        kind: "b",
        category: "A",
        element: oid - 1,
        array: 0,
        input: 750,
        output: 751,
        receive: 2_400,
        send: 2_401,
        storage: "x",
      };
}
