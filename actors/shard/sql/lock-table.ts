/**
 * Locks of open transactions: rows, places in unique indexes, tables, advisory numbers. They live in the memory of the shard that leads and
 * end with their owner, so a change of leadership ends them all.
 *
 * A statement that finds a lock in its way does not wait in here: it ends, waits outside for the owners in its way, and is run again.
 *
 *               keyShare  share  noKeyUpdate  update
 *   keyShare       ·        ·         ·          ×
 *   share          ·        ·         ×          ×
 *   noKeyUpdate    ·        ×         ×          ×
 *   update         ×        ×         ×          ×
 */

import type { LockStrength } from "../../../runtime/query/write/ports.js";
import { assert } from "../../../runtime/types/assert.js";

/** A transaction or a session, by a number that no other has. */
export type LockOwner = number;

const strengths = ["keyShare", "share", "noKeyUpdate", "update"] as const satisfies readonly LockStrength[];
/** By strength: those that cannot be beside it. */
const conflicts: Readonly<Record<LockStrength, ReadonlySet<LockStrength>>> = {
  keyShare: new Set(["update"]),
  share: new Set(["noKeyUpdate", "update"]),
  noKeyUpdate: new Set(["share", "noKeyUpdate", "update"]),
  update: new Set(strengths),
};

/** Whether two owners cannot have one lock in these strengths. */
export const excludes = (one: LockStrength, other: LockStrength): boolean => conflicts[one].has(other);

/** New keys that are all locked against everybody else, so many of them that none has a name in here. */
export interface LockedKeys {
  has(tree: number, key: Uint8Array): boolean;
}

type Taken =
  | {
      readonly name: string;
      /** What the owner had of it before; null for nothing. */
      readonly before: LockStrength | null;
    }
  | { readonly keys: LockedKeys };

export class LockTable {
  readonly #locks = new Map<string, Map<LockOwner, LockStrength>>();
  readonly #taken = new Map<LockOwner, Taken[]>();
  readonly #keys = new Map<LockedKeys, LockOwner>();

  get isEmpty(): boolean {
    return this.#locks.size === 0 && this.#keys.size === 0;
  }

  /** Whether somebody else has any lock at all. */
  hasOthers(self: LockOwner | null): boolean {
    return this.#taken.size > (self !== null && this.#taken.has(self) ? 1 : 0);
  }

  get count(): number {
    return this.#locks.size;
  }

  /** Owners whose locks are in the way; empty for none. */
  inTheWay(name: string, strength: LockStrength, self: LockOwner | null): readonly LockOwner[] {
    const holders = this.#locks.get(name);
    if (holders === undefined) return none;
    let found: LockOwner[] | null = null;
    for (const [owner, held] of holders) {
      if (owner !== self && conflicts[strength].has(held)) (found ??= []).push(owner);
    }
    return found ?? none;
  }

  /** Takes a lock that nothing is in the way of. A weaker one than the owner has changes nothing. */
  take(name: string, strength: LockStrength, owner: LockOwner): void {
    let holders = this.#locks.get(name);
    const before = holders?.get(owner) ?? null;
    if (before !== null && strengths.indexOf(before) >= strengths.indexOf(strength)) return;
    assert(this.inTheWay(name, strength, owner).length === 0, "a lock is taken when nothing is in its way");
    if (holders === undefined) {
      holders = new Map();
      this.#locks.set(name, holders);
    }
    holders.set(owner, strength);
    this.#takenBy(owner).push({ name, before });
  }

  /** Owners that have this key among many new ones. */
  inTheWayAmongKeys(tree: number, key: Uint8Array, self: LockOwner | null): readonly LockOwner[] {
    if (this.#keys.size === 0) return none;
    const found: LockOwner[] = [];
    for (const [keys, owner] of this.#keys) if (owner !== self && keys.has(tree, key)) found.push(owner);
    return found;
  }

  /** Locks all keys of a set, those that will come into it too. */
  takeKeys(keys: LockedKeys, owner: LockOwner): void {
    assert(!this.#keys.has(keys), "a set of keys is locked once");
    this.#keys.set(keys, owner);
    this.#takenBy(owner).push({ keys });
  }

  #takenBy(owner: LockOwner): Taken[] {
    let taken = this.#taken.get(owner);
    if (taken === undefined) {
      taken = [];
      this.#taken.set(owner, taken);
    }
    return taken;
  }

  /** How many locks an owner has taken: a place to come back to. */
  mark(owner: LockOwner): number {
    return this.#taken.get(owner)?.length ?? 0;
  }

  /** Gives back what was taken since a mark. */
  releaseTo(owner: LockOwner, mark: number): void {
    const taken = this.#taken.get(owner);
    if (taken === undefined) return;
    assert(mark >= 0 && mark <= taken.length, "locks are given back to a place that was passed");
    while (taken.length > mark) {
      const last = taken.pop();
      assert(last !== undefined, "what is given back was taken");
      if ("keys" in last) {
        this.#keys.delete(last.keys);
        continue;
      }
      const holders = this.#locks.get(last.name);
      assert(holders !== undefined, "a lock that was taken is held");
      if (last.before !== null) holders.set(owner, last.before);
      else {
        holders.delete(owner);
        if (holders.size === 0) this.#locks.delete(last.name);
      }
    }
    if (taken.length === 0) this.#taken.delete(owner);
  }

  releaseAll(owner: LockOwner): void {
    this.releaseTo(owner, 0);
  }

  /** Gives back one lock out of its turn: advisory locks of a session. False when it is not held. */
  release(name: string, owner: LockOwner): boolean {
    const taken = this.#taken.get(owner);
    const at = taken?.findLastIndex((each) => "name" in each && each.name === name) ?? -1;
    if (taken === undefined || at < 0) return false;
    const [last] = taken.splice(at, 1);
    const holders = this.#locks.get(name);
    if (last === undefined || !("name" in last) || holders === undefined) return false;
    if (last.before !== null) holders.set(owner, last.before);
    else {
      holders.delete(owner);
      if (holders.size === 0) this.#locks.delete(name);
    }
    if (taken.length === 0) this.#taken.delete(owner);
    return true;
  }
}

const none: readonly LockOwner[] = [];

/** Who waits for whom, to find those that would wait for ever. */
export class WaitGraph {
  readonly #waits = new Map<LockOwner, ReadonlySet<LockOwner>>();

  wait(waiter: LockOwner, owners: Iterable<LockOwner>): void {
    this.#waits.set(waiter, new Set(owners));
  }

  end(waiter: LockOwner): void {
    this.#waits.delete(waiter);
  }

  /** Whether somebody in a chain of waiting that begins with `owners` waits for `waiter`. */
  wouldDeadlock(waiter: LockOwner, owners: Iterable<LockOwner>): boolean {
    const seen = new Set<LockOwner>();
    const next = [...owners];
    for (let owner = next.pop(); owner !== undefined; owner = next.pop()) {
      if (owner === waiter) return true;
      if (seen.has(owner)) continue;
      seen.add(owner);
      next.push(...(this.#waits.get(owner) ?? []));
    }
    return false;
  }
}
