/** From a plan to operators that run it. */
import { unreachable } from "../../types/assert.js";
import type { RowBatch } from "../engine.js";
import { SqlError } from "../error.js";
import type { JoinNode, PlanNode } from "../plan/plan.js";
import { AggregateOperator } from "./aggregate.js";
import { DistinctOperator } from "./distinct.js";
import { type Execution, isPrepared, layoutOf, type Operator, type Statistics } from "./execution.js";
import { HashJoinOperator } from "./hash-join.js";
import { MergeOperator } from "./merge.js";
import { NestedLoopOperator } from "./nested-loop.js";
import { RangeJoinOperator } from "./range-join.js";
import {
  FunctionScanOperator,
  KeptOperator,
  ModificationOperator,
  SystemScanOperator,
  ValuesOperator,
} from "./scans.js";
import { SetOperationOperator } from "./set-operation.js";
import { FilterOperator, LimitOperator, LockOperator, ProjectOperator, ProjectSetOperator } from "./simple.js";
import { SortOperator } from "./sort.js";
import { ScanOperator } from "./table-scan.js";
import { WindowOperator } from "./window.js";
import { commonRows, RecursiveOperator, WithModificationsOperator } from "./with.js";

export function buildOperator(node: PlanNode, execution: Execution): Operator {
  const operator = buildKind(node, execution);
  return execution.statistics === null || execution.clock === null
    ? operator
    : new MeasuredOperator(operator, statisticsOf(node, execution.statistics), execution.clock);
}

function statisticsOf(node: PlanNode, all: Map<PlanNode, Statistics>): Statistics {
  const known = all.get(node) ?? { rows: 0, loops: 0, nanoseconds: 0 };
  all.set(node, known);
  return known;
}

function buildKind(node: PlanNode, execution: Execution): Operator {
  const build = (input: PlanNode): Operator => buildOperator(input, execution);
  switch (node.kind) {
    case "scan":
      return new ScanOperator(node, execution);
    case "systemScan":
      return new SystemScanOperator(node, execution);
    case "values":
      return new ValuesOperator(node, execution);
    case "filter":
      return new FilterOperator(node, build(node.input), execution);
    case "project":
      return new ProjectOperator(node, build(node.input), execution);
    case "join":
      return buildJoin(node, build(node.left), build(node.right), execution);
    case "aggregate":
      return new AggregateOperator(node, build(node.input), execution);
    case "window":
      return new WindowOperator(node, build(node.input), execution);
    case "sort":
      return new SortOperator(node, build(node.input), execution);
    case "limit":
      return new LimitOperator(node, build(node.input), execution);
    case "distinct":
      return new DistinctOperator(node, build(node.input), execution);
    case "setOperation":
      return node.merge === undefined
        ? new SetOperationOperator(node, build(node.left), build(node.right), execution)
        : new MergeOperator(node, node.merge, build(node.left), build(node.right), execution);
    case "functionScan":
      return new FunctionScanOperator(node, execution);
    case "projectSet":
      return new ProjectSetOperator(node, build(node.input), execution);
    case "commonTable": {
      const layout = layoutOf(node.source.columns);
      const slots = node.sourceColumns.map((id) => layout.get(id) ?? -1);
      return new KeptOperator(() => commonRows(node, execution), slots);
    }
    case "recursive":
      return new RecursiveOperator(node, build(node.start), build(node.step), execution);
    case "workingTable":
      return new KeptOperator(
        () => {
          const rows = execution.workingRows.get(node.number);
          if (rows === undefined) throw new SqlError("XX000", `recursive query ${node.name} has no working table`);
          return rows;
        },
        node.columns.map((_, index) => index),
      );
    case "modification":
      return new ModificationOperator(node, execution);
    case "withModifications":
      return new WithModificationsOperator(node, build(node.input), execution);
    case "lock":
      return new LockOperator(node, build(node.input), execution);
    default:
      return unreachable(node);
  }
}

function buildJoin(node: JoinNode, left: Operator, right: Operator, execution: Execution): Operator {
  switch (node.method.kind) {
    case "nestedLoop":
      return new NestedLoopOperator(node, left, right, execution);
    case "range":
      return new RangeJoinOperator(node, left, right, execution);
    default:
      return new HashJoinOperator(node, left, right, execution);
  }
}

/** Counts rows, runs and time for EXPLAIN ANALYZE. */
class MeasuredOperator implements Operator {
  readonly #operator: Operator;
  readonly #statistics: Statistics;
  readonly #clock: () => number;

  constructor(operator: Operator, statistics: Statistics, clock: () => number) {
    this.#operator = operator;
    this.#statistics = statistics;
    this.#clock = clock;
  }

  reset(): void {
    const began = this.#clock();
    this.#operator.reset();
    this.#statistics.nanoseconds += this.#clock() - began;
    this.#statistics.loops += 1;
  }

  prepare(): boolean {
    const began = this.#clock();
    const isDone = isPrepared(this.#operator);
    this.#statistics.nanoseconds += this.#clock() - began;
    return isDone;
  }

  atMost(rows: number): void {
    this.#operator.atMost?.(rows);
  }

  next(): RowBatch | null {
    const began = this.#clock();
    const batch = this.#operator.next();
    this.#statistics.nanoseconds += this.#clock() - began;
    if (batch !== null) this.#statistics.rows += batch.rows;
    return batch;
  }

  close(): void {
    this.#operator.close();
  }
}
