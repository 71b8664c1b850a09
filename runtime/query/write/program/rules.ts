/** What rows of a table must fulfil, what is computed of them and what is told of them, over rows whose values stand by column number - 1. */
import { assert } from "../../../types/assert.js";
import type { BoundModification, RowRules } from "../../bind/bound.js";
import type { ColumnDefinition, TableDefinition } from "../../catalog/model.js";
import { compileForFrames, type Frame, type FrameFunction } from "../../execute/frame-expression.js";
import type { BoundExpression, ColumnId } from "../../plan/expression.js";
import type { Datum } from "../../types/datum.js";
import { drawsOf } from "./draws.js";

export interface Computed {
  /** In the row's values. */
  readonly place: number;
  readonly compute: FrameFunction;
}

export interface CompiledRules {
  readonly generated: readonly Computed[];
  /** Columns that must not be NULL, as places in a row's values. */
  readonly required: readonly number[];
  readonly checks: readonly FrameFunction[];
  /** Checks of columns' domains, which come before what is generated. */
  readonly ofDomains: readonly FrameFunction[];
  /** What must be true of a row, and not only not false. */
  readonly checkOptions: readonly FrameFunction[];
  readonly returning: readonly FrameFunction[] | null;
}

export const liveColumns = ({ columns }: TableDefinition): ColumnDefinition[] =>
  columns.filter(({ isDropped }) => !isDropped);

/** Places of a table's columns in a row's values, by the ids that its rules have for them. */
export function rowSlots(table: TableDefinition, { rowIds }: RowRules): Map<ColumnId, number> {
  const live = liveColumns(table);
  assert(rowIds.length === live.length, "the rules of a table have an id for each live column");
  return new Map(live.map(({ number }, at) => [rowIds[at] ?? 0, number - 1]));
}

/** Null when only the executor can compute some of it. */
export function compiledRules(modification: BoundModification): CompiledRules | null {
  const { table, rules, checkOptions: options, returning } = modification;
  const live = liveColumns(table);
  const slots = rowSlots(table, rules);
  // Of a row that is deleted nothing but what it was is told.
  if (modification.kind === "delete")
    for (const [at, { number }] of live.entries()) slots.set(modification.old[at] ?? 0, number - 1);
  const told = returning?.expressions ?? [];
  if (drawsOf(told) !== "nothing") return null;
  const compile = (expression: BoundExpression): FrameFunction | null => compileForFrames(expression, slots);
  const generated = rules.generated.map(({ column, expression }) => ({
    place: column - 1,
    compute: compile(expression),
  }));
  const isGiven = ({ domain }: RowRules["checks"][number]): boolean =>
    domain !== null && !rules.generated.some(({ column }) => column === domain.column);
  const checks = rules.checks.filter((check) => !isGiven(check)).map(({ expression }) => compile(expression));
  const ofDomains = rules.checks.filter(isGiven).map(({ expression }) => compile(expression));
  const checkOptions = options.map(({ expression }) => compile(expression));
  const returned = told.map(compile);
  if (!generated.every(isComputed) || !checkOptions.every(isCompiled)) return null;
  if (!checks.every(isCompiled) || !ofDomains.every(isCompiled) || !returned.every(isCompiled)) return null;
  const required = live.filter(({ isNotNull }) => isNotNull).map(({ number }) => number - 1);
  const own = { generated, required, checks, ofDomains, checkOptions };
  return { ...own, returning: returning === null ? null : returned };
}

const isCompiled = (compiled: FrameFunction | null): compiled is FrameFunction => compiled !== null;
const isComputed = (computed: {
  readonly place: number;
  readonly compute: FrameFunction | null;
}): computed is Computed => computed.compute !== null;

/** Computes what is generated of a row, and says whether the row may be as it is. */
export function isSound(
  { generated, required, checks, ofDomains, checkOptions }: CompiledRules,
  frame: Frame,
  row: Datum[],
): boolean {
  frame.row = row;
  for (const check of ofDomains) if (check(frame) === false) return false;
  for (const { place, compute } of generated) row[place] = compute(frame);
  for (const place of required) if ((row[place] ?? null) === null) return false;
  for (const check of checks) if (check(frame) === false) return false;
  for (const check of checkOptions) if (check(frame) !== true) return false;
  return true;
}

/** Tells RETURNING's values of the frame's row. */
export function tell({ returning }: CompiledRules, frame: Frame, returned: (row: readonly Datum[]) => void): void {
  if (returning !== null) returned(returning.map((expression) => expression(frame)));
}
