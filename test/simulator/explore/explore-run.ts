/**
 * Visits every state of a small scope, breadth first, each once. A core cannot be copied, so a state is reached by doing again what led
 * to it: the time is spent there, and memory holds paths and digests only. The child of `explore.ts`.
 */
import { type Choice, pathText, type Scope, SmallWorld } from "./small-world.js";

interface Reached {
  readonly parent: Reached | null;
  readonly choice: Choice | null;
  readonly depth: number;
}

function pathTo(reached: Reached): Choice[] {
  const path: Choice[] = [];
  for (let at: Reached | null = reached; at !== null && at.choice !== null; at = at.parent) path.unshift(at.choice);
  return path;
}

const [scopeText = "{}", secondsMax = "60"] = process.argv.slice(2);
const scope = JSON.parse(scopeText) as Scope;
const began = process.cpuUsage();
const seconds = (): number => {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
};

const root: Reached = { parent: null, choice: null, depth: 0 };
const known = new Set<string>([new SmallWorld(scope).key()]);
let frontier: Reached[] = [root];
let transitions = 0;
let depth = 0;
let violation: string | null = null;
let isComplete = true;
search: while (frontier.length > 0) {
  const next: Reached[] = [];
  for (const reached of frontier) {
    const path = pathTo(reached);
    const at = (): SmallWorld => {
      const world = new SmallWorld(scope);
      for (const choice of path) world.apply(choice);
      return world;
    };
    for (const choice of at().choices()) {
      if (seconds() > Number(secondsMax)) {
        isComplete = false;
        break search;
      }
      const world = at();
      transitions += 1;
      try {
        world.apply(choice);
        world.check();
      } catch (error) {
        violation = `${String(error)} after ${pathText([...path, choice])}`;
        break search;
      }
      const key = world.key();
      if (known.has(key)) continue;
      known.add(key);
      next.push({ parent: reached, choice, depth: reached.depth + 1 });
    }
  }
  frontier = next;
  depth += 1;
}
console.log(
  JSON.stringify({ states: known.size, transitions, depth, isComplete, violation, seconds: Math.round(seconds()) }),
);
