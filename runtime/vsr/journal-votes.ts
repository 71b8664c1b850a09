/**
 * What a replica says of its log in a view change. Headers are what was stored with the view and do not change between two sends of one
 * vote; the bits say how things are now. `present`: I can give its body. `nack`: I never acknowledged it, and in this view never will.
 */
import { type JournalSlots, type Slot, sameIdentity } from "./journal-slots.js";
import { mark } from "./marks.js";
import type { SuffixEntry, SuffixHeader } from "./messages.js";
import type { StoredHeader } from "./ports.js";

/** The headers from the head down to the first operation that is not above `commit`. */
export function suffixOf(slots: JournalSlots, head: number, commit: number): StoredHeader[] {
  const headers: StoredHeader[] = [];
  for (let op = head; op > 0; op--) {
    const slot = slots.get(op);
    if (slot?.header && slot.headerBytes) {
      headers.push({
        header: slot.header,
        headerBytes: slot.headerBytes,
        wasDurable: slot.state === "durable" || slot.state === "kept" || slot.isFaulty,
      });
    }
    if (op <= commit) break;
  }
  return headers;
}

/** What is said of one operation: `slot` is what is known of it here, `named` the header that was stored with the view. */
export function entryOf(op: number, slot: Slot | undefined, named: SuffixHeader | null): SuffixEntry {
  const header = named?.header ?? null;
  const headerBytes = named?.headerBytes ?? null;
  const isSame =
    slot?.header !== undefined &&
    slot.header !== null &&
    header !== null &&
    sameIdentity(slot.header.identity, header.identity);
  const isFaulty = slot?.isFaulty ?? false;
  const isHere = isSame && slot !== undefined && (slot.state === "durable" || slot.state === "kept");
  const present = !isFaulty && isSame && slot !== undefined && slot.state !== "wanted";
  const nack = !isFaulty && !isHere;
  if (isFaulty) mark("faultyIsNoNack");
  return { op, header, headerBytes, present, nack };
}
