/**
 * The state of converting one statement: where it begins, how deep it is, which parameters it names, and the clauses of time that were
 * taken out of the text before it was parsed.
 */
import { SqlError } from "../error.js";
import type { CurrentOf } from "./ast-expression.js";
import type { Query } from "./ast-query.js";
import type { SystemTimeClause } from "./system-time.js";
import type { Fields } from "./tree.js";

/**
 * Levels that constructs may stand in one another. A chain `a + b + c` is as deep as it is long. Bounded so that no walk over a tree
 * comes near the end of a thread's stack.
 */
export const nestingMax = 1_000;

export class Conversion {
  /** The statement's first byte in the parsed text. */
  readonly base: number;
  readonly text: string;
  readonly times: readonly SystemTimeClause[];
  readonly convertQuery: (node: unknown, conversion: Conversion) => Query;
  readonly #usedTimes = new Set<SystemTimeClause>();
  parameterCount = 0;
  readonly #currentOf: { -readonly [Field in keyof CurrentOf]: CurrentOf[Field] }[] = [];
  #depth = 0;

  constructor(
    text: string,
    base: number,
    times: readonly SystemTimeClause[],
    convertQuery: (node: unknown, conversion: Conversion) => Query,
  ) {
    this.text = text;
    this.base = base;
    this.times = times;
    this.convertQuery = convertQuery;
  }

  /** Where a node is, in the statement. The parser leaves out a location of 0 and says -1 when there is none. */
  at(fields: Fields, key = "location"): number {
    const value = fields[key];
    if (value === undefined) return this.base === 0 ? 0 : -1;
    return typeof value === "number" && value >= this.base ? value - this.base : -1;
  }

  /** One level down for the time of `convert`. */
  within<T>(location: number, convert: () => T): T {
    if (this.#depth >= nestingMax) throw tooDeep(location);
    this.#depth += 1;
    const result = convert();
    this.#depth -= 1;
    return result;
  }

  parameter(number: number): void {
    if (number > this.parameterCount) this.parameterCount = number;
  }

  currentOf(cursor: string): CurrentOf {
    const node: CurrentOf = { kind: "currentOf", cursor, parameter: 0, location: -1 };
    this.#currentOf.push(node);
    return node;
  }

  /** Once all parameters are known: cursors at whose rows the statement is, each with the parameter behind those that says which row. */
  settleCursors(): readonly string[] {
    for (const [index, node] of this.#currentOf.entries()) node.parameter = this.parameterCount + index + 1;
    return this.#currentOf.map(({ cursor }) => cursor);
  }

  useTime(clause: SystemTimeClause): void {
    this.#usedTimes.add(clause);
  }

  /** A clause of time that belongs to no table. */
  unusedTime(): SystemTimeClause | null {
    return this.times.find((clause) => !this.#usedTimes.has(clause)) ?? null;
  }
}

export const tooDeep = (location: number): SqlError =>
  new SqlError("54001", "stack depth limit exceeded", {
    position: location < 0 ? undefined : location,
    hint: `Expressions and queries nest up to ${nestingMax} levels.`,
  });
