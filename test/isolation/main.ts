/**
 * `npm run isolation`: clients append to and read lists in transactions of every isolation level, on one node and on three, whose processes
 * are killed and started again meanwhile; what the clients saw is judged by what their level promises.
 *
 *   npm run isolation -- --seconds 120 --nodes 1,3 --levels serializable,repeatableRead --kill-every 5
 */
import { parseArgs } from "node:util";
import { runLevel, showRun } from "./against-node.js";
import { startTargetOf } from "./targets.js";
import type { IsolationLevel } from "./verdict.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    nodes: { type: "string", default: "1,3" },
    levels: { type: "string", default: "readCommitted,repeatableRead,serializable" },
    sessions: { type: "string", default: "12" },
    keys: { type: "string", default: "6" },
    seed: { type: "string", default: "1" },
    "kill-every": { type: "string", default: "5" },
  },
});

const isLevel = (name: string): name is IsolationLevel =>
  name === "readCommitted" || name === "repeatableRead" || name === "serializable";
const levels = values.levels.split(",").filter(isLevel);
const counts = values.nodes.split(",").map((count) => (count === "3" ? 3 : 1));
if (levels.length !== values.levels.split(",").length) throw new Error(`no such level: ${values.levels}`);
const milliseconds = (Number(values.seconds) * 1_000) / (levels.length * counts.length);

for (const nodes of counts) {
  const target = await startTargetOf(nodes);
  try {
    for (const level of levels) {
      const run = await runLevel(target, {
        level,
        milliseconds,
        killEveryMs: Number(values["kill-every"]) * 1_000,
        sessions: Number(values.sessions),
        keys: Number(values.keys),
        seed: Number(values.seed),
        table: `lists_${level.toLowerCase()}`,
        // A follower may read a state that is older than the newest.
        isStrict: nodes === 1 && level === "serializable",
      });
      console.log(showRun(`${nodes === 1 ? "one node" : "three nodes"}, ${level}`, run));
      if (!run.verdict.isKept || run.result.overlapping === 0) process.exitCode = 1;
    }
  } finally {
    await target.stop();
  }
}
