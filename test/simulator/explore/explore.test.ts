/** The explorer visits what it says it does, and sees what is broken, by the shortest of stories: canaries that it is known to find. */
import { rmSync } from "node:fs";
import test from "ava";
import { canaries, type Edit } from "../canary-table.js";
import { explore, openedCopy } from "./explore.js";
import type { Explored } from "./explored.js";
import type { Scope } from "./small-world.js";

const secondsMax = 60;
const oneOp: Scope = { name: "1 op", ops: 1, timers: 0, crashes: 0, damages: 0, isPrompt: false };

function exploreWith(edits: readonly Edit[], scope: Scope): Explored {
  const copy = openedCopy(edits);
  try {
    return explore(copy, scope, secondsMax);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

test.serial("one operation, acknowledged in every order: each state once, and nothing is wrong", (t) => {
  const { states, transitions, isComplete, violation } = exploreWith([], oneOp);
  t.deepEqual(
    { states, transitions, isComplete, violation },
    { states: 33, transitions: 65, isComplete: true, violation: null },
  );
});

for (const [id, scope] of [
  ["C1", oneOp],
  ["C5", { ...oneOp, crashes: 1 }],
  ["C18", oneOp],
  ["C21", { ...oneOp, timers: 1 }],
] as const) {
  test.serial(`canary ${id} is found in a small scope, with what led to it`, (t) => {
    const edits = canaries.find((canary) => canary.id === id)?.edits ?? [];
    t.true(edits.length > 0);
    const { violation } = exploreWith(edits, scope);
    t.regex(violation ?? "", /^Error: op 1 is committed and lies on 1 disks after .*propose 1/);
  });
}
