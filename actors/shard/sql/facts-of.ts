/**
 * A transaction's overlay as the facts of one record: the net change of each item against the state that it is committed on. What was
 * written and taken back, or is as it was, is no fact.
 */
import { encodeNotification } from "../../../runtime/kernel/notification-rows.js";
import { encodeWriteHead } from "../../../runtime/kernel/request.js";
import { beginSqlFacts, putFact, removeFact, stagedFact } from "../../../runtime/kernel/sql-facts.js";
import { catalogHeadOid, decodeCatalogHead, encodeHeadOver } from "../../../runtime/query/catalog/encoding.js";
import { objectOf, pending } from "../../../runtime/query/table/overlay.js";
import { withWriter } from "../../../runtime/query/table/row-codec.js";
import { itemAt, tableSpace, tableTree } from "../../../runtime/store/table-trees.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { AssertionFailed, assert } from "../../../runtime/types/assert.js";
import type { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { encodeSequence, type SequenceState } from "../../sql/sequence-state.js";
import type { DeciderHost } from "./deciding.js";
import type { Transaction } from "./transaction.js";

export interface TouchedSequence {
  readonly object: number;
  readonly state: SequenceState;
}

function spaceOf(tree: number): number {
  switch (tree) {
    case tableTree.catalog:
      return tableSpace.catalog;
    case tableTree.rows:
      return tableSpace.rows;
    case tableTree.index:
      return tableSpace.index;
    default:
      throw new AssertionFailed("a transaction writes to trees of tables");
  }
}

/** Where the content of a tree's value begins: behind the position that wrote it. */
const contentAt = 8;
const noItem = new Uint8Array(0);
/** Where the facts begin: behind the head of every write. The number of rows stands behind the version. */
const headBytes = 40;
const rowsAt = headBytes + 1;
export const factsHeadBytes: number = headBytes + 5;
/** Entries between two signs of life. */
const entriesBetweenSigns = 4_096;

/** What a transaction comes to. Views of the writer that it was made with. */
export interface Facts {
  /** Without any, nothing was changed. */
  readonly entries: number;
  /** Entries of each part that is staged before the commit; none when one record holds all. */
  readonly parts: readonly Uint8Array[];
  /** Body of the `sqlCommit`, without the parts. */
  readonly bytes: number;
}

/** Begins the body of a `sqlCommit`; its facts follow. */
export function beginFacts(out: ByteWriter, tenant: number): void {
  out.reset();
  encodeWriteHead(out, { tenant });
  assert(out.length === headBytes, "the head of a write has its fixed size");
  beginSqlFacts(out, 0);
}

/** @param rows inserted, updated and deleted */
export function endFacts(out: ByteWriter, rows: number): void {
  assert(out.length >= factsHeadBytes, "facts that end were begun");
  const bytes = out.view();
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(rowsAt, rows, true);
}

/**
 * Writes the body of a `sqlCommit` to `out`, or the parts that come before it and then the body.. Says
 * that the shard is at work: a transaction of a million rows takes seconds.
 */
export function writeFacts(
  out: ByteWriter,
  { tenant, overlay, notifications, number }: Pick<Transaction, "tenant" | "overlay" | "notifications" | "number">,
  sequences: Iterable<TouchedSequence>,
  { state, limits, working }: Pick<DeciderHost, "state" | "limits" | "working">,
): Facts {
  beginFacts(out, tenant);
  let entries = 0;
  let seen = 0;
  let rows = 0;
  const cuts: number[] = [factsHeadBytes];
  const added = (before: number): void => {
    entries += 1;
    if (out.length - (cuts.at(-1) ?? 0) > limits.partBytes) cuts.push(before);
  };
  const { loaded } = overlay;
  for (const { tree, key, value: written } of overlay.single()) {
    seen += 1;
    if (seen % entriesBetweenSigns === 0) working();
    const isThere = state.get(tree, key);
    const isHead = tree === tableTree.catalog && objectOf(key) === catalogHeadOid && written !== null;
    // Who has told the number of the transaction was told that its rows are of that.
    const isNumbered = number > 0 && tree === tableTree.rows && written !== null;
    const value = isNumbered ? withWriter(written, number) : isHead && isThere ? headOver(written, state) : written;
    if (value === null ? !isThere : isThere && isSameContent(state, value)) continue;
    const space = spaceOf(tree);
    const object = objectOf(key);
    const item = key.subarray(itemAt);
    const before = out.length;
    if (value === null) removeFact(out, space, object, item);
    else putFact(out, space, object, item, value.subarray(8));
    added(before);
    if (space === tableSpace.rows) rows += 1;
  }
  for (const { object, state: sequence } of sequences) {
    const before = out.length;
    putFact(out, tableSpace.sequences, object, noItem, encodeSequence(sequence));
    added(before);
  }
  for (const [number, notification] of notifications.entries()) {
    const before = out.length;
    putFact(out, tableSpace.notifications, number, noItem, encodeNotification(notification));
    added(before);
  }
  const parts: Uint8Array[] = [];
  if (loaded !== null) {
    const loadedBytes = loaded.parts.reduce((sum, part) => sum + part.length, 0);
    entries += loaded.entries;
    rows += loaded.rows;
    if (out.length + loadedBytes <= limits.recordBytes) for (const part of loaded.parts) out.raw(part);
    else parts.push(...loaded.parts);
  }
  if (out.length > limits.recordBytes || parts.length > 0) {
    cuts.push(out.length);
    const all = out.finish();
    for (let index = 0; index + 1 < cuts.length; index++) {
      const part = all.subarray(cuts[index], cuts[index + 1]);
      if (part.length > 0) parts.push(part);
    }
    out.rewind(factsHeadBytes);
    stagedFact(out, parts.length);
  }
  endFacts(out, rows);
  return { entries, parts, bytes: parts.reduce((sum, part) => sum + part.length, out.length) };
}

/** Body of the request that stages one part. */
export function writeStage(out: ByteWriter, tenant: number, part: number, entries: Uint8Array): ByteWriter {
  return encodeWriteHead(out.reset(), { tenant }).u32(part).raw(entries);
}

/** The head of a catalog that a transaction has written, one further than that which others may have committed meanwhile. */
function headOver(written: Uint8Array, state: TreeReader): Uint8Array {
  const view = new DataView(written.buffer, written.byteOffset, written.length);
  const own = decodeCatalogHead(written, view, contentAt);
  return pending(
    encodeHeadOver(own, decodeCatalogHead(state.valueBytes, state.valueView, state.valueStart + contentAt)),
  );
}

function isSameContent(state: TreeReader, value: Uint8Array): boolean {
  if (state.valueLength !== value.length) return false;
  const { valueBytes, valueStart } = state;
  for (let at = 8; at < value.length; at++) if (valueBytes[valueStart + at] !== value[at]) return false;
  return true;
}
