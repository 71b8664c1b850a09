/** What two items of a jsonpath's predicate are to each other: true, false, or unknown (null), which is also what an error within is. */
import type { Regex } from "../functions/regex/match.js";
import { compareDecimals, Decimal } from "../types/decimal.js";
import { isArrayNode, isObjectNode } from "../types/jsonb.js";
import { compareText } from "../types/text.js";
import type { TextContext } from "../types/text-context.js";
import { compareDateTimes, DateTimeItem, kindOf, type PathNode } from "./datetime.js";
import type { Comparison } from "./item.js";

export type Truth = boolean | null;

export const not = (truth: Truth): Truth => (truth === null ? null : !truth);

/** Values of two types do not compare, but for null, which differs from all others. */
export function compareItems(operator: Comparison, a: PathNode, b: PathNode, zone: TextContext | null): Truth {
  if (isContainer(a) && isContainer(b)) return null;
  if (a instanceof DateTimeItem && b instanceof DateTimeItem) {
    const order = compareDateTimes(a, b, zone);
    return order === null ? null : holds(operator, order);
  }
  if (kindOf(a) !== kindOf(b)) return a === null || b === null ? operator === "!=" : null;
  return holds(operator, orderOf(a, b));
}

const isContainer = (node: PathNode): boolean => isArrayNode(node) || isObjectNode(node);

function orderOf(a: PathNode, b: PathNode): number {
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (a instanceof Decimal && b instanceof Decimal) return compareDecimals(a, b);
  return Number(a) - Number(b);
}

function holds(operator: Comparison, order: number): boolean {
  switch (operator) {
    case "==":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case ">":
      return order > 0;
    case "<=":
      return order <= 0;
    case ">=":
      return order >= 0;
  }
}

export const startsWith = (whole: PathNode, initial: PathNode | undefined): Truth =>
  typeof whole === "string" && typeof initial === "string" ? whole.startsWith(initial) : null;

export const likeRegex = (text: PathNode, regex: Regex): Truth =>
  typeof text === "string" ? regex.test(codesOf(text)) : null;

const codesOf = (text: string): number[] => Array.from(text, (character) => character.codePointAt(0) ?? 0);
