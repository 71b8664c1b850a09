/**
 * A cursor of SQL and how it moves over its rows, which are numbered from 1. It stands before them (0), on one of them, or behind them.
 *
 *   NO SCROLL                 rows are let go of once it has passed them, so that it only goes forward; it ends with its transaction
 *   SCROLL                    rows that have come are kept: it goes both ways
 *   neither                   as SCROLL where its query may run backwards, while its rows are few; then as NO SCROLL
 *   WITH HOLD                 what is left of its rows comes before its transaction commits, and outlasts that
 *
 * What is kept is bounded (53200); nothing of it is written to files.
 */
import { SqlError } from "../../../runtime/query/error.js";
import type { Fetch } from "../../../runtime/query/syntax/ast-session.js";
import { byteaOf } from "../../../runtime/query/types/bytea.js";
import { fromUtf8 } from "../../../runtime/query/types/bytes.js";
import type { CursorRow } from "../../../runtime/query/types/cursor-row.js";
import type { Oid } from "../../../runtime/query/types/sql-type.js";
import { assert } from "../../../runtime/types/assert.js";
import { kiB } from "../../../runtime/types/limits.js";
import type { KeptMessages } from "./kept-messages.js";

/** Rows that have not come yet. */
export interface RowSource {
  readonly isOver: boolean;
  /** Adds at least one more, but for the end. @param rowsMax 0 is no limit */
  pull(kept: KeptMessages, rowsMax: number): Promise<void>;
}

/** Who is given rows; null for a MOVE. */
export type RowSink = ((messages: Uint8Array) => Promise<void> | void) | null;

/** What a request can say (i32). */
const rowsAtOnceMax = 2 ** 31 - 1;

/** Rows that are kept for whoever has not asked to go back. */
const unaskedBytesMax: number = 64 * kiB;

export interface CursorOptions {
  readonly isScroll: boolean;
  /** It goes backwards although nobody has asked for it, as long as all its rows are kept. */
  readonly mayScroll: boolean;
  readonly isHold: boolean;
  readonly isBinary: boolean;
  /** FOR UPDATE or the like. */
  readonly isLocked: boolean;
  /** A portal of the protocol: SQL has only moved it. */
  readonly isOfProtocol: boolean;
  /** Those whose row keys come with its rows. */
  readonly tables: readonly Oid[];
}

export class DeclaredCursor {
  readonly options: CursorOptions;
  readonly #name: string;
  readonly #source: RowSource;
  readonly #kept: KeptMessages;
  #position = 0;
  /** Of the row on which it stands, when that is no longer kept. */
  #standing: readonly (Uint8Array | null)[] = [];
  #isHeld = false;
  #isFailed = false;
  /** No row was let go of. */
  #keepsAll: boolean;

  constructor(name: string, options: CursorOptions, source: RowSource, kept: KeptMessages) {
    this.#name = name;
    this.options = options;
    this.#source = source;
    this.#kept = kept;
    this.#keepsAll = options.isScroll || options.mayScroll;
    kept.makeRoom = () => this.#letGo();
  }

  /** As `pg_cursors` tells it. */
  get isScrollable(): boolean {
    return this.options.isScroll || this.options.mayScroll;
  }

  /** Its transaction has committed, and it stays. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** It stays when its transaction commits. One that failed, and whose savepoint was gone back to, does not. */
  get outlastsCommit(): boolean {
    return this.#isHeld || (this.options.isHold && !this.#isFailed);
  }

  /** The row on which it stands. Throws 24000 for a cursor whose transaction is over. */
  row(): CursorRow {
    if (this.#isHeld) throw new SqlError("24000", `cursor "${this.#name}" is held from a previous transaction`);
    const { isLocked, isBinary, tables } = this.options;
    const keys = this.#keys().map((key) => (key === null || isBinary ? key : byteaOf(fromUtf8(key))));
    return { isLocked, isOnRow: this.#isOnRow, rows: tables.map((table, at) => ({ table, key: keys[at] ?? null })) };
  }

  get #isOnRow(): boolean {
    return this.#position >= 1 && this.#position <= this.#kept.end;
  }

  #keys(): readonly (Uint8Array | null)[] {
    if (!this.#isOnRow) return [];
    return this.#keepsAll || this.#standing.length === 0 ? this.#kept.keysOf(this.#position) : this.#standing;
  }

  /** Fetches what is left before its transaction commits. */
  async hold(): Promise<void> {
    assert(this.outlastsCommit, "a cursor is held when it was declared so");
    await this.#orFailed(async () => {
      while (!this.#source.isOver) await this.#source.pull(this.#kept, 0);
    });
    this.#isHeld = true;
  }

