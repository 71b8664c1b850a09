/**
 * What time it is, as a majority of the replicas' clocks has it. Each pong says what the other's wall clock showed at some moment between ping and
 * pong; against this replica's monotonic clock, which neither steps nor stops, that bounds by how much the two differ. Of these bounds,
 * widened by what honest clocks may be apart, a majority has to have a point in common (`marzullo.ts`). The own wall clock is one voice
 * among them, so one that steps is outvoted at once.
 *
 * A primary's timestamps lie within the agreed interval. Without one it takes nothing new, and gives up its view. Time orders nothing here
 * and proves nothing: timestamps grow from prepare to prepare whatever the clocks do, and no answer rests on a lease.
 */
import { assert } from "../types/assert.js";
import { agreement, type Interval } from "./marzullo.js";

/** What two honest clocks may be apart, µs. */
const toleranceMicros = 10_000_000;
/** Within this time the sample with the shortest journey is the best. */
const windowMicros = 20_000_000;
const expiryMicros = 60_000_000;

interface Sample extends Interval {
  /** Ping to pong, µs. */
  readonly journey: number;
  /** Monotonic. */
  readonly takenAt: number;
}

export class ClusterClock {
  #replicas: number;
  readonly #self: number;
  /** By replica: its wall clock less this replica's monotonic clock, µs. */
  #samples: (Sample | null)[];

  constructor(replicas: number, self: number) {
    assert(self >= 0 && replicas >= 1, "a replica has a number");
    this.#replicas = replicas;
    this.#self = self;
    this.#samples = new Array<Sample | null>(replicas).fill(null);
  }

  /** From now on so many clocks have a voice. */
  setReplicas(replicas: number): void {
    if (replicas === this.#replicas) return;
    this.#samples = Array.from({ length: replicas }, (_, from) => this.#samples[from] ?? null);
    this.#replicas = replicas;
  }

  /**
   * Another's pong.
   *
   * @param sent own monotonic time of the ping, `received` of the pong, µs
   * @param wall the other's wall time in between
   */
  sampled(from: number, sent: number, received: number, wall: number): void {
    // One of before this replica's restart, whose monotonic clock was another.
    if (sent > received || received - sent > windowMicros) return;
    const before = this.#samples[from] ?? null;
    const journey = received - sent;
    const isWorse = before !== null && received - before.takenAt < windowMicros && before.journey < journey;
    // A clock that steps makes its former sample void, however short its journey was.
    const hasStepped = before !== null && (wall - sent < before.low || wall - received > before.high);
    if (isWorse && !hasStepped) return;
    this.#samples[from] = { low: wall - received, high: wall - sent, journey, takenAt: received };
  }

  /** By how much the agreed time is ahead of the monotonic clock; null without a majority. */
  #agreed(monotonic: number, wall: number): Interval | null {
    const own = wall - monotonic;
    const voices: Interval[] = [{ low: own - toleranceMicros / 2, high: own + toleranceMicros / 2 }];
    for (let from = 0; from < this.#samples.length; from++) {
      const sample = this.#samples[from] ?? null;
      if (from === this.#self || sample === null || monotonic - sample.takenAt > expiryMicros) continue;
      voices.push({ low: sample.low - toleranceMicros / 2, high: sample.high + toleranceMicros / 2 });
    }
    return agreement(voices, Math.floor(this.#replicas / 2) + 1);
  }

  /** The own wall time where it lies within what is agreed, else the nearest that does, µs; null without an agreement. */
  time(monotonic: number, wall: number): number | null {
    if (this.#replicas === 1) return wall;
    const agreed = this.#agreed(monotonic, wall);
    if (agreed === null) return null;
    return Math.floor(Math.min(Math.max(wall, monotonic + agreed.low), monotonic + agreed.high));
  }
}
