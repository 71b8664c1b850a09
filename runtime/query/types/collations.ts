/** Collations. Each orders texts by their code points; which one was asked for is kept and shown all the same. */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import type { Oid } from "./sql-type.js";

export interface Collation {
  readonly oid: Oid;
  readonly name: string;
  /** `d`: the database's; `c`: the C library's. */
  readonly provider: "c" | "d";
  /** Number of the one encoding that it is for; -1: any. */
  readonly encoding: number;
  /** Null for the database's. */
  readonly locale: string | null;
}

export const collations: readonly Collation[] = [
  { oid: 100, name: "default", provider: "d", encoding: -1, locale: null },
  { oid: 950, name: "C", provider: "c", encoding: -1, locale: "C" },
  { oid: 951, name: "POSIX", provider: "c", encoding: -1, locale: "POSIX" },
  { oid: 12_340, name: "ucs_basic", provider: "c", encoding: 6, locale: "C" },
];

/** Of a name with or without its schema. */
export function collationNamed(name: readonly string[]): Collation | null {
  const schema = name.length > 1 ? name.at(-2) : "pg_catalog";
  return schema === "pg_catalog" ? (collations.find((each) => each.name === name.at(-1)) ?? null) : null;
}

export const unknownCollation = (name: readonly string[], position?: number): SqlError =>
  new SqlError("42704", `collation "${name.join(".")}" for encoding "UTF8" does not exist`, { position });

/** Of one that a definition keeps. */
export const collationName = (oid: Oid): string => {
  const found = collationByOid(oid);
  assert(found !== null, "a definition keeps no collation but those that there are");
  return found.name;
};

export const collationByOid = (oid: Oid): Collation | null => collations.find((each) => each.oid === oid) ?? null;
