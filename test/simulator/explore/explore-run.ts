/** Visits every state of a small scope, depth first, so that those come soon of which the others are part. The child of `explore.ts`. */
import { Exploration } from "./exploration.js";
import type { Scope } from "./small-world.js";

const [scopeText = "{}", secondsMax = "60"] = process.argv.slice(2);
const scope = JSON.parse(scopeText) as Scope;
const explored = new Exploration(scope, Number(secondsMax)).explored({ isFull: scope.isFull === true });
console.log(JSON.stringify(explored));
