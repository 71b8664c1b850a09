/** What is known of the values of columns, wherever in a plan they are used: that of the tables' columns that they are. */
import type { ShareOf } from "./estimate.js";
import type { ColumnId } from "./expression.js";
import type { PlanNode, ScanNode } from "./plan.js";
import { type PlanContext, sizeOf } from "./plan-context.js";
import { inputsOf } from "./walk.js";

interface Found {
  readonly scan: ScanNode;
  readonly number: number;
}

/** The table's column that a column of a node is; null for what is computed. */
function originOf(root: PlanNode, column: ColumnId): Found | null {
  let id = column;
  for (let node: PlanNode | undefined = root; node !== undefined; ) {
    if (node.kind === "scan") {
      const number = node.numbers[node.columns.findIndex((one) => one.id === id)];
      return number === undefined || number <= 0 ? null : { scan: node, number };
    }
    if (node.kind === "project") {
      const at = node.columns.findIndex((one) => one.id === id);
      const expression = node.expressions[at];
      if (expression?.kind !== "column") return null;
      id = expression.id;
    }
    // Of groups and of what is united there are other values.
    if (node.kind === "aggregate" || node.kind === "setOperation" || node.kind === "commonTable") return null;
    node = inputsOf(node).find(({ columns }) => columns.some((one) => one.id === id));
  }
  return null;
}

/** Shares of rows that have one value of a column, of those of these nodes that are tables' columns of which an index tells. */
export function sharesBeneath(nodes: readonly PlanNode[], context: PlanContext): ShareOf {
  const known = new Map<ColumnId, number | null>();
  return (id) => {
    let share = known.get(id);
    if (share === undefined) {
      share = null;
      for (const node of nodes) {
        const found = originOf(node, id);
        if (found === null) continue;
        share = sizeOf(found.scan.table, context).toldShareOf(found.number);
        break;
      }
      known.set(id, share);
    }
    return share;
  };
}
