/** Aggregates that keep what they are given: arrays, JSON, joined text, bits, truth; and those over sorted rows. */

import { SqlError } from "../../error.js";
import { SqlArray } from "../../types/array.js";
import { collectedArrays } from "../../types/array-parts.js";
import { concatBytes } from "../../types/bytes.js";
import { comparatorOf } from "../../types/compare.js";
import type { Datum, Value } from "../../types/datum.js";
import { Interval, intervalOf, makeInterval } from "../../types/interval.js";
import { quoteJson } from "../../types/json-parse.js";
import { Jsonb, type JsonbNode, objectNode } from "../../types/jsonb.js";
import { moneyOf } from "../../types/money.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import { elementTypeOf, isRowType } from "../../types/type-table.js";
import type { EvaluationContext } from "../context.js";
import { aggregates, aggregatesOfAll, type CallTypes, type Implementation } from "../define.js";
import type { Accumulator, SortOrder } from "../registry.js";
import { andBits, orBits, xorBits } from "./bits.js";
import { multiplyInterval } from "./interval.js";
import { jsonbNode, jsonText, keyText } from "./json-output.js";
import { addMoney } from "./money.js";

/** Folds values two by two; nothing at all is NULL. */
class Fold implements Accumulator {
  readonly isFolded: boolean = true;
  #state: Datum = null;
  readonly #step: (state: Value, value: Value) => Value;

  constructor(step: (state: Value, value: Value) => Value) {
    this.#step = step;
  }

  add(value: Datum): void {
    if (value === null) return;
    this.#state = this.#state === null ? value : this.#step(this.#state, value);
  }

  finish(): Datum {
    return this.#state;
  }
}

/** A sum may be too large in one order and not in another. */
class OrderedFold extends Fold {
  override readonly isFolded = false;
}

/** Keeps all rows and makes the result of them at the end. */
class Collect implements Accumulator {
  readonly #rows: (readonly Datum[])[] = [];
  readonly #finish: (rows: readonly (readonly Datum[])[], direct: readonly Datum[]) => Datum;

  constructor(finish: (rows: readonly (readonly Datum[])[], direct: readonly Datum[]) => Datum) {
    this.#finish = finish;
  }

  add(value: Datum, others: readonly Datum[]): void {
    this.#rows.push([value, ...others]);
  }

  remove(): void {
    this.#rows.shift();
  }

  finish(direct: readonly Datum[]): Datum {
    return this.#finish(this.#rows, direct);
  }
}

/** Keeps the first argument of all rows. */
class CollectValues implements Accumulator {
  readonly #values: Datum[] = [];
  readonly #finish: (values: readonly Datum[], direct: readonly Datum[]) => Datum;

  constructor(finish: (values: readonly Datum[], direct: readonly Datum[]) => Datum) {
    this.#finish = finish;
  }

  add(value: Datum): void {
    this.#values.push(value);
  }

  remove(): void {
    this.#values.shift();
  }

  finish(direct: readonly Datum[]): Datum {
    return this.#finish(this.#values, direct);
  }
}

const isStructured = (type: Oid): boolean => isRowType(type) || elementTypeOf(type) !== 0;

function jsonArray(type: Oid, context: EvaluationContext): Accumulator {
  const isOnLines = isStructured(type);
  return new CollectValues((values) => {
    if (values.length === 0) return null;
    const items = values.map((value, at) => {
      const text = jsonText(value, type, context);
      return isOnLines && at > 0 && value !== null ? `\n ${text}` : text;
    });
    return `[${items.join(", ")}]`;
  });
}

function requireKey(key: Datum | undefined): Value {
  if (key === null || key === undefined) throw new SqlError("22023", "field name must not be null");
  return key;
}

function jsonObject({ args }: CallTypes, context: EvaluationContext): Accumulator {
  const [keyType = 0, valueType = 0] = args;
  return new Collect((rows) => {
    if (rows.length === 0) return null;
    const fields = rows.map(
      ([key, value = null]) =>
        `${quoteJson(keyText(requireKey(key), keyType, context))} : ${jsonText(value, valueType, context)}`,
    );
    return `{ ${fields.join(", ")} }`;
  });
}

function jsonbObject({ args }: CallTypes, context: EvaluationContext): Accumulator {
  const [keyType = 0, valueType = 0] = args;
  return new Collect((rows) => {
    if (rows.length === 0) return null;
    const entries = rows.map(([key, value = null]): readonly [string, JsonbNode] => [
      keyText(requireKey(key), keyType, context),
      jsonbNode(value, valueType, context),
    ]);
    return new Jsonb(objectNode(entries));
  });
}

