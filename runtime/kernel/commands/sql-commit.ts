/**
 * sqlCommit: the changes of one SQL transaction, as one record at one position. The shard has run the statements and checked the
 * constraints; here the facts are only held to their shape and to the tenant's quota, and put into the trees. Nothing of SQL is known:
 * keys, rows and definitions are bytes.
 *
 * Request, after the common head, and facts, the same: see `../sql-facts.ts`.
 *
 * Outcome: subject = 0, first = 0, count = rows inserted, updated and deleted.
 *
 * Old versions stay, so the tenant's stored bytes grow by the facts, whatever they do. A put or remove of what the trees do not hold as the
 * facts say is an assertion: a record is committed after exactly the prefix that it was decided on.
 */
import {
  fromBytes,
  itemAt,
  itemBytesMaxBefore,
  type SpaceTrees,
  spaceTrees,
  TableKey,
  tableSpace,
  tableTree,
  toBytes,
} from "../../store/table-trees.js";
import { treeValueBytesMax } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { appendBytesMax } from "../../types/limits.js";
import type { Draft } from "../draft.js";
import { applyNotification } from "../notification-rows.js";
import { copyBytes, getU64, setU64 } from "../numbers.js";
import { factAction, SqlFactsReader, sqlFactsHeadBytes } from "../sql-facts.js";
import type { Step } from "../step.js";

/** Facts of one record at most; a larger transaction is refused by the shard before it comes here. */
export const sqlFactsBytesMax = appendBytesMax;

const reader = new SqlFactsReader();
const key = new TableKey();
const endedKey = new TableKey();
const value = new Uint8Array(treeValueBytesMax);
const valueView = new DataView(value.buffer);
/** An item's version that ends. */
const ended = new Uint8Array(treeValueBytesMax);
const endedView = new DataView(ended.buffer);
const staged = new Uint8Array(treeValueBytesMax);
const stagedView = new DataView(staged.buffer);
const stagedReader = new SqlFactsReader();

export function decideSqlCommit(draft: Draft): void {
  const { request, bodyFrom } = draft;
  const { bytes, view, to } = request;
  const length = to - bodyFrom;
  assert(length >= 0, "a transaction begins after its head");
  if (length > sqlFactsBytesMax) {
    draft.refuse("batchTooLarge", `${length} bytes of facts where ${sqlFactsBytesMax} are the limit`, {
      bytes: length,
      limit: sqlFactsBytesMax,
    });
    return;
  }
  let isSound = reader.open(bytes, view, bodyFrom, to);
  while (isSound && reader.next());
  isSound = reader.problem === "";
  if (!isSound) {
    draft.refuse("frameInvalid", reader.problem);
    return;
  }
  if (draft.exceedsQuota(length)) return;
  draft.beginRecord();
  assert(draft.out.room >= length, "a transaction fits: room was checked before");
  draft.out.copy(bytes, view, bodyFrom, to);
  draft.finish(0, 0, reader.rows);
}

/** Bytes that a transaction's record adds to what its tenant stores. */
export function sqlCommitBytes(step: Step): number {
  const length = step.record.factsLength;
  assert(length >= sqlFactsHeadBytes, "the facts of a transaction have their head");
  return length;
}

export function applySqlCommit(step: Step): void {
  const { record } = step;
  const isOpen = reader.open(record.bytes, record.view, record.factsFrom, record.to);
  assert(isOpen, "the facts of a transaction are well formed");
  const { rows } = reader;
  while (reader.next()) {
    if (reader.space === tableSpace.staged) applyStaged(step, reader.object);
    else applyFact(step, reader);
  }
  assert(reader.problem === "", "each entry of a transaction's facts is well formed");
  step.subject = 0;
  step.first = 0;
  step.count = rows;
}

function applyFact(step: Step, fact: SqlFactsReader): void {
  assert(fact.space !== tableSpace.staged, "a staged part holds changes, not other parts");
  if (fact.space === tableSpace.sequences) applySequence(step, fact);
  else if (fact.space === tableSpace.notifications) {
    applyNotification(step, fact.object, fact.bytes.subarray(fact.contentFrom, fact.contentTo));
  } else applyEntry(step, fact);
}

/** The parts that were staged, one after the other; they are not needed any more. */
function applyStaged(step: Step, parts: number): void {
  const { state, tenant } = step;
  for (let part = 0; part < parts; part += 1) {
    const found = state.get(tableTree.staged, key.object(tenant, part));
    assert(found, "order: each part of a large transaction was staged before its commit");
    const { valueBytes, valueView: view, valueStart, valueLength } = state;
    copyBytes(valueBytes, view, valueStart, valueStart + valueLength, staged, stagedView, 0);
    stagedReader.openEntries(staged, stagedView, 0, valueLength);
    while (stagedReader.next()) applyFact(step, stagedReader);
    assert(stagedReader.problem === "", "each entry of a staged part is well formed");
    state.delete(tableTree.staged, key.object(tenant, part));
    step.atWork();
  }
}

function applySequence(step: Step, { bytes, object, contentFrom, contentTo }: SqlFactsReader): void {
  assert(contentTo > contentFrom, "a sequence has a state");
  step.state.put(tableTree.sequences, key.object(step.tenant, object), bytes.subarray(contentFrom, contentTo));
}

function applyEntry(step: Step, fact: SqlFactsReader): void {
  const { state, tenant, position } = step;
  if (fact.space === tableSpace.rows) step.touches(fact.object);
  const { bytes, view: factView, space, action, object, itemFrom, itemTo, contentFrom, contentTo } = fact;
  if (itemTo - itemFrom > itemBytesMaxBefore) step.longKey();
  const trees = spaceTrees[space];
  assert(trees !== undefined, "a space has its trees");
  const nowLength = key.setItem(tenant, object, bytes, itemFrom, itemTo);
  if (action === factAction.remove) {
    const now = key.bytes.subarray(0, nowLength);
    const isThere = state.get(trees.now, now);
    assert(isThere, "order: what a transaction removes is there");
    endVersion(step, trees, fact, nowLength);
    state.delete(trees.now, now);
    return;
  }
  // Most of what comes in numbers is new: one descent puts it.
  if (state.insertVersion(trees.now, key.bytes, nowLength, position, bytes, factView, contentFrom, contentTo)) return;
  endVersion(step, trees, fact, nowLength);
  setU64(valueView, 0, position);
  copyBytes(bytes, factView, contentFrom, contentTo, value, valueView, fromBytes);
  state.put(trees.now, key.bytes.subarray(0, nowLength), value.subarray(0, fromBytes + contentTo - contentFrom));
}

/** Moves the version that the state's value fields describe into the past. */
function endVersion(
  { state, tenant, position }: Step,
  { before: past }: SpaceTrees,
  { bytes, object, itemFrom, itemTo }: SqlFactsReader,
  nowLength: number,
): void {
  const { valueBytes, valueView: view, valueStart, valueLength } = state;
  assert(getU64(view, valueStart) < position, "order: an item changes once in a transaction");
  copyBytes(valueBytes, view, valueStart, valueStart + valueLength, ended, endedView, 0);
  endedKey.item(tenant, object, bytes, itemFrom, itemTo);
  const before = endedKey.ended(itemAt + itemTo - itemFrom, position);
  assert(before.length === nowLength + toBytes, "a key of the past is the present one with its end");
  const inserted = state.insert(past, before, ended.subarray(0, valueLength));
  assert(inserted, "a version of an item ends once");
}
