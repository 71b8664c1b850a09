/** pgbench as it comes: its own initialisation, its TPC-B script in all three query modes, and what must hold of the sums afterwards. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test from "ava";
import { startTarget } from "./clients/target.js";

const run = promisify(execFile);

const hasPgbench = await run("pgbench", ["--version"]).then(
  () => true,
  () => false,
);

test("pgbench: its own tables, TPC-B in all three query modes, sums that agree", async (t) => {
  t.timeout(300_000);
  if (!hasPgbench) {
    t.log("skipped: no pgbench on this machine");
    t.pass();
    return;
  }
  const { target, stop } = await startTarget();
  const { host, port, user, password, database } = target;
  const env = {
    ...process.env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
  };
  try {
    await run("pgbench", ["-i", "-s", "1", "-q"], { env });
    const did: number[] = [];
    for (const mode of ["simple", "extended", "prepared"]) {
      const { stdout } = await run("pgbench", ["-n", "-M", mode, "-c", "4", "-t", "10"], { env });
      t.regex(stdout, /number of failed transactions: 0/);
      did.push(Number(/actually processed: (\d+)/.exec(stdout)?.[1]));
    }
    t.deepEqual(did, [40, 40, 40]);
    const sums = [
      "abalance FROM pgbench_accounts",
      "bbalance FROM pgbench_branches",
      "tbalance FROM pgbench_tellers",
      "delta FROM pgbench_history",
    ];
    const commands = sums.flatMap((what) => ["-c", `SELECT sum(${what.replace(" FROM", ") FROM")}`]);
    const { stdout } = await run("psql", ["-XAt", ...commands, "-c", "SELECT count(*) FROM pgbench_history"], { env });
    const [accounts, branches, tellers, history, count] = stdout.trim().split("\n");
    t.deepEqual([branches, tellers, history], [accounts, accounts, accounts], "every transaction is there as a whole");
    t.is(count, "120");
  } finally {
    await stop();
  }
});
