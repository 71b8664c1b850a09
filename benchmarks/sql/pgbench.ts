/** One run of pgbench against a server. */
import { run, type Server } from "./servers.js";

export interface Measured {
  /** Transactions, statements or rows a second, as the case says. */
  readonly rate: number;
  /** Of those, how many were measured: CPU time is stated by it. */
  readonly count: number;
}

export interface PgbenchOptions {
  readonly connections: number;
  readonly mode?: "prepared" | "simple" | "extended";
  /** Of one transaction of the script. */
  readonly unitsEach?: number;
  /** More of pgbench's own options. */
  readonly more?: readonly string[];
}

/** @param given the script: `-f FILE`, or `-b NAME` */
export async function pgbench(
  { environment }: Pick<Server, "environment">,
  given: readonly string[],
  seconds: number,
  { connections, mode = "prepared", unitsEach = 1, more = [] }: PgbenchOptions,
): Promise<Measured> {
  const threads = Math.min(2, connections);
  const options = ["-n", "-M", mode, "-c", String(connections), "-j", String(threads), "-T", String(seconds), ...more];
  const { stdout } = await run("pgbench", [...options, ...given], { env: environment, maxBuffer: 16 * 1024 * 1024 });
  const rate = Number(/tps = ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
  const count = Number(/transactions actually processed: (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
  if (!Number.isFinite(rate) || !Number.isFinite(count) || count === 0) throw new Error(`pgbench said: ${stdout}`);
  return { rate: rate * unitsEach, count: count * unitsEach };
}
