/**
 * WITH queries that are read once become part of the query around them, so that conditions reach into them. Those that are read more
 * often are kept: computed once. One that uses rows outside has another result for each, and cannot be kept.
 */
import { notSupported } from "../error.js";
import type { CommonTableNode, PlanNode } from "./plan.js";
import { mapExpressions, mapSubplans, withInputs } from "./rewrite.js";
import { expressionsOfNode, inputsOf, isPlanVolatile, outerColumnsOf, visitExpression } from "./walk.js";

export function inlineCommonTables(root: PlanNode): PlanNode {
  const counts = new Map<number, number>();
  count(root, counts, new Set());
  return inline(root, counts, false);
}

/** How often each WITH query is read; its own query is looked into once. */
function count(node: PlanNode, counts: Map<number, number>, visited: Set<number>): void {
  if (node.kind === "commonTable") {
    counts.set(node.number, (counts.get(node.number) ?? 0) + 1);
    if (visited.has(node.number)) return;
    visited.add(node.number);
  }
  for (const input of inputsOf(node)) count(input, counts, visited);
  for (const expression of expressionsOfNode(node)) {
    visitExpression(expression, (part) => {
      if (part.kind === "subquery") count(part.subplan.plan, counts, visited);
    });
  }
}

function inline(node: PlanNode, counts: ReadonlyMap<number, number>, isOften: boolean): PlanNode {
  const changed = mapExpressions(
    withInputs(
      node,
      inputsOf(node).map((input) => inline(input, counts, isOften)),
    ),
    (expression) => mapSubplans(expression, (plan) => inline(plan, counts, true)),
  );
  return changed.kind === "commonTable" ? inlineOne(changed, counts, isOften) : changed;
}

/** @param isOften it stands in a subquery of an expression, which may be run for each row */
function inlineOne(node: CommonTableNode, counts: ReadonlyMap<number, number>, isOften: boolean): PlanNode {
  const { source } = node;
  if (source.kind === "modification") return node;
  const isOnce = (counts.get(node.number) ?? 0) <= 1;
  const dependsOnOutside = outerColumnsOf(source).size > 0 || readsWorkingTable(source);
  if (dependsOnOutside && !isOnce)
    throw notSupported("a WITH query that depends on rows outside and is read more than once");
  if (!isOnce || (isPlanVolatile(source) && !dependsOnOutside)) return node;
  // Rounds are not run again for each row. Elsewhere they are run as their rows are asked for, which may be fewer than there are.
  if (isOften && !dependsOnOutside && hasRounds(source)) return node;
  return {
    kind: "project",
    input: source,
    expressions: node.columns.map(({ name, type }, index) => ({
      kind: "column",
      id: node.sourceColumns[index] ?? 0,
      name,
      type,
      location: -1,
    })),
    columns: node.columns,
    rows: -1,
    cost: -1,
  };
}

function hasRounds(root: PlanNode): boolean {
  const pending: PlanNode[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.kind === "recursive") return true;
    for (const input of inputsOf(node)) pending.push(input);
  }
  return false;
}

/** A working table whose recursive query is further out. */
function readsWorkingTable(root: PlanNode): boolean {
  const own = new Set<number>();
  const read = new Set<number>();
  const pending: PlanNode[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.kind === "recursive") own.add(node.number);
    if (node.kind === "workingTable") read.add(node.number);
    for (const input of inputsOf(node)) pending.push(input);
  }
  return [...read].some((number) => !own.has(number));
}