  close(): void {
    this.#kept.clear();
    this.#isFailed = true;
  }

  /** A FETCH, or with no sink a MOVE. Returns how many rows there were. */
  run(fetch: Pick<Fetch, "direction" | "count">, sink: RowSink): Promise<number> {
    return this.#orFailed(() => this.#move(fetch, sink));
  }

  /** What has failed once does not run again, whatever savepoint is gone back to. */
  async #orFailed<Result>(run: () => Promise<Result>): Promise<Result> {
    if (this.#isFailed) throw new SqlError("55000", `portal "${this.#name}" cannot be run`);
    try {
      return await run();
    } catch (error) {
      this.#isFailed = true;
      throw error;
    }
  }

  #move({ direction, count }: Pick<Fetch, "direction" | "count">, sink: RowSink): Promise<number> {
    switch (direction) {
      case "forward":
        return count !== null && count <= 0 ? this.#turn(-count, sink) : this.#forward(count, sink);
      case "backward":
        return count !== null && count < 0 ? this.#forward(-count, sink) : this.#turn(count, sink);
      case "relative":
        return this.#relative(count ?? 0, sink);
      case "absolute":
        return this.#absolute(count ?? 0, sink);
    }
  }

  /** Backwards, or the row on which it stands again. */
  #turn(count: number | null, sink: RowSink): Promise<number> {
    return count === 0 ? this.#again(sink) : this.#backward(count, sink);
  }

  /** @param count null: all that are left */
  async #forward(count: number | null, sink: RowSink): Promise<number> {
    for (let moved = 0; ; ) {
      const wanted = count === null ? Number.POSITIVE_INFINITY : count - moved;
      const ready = Math.min(wanted, this.#kept.end - this.#position);
      if (ready > 0) {
        const from = this.#position + 1;
        this.#position += ready;
        moved += ready;
        if (sink !== null) for (const messages of this.#kept.between(from, this.#position)) await sink(messages);
        if (!this.#keepsAll || this.#kept.bytes > unaskedBytesMax) this.#letGo();
      }
      if (moved === count) return moved;
      if (this.#source.isOver) {
        this.#position = this.#kept.end + 1;
        return moved;
      }
      await this.#source.pull(this.#kept, count === null ? 0 : Math.min(count - moved, rowsAtOnceMax));
    }
  }

  /** Of the rows that were passed, where nobody has asked to go back: from here on it only goes forward. */
  #letGo(): void {
    if (this.options.isScroll) return;
    this.#keepsAll = false;
    if (this.options.tables.length > 0 && this.#isOnRow) this.#standing = this.#kept.keysOf(this.#position);
    this.#kept.dropThrough(this.#position);
  }

  /** @param count null: all that were passed */
  async #backward(count: number | null, sink: RowSink): Promise<number> {
    if (sink === null && count === null && this.#position === 0) return 0;
    this.#expectScroll();
    const lowest = count === null ? 1 : Math.max(1, this.#position - count);
    const moved = Math.max(0, this.#position - lowest);
    if (sink !== null)
      for (let row = this.#position - 1; row >= lowest; row--)
        for (const messages of this.#kept.between(row, row)) await sink(messages);
    this.#position = count === null ? 0 : Math.max(0, this.#position - count);
    return moved;
  }

  /** The row on which it stands. */
  async #again(sink: RowSink): Promise<number> {
    if (!this.#isOnRow) return 0;
    if (sink === null) return 1;
    this.#expectScroll();
    for (const messages of this.#kept.between(this.#position, this.#position)) await sink(messages);
    return 1;
  }

  async #relative(count: number, sink: RowSink): Promise<number> {
    if (count === 0) return this.#again(sink);
    if (count > 0) {
      await this.#forward(count - 1, null);
      return this.#forward(1, sink);
    }
    await this.#backward(-count - 1, null);
    return this.#backward(1, sink);
  }

  /** @param row from the first, or (below 0) from the last */
  async #absolute(row: number, sink: RowSink): Promise<number> {
    if (row < 0) {
      await this.#forward(null, null);
      await this.#backward(-row - 1, null);
      return this.#backward(1, sink);
    }
    if (row > this.#position) {
      await this.#forward(row - this.#position - 1, null);
      return this.#forward(1, sink);
    }
    if (this.#position > 0) this.#expectScroll();
    this.#position = Math.max(0, row - 1);
    return row === 0 ? 0 : this.#forward(1, sink);
  }

  #expectScroll(): void {
    if (this.#keepsAll) return;
    throw new SqlError("55000", "cursor can only scan forward", {
      hint: "Declare it with SCROLL option to enable backward scan.",
    });
  }
}
