/** How each operator is carried out: the ways into tables, the order and methods of joins, sorts that an index makes needless. */
import { sqlType, typeOid } from "../types/sql-type.js";
import { choosePath } from "./access.js";
import { conjunctsOf } from "./conjuncts.js";
import { countOf } from "./estimate.js";
import type { BoundExpression } from "./expression.js";
import { extremesOf } from "./extremes.js";
import { bestJoin, lateralLoop } from "./join-methods.js";
import { orderJoins, relationsOf } from "./join-order.js";
import { type Below, orderedInput, sortCost } from "./ordered-input.js";
import { orderedPartitions } from "./ordered-partitions.js";
import type { JoinNode, LimitNode, PlanNode, ScanNode, SortNode } from "./plan.js";
import { costed, indexesOf, type PlanContext, sizeOf, withPath } from "./plan-context.js";
import { withInputs } from "./rewrite.js";
import { firstsOfPartitions, type SortedInput, stoppedWindow, streamedWindow } from "./streamed-window.js";
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
      const filter = firstsOfPartitions(node) ?? node;
      return costed(withInputs(filter, [physical(filter.input, context)]));
    }
    case "window": {
      const ordered = orderedPartitions(node, [], null, sorted(context));
      return ordered ?? costed(withInputs(node, [physical(node.input, context)]));
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
  return withPath(scan, choosePath(scan, indexesOf(scan, context), sizeOf(scan.table, context)));
}

function physicalJoin(node: JoinNode, context: PlanContext): PlanNode {
  if (node.type === "inner" && !node.isLateral) {
    const { relations, conditions } = relationsOf(node);
    return orderJoins(
      relations.map((relation) => physical(relation, context)),
      conditions,
      context,
    );
  }
  const left = physical(node.left, context);
  const right = physical(node.right, context);
  if (node.isLateral) return lateralLoop(node, left, right);
  return bestJoin(node.type, left, right, conjunctsOf(node.condition), context);
}

/** A plan whose first row is the first in that order; null where rows would have to be sorted. */
function firstRow(sort: SortNode, context: PlanContext): PlanNode | null {
  const ordered = orderedInput(sort, 1, context, belowOf(context));
  return ordered?.keys === sort.keys.length ? ordered.plan : null;
}

function physicalLimit(node: LimitNode, context: PlanContext): PlanNode {
  const { limit, offset, ties } = node;
  if (limit === null || ties !== null) return costed(withInputs(node, [physical(node.input, context)]));
  const wanted = wantedRows(limit) + wantedRows(offset ?? nothing);
  const [input, keys] = node.input.kind === "sort" ? [node.input.input, node.input.keys] : [node.input, []];
  const streamed =
    streamedWindow(input, keys, wanted, sorted(context)) ?? orderedPartitions(input, keys, wanted, sorted(context));
  if (streamed !== null) return costed(withInputs(node, [streamed]));
  const below =
    node.input.kind === "sort"
      ? physicalSort({ ...node.input, top: { limit, offset } }, wanted, context)
      : firstRows(node.input, wanted, context);
  return costed(withInputs(node, [below]));
}

/** Of sorted rows, those that have the same keys as one before: it is taken, so many. */
const repeatedRows = 20;

/** A node of which so many rows are asked for. */
function firstRows(node: PlanNode, wanted: number, context: PlanContext): PlanNode {
  if (node.kind === "project") return costed(withInputs(node, [firstRows(node.input, wanted, context)]));
  if (node.kind === "distinct" && node.isSorted)
    return costed(withInputs(node, [firstRows(node.input, wanted * repeatedRows, context)]));
  return node.kind === "sort" ? physicalSort(node, wanted, context) : physical(node, context);
}

const nothing: BoundExpression = { kind: "constant", value: 0, type: sqlType(typeOid.int8), location: -1 };

/** A sort, carried out. @param wanted rows that are asked for */
const sorted =
  (context: PlanContext): SortedInput =>
  (sort, wanted) =>
    sort.keys.length === 0 ? physical(sort.input, context) : physicalSort(sort, wanted, context);

const belowOf = (context: PlanContext): Below => ({
  physical: (node) => physical(node, context),
  sorted: (sort, wanted) => physicalSort(sort, wanted, context),
});

const wantedRows = (limit: BoundExpression): number => countOf(limit) ?? 100;

/** A sort, unless an index yields the rows in order and that is cheaper; what an index yields in the order of the first keys is sorted bit by bit. */
function physicalSort(node: SortNode, wanted: number | null, context: PlanContext): PlanNode {
  const ordered = orderedInput(node, wanted, context, belowOf(context));
  const input = physical(node.input, context);
  const rows = Math.max(1, input.rows);
  const cost = input.cost + sortCost(rows, wanted);
  if (ordered === null || ordered.cost >= cost) return { ...withInputs(node, [input]), rows, cost };
  if (ordered.keys === node.keys.length) return ordered.plan;
  return { ...withInputs({ ...node, presorted: ordered.keys }, [ordered.plan]), rows, cost: ordered.cost };
}
