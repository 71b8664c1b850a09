/**
 * Makes a power cut of a kill: takes back what a node's process changed and no sync had made durable, as its journal says. The process
 * has ended; its files are changed in place.
 *
 * What a machine that loses power keeps of un-synced changes is a matter of chance, so each of them is kept, lost or (a write) torn:
 *
 *   "scattered"   each change for itself; of a torn write each 512-byte part for itself
 *   "since"       all changes from a moment on are lost, all before it are kept: what a page cache loses that is written back in order
 *
 * A part of a file that a later change reached, durably or by chance, holds what the later one wrote, whatever came of the earlier.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { JournalEntry, JournalHead } from "./write-journal.js";

export type Loss = { readonly kind: "scattered" } | { readonly kind: "since"; readonly ms: number };

export interface CutReport {
  /** Changes that no sync covered when the power went. */
  pending: number;
  lost: number;
  torn: number;
}

type Fate = "kept" | "lost" | "torn";
type Write = JournalHead & { readonly kind: "write" };
type Change = Exclude<JournalHead, { readonly kind: "durable" | "synced" | "namesSynced" }>;

/** What a device writes or loses as one, at the least. */
const partBytes = 512;

/** Changes that no later sync covers, by their place in the journal. */
export function pendingChanges(entries: readonly JournalEntry[]): Set<number> {
  const pending = new Set<number>();
  const writes = new Map<string, number>();
  const ofFile = new Map<string, Set<number>>();
  const ofDirectory = new Map<string, Set<number>>();
  const add = (places: Map<string, Set<number>>, path: string, index: number): void => {
    const known = places.get(path) ?? new Set();
    known.add(index);
    places.set(path, known);
    pending.add(index);
  };
  const settle = (places: Map<string, Set<number>>, path: string): void => {
    for (const index of places.get(path) ?? []) pending.delete(index);
    places.delete(path);
  };
  entries.forEach(({ head }, index) => {
    switch (head.kind) {
      case "write":
        writes.set(head.id, index);
        add(ofFile, head.path, index);
        return;
      case "durable":
        pending.delete(writes.get(head.id) ?? -1);
        return;
      case "synced":
        settle(ofFile, head.path);
        return;
      case "namesSynced":
        settle(ofDirectory, head.path);
        return;
      case "renamed": {
        // What was written under the old name is synced under the new one.
        const moved = ofFile.get(head.path);
        ofFile.delete(head.path);
        if (moved === undefined) ofFile.delete(head.to);
        else ofFile.set(head.to, moved);
        add(ofDirectory, dirname(head.to), index);
        return;
      }
      default:
        add(ofDirectory, dirname(head.path), index);
    }
  });
  return pending;
}

export function cutPower(entries: readonly JournalEntry[], loss: Loss, random: () => number): CutReport {
  const pending = pendingChanges(entries);
  const first = Math.min(...pending, entries.length);
  const report: CutReport = { pending: pending.size, lost: 0, torn: 0 };
  const settled = new SettledParts();
  // Where a file that had this name at the time lies now.
  const renamed = new Map<string, string>();
  for (let index = entries.length - 1; index >= first; index--) {
    const entry = entries[index];
    if (entry === undefined) continue;
    const { head, old } = entry;
    if (head.kind === "durable" || head.kind === "synced" || head.kind === "namesSynced") continue;
    const fate = pending.has(index) ? fateOf(head, loss, random) : "kept";
    if (fate === "lost") report.lost += 1;
    if (fate === "torn") report.torn += 1;
    const path = renamed.get(head.path) ?? head.path;
    if (head.kind === "write") undoWrite(path, head, old, fate, settled, random);
    else if (head.kind === "renamed" && fate === "kept") renamed.set(head.path, renamed.get(head.to) ?? head.to);
    else if (fate === "lost") undoName(head, renamed.get(head.path) ?? head.path);
  }
  return report;
}

function fateOf(head: Change, loss: Loss, random: () => number): Fate {
  if (loss.kind === "since") return head.ms >= loss.ms ? "lost" : "kept";
  const drawn = random();
  if (drawn < 0.4) return "kept";
  return head.kind === "write" && drawn < 0.7 ? "torn" : "lost";
}

function undoName(head: Exclude<Change, Write>, path: string): void {
  switch (head.kind) {
    case "created":
      rmSync(path, { force: true });
      return;
    case "removed":
      if (existsSync(head.backup)) renameSync(head.backup, head.path);
      return;
    case "renamed":
      if (existsSync(head.to)) renameSync(head.to, head.path);
      if (head.backup !== null && existsSync(head.backup)) renameSync(head.backup, head.to);
      return;
  }
}

function undoWrite(
  path: string,
  head: Write,
  old: Uint8Array,
  fate: Fate,
  settled: SettledParts,
  random: () => number,
): void {
  const { at, length, sizeBefore, wasZero } = head;
  if (fate === "kept" || !existsSync(path)) {
    settled.add(path, at, length);
    return;
  }
  const fd = openSync(path, "r+");
  try {
    const kept = Math.max(0, Math.min(length, sizeBefore - at));
    for (let part = Math.floor(at / partBytes) * partBytes; part < at + length; part += partBytes) {
      const [from, to] = [Math.max(part, at), Math.min(part + partBytes, at + length)];
      if (settled.has(path, part)) continue;
      if (fate === "torn" && random() < 0.5) {
        settled.add(path, from, to - from);
        continue;
      }
      const bytes = new Uint8Array(to - from);
      if (!wasZero && from - at < kept) bytes.set(old.subarray(from - at, Math.min(to - at, kept)));
      writeSync(fd, bytes, 0, bytes.length, from);
    }
    // What made the file longer did so in vain.
    if (fate === "lost" && sizeBefore < at + length && fstatSync(fd).size === at + length)
      ftruncateSync(fd, sizeBefore);
    // Nodes write past the page cache: nothing of this may still wait there when they start.
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Parts of files about which a later change has the last word. */
class SettledParts {
  readonly #parts = new Map<string, Set<number>>();

  add(path: string, at: number, length: number): void {
    const parts = this.#parts.get(path) ?? new Set();
    this.#parts.set(path, parts);
    for (let part = Math.floor(at / partBytes); part * partBytes < at + length; part++) parts.add(part);
  }

  has(path: string, at: number): boolean {
    return this.#parts.get(path)?.has(Math.floor(at / partBytes)) === true;
  }
}
