/** Variances, deviations, covariances and regressions. Integers and numeric are exact up to the last division; doubles follow Youngs and Cramer. */
import type { Datum } from "../../types/datum.js";
import { Decimal, decimalFromInteger, decimalNaN, decimalOf, decimalZero } from "../../types/decimal.js";
import {
  add,
  multiply,
  quotientAt,
  quotientScale,
  signOf,
  squareRootAt,
  subtract,
} from "../../types/decimal-arithmetic.js";
import { aggregates, type Implementation } from "../define.js";
import type { Accumulator } from "../registry.js";
import { checkFloat } from "./float.js";

interface Spread {
  readonly isSample: boolean;
  readonly isRoot: boolean;
}

class ExactSpread implements Accumulator {
  #rows = 0;
  #sum: Decimal = decimalZero;
  #squares: Decimal = decimalZero;
  readonly #spread: Spread;

  constructor(spread: Spread) {
    this.#spread = spread;
  }

  add(value: Datum): void {
    if (value === null) return;
    const exact = value instanceof Decimal ? decimalOf(value) : decimalFromInteger(value as number | bigint);
    this.#rows += 1;
    this.#sum = add(this.#sum, exact);
    this.#squares = add(this.#squares, multiply(exact, exact));
  }

  finish(): Datum {
    const { isSample, isRoot } = this.#spread;
    if (this.#rows === 0 || (isSample && this.#rows === 1)) return null;
    if (this.#sum.special !== null || this.#squares.special !== null) return decimalNaN;
    const count = decimalFromInteger(this.#rows);
    const numerator = subtract(multiply(count, this.#squares), multiply(this.#sum, this.#sum));
    if (signOf(numerator) <= 0) return decimalZero;
    const divisor = multiply(count, isSample ? decimalFromInteger(this.#rows - 1) : count);
    const scale = quotientScale(numerator, divisor);
    const quotient = quotientAt(numerator, divisor, scale);
    return isRoot ? squareRootAt(quotient, scale) : quotient;
  }
}

class FloatSpread implements Accumulator {
  #rows = 0;
  #sum = 0;
  #squares = 0;
  readonly #spread: Spread;

  constructor(spread: Spread) {
    this.#spread = spread;
  }

  add(given: Datum): void {
    const value = Number(given);
    this.#rows += 1;
    const sum = this.#sum + value;
    if (this.#rows > 1) {
      const deviation = value * this.#rows - sum;
      this.#squares += (deviation * deviation) / (this.#rows * (this.#rows - 1));
      if (!Number.isFinite(sum) || !Number.isFinite(this.#squares)) {
        if (Number.isFinite(this.#sum) && Number.isFinite(value)) checkFloat(Number.POSITIVE_INFINITY, false, true);
        this.#squares = Number.NaN;
      }
    } else if (!Number.isFinite(value)) this.#squares = Number.NaN;
    this.#sum = sum;
  }

  finish(): Datum {
    const { isSample, isRoot } = this.#spread;
    const divisor = isSample ? this.#rows - 1 : this.#rows;
    if (this.#rows === 0 || divisor === 0) return null;
    return isRoot ? Math.sqrt(this.#squares / divisor) : this.#squares / divisor;
  }
}

/** Sums over pairs (Y, X). */
interface Pairs {
  readonly rows: number;
  readonly sumX: number;
  readonly sumY: number;
  readonly squaresX: number;
  readonly squaresY: number;
  readonly products: number;
}

class Regression implements Accumulator {
  #rows = 0;
  #sumX = 0;
  #sumY = 0;
  #squaresX = 0;
  #squaresY = 0;
  #products = 0;
  readonly #result: (pairs: Pairs) => Datum;

  constructor(result: (pairs: Pairs) => Datum) {
    this.#result = result;
  }

  add(first: Datum, [second = null]: readonly Datum[]): void {
    const y = Number(first);
    const x = Number(second);
    this.#rows += 1;
    const sumX = this.#sumX + x;
    const sumY = this.#sumY + y;
    if (this.#rows > 1) {
      const deviationX = x * this.#rows - sumX;
      const deviationY = y * this.#rows - sumY;
      const scale = 1 / (this.#rows * (this.#rows - 1));
      this.#squaresX += deviationX * deviationX * scale;
      this.#squaresY += deviationY * deviationY * scale;
      this.#products += deviationX * deviationY * scale;
    } else {
      if (!Number.isFinite(x)) this.#squaresX = this.#products = Number.NaN;
      if (!Number.isFinite(y)) this.#squaresY = this.#products = Number.NaN;
    }
    this.#sumX = sumX;
    this.#sumY = sumY;
  }

  finish(): Datum {
    return this.#result({
      rows: this.#rows,
      sumX: this.#sumX,
      sumY: this.#sumY,
      squaresX: this.#squaresX,
      squaresY: this.#squaresY,
      products: this.#products,
    });
  }
}

const spreads: Readonly<Record<string, Spread>> = {
  variance: { isSample: true, isRoot: false },
  var_samp: { isSample: true, isRoot: false },
  var_pop: { isSample: false, isRoot: false },
  stddev: { isSample: true, isRoot: true },
  stddev_samp: { isSample: true, isRoot: true },
  stddev_pop: { isSample: false, isRoot: true },
};

const spreadAggregates = Object.entries(spreads).flatMap(([name, spread]) =>
  aggregates({
    [`${name}(int2)`]: () => new ExactSpread(spread),
    [`${name}(int4)`]: () => new ExactSpread(spread),
    [`${name}(int8)`]: () => new ExactSpread(spread),
    [`${name}(numeric)`]: () => new ExactSpread(spread),
    [`${name}(float4)`]: () => new FloatSpread(spread),
    [`${name}(float8)`]: () => new FloatSpread(spread),
  }),
);

const unlessEmpty =
  (compute: (pairs: Pairs) => Datum) =>
  (pairs: Pairs): Datum =>
    pairs.rows === 0 ? null : compute(pairs);

const regressions: Readonly<Record<string, (pairs: Pairs) => Datum>> = {
  regr_count: ({ rows }) => rows,
  regr_sxx: unlessEmpty(({ squaresX }) => squaresX),
  regr_syy: unlessEmpty(({ squaresY }) => squaresY),
  regr_sxy: unlessEmpty(({ products }) => products),
  regr_avgx: unlessEmpty(({ sumX, rows }) => sumX / rows),
  regr_avgy: unlessEmpty(({ sumY, rows }) => sumY / rows),
  covar_pop: unlessEmpty(({ products, rows }) => products / rows),
  covar_samp: ({ products, rows }) => (rows < 2 ? null : products / (rows - 1)),
  corr: unlessEmpty(({ squaresX, squaresY, products }) =>
    squaresX === 0 || squaresY === 0 ? null : products / Math.sqrt(squaresX * squaresY),
  ),
  regr_r2: unlessEmpty(({ squaresX, squaresY, products }) => {
    if (squaresX === 0) return null;
    return squaresY === 0 ? 1 : (products * products) / (squaresX * squaresY);
  }),
  regr_slope: unlessEmpty(({ squaresX, products }) => (squaresX === 0 ? null : products / squaresX)),
  regr_intercept: unlessEmpty(({ squaresX, products, sumX, sumY, rows }) =>
    squaresX === 0 ? null : (sumY - (sumX * products) / squaresX) / rows,
  ),
};

export const statistics: readonly Implementation[] = [
  ...spreadAggregates,
  ...aggregates(
    Object.fromEntries(
      Object.entries(regressions).map(([name, result]) => [`${name}(float8,float8)`, () => new Regression(result)]),
    ),
  ),
];
