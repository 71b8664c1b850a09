/** Arguments of an aggregate with an order of its own (`array_agg(x ORDER BY y)`, WITHIN GROUP): gathered for a group, sorted when it is over. */
import type { Accumulator } from "../functions/registry.js";
import type { AggregateCall, SortKey } from "../plan/plan.js";
import { expressionKey } from "../plan/walk.js";
import type { Datum, Value } from "../types/datum.js";
import { compareSortRows } from "./sort-values.js";

export interface OrderedArguments {
  /** Bytes of a row that was added. */
  readonly bytesEach: number;
  add(args: readonly Datum[], keys: readonly Datum[]): void;
  /** Hands all to the accumulator in their order, and lets go of them. */
  drainTo(accumulator: Accumulator): void;
}

/** The one argument is the one key, as in percentiles. */
export function isOrderedByItself(call: AggregateCall): boolean {
  const [argument, ...others] = call.arguments;
  const [key, ...keys] = call.order;
  if (argument === undefined || key === undefined || others.length > 0 || keys.length > 0) return false;
  const own = expressionKey(argument);
  return own !== null && own === expressionKey(key.expression);
}

export const orderedArguments = (order: readonly SortKey[], isByItself: boolean): OrderedArguments => {
  const [key] = order;
  return isByItself && key !== undefined ? new OrderedValues(key) : new OrderedRows(order);
};

/** Values that are in their own order: no more than they are kept. */
class OrderedValues implements OrderedArguments {
  readonly bytesEach = 24;
  readonly #key: SortKey;
  readonly #values: Value[] = [];
  #nulls = 0;

  constructor(key: SortKey) {
    this.#key = key;
  }

  add([value = null]: readonly Datum[]): void {
    if (value === null) this.#nulls += 1;
    else this.#values.push(value);
  }

  drainTo(accumulator: Accumulator): void {
    const { compare, isDescending, nullsFirst } = this.#key;
    this.#values.sort(isDescending ? (a, b) => compare(b, a) : compare);
    if (nullsFirst) this.#drainNulls(accumulator);
    for (const value of this.#values) accumulator.add(value, none);
    this.#drainNulls(accumulator);
    this.#values.length = 0;
  }

  #drainNulls(accumulator: Accumulator): void {
    for (; this.#nulls > 0; this.#nulls -= 1) accumulator.add(null, none);
  }
}

class OrderedRows implements OrderedArguments {
  readonly bytesEach: number;
  readonly #order: readonly SortKey[];
  readonly #rows: { readonly args: readonly Datum[]; readonly keys: readonly Datum[] }[] = [];

  constructor(order: readonly SortKey[]) {
    this.#order = order;
    this.bytesEach = 64 + order.length * 24;
  }

  add(args: readonly Datum[], keys: readonly Datum[]): void {
    this.#rows.push({ args, keys });
  }

  drainTo(accumulator: Accumulator): void {
    this.#rows.sort((a, b) => compareSortRows(this.#order, a.keys, b.keys));
    for (const { args } of this.#rows) accumulator.add(args[0] ?? null, args.slice(1));
    this.#rows.length = 0;
  }
}

const none: readonly Datum[] = [];
