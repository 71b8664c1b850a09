/**
 * Who waits for the lock of a table, in the order of coming. Whoever comes later and would be in the way of one that waits stands behind it: else a
 * definition would wait for ever where one writer's transaction follows the other.
 *
 * Who has a lock of the table that is waited for goes on all the same, since it has to end first. What is then still a circle of waiting is broken
 * by giving up a claim (lock-queue.ts): only those who wait for locks that somebody has are a deadlock.
 */
import { type LockMode, modeFacts } from "./lock-modes.js";
import type { LockOwner } from "./lock-table.js";

interface Claim {
  readonly session: LockOwner;
  readonly name: string;
  readonly mode: LockMode;
}

/** In whose name a session's claim is waited for: nobody has locks in it. */
export const claimOwner = (session: LockOwner): LockOwner => -1 - session;
export const isClaim = (owner: LockOwner): boolean => owner < 0;

export class LockClaims {
  readonly #byName = new Map<string, Claim[]>();
  readonly #bySession = new Map<LockOwner, Claim>();

  get isEmpty(): boolean {
    return this.#bySession.size === 0;
  }

  /** A session waits. One that has waited for the same keeps its place. */
  add(name: string, mode: LockMode, session: LockOwner): void {
    const known = this.#bySession.get(session);
    if (known?.name === name && known.mode === mode) return;
    this.end(session);
    const claim = { session, name, mode };
    this.#bySession.set(session, claim);
    const claims = this.#byName.get(name);
    if (claims === undefined) this.#byName.set(name, [claim]);
    else claims.push(claim);
  }

  /** False when it has none. */
  end(session: LockOwner): boolean {
    const claim = this.#bySession.get(session);
    if (claim === undefined) return false;
    this.#bySession.delete(session);
    const left = this.#byName.get(claim.name)?.filter((each) => each !== claim) ?? [];
    if (left.length === 0) this.#byName.delete(claim.name);
    else this.#byName.set(claim.name, left);
    return true;
  }

  /**
   * Owners of claims that a lock would be in the way of.
   *
   * @param held modes, as a set, that whoever wants it has the lock in already
   * @param session that wants it: claims behind its own are not asked; null for one that has none
   */
  before(name: string, mode: LockMode, held: number, session: LockOwner | null): readonly LockOwner[] {
    const claims = this.#byName.get(name);
    if (claims === undefined) return none;
    const { bit } = modeFacts(mode);
    const found: LockOwner[] = [];
    for (const claim of claims) {
      if (claim.session === session) break;
      const { excluded } = modeFacts(claim.mode);
      if ((excluded & bit) !== 0 && (excluded & held) === 0) found.push(claimOwner(claim.session));
    }
    return found;
  }

  clear(): void {
    this.#byName.clear();
    this.#bySession.clear();
  }
}

const none: readonly LockOwner[] = [];
