/**
 * A transaction's overlay as the facts of one record: the net change of each item against the state that it is committed on. What was
 * written and taken back, or is as it was, is no fact.
 */
import { encodeWriteHead } from "../../../runtime/kernel/request.js";
import { beginSqlFacts, putFact, removeFact } from "../../../runtime/kernel/sql-facts.js";
import type { Overlay } from "../../../runtime/query/table/overlay.js";
import { itemAt, tableSpace, tableTree } from "../../../runtime/store/table-trees.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { AssertionFailed, assert } from "../../../runtime/types/assert.js";
import type { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { encodeSequence, type SequenceState } from "./sequences.js";

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

const noItem = new Uint8Array(0);
/** Where the facts begin: behind the head of every write. The number of rows stands behind the version. */
const headBytes = 40;
const rowsAt = headBytes + 1;

/** Writes the body of a `sqlCommit`. Answers how many entries there are: without any, nothing was changed. */
export function writeFacts(
  out: ByteWriter,
  tenant: number,
  overlay: Overlay,
  sequences: Iterable<TouchedSequence>,
  state: TreeReader,
): number {
  out.reset();
  encodeWriteHead(out, { tenant });
  assert(out.length === headBytes, "the head of a write has its fixed size");
  beginSqlFacts(out, 0);
  let entries = 0;
  let rows = 0;
  for (const { tree, key, value } of overlay.all()) {
    const isThere = state.get(tree, key);
    if (value === null ? !isThere : isThere && isSameContent(state, value)) continue;
    const space = spaceOf(tree);
    const object = ((key[8] ?? 0) * 2 ** 24 + ((key[9] ?? 0) << 16) + ((key[10] ?? 0) << 8) + (key[11] ?? 0)) >>> 0;
    const item = key.subarray(itemAt);
    if (value === null) removeFact(out, space, object, item);
    else putFact(out, space, object, item, value.subarray(8));
    entries += 1;
    if (space === tableSpace.rows) rows += 1;
  }
  for (const { object, state: sequence } of sequences) {
    putFact(out, tableSpace.sequences, object, noItem, encodeSequence(sequence));
    entries += 1;
  }
  const bytes = out.view();
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(rowsAt, rows, true);
  return entries;
}

function isSameContent(state: TreeReader, value: Uint8Array): boolean {
  if (state.valueLength !== value.length) return false;
  const { valueBytes, valueStart } = state;
  for (let at = 8; at < value.length; at++) if (valueBytes[valueStart + at] !== value[at]) return false;
  return true;
}
