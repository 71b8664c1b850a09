/** Places of the code that only a story reaches: each of them is, within a few seeds of it, and every oracle looks on. */
import test from "ava";
import { storyRun } from "./rare-stories.js";
import { runSeed } from "./run-seed.js";
import { marksNow } from "./seed-task.js";

const seedsMax = 16;

for (const [story, marks] of [
  ["heldBack", ["decisionWaits", "decisionStuck"]],
  ["namelessHead", ["journalLearnsName"]],
  ["rotsSingly", ["repairZeroesGap"]],
  ["rotsFar", ["segmentBelowDiscarded"]],
  ["namesOfOld", ["row: two prepares", "recoveryContradiction"]],
  ["forgets", ["row: lost behind the head, slot silent", "row: never written behind the head, slot lost"]],
  ["losesPairs", ["recoveryUnproved"]],
  ["aloneInView", ["uncertainHeadMovesView"]],
  ["asksInVain", ["runDoesNotFollow"]],
  ["leftoversAtEnd", ["segmentEndsZeroed"]],
] as const) {
  test.serial(`the story ${story} reaches ${marks.join(", ")}`, async (t) => {
    const before = marksNow();
    const isReached = (mark: string): boolean => (marksNow()[mark] ?? 0) > (before[mark] ?? 0);
    for (let seed = 1; seed <= seedsMax && !marks.every(isReached); seed++) {
      const { failure } = await runSeed(storyRun(seed, story));
      t.is(failure, null, `seed ${seed}`);
    }
    t.deepEqual(
      marks.filter((mark) => !isReached(mark)),
      [],
    );
  });
}
