/** Results of which a part was handed out: their clients have to ask for more. Each belongs to the session and the gateway that opened it. */
import type { Port } from "../../../runtime/actor/definition.js";
import { SqlError } from "../../../runtime/query/error.js";
import { assert } from "../../../runtime/types/assert.js";
import type { SqlRequest } from "../../messages/sql.js";
import { UnfetchedRows } from "../../sql/unfetched-rows.js";
import type { Run } from "./run.js";

interface Kept {
  readonly run: Run;
  readonly port: Port;
  /** Memory of its rows that are found and not fetched. */
  readonly bytes: number;
  /** ms, monotonic. */
  usedAt: number;
}

const cursorsMax = 10_000;
const cursorIdleMs = 600_000;

const nameOf = ({ tenant, session }: SqlRequest, cursor: number): string => `${tenant} ${session} ${cursor}`;

export class Cursors {
  readonly #kept = new Map<string, Kept>();
  readonly #unfetched = new UnfetchedRows();
  /** ms since some moment. */
  readonly #monotonic: () => number;
  #next = 1;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** A number for a result that is to be kept. Throws 53400 when there are too many. */
  open(): number {
    if (this.#kept.size >= cursorsMax) {
      throw new SqlError("53400", `${cursorsMax} results are open on this node; close some`);
    }
    const cursor = this.#next;
    this.#next = (this.#next % 0x7fff_ffff) + 1;
    return cursor;
  }

  /** Throws 53200 when too much is kept. */
  keep(request: SqlRequest, cursor: number, run: Run, port: Port): void {
    const name = nameOf(request, cursor);
    assert(cursor > 0, "a kept result has a number");
    assert(!this.#kept.has(name), "a result is kept once");
    const bytes = run.rows.memory;
    this.#unfetched.expectRoom(bytes);
    this.#unfetched.changed(0, bytes);
    this.#kept.set(name, { run, port, bytes, usedAt: this.#monotonic() });
  }

  /** Takes a result out, to go on with it. Throws 34000 when it is gone. */
  take(request: SqlRequest): Run {
    const name = nameOf(request, request.cursor);
    const kept = this.#kept.get(name);
    if (kept === undefined) throw new SqlError("34000", "the portal's result is no longer there");
    this.#forget(name, kept);
    return kept.run;
  }

  close(request: SqlRequest): void {
    this.#close(nameOf(request, request.cursor));
  }

  closeSession({ tenant, session }: SqlRequest): void {
    for (const name of [...this.#kept.keys()]) if (name.startsWith(`${tenant} ${session} `)) this.#close(name);
  }

  #close(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    kept.run.stream.close();
    this.#forget(name, kept);
  }

  #forget(name: string, { bytes }: Kept): void {
    this.#kept.delete(name);
    this.#unfetched.changed(bytes, 0);
  }

  /** Results go with the gateways that asked for them. */
  dropClosed(): void {
    for (const [name, { port }] of this.#kept) if (!port.isOpen) this.#close(name);
  }

  /** Gives up what nobody has asked for in a long time. */
  sweep(): void {
    const now = this.#monotonic();
    for (const [name, { usedAt }] of this.#kept) if (now - usedAt >= cursorIdleMs) this.#close(name);
  }
}
