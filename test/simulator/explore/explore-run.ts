/** Visits every state of a small scope, depth first, so that those come soon of which the others are part. The child of `explore.ts`. */
import type { Explored } from "./explored.js";
import { type Scope, SmallWorld, type WorldState } from "./small-world.js";
import { Visited } from "./visited.js";

/** What fits into a few GiB. */
const rowsMax = 40_000_000;

const [scopeText = "{}", secondsMax = "60"] = process.argv.slice(2);
const scope = JSON.parse(scopeText) as Scope;
const began = process.cpuUsage();
const seconds = (): number => {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
};

const world = new SmallWorld(scope);
const visited = new Visited(world.letters);
visited.add(world.start, -1);
let states = 0;
let transitions = 0;
let violation: string | null = null;
let row = visited.take();

const isSame = (left: WorldState, right: WorldState): boolean => JSON.stringify(left) === JSON.stringify(right);

/** How a person reads what led to a state. */
function pathText(last: number): string {
  const path = visited.pathTo(last);
  const words = path.slice(1).map((reached, index) => {
    let word = "";
    world.forEachNext(path[index] ?? reached, (replica, what, next) => {
      if (isSame(next, reached))
        word = typeof what === "number" ? world.letters.letter(what).key : `${what} ${replica}`;
    });
    return word.split(" ").slice(0, 2).join(" ");
  });
  return words.join(", ");
}

try {
  for (; row >= 0 && visited.count < rowsMax; row = visited.take()) {
    if (states % 256 === 0 && seconds() > Number(secondsMax)) break;
    const state = visited.at(row);
    const parent = row;
    states += 1;
    world.check(state);
    world.forEachNext(state, (_replica, _what, next) => {
      transitions += 1;
      visited.add(next, parent);
    });
  }
} catch (error) {
  violation = `${String(error)} after ${pathText(row)}`;
}
const explored: Explored = {
  states,
  transitions,
  memberStates: world.tables.reduce((sum, { count }) => sum + count, 0),
  steps: world.tables.reduce((sum, { runs }) => sum + runs, 0),
  isComplete: row < 0,
  violation,
  seconds: Math.round(seconds()),
};
console.log(JSON.stringify(explored));
