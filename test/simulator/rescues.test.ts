/** A cluster is founded anew from one replica's log: what that holds is kept, what others had committed since is not, and it goes on from there. */
import anyTest from "ava";
import { at } from "./event-at.js";
import { drawOptions } from "./options.js";
import { between, foundedAnew, told } from "./rare-runs.js";
import { runSeed } from "./run-seed.js";

/** One after the other: a run freezes the clocks of its process. */
const test = anyTest.serial;

/** Runs a seed and gives what was known to be committed at the rescue and what was kept, beside its outcome. */
async function rescued(seed: number, survivor: number, cutOff: number) {
  let committed = 0;
  let kept = -1;
  const trace = (line: string): void => {
    const told = /commits up to op (\d+)/u.exec(line);
    if (told !== null && kept < 0) committed = Math.max(committed, Number(told[1]));
    const left = /up to op (\d+) is all that is left/u.exec(line);
    if (left !== null) kept = Number(left[1]);
  };
  const options = drawOptions(seed, { ...told, standbys: 0, requestMicros: 10_000 });
  const others = [0, 1, 2].filter((replica) => replica !== cutOff);
  const schedule = [
    at(500, { kind: "partition", links: between([cutOff], others), forMs: 3_000 }),
    at(2_000, { kind: "rescue", survivor, downMs: 50 }),
    at(3_600, { kind: "kill", replica: 1, downMs: 100 }),
  ];
  const { failure, summary } = await runSeed(options, schedule, trace);
  return { failure, summary, committed, kept };
}

test("from the log of one that was cut off: what was committed without it is lost, and nothing else", async (t) => {
  for (const seed of [1, 2, 3]) {
    const { failure, summary, committed, kept } = await rescued(seed, 2, 2);
    t.is(failure, null, `seed ${seed}`);
    t.is(summary?.faults["rescue"], 1);
    t.true(kept > 0 && kept < committed, `seed ${seed}: ${kept} of ${committed} are kept`);
    t.true((summary?.committed ?? 0) > kept, `seed ${seed} goes on`);
  }
});

test("from the log of a primary that was cut off: what it had proposed alone is in the place of what others committed", async (t) => {
  for (const seed of [1, 2, 3]) {
    const { failure, summary, committed, kept } = await rescued(seed, 1, 1);
    t.is(failure, null, `seed ${seed}`);
    t.true(kept > 0 && kept < committed, `seed ${seed}: ${kept} of ${committed} are kept`);
    t.true((summary?.committed ?? 0) > kept, `seed ${seed} goes on`);
  }
});

test("from the log of one of a majority nothing is lost that it knew to be committed", async (t) => {
  for (const seed of [4, 5]) {
    const { failure, committed, kept } = await rescued(seed, 0, 2);
    t.is(failure, null, `seed ${seed}`);
    t.true(kept >= committed, `seed ${seed}: ${kept} of ${committed} are kept`);
  }
});

test("again and again, while replicas fall over, lose their power and are cut off", async (t) => {
  let rescues = 0;
  for (let seed = 11; seed <= 16; seed++) {
    const { failure, summary } = await runSeed(drawOptions(seed, foundedAnew));
    t.is(failure, null, `seed ${seed}`);
    rescues += summary?.faults["rescue"] ?? 0;
  }
  t.true(rescues >= 6, `${rescues} rescues`);
});
