/** Sequences that stored expressions draw from: known by their numbers, so that they are found whatever the search path is. */
import type { StoredExpression } from "../../catalog/model.js";
import { mapSequenceNames } from "../../syntax/stored-sequences.js";
import { readQualifiedName } from "../../types/quote.js";
import type { Oid } from "../../types/sql-type.js";
import type { CatalogDraft } from "./draft.js";

/** Of one that is written by its name, or by its number; null for none. */
export function sequenceNumber(written: string, draft: CatalogDraft): Oid | null {
  if (/^\d+$/u.test(written)) return Number(written);
  const names = readQualifiedName(written);
  const name = { database: null, schema: names.at(-2) ?? null, name: names.at(-1) ?? "", location: -1 };
  const found = draft.find(name);
  return found?.kind === "sequence" ? found.oid : null;
}

/** The expression with each sequence by its number; its text has the names as they are written. */
export function withSequences({ text, syntax }: StoredExpression, draft: CatalogDraft): StoredExpression {
  const number = (name: string): string | null => sequenceNumber(name, draft)?.toString() ?? null;
  return { text, syntax: mapSequenceNames(syntax, number) };
}
