/**
 * Who owns what, by epoch: the fence against an owner that was replaced and does not know it yet. A claim is granted only with a
 * larger epoch than every claim before it on the same key, so an owner that comes back from a pause cannot win back what has been
 * given on. The highest epoch of a key outlives its owner: it survives release, compaction and a restart from `entries()`,
 * otherwise a key that was forgotten would start again at 1 and an old owner's larger number would win.
 */
import { assert } from "../types/assert.js";
import type { Epoch } from "../types/ids.js";

export interface EpochEntry {
  readonly key: string;
  readonly epoch: Epoch;
  /** Null after a release. */
  readonly owner: string | null;
}

export type ClaimResult =
  | { readonly granted: true; readonly epoch: Epoch }
  | { readonly granted: false; readonly epoch: Epoch; readonly owner: string | null };

export class EpochRegister {
  readonly #entries = new Map<string, EpochEntry>();
  /** Highest epochs of keys whose entries were compacted away. */
  readonly #floors = new Map<string, Epoch>();

  /** Restores what `entries()` of an earlier register gave. */
  constructor(entries: Iterable<EpochEntry> = []) {
    for (const entry of entries) {
      assert(entry.epoch >= 1, "an epoch is positive");
      assert(this.highest(entry.key) === 0, "order: a key has one highest epoch");
      if (entry.owner === null) this.#floors.set(entry.key, entry.epoch);
      else this.#entries.set(entry.key, entry);
    }
  }

  highest(key: string): Epoch {
    return this.#entries.get(key)?.epoch ?? this.#floors.get(key) ?? (0 as Epoch);
  }

  owner(key: string): string | null {
    return this.#entries.get(key)?.owner ?? null;
  }

  /** The epoch that the next owner of a key gets. */
  next(key: string): Epoch {
    return (this.highest(key) + 1) as Epoch;
  }

  /** Repeating one's own standing claim is granted again; any other claim needs a larger epoch. */
  claim(key: string, owner: string, epoch: Epoch): ClaimResult {
    const highest = this.highest(key);
    const standing = this.#entries.get(key);
    const repeated = standing !== undefined && standing.epoch === epoch && standing.owner === owner;
    if (!repeated && epoch <= highest) return { granted: false, epoch: highest, owner: standing?.owner ?? null };
    this.#entries.set(key, { key, epoch, owner });
    this.#floors.delete(key);
    assert(this.highest(key) === epoch, "a granted claim stands");
    return { granted: true, epoch };
  }

  isCurrent(key: string, epoch: Epoch): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.owner !== null && entry.epoch === epoch;
  }

  /** Gives a key up; only its current owner can. */
  release(key: string, epoch: Epoch): boolean {
    if (!this.isCurrent(key, epoch)) return false;
    this.#entries.set(key, { key, epoch, owner: null });
    return true;
  }

  /** Forgets released owners but never a highest epoch. Returns how many entries it shrank. */
  compact(): number {
    let compacted = 0;
    for (const entry of [...this.#entries.values()]) {
      if (entry.owner !== null) continue;
      this.#entries.delete(entry.key);
      this.#floors.set(entry.key, entry.epoch);
      assert(this.highest(entry.key) === entry.epoch, "the highest epoch of a key outlives its entry");
      compacted++;
    }
    return compacted;
  }

  /** Everything needed to go on after a restart, ordered by key. */
  entries(): EpochEntry[] {
    const floors = [...this.#floors].map(([key, epoch]): EpochEntry => ({ key, epoch, owner: null }));
    return [...this.#entries.values(), ...floors].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }
}
