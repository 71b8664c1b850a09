/** How many rows, roughly: by tables' sizes and what indexes tell of columns' values, and by the form of conditions where nothing better is known. */

import { typeOid } from "../types/sql-type.js";
import { conjunctsOf } from "./conjuncts.js";
import type { BoundExpression, ColumnId } from "./expression.js";
import type { PlanNode } from "./plan.js";

/** Share of rows between two values that are not known before: as PostgreSQL takes it. */
export const betweenShare = 0.005;

/** Share of rows that have a value that nothing is known of. */
export const equalShare = 0.005;

/** A number that is written, also where it is taken for a bigint; null for any other. */
export function countOf(expression: BoundExpression): number | null {
  const inner = expression.kind === "cast" ? expression.subject : expression;
  return inner.kind === "constant" && typeof inner.value === "number" ? inner.value : null;
}

/** Share of rows that have one value of a column; null where nothing is known of it. */
export type ShareOf = (column: ColumnId) => number | null;

const nothingKnown: ShareOf = () => null;

/** Share of rows that a condition lets pass. */
export function selectivity(condition: BoundExpression | null, shareOf: ShareOf = nothingKnown): number {
  let share = 1;
  for (const term of conjunctsOf(condition)) share *= termSelectivity(term, shareOf);
  return share;
}

function termSelectivity(term: BoundExpression, shareOf: ShareOf): number {
  switch (term.kind) {
    case "call":
      if (term.callee.name === "=") return knownShare(term.arguments, shareOf) ?? equalityShare(term.arguments);
      return ["<", "<=", ">", ">="].includes(term.callee.name) ? 0.33 : 0.25;
    case "inList": {
      const share = knownShare([term.subject], shareOf) ?? equalShare;
      return Math.min(1, term.isNegated ? 0.9 : share * term.items.length);
    }
    case "isTest":
      return term.isNegated ? 0.95 : 0.05;
    case "or":
      return Math.min(
        1,
        term.terms.reduce((sum, one) => sum + selectivity(one, shareOf), 0),
      );
    case "not":
      return 1 - selectivity(term.term, shareOf);
    case "constant":
      return term.value === true ? 1 : 0;
    default:
      return 0.5;
  }
}

/** Of columns that are compared, of which something is known: the one of most values has few of each. */
function knownShare(sides: readonly BoundExpression[], shareOf: ShareOf): number | null {
  let least: number | null = null;
  for (const side of sides) {
    const share = side.kind === "column" ? shareOf(side.id) : null;
    if (share !== null && (least === null || share < least)) least = share;
  }
  return least;
}

/** One letter and truth have few values. */
function equalityShare(sides: readonly BoundExpression[]): number {
  const isFew = sides.some(
    ({ type: { oid, modifier } }) => oid === typeOid.bool || (oid === typeOid.bpchar && modifier === 5),
  );
  return isFew ? 0.25 : equalShare;
}

/** Whether of one of a condition's equalities something is known. */
const isTold = (condition: BoundExpression, shareOf: ShareOf): boolean =>
  conjunctsOf(condition).some(
    (term) => term.kind === "call" && term.callee.name === "=" && knownShare(term.arguments, shareOf) !== null,
  );

/** Rows of a node whose inputs have been estimated. */
export function estimateRows(node: PlanNode, shareOf: ShareOf = nothingKnown): number {
  switch (node.kind) {
    case "scan":
    case "systemScan":
      return Math.max(0, node.rows);
    case "values":
      return node.items.length;
    case "filter":
      return Math.max(1, node.input.rows * selectivity(node.condition));
    case "project":
    case "sort":
    case "window":
    case "lock":
    case "withModifications":
      return node.input.rows;
    case "projectSet":
      return node.input.rows * 10;
    case "join": {
      const pairs = node.left.rows * node.right.rows * selectivity(node.condition, shareOf);
      switch (node.type) {
        case "semi":
        case "anti":
          return Math.max(1, node.left.rows * 0.5);
        case "left":
          return Math.max(node.left.rows, pairs, 1);
        case "right":
          return Math.max(node.right.rows, pairs, 1);
        case "full":
          return Math.max(node.left.rows + node.right.rows, pairs, 1);
        default:
          return Math.max(
            1,
            node.condition === null || isTold(node.condition, shareOf)
              ? pairs
              : Math.min(pairs, Math.max(node.left.rows, node.right.rows) * 2),
          );
      }
    }
    case "aggregate":
      return node.groups.length === 0
        ? 1
        : Math.max(1, Math.min(node.input.rows, node.input.rows * 0.1 * node.groups.length));
    case "limit": {
      const { limit } = node;
      const count = (limit === null ? null : countOf(limit)) ?? node.input.rows * 0.1;
      return Math.max(1, Math.min(node.input.rows, limit === null ? node.input.rows : count));
    }
    case "distinct":
      return Math.max(1, node.input.rows * 0.5);
    case "setOperation":
      return node.operation === "union" ? node.left.rows + node.right.rows : node.left.rows;
    case "functionScan":
      return 100;
    case "commonTable":
      return node.source.rows;
    case "recursive":
      return Math.max(10, node.start.rows * 10);
    case "workingTable":
      return 10;
    case "modification":
      return node.modification.plan.rows;
  }
}
