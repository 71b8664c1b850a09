import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { markCounts, markNames } from "../../runtime/vsr/marks.js";
import { Cluster } from "./cluster.js";

const room = new URL("../../../runtime/vsr/", import.meta.url);

test("each mark of the catalogue is a place in the code, and the catalogue is in order", (t) => {
  const text = readdirSync(room)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(new URL(name, room), "utf8"))
    .join("\n");
  const called = new Set([...text.matchAll(/\bmark\("(\w+)"\)/g)].map(([, name]) => name));
  t.deepEqual([...called].sort(), [...markNames]);
});

test("a mark counts how often its place was reached", (t) => {
  const before = markCounts();
  const cluster = new Cluster(3, 77);
  cluster.run(1_500);
  const after = markCounts();
  t.true((after["decides"] ?? 0) > (before["decides"] ?? 0));
  t.true((after["leadsAfterInstall"] ?? 0) > (before["leadsAfterInstall"] ?? 0));
});
