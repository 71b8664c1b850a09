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

/** In the order of the table above: two of them exclude one another where their ranks make three or more. */
const rankOf: Readonly<Record<LockStrength, number>> = { keyShare: 0, share: 1, noKeyUpdate: 2, update: 3 };
const ranks = 4;
const excludingRanks = 3;

/** Whether two owners cannot have one lock in these strengths. */
export const excludes = (one: LockStrength, other: LockStrength): boolean =>
  rankOf[one] + rankOf[other] >= excludingRanks;

/** New keys that are all locked against everybody else, so many of them that none has a name in here. */
export interface LockedKeys {
  has(tree: number, key: Uint8Array): boolean;
}

/** Who has one lock, and how strong. A table's has as many owners as there are transactions that write to it: those are not asked one by one. */
class Lock {
  readonly #holders = new Map<LockOwner, LockStrength>();
  /** How many have it in each strength, by rank. */
  readonly #counts = [0, 0, 0, 0];

  get isFree(): boolean {
    return this.#holders.size === 0;
  }

  heldBy(owner: LockOwner): LockStrength | null {
    return this.#holders.get(owner) ?? null;
  }

  /** Makes it what an owner has of it; null for nothing any more. */
  set(owner: LockOwner, strength: LockStrength | null): void {
    const before = this.#holders.get(owner);
    if (before !== undefined) this.#count(before, -1);
    if (strength === null) this.#holders.delete(owner);
    else {
      this.#holders.set(owner, strength);
      this.#count(strength, 1);
    }
  }

  #count(strength: LockStrength, by: number): void {
    const rank = rankOf[strength];
    this.#counts[rank] = (this.#counts[rank] ?? 0) + by;
  }

  /** Owners but `self` who have it in a strength that excludes this one. */
  excluding(strength: LockStrength, self: LockOwner | null): readonly LockOwner[] {
    let count = 0;
    for (let rank = excludingRanks - rankOf[strength]; rank < ranks; rank++) count += this.#counts[rank] ?? 0;
    if (count === 0) return none;
    const found: LockOwner[] = [];
    for (const [owner, held] of this.#holders) if (owner !== self && excludes(strength, held)) found.push(owner);
    return found;
  }
}

export interface HeldLock {
  readonly name: string;
  readonly strength: LockStrength;
}

type Taken =
  | {
      readonly name: string;
      /** What the owner had of it before; null for nothing. */
      readonly before: LockStrength | null;
    }
  | { readonly keys: LockedKeys };

export class LockTable {
  readonly #locks = new Map<string, Lock>();
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
    return this.#locks.get(name)?.excluding(strength, self) ?? none;
  }

  /** Takes a lock that nothing is in the way of. A weaker one than the owner has changes nothing. */
  take(name: string, strength: LockStrength, owner: LockOwner): void {
    let lock = this.#locks.get(name);
    const before = lock?.heldBy(owner) ?? null;
    if (before !== null && rankOf[before] >= rankOf[strength]) return;
    assert(this.inTheWay(name, strength, owner).length === 0, "a lock is taken when nothing is in its way");
    if (lock === undefined) {
      lock = new Lock();
      this.#locks.set(name, lock);
    }
    lock.set(owner, strength);
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

  /** What an owner has, each once, of what has a name that is wanted. @param max how many at most */
  heldBy(owner: LockOwner, isWanted: (name: string) => boolean, max: number): readonly HeldLock[] {
    const names = new Set<string>();
    for (const taken of this.#taken.get(owner) ?? [])
      if (names.size < max && "name" in taken && isWanted(taken.name)) names.add(taken.name);
    return [...names].flatMap((name) => {
      const strength = this.#locks.get(name)?.heldBy(owner) ?? null;
      return strength === null ? [] : [{ name, strength }];
    });
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
      this.#becomes(last.name, owner, last.before);
    }
    if (taken.length === 0) this.#taken.delete(owner);
  }

  #becomes(name: string, owner: LockOwner, strength: LockStrength | null): void {
    const lock = this.#locks.get(name);
    assert(lock !== undefined, "a lock that was taken is held");
    lock.set(owner, strength);
    if (lock.isFree) this.#locks.delete(name);
  }

  releaseAll(owner: LockOwner): void {
    this.releaseTo(owner, 0);
  }

  /** Gives back one lock out of its turn, or all of its strength but what is left: advisory locks of a session. False when it is not held. */
  release(name: string, owner: LockOwner, left: LockStrength | null = null): boolean {
    const before = this.#locks.get(name)?.heldBy(owner) ?? null;
    const taken = this.#taken.get(owner);
    if (before === null || taken === undefined) return false;
    if (left !== null && rankOf[before] <= rankOf[left]) return false;
    const others = taken.filter((each) => !("name" in each) || each.name !== name);
    this.#becomes(name, owner, left);
    if (left !== null) others.push({ name, before: null });
    if (others.length === 0) this.#taken.delete(owner);
    else this.#taken.set(owner, others);
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
