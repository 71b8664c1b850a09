/**
 * How often a child may be started again, and how soon: pure, with time handed in.
 *
 * A budget of 5 restarts in 10 s means that the sixth failure within 10 s is not answered by a restart but given to the parent.
 * Back-off doubles from the second restart of a window on, with jitter, so that children which fell together (one disk, one
 * peer) do not come back together.
 */
import { assert } from "../types/assert.js";

export interface RestartLimits {
  readonly restartsMax: number;
  readonly windowMs: number;
}

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

export const restartLimitsDefault: RestartLimits = { restartsMax: 5, windowMs: 10_000 };
export const backoffDefault: Backoff = { baseMs: 20, maxMs: 2_000 };

export class RestartBudget {
  readonly #limits: RestartLimits;
  #times: number[] = [];
  #total = 0;

  constructor(limits: RestartLimits) {
    assert(limits.restartsMax >= 0 && limits.windowMs > 0, "a restart budget has a window");
    this.#limits = limits;
  }

  /** Failures so far, in and out of the window. */
  get total(): number {
    return this.#total;
  }

  /** Records a failure at monotonic `now` ms. Returns its number within the window, or null when the budget is used up. */
  record(now: number): number | null {
    this.#total++;
    this.#times = this.#times.filter((time) => now - time < this.#limits.windowMs);
    this.#times.push(now);
    assert(this.#times.length <= this.#limits.restartsMax + 1, "a window holds no more failures than end it");
    if (this.#times.length > this.#limits.restartsMax) {
      this.#times = [];
      return null;
    }
    return this.#times.length;
  }
}

/** Ms to wait before the restart after the `attempt`-th failure of a window; `random` is from 0 to 1. */
export function backoffMs(attempt: number, random: number, backoff: Backoff): number {
  assert(attempt >= 1, "attempts count from 1");
  assert(random >= 0 && random < 1, "a random number is from 0 to 1");
  const whole = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30));
  return whole * (0.5 + 0.5 * random);
}
