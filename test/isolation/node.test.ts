/** A bounded slice of `npm run isolation`: every level on one node that is killed in the middle. */
import test from "ava";
import { runLevel, showRun } from "./against-node.js";
import { startTargetOf } from "./targets.js";
import type { IsolationLevel } from "./verdict.js";

test("what clients see of a node that is killed and started again is what their isolation level promises", async (t) => {
  t.timeout(170_000);
  const target = await startTargetOf(1);
  try {
    const levels: readonly IsolationLevel[] = ["readCommitted", "repeatableRead", "serializable"];
    for (const level of levels) {
      const run = await runLevel(target, {
        level,
        milliseconds: 4_000,
        killEveryMs: 2_000,
        sessions: 8,
        keys: 4,
        seed: 7,
        table: `lists_${level.toLowerCase()}`,
        isStrict: level === "serializable",
      });
      t.log(showRun(level, run));
      t.true(run.verdict.isKept, showRun(level, run));
      t.true(run.kills > 0 && run.verdict.committed > 0 && run.result.overlapping > 0, showRun(level, run));
    }
  } finally {
    await target.stop();
  }
});
