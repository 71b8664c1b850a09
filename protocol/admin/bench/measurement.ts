/**
 * A closed loop over a fixed time: so many connections, each with so many operations in flight; every answer sends the next. Only
 * what is answered between the end of the warm-up and the end of the time counts. Latencies are from sending to the answer.
 */
import { assert } from "../../../runtime/types/assert.js";
import type { KimberliteError } from "../../../runtime/types/errors.js";
import { Histogram } from "./histogram.js";

/** Told of an operation's end, once: its error, or how many events it moved and how many payload bytes it stored. */
export type Done = (error: KimberliteError | undefined, events: number, storedBytes: number) => void;

/** Sends operations, one at a time; the next only after the last one's end. */
export interface Operator {
  issue(done: Done): void;
}

export interface Counts {
  operations: number;
  events: number;
  storedBytes: number;
  readonly latency: Histogram;
  /** Error codes and how often each came. */
  readonly errors: Map<string, number>;
}

export const noCounts = (): Counts => ({
  operations: 0,
  events: 0,
  storedBytes: 0,
  latency: new Histogram(),
  errors: new Map(),
});

type Phase = "warmUp" | "measured" | "ended";

export class ClosedLoop {
  readonly counts = noCounts();
  readonly #operators: readonly Operator[];
  #phase: Phase = "warmUp";
  #running = 0;
  #onDrained: (() => void) | undefined;

  constructor(operators: readonly Operator[]) {
    assert(operators.length > 0, "a load has at least one operation in flight");
    this.#operators = operators;
  }

  start(): void {
    assert(this.#running === 0, "a loop is started once");
    for (const operator of this.#operators) {
      this.#running += 1;
      this.#turn(operator);
    }
  }

  measure(): void {
    this.#phase = "measured";
  }

  /** Sends nothing more; resolves when everything that was sent has ended. */
  end(): Promise<void> {
    this.#phase = "ended";
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      if (this.#running === 0) resolve();
    });
  }

  #turn(operator: Operator): void {
    // One closure per operation in flight, made once: sending and counting allocate nothing.
    let sent = 0;
    const next = (): void => {
      sent = performance.now();
      operator.issue(done);
    };
    const done: Done = (error, events, bytes) => {
      if (this.#phase === "measured") this.#count(error, events, bytes, (performance.now() - sent) * 1000);
      if (this.#phase !== "ended") {
        // A refused operation comes back at once: do not spin.
        if (error === undefined) next();
        else setTimeout(next, 1);
        return;
      }
      this.#running -= 1;
      if (this.#running === 0) this.#onDrained?.();
    };
    next();
  }

  #count(error: KimberliteError | undefined, events: number, bytes: number, micros: number): void {
    const { counts } = this;
    if (error !== undefined) {
      counts.errors.set(error.code, (counts.errors.get(error.code) ?? 0) + 1);
      return;
    }
    counts.operations += 1;
    counts.events += events;
    counts.storedBytes += bytes;
    counts.latency.record(micros);
  }
}
