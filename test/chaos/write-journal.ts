/**
 * What a node's process did to its files, written down before it is done: the ground on which a power cut can be made of a SIGKILL.
 *
 * The operating system keeps what a killed process wrote, synced or not, so a kill alone tests no sync. The journal says of each change
 * what was there before and which sync made it durable; after the kill, `power-cut.ts` takes back what no sync covers.
 *
 *   entry   u32 length of the head · u32 length of the old bytes · head, JSON · old bytes
 *
 * Entries are appended in one write each, from every thread of a process to one file; the journal itself needs no sync, since the
 * machine does not go down.
 */
export type JournalHead =
  /** Bytes [at, at + length) of a file are about to be written; `wasZero` stands for old bytes that were all zero. */
  | {
      readonly kind: "write";
      readonly id: string;
      readonly path: string;
      readonly at: number;
      readonly length: number;
      readonly sizeBefore: number;
      readonly wasZero: boolean;
      readonly ms: number;
    }
  /** A write through O_DSYNC came back. */
  | { readonly kind: "durable"; readonly id: string }
  /** fdatasync or fsync of a file came back. */
  | { readonly kind: "synced"; readonly path: string }
  /** fsync of a directory came back: its names are durable. */
  | { readonly kind: "namesSynced"; readonly path: string }
  | { readonly kind: "created"; readonly path: string; readonly ms: number }
  /** `backup` is another name of what lay at `to` before, null for nothing. */
  | {
      readonly kind: "renamed";
      readonly path: string;
      readonly to: string;
      readonly backup: string | null;
      readonly ms: number;
    }
  | { readonly kind: "removed"; readonly path: string; readonly backup: string; readonly ms: number };

export interface JournalEntry {
  readonly head: JournalHead;
  readonly old: Uint8Array;
}

const frameBytes = 8;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeEntry(head: JournalHead, old: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = encoder.encode(JSON.stringify(head));
  const bytes = new Uint8Array(frameBytes + text.length + old.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, text.length, true);
  view.setUint32(4, old.length, true);
  bytes.set(text, frameBytes);
  bytes.set(old, frameBytes + text.length);
  return bytes;
}

/** All whole entries; one that the kill cut off was about a change that had not begun. */
export function decodeJournal(bytes: Uint8Array): JournalEntry[] {
  const entries: JournalEntry[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + frameBytes <= bytes.length; ) {
    const textAt = at + frameBytes;
    const oldAt = textAt + view.getUint32(at, true);
    const end = oldAt + view.getUint32(at + 4, true);
    if (end > bytes.length) break;
    const head = JSON.parse(decoder.decode(bytes.subarray(textAt, oldAt))) as JournalHead;
    entries.push({ head, old: bytes.subarray(oldAt, end) });
    at = end;
  }
  return entries;
}
