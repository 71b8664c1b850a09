/**
 * The actors of one thread: makes them, wires them, ends them. It knows nothing of restarts, which are the supervisor's, and nothing
 * of worker threads: the same host runs in a worker, in the main thread, and in tests under a virtual clock.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";
import { Cell, type CellReport, type CellSurroundings, type Ended, type TraceEntry } from "./cell.js";
import type { Clock } from "./clock.js";
import { CellContext } from "./context.js";
import { DeadLetters } from "./dead-letters.js";
import type { AnyActorDefinition, Logger } from "./definition.js";
import type { Farewell } from "./port.js";
import { Scheduler, type SchedulerOptions } from "./scheduler.js";
import type { Transport } from "./transport.js";
import { DirectTransport } from "./transport-direct.js";
import { ActorVitals, type ThreadVitals } from "./vitals.js";

export interface StartRequest {
  readonly path: string;
  readonly id: string;
  readonly kind: string;
  readonly epoch: Epoch;
  /** Plain data; shared memory is passed by reference. */
  readonly args: unknown;
  readonly vitals: SharedArrayBuffer;
  /** Identities of messages that are set aside. */
  readonly poison: readonly string[];
}

export interface HostOptions {
  readonly clock: Clock;
  readonly definitions: Readonly<Record<string, AnyActorDefinition>>;
  readonly threadVitals: ThreadVitals | null;
  readonly logFor: (path: string) => Logger;
  readonly onEnded: (ended: Ended) => void;
  readonly onPoison: (path: string, kind: string, identity: string) => void;
  /** Clone messages between actors of this thread too, as between threads. */
  readonly clone?: boolean;
  readonly scheduler?: SchedulerOptions;
}

export type SysOperation = "state" | "suspend" | "resume" | "traceOn" | "traceOff";

const stopAfterCrashMsMax = 1000;

export class ActorHost {
  readonly deadLetters = new DeadLetters();
  readonly scheduler: Scheduler;
  readonly #options: HostOptions;
  readonly #cells = new Map<string, Cell>();

  constructor(options: HostOptions) {
    this.#options = options;
    this.scheduler = new Scheduler(options.clock, options.threadVitals, options.scheduler);
  }

  /** Resolves when the actor is made. Rejects with what its `create` threw; nothing of it is left then. */
  async start(request: StartRequest): Promise<void> {
    assert(!this.#cells.has(request.path), "a path has one actor at a time");
    const { definitions } = this.#options;
    const definition = Object.hasOwn(definitions, request.kind) ? definitions[request.kind] : undefined;
    if (definition === undefined) {
      throw new KimberliteError("invalidArgument", `no actor of kind ${request.kind} is registered`, {
        detail: { kind: request.kind, path: request.path },
      });
    }
    const log = this.#options.logFor(request.path);
    const around: CellSurroundings = {
      clock: this.#options.clock,
      scheduler: this.scheduler,
      deadLetters: this.deadLetters,
      log,
      ended: (cell, ended) => this.#ended(cell, ended),
      poisoned: (cell, kind, identity) => this.#options.onPoison(cell.path, kind, identity),
    };
    const cell = new Cell(around, request, definition, new ActorVitals(request.vitals), request.poison);
    this.#cells.set(request.path, cell);
    try {
      const actor = await definition.create(new CellContext(cell, log), request.args as never);
      if (cell.state === "ended") {
        await actor.stop?.();
        throw new KimberliteError("actorGone", `${request.path} was ended while it started`, {
          outcome: "notCommitted",
        });
      }
      cell.begin(actor);
    } catch (error) {
      cell.end({ reason: "crashed", error: null });
      this.#forget(cell);
      throw error;
    }
  }

  #forget(cell: Cell): void {
    if (this.#cells.get(cell.path) === cell) this.#cells.delete(cell.path);
  }

  /** An actor that ended by itself releases what it holds, if it can, before its end is told: its successor may need the same. */
  #ended(cell: Cell, ended: Ended): void {
    // An end during `create` is told by the rejection of `start`.
    if (cell.actor === null) return;
    void this.#release(cell).finally(() => {
      this.#forget(cell);
      this.#options.onEnded(ended);
    });
  }

  async #release(cell: Cell): Promise<void> {
    const stopping = (async () => cell.actor?.stop?.())().catch((error: unknown) => {
      cell.log.warn("an actor could not release what it held", { path: cell.path, error: String(error) });
    });
    let timer = { cancel: (): void => {} };
    const late = new Promise<void>((resolve) => {
      timer = this.#options.clock.after(stopAfterCrashMsMax, resolve);
    });
    await Promise.race([stopping, late]);
    timer.cancel();
  }

  /** Connects an actor of this thread through a transport. */
  wire(path: string, neighbour: string, peer: string, epoch: Epoch, transport: Transport): void {
    const cell = this.#cells.get(path);
    if (cell === undefined) {
      transport.attach({ packet: () => {}, closed: () => {} });
      transport.close();
      return;
    }
    cell.wire(neighbour, peer, epoch, transport);
  }

  /** Connects two actors of this thread directly. */
  wireLocal(pathA: string, pathB: string, epoch: Epoch): void {
    const a = this.#cells.get(pathA);
    const b = this.#cells.get(pathB);
    if (a === undefined || b === undefined) return;
    assert(a !== b, "an actor is not its own neighbour");
    const [endA, endB] = DirectTransport.pair(a.vitals, b.vitals, { clone: this.#options.clone === true });
    a.wire(b.id, b.path, epoch, endA);
    b.wire(a.id, a.path, epoch, endB);
  }

  unwire(path: string, neighbour: string, farewell: Farewell): void {
    this.#cells.get(path)?.unwire(neighbour, farewell);
  }

  async drain(path: string): Promise<void> {
    await this.#cells.get(path)?.drain();
  }

  /** Ends an actor in order: no turn follows, what waited becomes dead letters, then it releases what it holds. */
  async stop(path: string): Promise<void> {
    const cell = this.#cells.get(path);
    if (cell === undefined) return;
    cell.end({ reason: "stopped", error: null });
    this.#forget(cell);
    await cell.actor?.stop?.();
  }

  /** Ends an actor without asking it. */
  kill(path: string): void {
    const cell = this.#cells.get(path);
    if (cell === undefined) return;
    cell.end({ reason: "stopped", error: null });
    this.#forget(cell);
  }

  cell(path: string): Cell | undefined {
    return this.#cells.get(path);
  }

  reports(): CellReport[] {
    return [...this.#cells.values()].map((cell) => cell.report());
  }

  sys(path: string, operation: SysOperation): CellReport | readonly TraceEntry[] | null {
    const cell = this.#cells.get(path);
    if (cell === undefined) return null;
    if (operation === "suspend") cell.suspend();
    else if (operation === "resume") cell.resume();
    else if (operation !== "state") return cell.trace(operation === "traceOn");
    return cell.report();
  }

  /** An error that no turn caught: the crash of the actor that caused it, if that is known (or there is only one). */
  blame(error: unknown): boolean {
    let { blamed } = this.scheduler;
    if (blamed === null && this.#cells.size === 1) [blamed = null] = this.#cells.values();
    if (!(blamed instanceof Cell) || blamed.actor === null) return false;
    blamed.crash(error, "(stray)");
    return true;
  }
}
