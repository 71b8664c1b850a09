/** What is measured side by side: servers of one kind, on this machine, under a closed loop of clients that wait for durability. */
import type { ChildProcess } from "node:child_process";

export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  /** What an operation costs each of the processes, µs of CPU, the one that leads first; null where that cannot be found out. */
  readonly cpuMicros: readonly number[] | null;
}

export interface Load {
  readonly connections: number;
  /** Operations that each connection has under way at any time. */
  readonly inFlight: number;
}

export interface Rival {
  readonly name: string;
  measure(load: Load, seconds: number): Promise<Measured>;
  stop(): Promise<void>;
}

/** Before each measurement: what is compiled or cached on the way is so by then. */
export const warmUpMs = 2_000;

/** What processes work, by process. */
export class CpuWatch {
  readonly #read: () => readonly (number | null)[];
  #before: readonly (number | null)[] = [];

  /** @param read what each has worked so far, µs */
  constructor(read: () => readonly (number | null)[]) {
    this.#read = read;
  }

  /** µs since the last call; null for the first, and where there is no /proc. */
  lap(): readonly number[] | null {
    const before = this.#before;
    this.#before = this.#read();
    const spent: number[] = [];
    for (const [index, now] of this.#before.entries()) {
      const then = before[index] ?? null;
      if (now === null || then === null) return null;
      spent.push(now - then);
    }
    return spent;
  }
}

export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? Number.NaN;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** A server ends with this program, however that ends. */
export function endsWithThis(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

/** Ends a server in the way that it asks for. */
export async function endServer(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}
