/** The aggregates of a grouping: how each is computed, and its running state of one group. */
import { assert } from "../../types/assert.js";
import type { Accumulator } from "../functions/registry.js";
import type { AggregateCall } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import { hashKeyOf } from "../types/compare.js";
import type { Datum } from "../types/datum.js";
import { compileExpression, type RowFunction } from "./compile.js";
import type { Execution, Layout } from "./execution.js";
import type { Key } from "./keys.js";
import { compileOperand, type NumbersFunction } from "./numbers.js";
import { isOrderedByItself, type OrderedArguments, orderedArguments } from "./ordered-arguments.js";

export interface CompiledAggregate {
  readonly call: AggregateCall;
  readonly arguments: readonly RowFunction[];
  readonly direct: readonly RowFunction[];
  readonly order: readonly RowFunction[];
  readonly filter: RowFunction | null;
  /** All rows of a batch at once, when there is one group and the argument is a column of numbers. */
  readonly numbers: NumbersFunction | null;
  /** Place of the argument when it is a column as it is; -1 when not. */
  readonly slot: number;
  /** No DISTINCT, ORDER BY or FILTER, and one argument at most. */
  readonly isPlain: boolean;
  /** Its one argument is what it is ordered by. */
  readonly isByItself: boolean;
  /** `count(*)` and nothing more. */
  readonly isCountAll: boolean;
}

export function compileAggregate(call: AggregateCall, layout: Layout, execution: Execution): CompiledAggregate {
  const compile = (expression: AggregateCall["arguments"][number]): RowFunction =>
    compileExpression(expression, layout, execution);
  const [argument] = call.arguments;
  const isBare = !call.isDistinct && call.order.length === 0 && call.filter === null;
  const isSimple = call.arguments.length === 1 && isBare;
  return {
    call,
    arguments: call.arguments.map(compile),
    direct: call.direct.map(compile),
    order: call.order.map(({ expression }) => compile(expression)),
    filter: call.filter === null ? null : compile(call.filter),
    isPlain: isSimple,
    isByItself: isOrderedByItself(call),
    isCountAll: call.arguments.length === 0 && isBare && call.direct.length === 0,
    slot: isSimple && argument?.kind === "column" ? (layout.get(argument.id) ?? -1) : -1,
    numbers: isSimple && argument !== undefined ? compileOperand(argument, layout, execution) : null,
  };
}

/** An aggregate of one group. */
export interface GroupAggregate {
  readonly accumulator: Accumulator;
  /** Values seen, for DISTINCT. */
  readonly seen: Set<Key> | null;
  /** Rows to be sorted before they are added. */
  readonly rows: OrderedArguments | null;
  direct: readonly Datum[] | null;
}

export function startAggregate({ call, isByItself }: CompiledAggregate, execution: Execution): GroupAggregate {
  const isOrdered = call.callee.form !== "plain";
  const orders = isOrdered ? call.order : [];
  return {
    accumulator: call.callee.start(execution.environment.context, orders),
    seen: call.isDistinct ? new Set() : null,
    rows: call.order.length > 0 ? orderedArguments(call.order, isByItself) : null,
    direct: null,
  };
}

/** Bytes of a value that DISTINCT has seen. */
const seenBytes = 48;

/** Adds a row to an aggregate of its group. Returns the bytes that it takes from now on, beside what the group itself takes. */
export function addRow(
  compiled: CompiledAggregate,
  aggregate: GroupAggregate,
  columns: readonly ColumnVector[],
  row: number,
): number {
  if (compiled.filter !== null && compiled.filter(columns, row) !== true) return 0;
  const args = compiled.arguments;
  const first = args[0];
  aggregate.direct ??= compiled.direct.map((direct) => direct(columns, row));
  if (args.length <= 1 && aggregate.seen === null && aggregate.rows === null) {
    const value = first === undefined ? null : first(columns, row);
    if (value === null && first !== undefined && compiled.call.callee.isStrict) return 0;
    aggregate.accumulator.add(value, none);
    return 0;
  }
  const values = args.map((argument) => argument(columns, row));
  if (compiled.call.callee.isStrict && values.includes(null)) return 0;
  let bytes = 0;
  if (aggregate.seen !== null) {
    if (!isNew(compiled, aggregate.seen, values)) return 0;
    bytes = seenBytes;
  }
  if (aggregate.rows === null) {
    aggregate.accumulator.add(values[0] ?? null, values.slice(1));
    return bytes;
  }
  aggregate.rows.add(values, compiled.isByItself ? values : compiled.order.map((key) => key(columns, row)));
  return bytes + aggregate.rows.bytesEach + values.length * 24;
}

function isNew({ call }: CompiledAggregate, seen: Set<Key>, values: readonly Datum[]): boolean {
  let key: Key = "";
  for (const [index, value] of values.entries()) {
    const part = value === null ? "-" : String(hashKeyOf(call.arguments[index]?.type.oid ?? 0)(value));
    key += `${part.length}:${part}`;
  }
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

export function finishAggregate(compiled: CompiledAggregate | undefined, aggregate: GroupAggregate): Datum {
  assert(compiled !== undefined, "a group has all aggregates");
  const { accumulator, rows } = aggregate;
  rows?.drainTo(accumulator);
  // Direct arguments use no column of a row that is not grouped by; of no rows they are computed of nothing.
  const direct = aggregate.direct ?? compiled.direct.map((one) => one([], 0));
  return accumulator.finish(direct);
}

export const none: readonly Datum[] = [];
