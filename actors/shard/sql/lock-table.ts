/**
 * Locks of open transactions: rows, places in unique indexes, tables, advisory numbers. They live in the memory of the shard that leads and
 * end with their owner, so a change of leadership ends them all. What they exclude stands in lock-modes.ts.
 *
 * A statement that finds a lock in its way does not wait in here: it ends, waits outside for the owners in its way, and is run again.
 */

import { assert } from "../../../runtime/types/assert.js";
import { isClaim, LockClaims } from "./lock-claims.js";
import { type LockMode, modeFacts, modesMax } from "./lock-modes.js";

/** A transaction or a session, by a number that no other has. */
export type LockOwner = number;

/** New keys that are all locked against everybody else, so many of them that none has a name in here. */
export interface LockedKeys {
  has(tree: number, key: Uint8Array): boolean;
}

/** Who has one lock, and how. A table's has as many owners as there are transactions that write to it: those are not asked one by one. */
class Lock {
  /** The modes that each has it in, as a set. */
  readonly #holders = new Map<LockOwner, number>();
  /** How many have it in each mode, by its place. */
  readonly #counts = new Array<number>(modesMax).fill(0);
  /** Modes that anybody has it in. */
  #held = 0;

  get isFree(): boolean {
    return this.#holders.size === 0;
  }

  /** The modes that an owner has it in. */
  heldBy(owner: LockOwner): number {
    return this.#holders.get(owner) ?? 0;
  }

  /** Makes it what an owner has of it; 0 for nothing any more. */
  set(owner: LockOwner, modes: number): void {
    const before = this.heldBy(owner);
    if (modes === 0) this.#holders.delete(owner);
    else this.#holders.set(owner, modes);
    for (let left = before ^ modes; left !== 0; left &= left - 1) {
      const bit = left & -left;
      const place = 31 - Math.clz32(bit);
      const count = (this.#counts[place] ?? 0) + ((modes & bit) === 0 ? -1 : 1);
      this.#counts[place] = count;
      this.#held = count === 0 ? this.#held & ~bit : this.#held | bit;
    }
  }

  /** Owners but `self` who have it in one of these modes. */
  heldIn(modes: number, self: LockOwner | null): readonly LockOwner[] {
    if ((this.#held & modes) === 0) return none;
    const found: LockOwner[] = [];
    for (const [owner, held] of this.#holders) if (owner !== self && (held & modes) !== 0) found.push(owner);
    return found;
  }
}

export interface HeldLock {
  readonly name: string;
  /** As a set. */
  readonly modes: number;
}

type Taken =
  | {
      readonly name: string;
      /** The modes that the owner had it in before. */
      readonly before: number;
    }
  | { readonly keys: LockedKeys };

export class LockTable {
  readonly #locks = new Map<string, Lock>();
  readonly #taken = new Map<LockOwner, Taken[]>();
  readonly #keys = new Map<LockedKeys, LockOwner>();
  /** Who waits for tables. */
  readonly claims = new LockClaims();

  get isEmpty(): boolean {
    return this.#locks.size === 0 && this.#keys.size === 0 && this.claims.isEmpty;
  }

  /** Whether somebody else has any lock at all. */
  hasOthers(self: LockOwner | null): boolean {
    return this.#taken.size > (self !== null && this.#taken.has(self) ? 1 : 0);
  }

  get count(): number {
    return this.#locks.size;
  }

  /** Owners whose locks are in the way; empty for none. */
  inTheWay(name: string, mode: LockMode, self: LockOwner | null): readonly LockOwner[] {
    return this.heldIn(name, modeFacts(mode).excluded, self);
  }

  /** The same with those who have waited for it before. @param session that wants it, null for one that has never waited */
  waitedFor(name: string, mode: LockMode, self: LockOwner | null, session: LockOwner | null): readonly LockOwner[] {
    const held = this.inTheWay(name, mode, self);
    if (this.claims.isEmpty) return held;
    const own = self === null ? 0 : (this.#locks.get(name)?.heldBy(self) ?? 0);
    const before = this.claims.before(name, mode, own, session);
    return before.length === 0 ? held : [...held, ...before];
  }

  /** Owners but `self` who have a lock in one of these modes. */
  heldIn(name: string, modes: number, self: LockOwner | null): readonly LockOwner[] {
    return this.#locks.get(name)?.heldIn(modes, self) ?? none;
  }

  /** Takes a lock that nothing is in the way of. A weaker one than the owner has changes nothing. */
  take(name: string, mode: LockMode, owner: LockOwner): void {
    let lock = this.#locks.get(name);
    const { bit, excluded, coveredBy } = modeFacts(mode);
    const before = lock?.heldBy(owner) ?? 0;
    if ((before & coveredBy) !== 0) return;
    assert(this.heldIn(name, excluded, owner).length === 0, "a lock is taken when nothing is in its way");
    if (lock === undefined) {
      lock = new Lock();
      this.#locks.set(name, lock);
    }
    lock.set(owner, before | bit);
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
      const modes = this.#locks.get(name)?.heldBy(owner) ?? 0;
      return modes === 0 ? [] : [{ name, modes }];
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

  #becomes(name: string, owner: LockOwner, modes: number): void {
    const lock = this.#locks.get(name);
    assert(lock !== undefined, "a lock that was taken is held");
    lock.set(owner, modes);
    if (lock.isFree) this.#locks.delete(name);
  }

  releaseAll(owner: LockOwner): void {
    this.releaseTo(owner, 0);
  }

  /** Gives back one lock out of its turn, or all of its strength but what is left: advisory locks of a session. False when it is not held. */
  release(name: string, owner: LockOwner, left: LockMode | null = null): boolean {
    const before = this.#locks.get(name)?.heldBy(owner) ?? 0;
    const taken = this.#taken.get(owner);
    if (before === 0 || taken === undefined) return false;
    const { bit, covered } = left === null ? nothing : modeFacts(left);
    if ((before & ~covered) === 0) return false;
    const others = taken.filter((each) => !("name" in each) || each.name !== name);
    this.#becomes(name, owner, bit);
    if (bit !== 0) others.push({ name, before: 0 });
    if (others.length === 0) this.#taken.delete(owner);
    else this.#taken.set(owner, others);
    return true;
  }
}

const nothing = { bit: 0, covered: 0 };
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

  /** Whether somebody in a chain of waiting for locks that are held, which begins with `owners`, waits for `waiter`. */
  wouldDeadlock(waiter: LockOwner, owners: Iterable<LockOwner>): boolean {
    return this.#chain(owners, (owner) => !isClaim(owner)).has(waiter);
  }

  /** Claims of others that make up a circle with one of these waiters, which there is no more without them; null where there is no circle. */
  circleOfClaims(waiters: readonly LockOwner[], owners: Iterable<LockOwner>): readonly LockOwner[] | null {
    const chain = this.#chain(owners, () => true);
    return waiters.some((waiter) => chain.has(waiter)) ? [...chain].filter(isClaim) : null;
  }

  #chain(owners: Iterable<LockOwner>, isFollowed: (owner: LockOwner) => boolean): ReadonlySet<LockOwner> {
    const seen = new Set<LockOwner>();
    const next = [...owners];
    for (let owner = next.pop(); owner !== undefined; owner = next.pop()) {
      if (seen.has(owner) || !isFollowed(owner)) continue;
      seen.add(owner);
      next.push(...(this.#waits.get(owner) ?? []));
    }
    return seen;
  }
}
