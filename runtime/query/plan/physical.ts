/** How each operator is carried out: the ways into tables, the order and methods of joins, sorts that an index makes needless. */
import { sqlType, typeOid } from "../types/sql-type.js";
import { choosePath } from "./access.js";
import { conjunctsOf } from "./conjuncts.js";
import { spreadConditions } from "./disjunctions.js";
import { estimateRows } from "./estimate.js";
import type { BoundExpression } from "./expression.js";
import { extremesOf } from "./extremes.js";
import { bestJoin } from "./join-methods.js";
import { flatten, orderJoins } from "./join-order.js";
import { orderedInput, sortCost } from "./ordered-input.js";
import type { JoinNode, PlanNode, ScanNode, SortNode } from "./plan.js";
import { costed, indexesOf, type PlanContext, rowsOf, withPath } from "./plan-context.js";
import { withInputs } from "./rewrite.js";
import { type SortedInput, stoppedWindow, streamedWindow } from "./streamed-window.js";
import { inputsOf } from "./walk.js";

export function physical(node: PlanNode, context: PlanContext): PlanNode {
  switch (node.kind) {
    case "scan":
      return physicalScan(node, context);
    case "systemScan":
      return { ...node, rows: 100, cost: 100 };
    case "join":
      return physicalJoin(node, context);
    case "sort":
      return physicalSort(node, null, context);
    case "limit":
      return physicalLimit(node, context);
    case "filter": {
      const stopped = stoppedWindow(node, sorted(context));
      if (stopped !== null) return stopped;
      return costed(withInputs(node, [physical(node.input, context)]));
    }
    case "aggregate": {
      const whole = costed(withInputs(node, [physical(node.input, context)]));
      const first = extremesOf(node, (sort) => firstRow(sort, context));
      return first !== null && first.cost < whole.cost ? first : whole;
    }
    default: {
      const inputs = inputsOf(node).map((input) => physical(input, context));
      return costed(withInputs(node, inputs));
    }
  }
}

function physicalScan(scan: ScanNode, context: PlanContext): PlanNode {
  const tableRows = rowsOf(scan.table, context);
  return withPath(scan, choosePath(scan, indexesOf(scan, context), tableRows));
}

function physicalJoin(node: JoinNode, context: PlanContext): PlanNode {
  if (node.type === "inner" && !node.isLateral) {
    const relations: PlanNode[] = [];
    const conditions: BoundExpression[] = [];
    flatten(node, relations, conditions);
    const spread = spreadConditions(relations, conditions);
    return orderJoins(
      spread.relations.map((relation) => physical(relation, context)),
      spread.conditions,
      context,
    );
  }
  const left = physical(node.left, context);
  const right = physical(node.right, context);
  if (node.isLateral) return lateral(node, left, right);
  return bestJoin(node.type, left, right, conjunctsOf(node.condition), context);
}

function lateral(node: JoinNode, left: PlanNode, right: PlanNode): PlanNode {
  const joined = withInputs(node, [left, right]);
  const rows = estimateRows(joined);
  return { ...joined, rows, cost: left.cost + Math.max(1, left.rows) * (right.cost + 1) };
}

/** A plan whose first row is the first in that order; null where rows would have to be sorted. */
function firstRow(sort: SortNode, context: PlanContext): PlanNode | null {
  const ordered = orderedInput(sort, 1, context);
  return ordered?.keys === sort.keys.length ? ordered.plan : null;
}

function physicalLimit(node: Extract<PlanNode, { kind: "limit" }>, context: PlanContext): PlanNode {
  const { limit, offset, ties } = node;
  if (limit !== null && ties === null) {
    const [input, keys] = node.input.kind === "sort" ? [node.input.input, node.input.keys] : [node.input, []];
    const streamed = streamedWindow(input, keys, wantedRows(limit) + wantedRows(offset ?? nothing), sorted(context));
    if (streamed !== null) return costed(withInputs(node, [streamed]));
  }
  if (node.input.kind === "sort" && limit !== null && ties === null) {
    const sorted = physicalSort({ ...node.input, top: { limit, offset } }, wantedRows(limit), context);
    return costed(withInputs(node, [sorted]));
  }
  return costed(withInputs(node, [physical(node.input, context)]));
}

const nothing: BoundExpression = { kind: "constant", value: 0, type: sqlType(typeOid.int8), location: -1 };

/** A sort, carried out. @param wanted rows that are asked for */
const sorted =
  (context: PlanContext): SortedInput =>
  (sort, wanted) =>
    sort.keys.length === 0 ? physical(sort.input, context) : physicalSort(sort, wanted, context);

const wantedRows = (limit: BoundExpression): number =>
  limit.kind === "constant" && limit.value !== null ? Number(limit.value) : 100;

/** A sort, unless an index yields the rows in order and that is cheaper; what an index yields in the order of the first keys is sorted bit by bit. */
function physicalSort(node: SortNode, wanted: number | null, context: PlanContext): PlanNode {
  const ordered = orderedInput(node, wanted, context);
  const input = physical(node.input, context);
  const rows = Math.max(1, input.rows);
  const cost = input.cost + sortCost(rows, wanted);
  if (ordered === null || ordered.cost >= cost) return { ...withInputs(node, [input]), rows, cost };
  if (ordered.keys === node.keys.length) return ordered.plan;
  return { ...withInputs({ ...node, presorted: ordered.keys }, [ordered.plan]), rows, cost: ordered.cost };
}
