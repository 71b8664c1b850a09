/** Which columns of which tables a query reads, those of its subqueries too: what a view depends on. */
import type { BoundQuery } from "../bind/bound.js";
import type { Oid } from "../types/sql-type.js";
import { inlineCommonTables } from "./inline.js";
import type { PlanNode } from "./plan.js";
import { prune } from "./prune.js";
import { expressionsOfNode, inputsOf, visitExpression } from "./walk.js";

export function columnsRead({ plan, outputs }: BoundQuery): ReadonlyMap<Oid, ReadonlySet<number>> {
  const found = new Map<Oid, Set<number>>();
  const pending: PlanNode[] = [prune(inlineCommonTables(plan), new Set(outputs))];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.kind === "scan") {
      const numbers = found.get(node.table.oid) ?? new Set();
      for (const number of node.numbers) if (number > 0) numbers.add(number);
      found.set(node.table.oid, numbers);
    }
    pending.push(...inputsOf(node));
    for (const expression of expressionsOfNode(node)) {
      visitExpression(expression, (part) => {
        if (part.kind === "subquery") pending.push(part.subplan.plan);
      });
    }
  }
  return found;
}
