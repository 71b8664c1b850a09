/**
 * One worker thread as the supervisor's thread sees it: its control client, its vitals, and the one way in which its end is told,
 * whatever ended it (its own code, the heap limit, a hang, `terminate`).
 */
import { MessageChannel, type ResourceLimits, Worker } from "node:worker_threads";
import { assert } from "../types/assert.js";
import { type ErrorRecord, KimberliteError, toErrorRecord } from "../types/errors.js";
import { systemClock } from "./clock.js";
import { ControlClient } from "./control.js";
import type { TimerHandle } from "./definition.js";
import { ThreadVitals, threadVitalsMemory } from "./vitals.js";
import type { WorkerBoot, WorkerControl, WorkerEvent } from "./worker-protocol.js";

/** Why a thread ended: `(exit)`, `(heapLimit)`, `(hang)`, `(terminated)` or `(error)`. Stands where a message's kind would. */
export type ThreadEndKind = "(exit)" | "(heapLimit)" | "(hang)" | "(terminated)" | "(error)";

const loadMsMax = 3_000;

export interface ThreadEnd {
  readonly kind: ThreadEndKind;
  readonly error: ErrorRecord;
  readonly stack: string | null;
}

export interface WorkerThreadOptions {
  readonly name: string;
  readonly registry: URL;
  readonly workerMain: URL;
  readonly kinds: readonly string[];
  readonly heartbeatMs: number;
  readonly resourceLimits: ResourceLimits | null;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly onEnd: (thread: WorkerThread, end: ThreadEnd) => void;
}

interface Utilisation {
  readonly idle: number;
  readonly active: number;
  readonly utilization: number;
}

export class WorkerThread {
  readonly name: string;
  readonly threadId: number;
  readonly control: ControlClient<WorkerControl>;
  readonly vitals: ThreadVitals;
  readonly #worker: Worker;
  readonly #ready: Promise<void>;
  readonly #exited: Promise<void>;
  #end: ThreadEnd | null = null;
  #alive = true;
  #utilisation: Utilisation;

  constructor(options: WorkerThreadOptions) {
    this.name = options.name;
    this.vitals = new ThreadVitals(threadVitalsMemory());
    const { port1, port2 } = new MessageChannel();
    this.control = new ControlClient<WorkerControl>(port1, systemClock, `worker ${options.name}`);
    const workerData: WorkerBoot = {
      name: options.name,
      registry: options.registry.href,
      kinds: options.kinds,
      control: port2,
      vitals: this.vitals.memory,
      heartbeatMs: options.heartbeatMs,
    };
    this.#worker = new Worker(options.workerMain, {
      name: options.name,
      workerData,
      transferList: [port2],
      ...(options.resourceLimits === null ? {} : { resourceLimits: options.resourceLimits }),
    });
    this.threadId = this.#worker.threadId;
    this.#utilisation = this.#worker.performance.eventLoopUtilization();
    this.#ready = new Promise((resolve) => {
      this.#worker.on("message", (event: WorkerEvent) => {
        if (event.event === "ready") resolve();
        options.onEvent(event);
      });
    });
    this.#worker.on("error", (error: unknown) => {
      const isHeap = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
      const stack = error instanceof Error ? (error.stack ?? null) : null;
      this.#end ??= { kind: isHeap ? "(heapLimit)" : "(error)", error: toErrorRecord(error), stack };
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", (code) => {
        this.#alive = false;
        const error = toErrorRecord(new KimberliteError("internal", `thread ${options.name} exited with code ${code}`));
        const end: ThreadEnd = this.#end ?? { kind: "(exit)", error, stack: null };
        this.control.peerDied(new Error(end.error.message));
        assert(!this.#alive, "an exited thread is not alive");
        options.onEnd(this, end);
        resolve();
      });
    });
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  /**
   * Ends the thread between any two instructions. Resolves when it is gone. A thread that is still loading its modules may finish
   * that first, since Node leaks the files it is reading when it is ended in the middle of it.
   */
  async terminate(kind: ThreadEndKind, why: string): Promise<void> {
    if (!this.#alive) return;
    this.#end ??= { kind, error: toErrorRecord(new KimberliteError("internal", why)), stack: null };
    await this.#loaded();
    await this.#worker.terminate();
    await this.#exited;
    assert(!this.#alive, "a terminated thread is gone");
  }

  async #loaded(): Promise<void> {
    let timer: TimerHandle = { cancel: () => {} };
    const late = new Promise<void>((resolve) => {
      timer = systemClock.after(loadMsMax, resolve);
    });
    await Promise.race([this.#ready, this.#exited, late]);
    timer.cancel();
  }

  /** Share of time the thread's loop was busy since the last call. */
  utilisation(): number {
    if (!this.#alive) return 0;
    const now = this.#worker.performance.eventLoopUtilization();
    const since = this.#worker.performance.eventLoopUtilization(now, this.#utilisation);
    this.#utilisation = now;
    return since.utilization;
  }
}
