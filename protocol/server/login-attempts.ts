/**
 * How long an attempt to log in has to wait for its first answer, by how many before it have failed: guessing passwords is to be slow, and
 * to stay slow when it is done over many connections or many names at once.
 *
 *   name and address   the first 3 failures cost nothing, the 4th a quarter of a second, each further one twice that, 4 s at most
 *   address            the same beyond 30, whatever names were tried
 *
 * An attempt counts as failed from the moment at which it is challenged until it has proved itself: one that is broken off has learnt as much
 * as a wrong one. So that many sound connections may be opened at once, those under way count only beyond `underWayFree`. What was counted
 * is forgotten after a minute without a failure. It is this gateway's own memory: a restart forgives.
 */
import { assert } from "../../runtime/types/assert.js";

interface Record {
  failures: number;
  underWay: number;
  lastMs: number;
}

const freeByName = 3;
const freeByAddress = 30;
const underWayFree = 128;
const firstWaitMs = 250;
const waitMsMax = 4_000;
const forgetMs = 60_000;
/** Names are the client's to choose, so they are kept within bounds: the oldest go first. */
const recordsMax = 10_000;

export interface LoginAttempt {
  /** To be waited for before the client is told what to prove. */
  readonly waitMs: number;
  proved(): void;
  /** A wrong proof, or none: the connection ended before. Counts once. */
  failed(): void;
}

export class LoginAttempts {
  readonly #now: () => number;
  readonly #records = new Map<string, Record>();
  failures = 0;

  /** @param now ms of a clock that only grows */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(user: string, address: string): LoginAttempt {
    const byName = this.#record(`${address} ${user}`);
    const byAddress = this.#record(address);
    const waitMs = Math.max(waitFor(byName, freeByName), waitFor(byAddress, freeByAddress));
    byName.underWay += 1;
    byAddress.underWay += 1;
    let isOpen = true;
    const end = (): boolean => {
      if (!isOpen) return false;
      isOpen = false;
      byName.underWay -= 1;
      byAddress.underWay -= 1;
      assert(byName.underWay >= 0 && byAddress.underWay >= 0, "an attempt ends once");
      return true;
    };
    return {
      waitMs,
      proved: () => {
        if (end()) byName.failures = 0;
      },
      failed: () => {
        if (!end()) return;
        this.failures += 1;
        for (const record of [byName, byAddress]) {
          record.failures += 1;
          record.lastMs = this.#now();
        }
      },
    };
  }

  #record(key: string): Record {
    const now = this.#now();
    let record = this.#records.get(key);
    if (record !== undefined) {
      this.#records.delete(key);
      if (now - record.lastMs > forgetMs) record.failures = 0;
    }
    record ??= { failures: 0, underWay: 0, lastMs: now };
    this.#records.set(key, record);
    if (this.#records.size > recordsMax) {
      const [oldest] = this.#records.keys();
      if (oldest !== undefined) this.#records.delete(oldest);
    }
    return record;
  }
}

function waitFor({ failures, underWay }: Record, free: number): number {
  const counted = failures + Math.max(0, underWay - underWayFree);
  if (counted < free) return 0;
  return Math.min(waitMsMax, firstWaitMs * 2 ** Math.min(counted - free, 10));
}