/** string_agg: the delimiter before each value but the first is that value's own. */
class JoinedText implements Accumulator {
  #text: string | null = null;

  add(value: Datum, [delimiter = null]: readonly Datum[]): void {
    if (value === null) return;
    this.#text =
      this.#text === null
        ? textOf(value)
        : `${this.#text}${delimiter === null ? "" : textOf(delimiter)}${textOf(value)}`;
  }

  finish(): Datum {
    return this.#text;
  }
}

function joinedBytes(): Accumulator {
  return new Collect((rows) => {
    const parts: Uint8Array[] = [];
    for (const [value, delimiter] of rows) {
      if (!(value instanceof Uint8Array)) continue;
      if (parts.length > 0 && delimiter instanceof Uint8Array) parts.push(delimiter);
      parts.push(value);
    }
    return parts.length === 0 ? null : concatBytes(parts);
  });
}

const and = (a: Value, b: Value): Value => a === true && b === true;
const or = (a: Value, b: Value): Value => a === true || b === true;
const bits = {
  bit_and: [(a: number, b: number) => a & b, (a: bigint, b: bigint) => a & b],
  bit_or: [(a: number, b: number) => a | b, (a: bigint, b: bigint) => a | b],
  bit_xor: [(a: number, b: number) => a ^ b, (a: bigint, b: bigint) => a ^ b],
} as const;

const bitAggregates = Object.entries(bits).flatMap(([name, [narrow, wide]]) => {
  const small = (): Accumulator => new Fold((a, b) => narrow(Number(a), Number(b)));
  const large = (): Accumulator =>
    new Fold((a, b) => {
      const result = wide(BigInt(a as number | bigint), BigInt(b as number | bigint));
      return Number.isSafeInteger(Number(result)) ? Number(result) : result;
    });
  return aggregates({ [`${name}(int2)`]: small, [`${name}(int4)`]: small, [`${name}(int8)`]: large });
});

function requireFraction(fraction: Datum | undefined): number | null {
  if (fraction === null || fraction === undefined) return null;
  const value = Number(fraction);
  if (!(value >= 0 && value <= 1)) throw new SqlError("22003", `percentile value ${value} is not between 0 and 1`);
  return value;
}

type Interpolate = (low: Value, high: Value, fraction: number) => Value;

const betweenNumbers: Interpolate = (low, high, fraction) => Number(low) + fraction * (Number(high) - Number(low));
const betweenIntervals: Interpolate = (low, high, fraction) => {
  const a = intervalOf(low);
  const b = intervalOf(high);
  const difference = new Interval(b.months - a.months, b.days - a.days, b.micros - a.micros);
  const part = multiplyInterval(difference, fraction);
  return makeInterval(a.months + part.months, a.days + part.days, a.micros + part.micros);
};

function continuous(values: readonly Datum[], fraction: number, interpolate: Interpolate): Datum {
  const place = fraction * (values.length - 1);
  const low = values[Math.floor(place)] ?? null;
  const high = values[Math.ceil(place)] ?? null;
  if (low === null || high === null) return null;
  return Math.floor(place) === Math.ceil(place) ? low : interpolate(low, high, place - Math.floor(place));
}

const discrete = (values: readonly Datum[], fraction: number): Datum =>
  values[Math.max(0, Math.ceil(fraction * values.length) - 1)] ?? null;

type Percentile = (values: readonly Datum[], fraction: number) => Datum;

const onePercentile = (percentile: Percentile): Accumulator =>
  new CollectValues((values, [fraction]) => {
    const place = requireFraction(fraction);
    return place === null || values.length === 0 ? null : percentile(values, place);
  });

const manyPercentiles = (percentile: Percentile, element: Oid): Accumulator =>
  new CollectValues((values, [fractions]) => {
    if (!(fractions instanceof SqlArray) || values.length === 0) return null;
    const results = fractions.items.map((fraction) => {
      const place = requireFraction(fraction);
      return place === null ? null : percentile(values, place);
    });
    return fractions.withItems(element, results);
  });

const continuousNumbers: Percentile = (values, fraction) => continuous(values, fraction, betweenNumbers);
const continuousIntervals: Percentile = (values, fraction) => continuous(values, fraction, betweenIntervals);

