/**
 * What a replica takes for its log when it starts. The disk shows prepares, sound and damaged; the superblock names the headers of the
 * log's end as of the newest view. Neither is enough: behind what both prove, an operation waits for a peer to say that it is of this log.
 */
import type { PrepareHeader } from "../storage/frame.js";
import { type JournalSlots, sameIdentity } from "./journal-slots.js";
import { mark } from "./marks.js";
import type { DurableState, RecoveredLog, StoredHeader } from "./ports.js";

/**
 * Fills `slots` from disk and superblock, once, before anything else is known.
 *
 * @returns newest operation that is on disk and proved to be of this log, with everything before it
 */
export function recoverSlots(slots: JournalSlots, state: DurableState, log: RecoveredLog, replicas: number): number {
  for (const { header, headerBytes } of log.headers) slots.put(header, headerBytes, "kept");
  for (const { op, state: found, header, headerBytes } of log.beyond) {
    slots.add({
      op,
      state: found === "sound" ? "kept" : "faulty",
      header,
      headerBytes,
      frame: null,
      isCanonical: false,
      isFaulty: found === "faulty",
      isUndeniable: false,
    });
  }
  const proved = replicas === 1 ? log.sound.op : prove(slots, state, log);
  for (let op = log.headers[0]?.header.op ?? log.sound.op + 1; op <= proved; op++) {
    const slot = slots.get(op);
    if (slot === undefined) continue;
    slot.state = "durable";
    slot.isCanonical = true;
  }
  return proved;
}

/**
 * How far the recovered log is proved to be that of `logView`: it meets a header that the superblock names, or lies below an operation
 * that one of its own headers states as committed.
 */
function prove(slots: JournalSlots, state: DurableState, log: RecoveredLog): number {
  let proved = Math.min(log.commit, log.sound.op);
  const newest = state.suffix[0]?.header.op ?? 0;
  for (const stored of state.suffix) layStored(slots, stored);
  for (const { header } of state.suffix) {
    const slot = slots.get(header.op);
    if (header.op > log.sound.op || slot === undefined || slot.state !== "kept") continue;
    proved = Math.max(proved, header.op);
    break;
  }
  if (newest > log.sound.op || (newest > 0 && proved < newest)) return proved;
  // Behind the stored end only what was prepared since, in that very view, belongs to it.
  for (let op = proved + 1; op <= log.sound.op; op++) {
    const header: PrepareHeader | null = slots.get(op)?.header ?? null;
    if (header === null || header.view < state.logView) break;
    proved = op;
  }
  return proved;
}

/** Lays a header that the superblock names over what the disk shows. */
function layStored(slots: JournalSlots, { header, headerBytes, wasDurable }: StoredHeader): void {
  const slot = slots.get(header.op);
  if (slot?.header && sameIdentity(slot.header.identity, header.identity)) {
    slot.isCanonical = true;
    return;
  }
  const isFaulty = wasDurable || (slot !== undefined && slot.isFaulty && slot.header === null);
  if (wasDurable) mark("recoveryLostDurable");
  const stored = slots.put(header, headerBytes, isFaulty ? "faulty" : "wanted");
  stored.isCanonical = true;
  stored.isFaulty = isFaulty;
  stored.isUndeniable = wasDurable;
}

/**
 * Whether the end of the log is known, although damage was met: it is when the newest trace on disk is what an older view left, damaged, not
 * behind the stored end. Its header is certain, so it is known where the next one would lie, and there nothing was written; so nothing was
 * acknowledged in this log's view, which needs all that comes before to be on disk. (A power cut or a failed write within the truncation of
 * such leftovers looks like this: seeds 90213119, 91008465.) Where it is the stored end itself, that is damaged, and known to be.
 */
export function isHeadCertain(state: DurableState, log: RecoveredLog): boolean {
  if (log.headIsCertain) return true;
  const last = log.beyond.at(-1);
  const storedEnd = state.suffix[0]?.header.op ?? 0;
  if (last === undefined || last.header === null) return false;
  return last.op <= storedEnd && last.header.view < state.logView;
}

/** Newest operation of which anything is known that is not discarded. What lies behind is forgotten. */
export function recoverHead(slots: JournalSlots, state: DurableState, replicas: number): number {
  if (replicas === 1) return 0;
  let head = state.suffix[0]?.header.op ?? 0;
  for (const slot of slots.values()) {
    if (slot.op <= head) continue;
    // What an older view prepared behind the stored end was discarded by the decision that stored it.
    const isOfView = slot.header !== null && slot.header.view >= state.logView;
    if (isOfView || (slot.header === null && slot.isFaulty)) head = slot.op;
  }
  for (const { op } of slots.list()) if (op > head) slots.delete(op);
  return head;
}
