/** An exact number: `coefficient` × 10^-`scale`, or NaN, or ±Infinity. */
export class Decimal {
  readonly coefficient: bigint;
  /** Digits after the point, shown even when zero. */
  readonly scale: number;
  readonly special: "NaN" | "Infinity" | "-Infinity" | null;

  constructor(coefficient: bigint, scale: number, special: "NaN" | "Infinity" | "-Infinity" | null = null) {
    this.coefficient = coefficient;
    this.scale = scale;
    this.special = special;
  }
}
