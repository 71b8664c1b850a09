import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { storageMarkNames } from "../../runtime/storage/marks.js";
import { markCounts, markNames } from "../../runtime/vsr/marks.js";
import { Cluster } from "./cluster.js";

const catalogues = { vsr: markNames, storage: storageMarkNames } as const;

for (const [room, names] of Object.entries(catalogues)) {
  test(`each mark of ${room} is a place in the code, and the catalogue is in order`, (t) => {
    const folder = new URL(`../../../runtime/${room}/`, import.meta.url);
    const text = readdirSync(folder)
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(new URL(name, folder), "utf8"))
      .join("\n");
    const called = new Set<string>();
    for (const [call] of text.matchAll(/\bmark\([^()]*\)/g))
      for (const [, name] of call.matchAll(/"(\w+)"/g)) if (name !== undefined && name !== "invalid") called.add(name);
    t.deepEqual([...called].sort(), [...names]);
  });
}

test("a mark counts how often its place was reached", (t) => {
  const before = markCounts();
  const cluster = new Cluster(3, 77);
  cluster.run(1_500);
  const after = markCounts();
  t.true((after["decides"] ?? 0) > (before["decides"] ?? 0));
  t.true((after["leadsAfterInstall"] ?? 0) > (before["leadsAfterInstall"] ?? 0));
});
