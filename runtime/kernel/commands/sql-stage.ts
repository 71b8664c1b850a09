/**
 * sqlStage: a part of the changes of a SQL transaction that is too large for one record. Parts change nothing that anybody sees; the
 * `sqlCommit` that follows the last one puts all of them into the trees, at its own position. A transaction whose shard lost its leadership in
 * between leaves parts behind: the next one's first part removes them.
 *
 * Request, after the common head, and facts, the same:
 *    0     4  number of the part, from 0
 *    4     …  entries of `../sql-facts.ts`, whole ones
 *
 * Outcome: subject = 0, first = the part, count = 0.
 */
import { TableKey, tableTree } from "../../store/table-trees.js";
import { treeValueBytesMax } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { Draft } from "../draft.js";
import { getU64Key } from "../numbers.js";
import { SqlFactsReader } from "../sql-facts.js";
import type { Step } from "../step.js";

export const stageHeadBytes = 4;
/** Parts of one transaction. */
export const stagePartsMax = 1_024;

const reader = new SqlFactsReader();
const key = new TableKey();
const found = new Uint8Array(512);
const foundView = new DataView(found.buffer);

export function decideSqlStage(draft: Draft): void {
  const { request, bodyFrom } = draft;
  const { bytes, view, to } = request;
  const length = to - bodyFrom;
  assert(length >= 0, "a part begins after its head");
  if (length <= stageHeadBytes || length > treeValueBytesMax || view.getUint32(bodyFrom, true) >= stagePartsMax) {
    draft.refuse("frameInvalid", "a staged part has a number and entries, within their limits");
    return;
  }
  reader.openEntries(bytes, view, bodyFrom + stageHeadBytes, to);
  while (reader.next());
  if (reader.problem !== "") {
    draft.refuse("frameInvalid", reader.problem);
    return;
  }
  if (draft.exceedsQuota(length)) return;
  draft.beginRecord();
  assert(draft.out.room >= length, "a part fits: room was checked before");
  draft.out.copy(bytes, view, bodyFrom, to);
  draft.finish(0, view.getUint32(bodyFrom, true), 0);
}

export function applySqlStage(step: Step): void {
  const { state, tenant, record } = step;
  const part = record.view.getUint32(record.factsFrom, true);
  assert(part < stagePartsMax, "a part's number is within its limit");
  if (part === 0) removeLeftovers(step);
  const from = record.factsFrom + stageHeadBytes;
  const inserted = state.insert(tableTree.staged, key.object(tenant, part), record.bytes.subarray(from, record.to));
  assert(inserted, "order: a part of a large transaction is staged once");
  step.subject = 0;
  step.first = part;
  step.count = 0;
}

/** Parts of a transaction that never came to its end. */
function removeLeftovers({ state, tenant }: Step): void {
  const cursor = state.cursor(tableTree.staged);
  while (cursor.seek(key.object(tenant, 0))) {
    const length = cursor.keyInto(found);
    if (getU64Key(foundView, 0) !== tenant) return;
    const removed = state.delete(tableTree.staged, found.subarray(0, length));
    assert(removed, "a part that was found is removed");
  }
}
