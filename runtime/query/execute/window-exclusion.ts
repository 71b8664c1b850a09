/**
 * Aggregates over frames with EXCLUDE. A frame is up to three stretches of the partition: what is before the rows that are left out, the row itself
 * under TIES, and what is behind them. From one row to the next little of it changes, so an aggregate goes on from the row before where that gives
 * the very result that adding all rows anew in their order would:
 *
 *   only appended         any aggregate, sums of floats too: ROWS FROM UNBOUNDED PRECEDING TO CURRENT ROW EXCLUDE CURRENT ROW
 *   exact                 counts, sums and averages of integers and numerics: rows are taken out and added wherever they stand
 *   folded                minimum, maximum, bits and truth: stretches are put together of results that are kept in a tree
 *
 * All others begin anew for each row, as all of them do in PostgreSQL.
 */
import { SqlError } from "../error.js";
import type { Accumulator } from "../functions/registry.js";
import type { Datum } from "../types/datum.js";
import type { Execution } from "./execution.js";
import type { Frames, Span } from "./window-frames.js";

/** Fewer rows than that are added anew. */
const foldedRowsMin = 16;

export interface ExcludedAggregate {
  /** Rows of the partition. */
  readonly rows: number;
  readonly frames: Frames;
  /** Arguments at a row; null for one that does not count. */
  argumentsAt(at: number): readonly Datum[] | null;
  start(): Accumulator;
}

/** The aggregate of each row's frame. */
export function aggregateExcluding(aggregate: ExcludedAggregate, execution: Execution): readonly Datum[] {
  const { rows, frames, argumentsAt, start } = aggregate;
  const results: Datum[] = [];
  let state = start();
  const { isExact = false, isFolded = false } = state;
  const tree = isFolded ? new FoldedRows(aggregate) : null;
  let content: readonly Span[] = [];
  let last = state.finish([]);
  const add = ({ from, to }: Span): void => {
    execution.work(to - from);
    for (let at = from; at < to; at += 1) {
      const values = argumentsAt(at);
      if (values !== null) state.add(values[0] ?? null, values.slice(1));
    }
  };
  const takeOut = ({ from, to }: Span): void => {
    execution.work(to - from);
    for (let at = from; at < to; at += 1) {
      const values = argumentsAt(at);
      if (values !== null) state.remove?.(values[0] ?? null, values.slice(1));
    }
  };
  for (let at = 0; at < rows; at += 1) {
    const parts = frames.parts(at);
    const gone = without(content, parts);
    const come = without(parts, content);
    if (gone.length > 0 || come.length > 0) {
      const end = content.at(-1)?.to ?? 0;
      const isAppended = gone.length === 0 && come.every(({ from }) => from >= end);
      const size = rowsOf(parts);
      const isNear = isExact && rowsOf(gone) + rowsOf(come) < size;
      const folded = isAppended || size < foldedRowsMin ? null : tree;
      if (folded?.isBuilt() === true) {
        execution.work(parts.length);
        state = folded.of(parts);
      } else if (isAppended || isNear) {
        for (const part of gone) takeOut(part);
        for (const part of come) add(part);
      } else {
        state = start();
        for (const part of parts) add(part);
      }
      content = parts;
      last = state.finish([]);
    }
    results.push(last);
  }
  return results;
}

const rowsOf = (spans: readonly Span[]): number => spans.reduce((rows, { from, to }) => rows + to - from, 0);

/** Rows of some spans that are in none of the others; both in order. */
function without(spans: readonly Span[], others: readonly Span[]): readonly Span[] {
  const left: Span[] = [];
  for (const { from, to } of spans) {
    let at = from;
    for (const other of others) {
      if (other.to <= at || other.from >= to) continue;
      if (other.from > at) left.push({ from: at, to: other.from });
      at = other.to;
    }
    if (at < to) left.push({ from: at, to });
  }
  return left;
}

/** Results of 2, 4, 8 … rows beside one another, each made of two of the level below. */
class FoldedRows {
  readonly #aggregate: ExcludedAggregate;
  /** Level by level, from single rows on; null until they are asked for, empty where some rows have none. */
  #levels: (readonly Datum[])[] | null = null;

  constructor(aggregate: ExcludedAggregate) {
    this.#aggregate = aggregate;
  }

  /** False where a value, or what two of them make, is an error: they may be in no frame. */
  isBuilt(): boolean {
    this.#levels ??= this.#build();
    return this.#levels.length > 0;
  }

  #build(): (readonly Datum[])[] {
    try {
      return this.#levelsOf();
    } catch (error) {
      if (error instanceof SqlError) return [];
      throw error;
    }
  }

  #levelsOf(): (readonly Datum[])[] {
    const { rows, argumentsAt } = this.#aggregate;
    let level: readonly Datum[] = Array.from({ length: rows }, (_, at) => argumentsAt(at)?.[0] ?? null);
    const levels = [level];
    while (level.length > 1) {
      const below = level;
      level = Array.from({ length: below.length >> 1 }, (_, at) => {
        const state = this.#aggregate.start();
        state.add(below[2 * at] ?? null, []);
        state.add(below[2 * at + 1] ?? null, []);
        return state.finish([]);
      });
      levels.push(level);
    }
    return levels;
  }

  /** The aggregate over some spans in their order. */
  of(spans: readonly Span[]): Accumulator {
    const levels = this.#levels ?? [];
    const state = this.#aggregate.start();
    for (const { from, to } of spans) {
      for (let at = from; at < to; ) {
        // The longest stretch that begins here, is kept, and ends in time.
        let depth = 0;
        while (at % (2 << depth) === 0 && at + (2 << depth) <= to) depth += 1;
        state.add(levels[depth]?.[at >> depth] ?? null, []);
        at += 1 << depth;
      }
    }
    return state;
  }
}
