/** A span of time in three parts that do not convert into one another: a month has no fixed days, a day no fixed hours. */
export class Interval {
  readonly months: number;
  readonly days: number;
  /** µs; a safe integer. */
  readonly micros: number;

  constructor(months: number, days: number, micros: number) {
    this.months = months;
    this.days = days;
    this.micros = micros;
  }
}