/** The most frequent value, the first of equals. */
function mode({ args }: CallTypes): Accumulator {
  const compare = comparatorOf(args[0] ?? 0);
  return new CollectValues((values) => {
    let best: Datum = null;
    let bestCount = 0;
    let count = 0;
    for (const [index, value] of values.entries()) {
      const before = values[index - 1] ?? null;
      count = before !== null && value !== null && compare(before, value) === 0 ? count + 1 : 1;
      if (count > bestCount) [best, bestCount] = [value, count];
    }
    return best;
  });
}

function compareRows(a: readonly Datum[], b: readonly Datum[], orders: readonly SortOrder[]): number {
  for (const [index, order] of orders.entries()) {
    const left = a[index] ?? null;
    const right = b[index] ?? null;
    if (left === null || right === null) {
      if (left === right) continue;
      return (left === null) === order.nullsFirst ? -1 : 1;
    }
    const result = order.compare(left, right);
    if (result !== 0) return order.isDescending ? -result : result;
  }
  return 0;
}

/** Where a row that is not there would stand among those that are. */
function hypothetical(
  orders: readonly SortOrder[],
  result: (before: number, peers: number, distinctBefore: number, rows: number) => Datum,
): Accumulator {
  return new Collect((rows, direct) => {
    const earlier = rows.filter((row) => compareRows(row, direct, orders) < 0);
    const peers = rows.filter((row) => compareRows(row, direct, orders) === 0).length;
    const distinct = earlier.filter(
      (row, index) => index === 0 || compareRows(earlier[index - 1] ?? [], row, orders) !== 0,
    );
    return result(earlier.length, peers, distinct.length, rows.length);
  });
}

export const collections: readonly Implementation[] = [
  ...bitAggregates,
  ...aggregates({
    "sum(money)": () => new OrderedFold((a, b) => addMoney(moneyOf(a), moneyOf(b))),
    "bit_and(bit)": () => new Fold((a, b) => andBits(textOf(a), textOf(b))),
    "bit_or(bit)": () => new Fold((a, b) => orBits(textOf(a), textOf(b))),
    "bit_xor(bit)": () => new Fold((a, b) => xorBits(textOf(a), textOf(b))),
  }),
  ...aggregates({
    "bool_and(bool)": () => new Fold(and),
    "every(bool)": () => new Fold(and),
    "bool_or(bool)": () => new Fold(or),
    "percentile_cont(float8,float8)": () => onePercentile(continuousNumbers),
    "percentile_cont(float8,interval)": () => onePercentile(continuousIntervals),
    "percentile_cont(_float8,float8)": () => manyPercentiles(continuousNumbers, typeOid.float8),
    "percentile_cont(_float8,interval)": () => manyPercentiles(continuousIntervals, typeOid.interval),
    "percentile_disc(float8,anyelement)": () => onePercentile(discrete),
    "percentile_disc(_float8,anyelement)": ({ result }) => manyPercentiles(discrete, elementTypeOf(result)),
    "mode(anyelement)": mode,
  }),
  ...aggregatesOfAll({
    "array_agg(anynonarray)": ({ result }) =>
      new CollectValues((values) => (values.length === 0 ? null : new SqlArray(elementTypeOf(result), [...values]))),
    "array_agg(anyarray)": ({ result }) =>
      new CollectValues((values) => (values.length === 0 ? null : collectedArrays(elementTypeOf(result), values))),
    "string_agg(text,text)": () => new JoinedText(),
    "string_agg(bytea,bytea)": joinedBytes,
    "json_agg(anyelement)": ({ args }, context) => jsonArray(args[0] ?? 0, context),
    "jsonb_agg(anyelement)": ({ args }, context) =>
      new CollectValues((values) =>
        values.length === 0 ? null : new Jsonb(values.map((value) => jsonbNode(value, args[0] ?? 0, context))),
      ),
    "json_object_agg(any,any)": jsonObject,
    "jsonb_object_agg(any,any)": jsonbObject,
    "rank(any)": (_types, _context, orders) => hypothetical(orders, (before) => before + 1),
    "dense_rank(any)": (_types, _context, orders) => hypothetical(orders, (_before, _peers, distinct) => distinct + 1),
    "percent_rank(any)": (_types, _context, orders) =>
      hypothetical(orders, (before, _peers, _distinct, rows) => (rows === 0 ? 0 : before / rows)),
    "cume_dist(any)": (_types, _context, orders) =>
      hypothetical(orders, (before, peers, _distinct, rows) => (before + peers + 1) / (rows + 1)),
  }),
];
