/** The explorer visits what it says it does, and sees what is broken, by the shortest of stories: canaries that it is known to find. */
import { rmSync } from "node:fs";
import test from "ava";
import { canaries, type Edit } from "../canary-table.js";
import { compare, explore, openedCopy } from "./explore.js";
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
  const { states, transitions, isComplete, violation } = exploreWith([], { ...oneOp, isFull: true });
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

for (const [name, scope] of [
  ["an operation and a view timer, late disks", { ...oneOp, timers: 1 }],
  ["two view timers, late disks", { ...oneOp, ops: 0, timers: 2 }],
  ["an operation, a crash and a damaged entry", { ...oneOp, crashes: 1, damages: 1, isPrompt: true }],
  ["two operations and a view timer", { ...oneOp, ops: 2, timers: 1, isPrompt: true }],
] as const) {
  test.serial(`what the reduction leaves can do all that there is: ${name}`, (t) => {
    const copy = openedCopy();
    try {
      const { full, reduced, uncovered } = compare(copy, scope, { supposes: false });
      t.true(full.isComplete && reduced.isComplete);
      t.true(reduced.states * 2 < full.states);
      t.is(uncovered, 0);
      t.deepEqual([full.violation, reduced.violation], [null, null]);
      // Every state of a replica that the whole scope has was found by what is left of it.
      t.is(full.memberStates, reduced.memberStates);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
}

test.serial("a false hypothesis is noticed: that no letter is worth its delivery", (t) => {
  const copy = openedCopy();
  try {
    const { reduced, uncovered, restarts } = compare(copy, { ...oneOp, timers: 1 }, { supposes: true });
    t.true(restarts > 0);
    t.true(reduced.isComplete);
    t.is(uncovered, 0);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});
