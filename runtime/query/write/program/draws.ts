/** What the expressions of a program take that no other run is given again. */
import type { BoundExpression } from "../../plan/expression.js";
import { visitExpression } from "../../plan/walk.js";

/**
 *   nothing   the same each time that it is computed
 *   numbers   of sequences and rows, chance, the clock: it has no other effect, and can be undone by giving numbers back
 *   more      whatever else a volatile function does
 */
export type Draws = "nothing" | "numbers" | "more";

/** Volatile functions that do no more than to draw. */
const drawing: ReadonlySet<string> = new Set([
  "nextval",
  "random",
  "gen_random_uuid",
  "uuid_generate_v4",
  "clock_timestamp",
]);

export function drawsOf(expressions: Iterable<BoundExpression>): Draws {
  let draws: Draws = "nothing";
  for (const expression of expressions) {
    visitExpression(expression, (part) => {
      if (part.kind === "call" && part.callee.volatility === "volatile") {
        if (!drawing.has(part.callee.name)) draws = "more";
        else if (draws === "nothing") draws = "numbers";
      } else if (part.kind === "cast" && part.cast.volatility === "volatile") draws = "more";
      else if (part.kind === "subquery") draws = "more";
    });
  }
  return draws;
}
