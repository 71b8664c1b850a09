/**
 * Definitions of the catalog as bytes of the store's catalog trees: version u8 (1), then JSON in UTF-8. What JSON cannot say is written as
 * text: numbers of sequences in decimal, a column's missing value as the hex digits of its stored form (table/value-bytes.ts).
 *
 * The table that holds a materialized view's rows is part of its definition, and none of its columns has a missing value.
 *
 * Object 0 is the catalog's head: version u8 (1) · next oid u32 · changes so far u32. It changes with every change of the catalog, so the
 * position that wrote it is the catalog's version.
 */
import { AssertionFailed, assert } from "../../types/assert.js";
import { ByteWriter } from "../../types/byte-writer.js";
import { getFixed, getVariable, setFixed, storageOf, writeVariable } from "../table/value-bytes.js";
import type { Datum } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import type { CatalogEntry, SequenceDefinition, TableDefinition } from "./model.js";

export const catalogHeadOid = 0;
const encodingVersion = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface CatalogHead {
  readonly nextOid: Oid;
  readonly changes: number;
}

export function encodeCatalogHead({ nextOid, changes }: CatalogHead): Uint8Array {
  const bytes = new Uint8Array(9);
  const view = new DataView(bytes.buffer);
  bytes[0] = encodingVersion;
  view.setUint32(1, nextOid, true);
  view.setUint32(5, changes, true);
  return bytes;
}

export function decodeCatalogHead(bytes: Uint8Array, view: DataView, at: number): CatalogHead {
  assert(bytes[at] === encodingVersion, "a catalog's head is of a known version");
  return { nextOid: view.getUint32(at + 1, true), changes: view.getUint32(at + 5, true) };
}

/** The head of a transaction's catalog as it is committed on another, which others may have changed meanwhile. */
export function encodeHeadOver(own: CatalogHead, { nextOid, changes }: CatalogHead): Uint8Array {
  return encodeCatalogHead({ nextOid: Math.max(own.nextOid, nextOid), changes: changes + 1 });
}

export function encodeObject(object: CatalogEntry): Uint8Array {
  const plain =
    object.kind === "sequence" ? plainSequence(object) : object.kind === "table" ? plainTable(object) : object;
  const text = encoder.encode(JSON.stringify(plain));
  const bytes = new Uint8Array(1 + text.length);
  bytes[0] = encodingVersion;
  bytes.set(text, 1);
  return bytes;
}

/** What `encodeObject` wrote, at [from, to). */
export function decodeObject(bytes: Uint8Array, from: number, to: number): CatalogEntry {
  assert(bytes[from] === encodingVersion && from < to, "a definition is of a known version");
  // A copy: decoders refuse shared memory.
  const plain = JSON.parse(decoder.decode(bytes.slice(from + 1, to))) as { readonly kind: CatalogEntry["kind"] };
  if (plain.kind === "sequence") return sequenceOf(plain as PlainSequence);
  if (plain.kind === "table") return tableOf(plain as PlainTable);
  return plain as CatalogEntry;
}

type SequenceNumbers = "start" | "increment" | "minimum" | "maximum";
type PlainSequence = Omit<SequenceDefinition, SequenceNumbers | "cache"> &
  Readonly<Record<SequenceNumbers, string>> & { readonly cache?: string };

const plainSequence = ({ cache, ...sequence }: SequenceDefinition): PlainSequence => ({
  ...sequence,
  ...(cache === undefined ? {} : { cache: cache.toString() }),
  start: sequence.start.toString(),
  increment: sequence.increment.toString(),
  minimum: sequence.minimum.toString(),
  maximum: sequence.maximum.toString(),
});

const sequenceOf = ({ cache, ...plain }: PlainSequence): SequenceDefinition => ({
  ...plain,
  ...(cache === undefined ? {} : { cache: BigInt(cache) }),
  start: BigInt(plain.start),
  increment: BigInt(plain.increment),
  minimum: BigInt(plain.minimum),
  maximum: BigInt(plain.maximum),
});

type PlainColumn = Omit<TableDefinition["columns"][number], "missingValue"> & { readonly missingValue: string | null };
type PlainTable = Omit<TableDefinition, "columns"> & { readonly columns: readonly PlainColumn[] };

const plainTable = (table: TableDefinition): PlainTable => ({
  ...table,
  columns: table.columns.map((column) => ({
    ...column,
    missingValue: column.missingValue === null ? null : hexOf(column.type.oid, column.missingValue),
  })),
});

const tableOf = (plain: PlainTable): TableDefinition => ({
  ...plain,
  columns: plain.columns.map((column) => ({
    ...column,
    missingValue: column.missingValue === null ? null : valueOf(column.type.oid, column.missingValue),
  })),
});

function hexOf(type: Oid, value: Exclude<Datum, null>): string {
  const storage = storageOf(type);
  if (storage === null) throw new AssertionFailed("a column's type is one that is stored");
  let bytes: Uint8Array;
  if (storage.width > 0) {
    bytes = new Uint8Array(storage.width);
    setFixed(storage, bytes, new DataView(bytes.buffer), 0, value);
  } else {
    const out = new ByteWriter(64);
    writeVariable(storage, out, value);
    bytes = out.finish();
  }
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function valueOf(type: Oid, hex: string): Datum {
  const storage = storageOf(type);
  if (storage === null) throw new AssertionFailed("a column's type is one that is stored");
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16);
  const view = new DataView(bytes.buffer);
  if (storage.width > 0) return getFixed(storage, bytes, view, 0);
  return getVariable(storage, bytes, view, 0, bytes.length);
}
