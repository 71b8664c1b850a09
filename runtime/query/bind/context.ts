/**
 * Where an expression stands: what it may name, whether aggregates, window functions and functions that return sets may stand there, and
 * who collects them. Each collected call becomes a column, which the operators below the expression put out.
 */
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { AggregateCall, SortKey, WindowCall, WindowNode } from "../plan/plan.js";
import type { WindowDefinition } from "../syntax/ast-expression.js";
import type { Binder } from "./binder.js";
import type { Scope } from "./scope.js";
import { SetCollector } from "./set-collector.js";

/** A call with OVER, whose window is bound once the rest of its query is. */
export interface CollectedWindowCall {
  readonly call: WindowCall;
  /** One of WINDOW, or what is written in OVER (…). */
  readonly over: WindowDefinition;
  readonly location: number;
}

export interface CollectedWindow extends CollectedWindowCall {
  readonly partition: readonly BoundExpression[];
  readonly order: readonly SortKey[];
  readonly frame: WindowNode["frame"];
}

/** A GROUPING(…). */
export interface GroupingReference {
  readonly id: ColumnId;
  /** Written in a query within: it is read as a column, which the grouping has to put out. */
  readonly isWithin: boolean;
  readonly items: readonly BoundExpression[];
  readonly location: number;
}

/** Calls of one query level that are computed by operators. */
export class Collector {
  readonly aggregates: AggregateCall[] = [];
  /** The same call twice is computed once. */
  readonly aggregateKeys = new Map<string, ColumnId>();
  readonly windowCalls: CollectedWindowCall[] = [];
  readonly windowIds = new Set<ColumnId>();
  readonly sets = new SetCollector();
  readonly groupings: GroupingReference[] = [];
}

export interface ExpressionContext {
  readonly binder: Binder;
  readonly scope: Scope;
  /** Null: neither aggregates nor window functions may stand here. */
  readonly collector: Collector | null;
  /** As in "aggregate functions are not allowed in WHERE". */
  readonly clause: string;
  /** Windows by name (WINDOW clause). */
  readonly windows: readonly WindowDefinition[];
  /** Inside an aggregate's or a window function's arguments. */
  readonly inside: "aggregate" | "window" | null;
  readonly allowsWindows: boolean;
  /** Of functions that return sets; null where none may stand. */
  readonly sets: SetCollector | null;
  /** What the expression is part of that may leave parts out: no rows can be made in it. */
  readonly setsRefusedBy?: "CASE" | "COALESCE";
}

export const functionsInFrom = "functions in FROM";

/** COPY's WHERE, which looks at its row alone. */
export const copyConditions = "COPY FROM WHERE conditions";

export const plainContext = (binder: Binder, scope: Scope, clause: string): ExpressionContext => ({
  binder,
  scope,
  collector: null,
  clause,
  windows: [],
  inside: null,
  allowsWindows: false,
  sets: null,
});
