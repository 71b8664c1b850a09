/** One run of the client that has several statements under way on each connection, and a look at what it was told is there. */
import { fileURLToPath } from "node:url";
import type { Measured } from "./pgbench.js";
import type { PipelinedLoad, PipelinedResult } from "./pipelined-client.js";
import { psql, run, type Server } from "./servers.js";

const program = fileURLToPath(new URL("pipelined-client.js", import.meta.url));

/** A table, and its column that the parameter is written to: what is added to it is counted and summed up. */
export interface Written {
  readonly table: string;
  readonly column: string;
}

/** Rows of a table, and the sum of its column. */
async function contents(server: Server, { table, column }: Written): Promise<readonly [bigint, bigint]> {
  const [rows = "0", sum = "0"] = (
    await psql(server, `SELECT count(*), coalesce(sum(${column}), 0) FROM ${table}`)
  ).split("|");
  return [BigInt(rows), BigInt(sum)];
}

/** @param written null for what only reads */
export async function pipelined(server: Server, load: PipelinedLoad, written: Written | null): Promise<Measured> {
  const before = written === null ? null : await contents(server, written);
  const { stdout } = await run(process.execPath, [program, JSON.stringify(load)], { env: server.environment });
  const { answered, sum, elapsedMs } = JSON.parse(stdout) as PipelinedResult;
  if (written !== null && before !== null) {
    const after = await contents(server, written);
    const [rows, total] = [after[0] - before[0], after[1] - before[1]];
    if (rows !== BigInt(answered) || total !== BigInt(sum))
      throw new Error(`${answered} rows were acknowledged, of sum ${sum}; ${rows} are there, of sum ${total}`);
  }
  return { rate: (answered * 1_000) / elapsedMs, count: answered };
}
