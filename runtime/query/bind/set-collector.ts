/**
 * Functions that return sets, in a select list or what is grouped by. Each call becomes a column. Calls that stand in arguments of others
 * are of a lower level: for each row that the calls of one level make together, one by one, those of the next level make rows of their own.
 *
 *     SELECT f(g(x)), g(y)        level 1: g(x), g(y) side by side        level 2: f of each g(x)
 */
import { SqlError } from "../error.js";
import type { ResolvedSet } from "../functions/registry.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import { columnsOf, expressionKey, mapParts } from "../plan/walk.js";
import { positionOf } from "./binder.js";

export interface SetCall {
  readonly id: ColumnId;
  readonly callee: ResolvedSet;
  readonly arguments: readonly BoundExpression[];
  /** From 1. */
  readonly level: number;
}

export class SetCollector {
  readonly #beside: SetCollector | null;
  readonly #calls = new Map<ColumnId, SetCall>();
  readonly #idByKey = new Map<string, ColumnId>();

  /** @param beside one whose calls have the same columns as the same calls of this one */
  constructor(beside: SetCollector | null = null) {
    this.#beside = beside;
  }

  get calls(): readonly SetCall[] {
    return [...this.#calls.values()];
  }

  has(id: ColumnId): boolean {
    return this.#calls.has(id);
  }

  /** Whether an expression has a row for each of a function's. */
  isIn(...expressions: readonly BoundExpression[]): boolean {
    return this.#calls.size > 0 && [...columnsOf(...expressions)].some((id) => this.#calls.has(id));
  }

  #known(key: string): ColumnId | undefined {
    const own = this.#idByKey.get(key);
    return own === undefined && this.#beside !== null ? this.#beside.#known(key) : own;
  }

  /** The column of a call: the same for the same call, which makes the same rows. */
  add(callee: ResolvedSet, args: readonly BoundExpression[], newId: () => ColumnId): ColumnId {
    const keys = args.map((argument) => expressionKey(argument));
    const isSame = callee.volatility !== "volatile" && keys.every((key) => key !== null);
    const key = isSame ? `${callee.oid}(${keys.join(",")})` : null;
    const id = (key === null ? undefined : this.#known(key)) ?? newId();
    if (this.#calls.has(id)) return id;
    const below = [...columnsOf(...args)].map((column) => this.#calls.get(column)?.level ?? 0);
    this.#calls.set(id, { id, callee, arguments: args, level: Math.max(0, ...below) + 1 });
    if (key !== null) this.#idByKey.set(key, id);
    return id;
  }
}

/** Throws 42804 for the part of a condition that would have several values. @param what as in "argument of AND" */
export function expectNoSet(sets: SetCollector | null, expression: BoundExpression, what: string): void {
  if (sets === null || !sets.isIn(expression)) return;
  const position = positionOf(expression.location);
  throw new SqlError("42804", `argument of ${what} must not return a set`, { position });
}

/** Those that are used, by expressions or by others that are. */
export function usedCalls(calls: readonly SetCall[], expressions: readonly BoundExpression[]): readonly SetCall[] {
  const used = new Set<ColumnId>(columnsOf(...expressions));
  // Whoever uses one stands behind it.
  for (const call of calls.toReversed())
    if (used.has(call.id)) for (const id of columnsOf(...call.arguments)) used.add(id);
  return calls.filter(({ id }) => used.has(id));
}

/** With other columns in the place of some. */
export const renamed = (expression: BoundExpression, names: ReadonlyMap<ColumnId, ColumnId>): BoundExpression =>
  expression.kind === "column"
    ? { ...expression, id: names.get(expression.id) ?? expression.id }
    : mapParts(expression, (part) => renamed(part, names));
