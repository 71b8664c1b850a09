/**
 * A scope with every state of it, and with what the reduction leaves: whether for each of the former one of the latter was looked at that can do
 * all that it can. The child of `explore.ts` for its tests.
 *
 * With `supposes`, the second exploration begins with what is false: that nothing is worth delivering once nothing else is left to happen.
 */
import { emptySet } from "./bit-sets.js";
import { Exploration } from "./exploration.js";
import type { Compared, Explored } from "./explored.js";
import { Hypotheses } from "./reduction.js";
import { replicas } from "./small-member.js";
import type { Scope } from "./small-world.js";

const [scopeText = "{}", secondsMax = "60", supposes] = process.argv.slice(2);
const scope = JSON.parse(scopeText) as Scope;
const { world } = new Exploration(scope, 0);

/** False of most letters: none that was ever seen is worth its delivery. */
const nothing = (): Hypotheses[] =>
  world.seats.map(
    ({ present }) =>
      new Hypotheses(new Map(Array.from(present, (letters, state) => [state, letters ?? emptySet])), new Map()),
  );

const reductionOf = (supposed: readonly Hypotheses[]): { reduced: Exploration; after: Explored } => {
  const reduced = new Exploration(scope, Number(secondsMax), world);
  reduced.suppose(supposed);
  return { reduced, after: reduced.explored({ isFull: false }) };
};
let { reduced, after } = reductionOf([]);
if (supposes !== undefined) ({ reduced, after } = reductionOf(nothing()));

for (const seats of world.seats) seats.adopt(null);
const full = new Exploration(scope, Number(secondsMax), world);
const before = full.explored({ isFull: true });

reduced.suppose(reduced.hypotheses);
let uncovered = 0;
const here = new Int32Array(replicas);
for (let row = 0; row < full.visited.count; row++) {
  for (let replica = 0; replica < replicas; replica++) here[replica] = full.visited.seat(row, replica);
  const spent = full.visited.spent(row);
  world.refresh(here);
  world.settle(here);
  if (!reduced.visited.covers(here, spent)) uncovered += 1;
}
const compared: Compared = { full: before, reduced: after, uncovered, restarts: reduced.restarts };
console.log(JSON.stringify(compared));
