/** Carries out EXPLAIN, and the statement itself for ANALYZE. */

import type { BoundExplain } from "../bind/bound.js";
import type { QueryEnvironment } from "../engine.js";
import { notSupported } from "../error.js";
import { explainLines } from "../plan/explain.js";
import type { PlanNode } from "../plan/plan.js";
import { buildOperator } from "./build.js";
import { Execution, type Statistics } from "./execution.js";
import { streamOf } from "./run.js";

/** Lines to answer. Time is told by the stopwatch, or by the context's clock, which counts µs. */
export function runExplain(explain: BoundExplain, environment: QueryEnvironment): readonly string[] {
  const { statement } = explain;
  if (!explain.isAnalyze) return explainLines(explain, environment.context, null, null);
  if (statement.kind !== "query") throw notSupported("EXPLAIN ANALYZE of a statement that writes");
  const { stopwatch, context } = environment;
  const clock =
    stopwatch === undefined
      ? (): number => Number(context.clock()) * 1_000
      : (): number => stopwatch.monotonic() * 1_000_000;
  const execution = new Execution(environment, buildOperator, { clock });
  const began = clock();
  const stream = streamOf(statement.plan, statement.outputs, execution);
  while (stream.next() !== null) environment.check();
  stream.close();
  const executionMs = (clock() - began) / 1e6;
  const measured: ReadonlyMap<PlanNode, Statistics> = execution.statistics ?? new Map();
  return explainLines(explain, environment.context, measured, { planningMs: stopwatch?.planningMs ?? 0, executionMs });
}
