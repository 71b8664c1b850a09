/**
 * A supervised tree of actors on worker threads, for the process's main thread. The main thread does no actor's work: its loop stays
 * free to supervise. It can talk to an actor through `port`, which follows the actor over its restarts.
 */
import { MessageChannel } from "node:worker_threads";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";
import type { CellReport, TraceEntry } from "./cell.js";
import { systemClock } from "./clock.js";
import type {
  ActorContext,
  AnyActorDefinition,
  AskOptions,
  Logger,
  Port,
  TellOptions,
  TellResult,
} from "./definition.js";
import type { MessageBase, OutgoingMessage } from "./envelope.js";
import { ActorHost, type SysOperation } from "./host.js";
import type { ChildNode, Incarnation } from "./supervised-nodes.js";
import { Supervisor, type TreeEvent } from "./supervisor.js";
import { ThreadRunner } from "./thread-runner.js";
import { MessagePortTransport } from "./transport-message-port.js";
import type { GroupSpec } from "./tree-spec.js";
import { ActorVitals, actorVitalsMemory } from "./vitals.js";
import type { WorkerReport } from "./worker-protocol.js";
import type { WorkerThread } from "./worker-thread.js";

export interface TreeOptions {
  /** URL of a module that exports `definitions: ActorRegistry`; loaded in every worker. */
  readonly registry: URL;
  /** What each worker runs first, where that is packed with the registry's modules; without, worker-main.js beside this module. */
  readonly workerMain?: URL;
  readonly log?: Logger;
  /** Called once when restarts are used up at the root and nothing runs any more. */
  readonly onFailed: (error: KimberliteError) => void;
  readonly heartbeatMs?: number;
  readonly hangMs?: number;
  /** Equal failures of an actor after which the message is set aside. */
  readonly poisonAfter?: number;
  /** Sees every event from the first start on. */
  readonly onEvent?: (event: TreeEvent) => void;
}

/** One line of `top`. */
export interface ActorReport extends CellReport {
  readonly id: string;
  readonly worker: string;
  /** Null while it does not run. */
  readonly threadId: number | null;
  /** Messages a second since the last inspection. */
  readonly rate: number;
  /** Share of time its thread's loop was busy since the last inspection. */
  readonly utilisation: number;
  readonly heapBytes: number;
  /** Memory outside the heap that its thread's objects hold; the share of it that is array buffers. */
  readonly externalBytes: number;
  readonly arrayBufferBytes: number;
  /** Of the whole process. */
  readonly rssBytes: number;
  readonly restarts: number;
  readonly crashes: number;
  /** False when its thread did not answer in time. */
  readonly answered: boolean;
}

/** The main thread's line to one actor. */
export interface TreePort {
  readonly isOpen: boolean;
  tell(message: OutgoingMessage, options?: TellOptions): TellResult;
  ask<Reply = unknown>(message: OutgoingMessage, options: AskOptions): Promise<Reply>;
  /** What the actor sends to its neighbour `main`. */
  onMessage(listener: (message: MessageBase) => void): void;
}

export interface Tree {
  inspect(): Promise<ActorReport[]>;
  drain(deadlineMs: number): Promise<void>;
  stop(deadlineMs: number): Promise<void>;
  /** Fault injection: ends a thread between any two instructions. */
  terminateWorker(worker: string): Promise<void>;
  /** A line to an actor by id or path; its neighbour name there is `main`. */
  port(name: string): TreePort;
  onEvent(listener: (event: TreeEvent) => void): () => void;
  sys(name: string, operation: SysOperation): Promise<CellReport | readonly TraceEntry[] | null>;
  workers(): readonly string[];
  /** Messages that reached nobody, by kind, in the threads that run and answer. */
  deadLetters(): Promise<Readonly<Record<string, number>>>;
}

const inspectMs = 1000;
const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The main thread's end of a line: an actor that does nothing but hold a port. */
class Line implements TreePort {
  context: ActorContext | null = null;
  port: Port | null = null;
  readonly id: string;
  readonly #waiting = new Set<() => void>();
  #listener: ((message: MessageBase) => void) | null = null;

  constructor(id: string) {
    this.id = id;
  }

  get isOpen(): boolean {
    return this.port?.isOpen === true;
  }

  tell(message: OutgoingMessage, options?: TellOptions): TellResult {
    let result: TellResult = "gone";
    this.context?.enter(() => {
      if (this.port !== null && this.context !== null) result = this.context.tell(this.port, message, options);
    });
    return result;
  }

  /** While the actor does not run, the ask waits for it within its deadline. */
  async ask<Reply>(message: OutgoingMessage, options: AskOptions): Promise<Reply> {
    const began = systemClock.monotonic();
    if (!this.isOpen) await this.#untilWired(options.deadlineMs);
    const deadlineMs = Math.max(1, options.deadlineMs - (systemClock.monotonic() - began));
    return await new Promise<Reply>((resolve, reject: (error: KimberliteError) => void) => {
      const { context, port } = this;
      assert(context !== null && port !== null, "a wired line has a port");
      context.enter(() =>
        context.request<Reply>(port, message, { ...options, deadlineMs }, (outcome) => {
          if (outcome.ok) resolve(outcome.value);
          else reject(outcome.error);
        }),
      );
    });
  }

  #untilWired(deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = systemClock.after(deadlineMs, () => {
        this.#waiting.delete(resume);
        const explanation = `${this.id} did not run within ${deadlineMs} ms`;
        reject(
          new KimberliteError("deadlineExceeded", explanation, {
            detail: { target: this.id },
            outcome: "notCommitted",
          }),
        );
      });
      const resume = (): void => {
        timer.cancel();
        resolve();
      };
      this.#waiting.add(resume);
    });
  }

  wired(port: Port): void {
    this.port = port;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  onMessage(listener: (message: MessageBase) => void): void {
    this.#listener = listener;
  }

  received(message: MessageBase): void {
    this.#listener?.(message);
  }
}

function lineDefinition(lines: ReadonlyMap<string, Line>): AnyActorDefinition {
  return {
    kind: "main",
    mailbox: { countMax: 4096, bytesMax: 64 * 1024 * 1024, overflow: "reject" },
    create(context: ActorContext, args: string) {
      const line = lines.get(args);
      assert(line !== undefined, "a line exists before its end is made");
      line.context = context;
      return {
        receive: (message: MessageBase) => line.received(message),
        wired: (_neighbour: string, port: Port) => line.wired(port),
        unwired: () => {
          if (line.port?.isOpen !== true) line.port = null;
        },
      };
    },
  };
}

/** Starts a tree. Rejects, with nothing left running, when an actor cannot be started. */
export async function startTree(spec: GroupSpec<never>, options: TreeOptions): Promise<Tree> {
  const log = options.log ?? silentLogger;
  const lines = new Map<string, Line>();
  const lineVitals = new Map<string, SharedArrayBuffer>();
  const mainHost = new ActorHost({
    clock: systemClock,
    definitions: { main: lineDefinition(lines) },
    threadVitals: null,
    logFor: () => log,
    onEnded: (ended) =>
      log.error("a line of the main thread failed", {
        path: ended.path,
        error: ended.error?.message,
        stack: ended.stack,
      }),
    onPoison: () => {},
  });

  const runner = new ThreadRunner({
    registry: options.registry,
    workerMain: options.workerMain ?? new URL("./worker-main.js", import.meta.url),
    log,
    heartbeatMs: options.heartbeatMs ?? 250,
    hangMs: options.hangMs ?? 10_000,
    onEnded: (path, epoch, ended) => {
      // The supervisor's thread knows first: what is asked from now on waits for the next incarnation.
      const id = path.slice(path.lastIndexOf("/") + 1);
      const farewell = { reason: ended.reason === "crashed" ? "crashed" : "stopped", error: ended.error } as const;
      mainHost.unwire(`main/${id}`, id, farewell);
      supervisor.ended(path, epoch, ended);
    },
    onPoison: (path, kind, identity) => supervisor.poisonSetAside(path, kind, identity),
    wireOutside: (incarnation, thread, nextEpoch) => wireLine(incarnation, thread, nextEpoch),
  });
  const supervisor = new Supervisor(spec, {
    clock: systemClock,
    runner,
    log,
    onFailed: (error) => void runner.close().finally(() => options.onFailed(error)),
    ...(options.poisonAfter === undefined ? {} : { poisonAfter: options.poisonAfter }),
  });
  if (options.onEvent !== undefined) supervisor.onEvent(options.onEvent);

  async function wireLine(incarnation: Incarnation, thread: WorkerThread, nextEpoch: () => Epoch): Promise<void> {
    const { id } = incarnation.spec;
    const vitals = lineVitals.get(id);
    if (vitals === undefined) return;
    const epoch = nextEpoch();
    const { port1, port2 } = new MessageChannel();
    const path = `main/${id}`;
    mainHost.wire(
      path,
      id,
      incarnation.path,
      epoch,
      new MessagePortTransport(port1, new ActorVitals(incarnation.vitals)),
    );
    await thread.control.call("wire", [incarnation.path, "main", path, epoch, port2, vitals], {
      deadlineMs: 10_000,
      transfer: [port2],
    });
  }

  function openLine(name: string): TreePort {
    const child = supervisor.child(name);
    if (child === undefined)
      throw new KimberliteError("invalidArgument", `no actor ${name} in the tree`, { detail: { name } });
    const { id } = child.spec;
    const standing = lines.get(id);
    if (standing !== undefined) return standing;
    const line = new Line(id);
    lines.set(id, line);
    const memory = actorVitalsMemory();
    lineVitals.set(id, memory);
    // `create` of a line is synchronous: its context exists when `start` returns its promise.
    void mainHost
      .start({
        path: `main/${id}`,
        id: "main",
        kind: "main",
        epoch: supervisor.nextEpoch(),
        args: id,
        vitals: memory,
        poison: [],
      })
      .then(async () => {
        const thread = runner.thread(child.spec.worker);
        if (child.state !== "running" || child.incarnation === null || thread === undefined) return;
        await wireLine(child.incarnation, thread, () => supervisor.nextEpoch());
      })
      .catch((error: unknown) => log.warn("a line could not be wired", { id, error: String(error) }));
    return line;
  }

  const rates = new RateMeter();
  try {
    await supervisor.start();
  } catch (error) {
    await runner.close();
    throw error;
  }

  return {
    inspect: () => inspect(supervisor, runner, rates),
    drain: (deadlineMs) => supervisor.drain(deadlineMs),
    async stop(deadlineMs) {
      await supervisor.stop(deadlineMs);
      await runner.close();
      for (const id of lines.keys()) await mainHost.stop(`main/${id}`);
    },
    terminateWorker: (worker) => runner.terminate(worker),
    port: openLine,
    onEvent: (listener) => supervisor.onEvent(listener),
    async sys(name, operation) {
      const child = supervisor.child(name);
      const thread = child === undefined ? undefined : runner.thread(child.spec.worker);
      if (child === undefined || thread === undefined) return null;
      return await thread.control.call("sys", [child.path, operation], { deadlineMs: inspectMs });
    },
    workers: () => runner.threads().map((thread) => thread.name),
    async deadLetters() {
      const sum: Record<string, number> = { ...mainHost.deadLetters.byKind() };
      for (const thread of runner.threads()) {
        const report = await thread.control.call("inspect", [], { deadlineMs: inspectMs }).catch(() => null);
        for (const [kind, count] of Object.entries(report?.deadLettersByKind ?? {}))
          sum[kind] = (sum[kind] ?? 0) + count;
      }
      return sum;
    },
  };
}

/** Messages a second between two readings of a counter that wraps at 2^32. */
class RateMeter {
  readonly #last = new Map<string, { readonly epoch: Epoch; readonly at: number; readonly processed: number }>();

  measure(path: string, epoch: Epoch, processed: number): number {
    const at = systemClock.monotonic();
    const last = this.#last.get(path);
    this.#last.set(path, { epoch, at, processed });
    if (last === undefined || last.epoch !== epoch || at <= last.at) return 0;
    return (((processed - last.processed) >>> 0) * 1000) / (at - last.at);
  }
}

async function inspect(supervisor: Supervisor, runner: ThreadRunner, rates: RateMeter): Promise<ActorReport[]> {
  const answers = new Map<string, WorkerReport | null>();
  const utilisation = new Map<string, number>();
  await Promise.all(
    runner.threads().map(async (thread) => {
      utilisation.set(thread.name, thread.utilisation());
      answers.set(thread.name, await thread.control.call("inspect", [], { deadlineMs: inspectMs }).catch(() => null));
    }),
  );
  return [...supervisor.children].map((child) =>
    reportOf(child, runner, answers.get(child.spec.worker) ?? null, utilisation, rates),
  );
}

function reportOf(
  child: ChildNode,
  runner: ThreadRunner,
  answer: WorkerReport | null,
  utilisation: ReadonlyMap<string, number>,
  rates: RateMeter,
): ActorReport {
  const { spec, path, incarnation } = child;
  const own = answer?.actors.find((report) => report.path === path);
  const vitals = incarnation === null ? null : new ActorVitals(incarnation.vitals);
  const epoch = incarnation?.epoch ?? (0 as Epoch);
  const processed = vitals?.processed ?? 0;
  // Shared memory answers for an actor that does not.
  const cell: CellReport = own ?? {
    path,
    kind: spec.kind,
    epoch,
    state: child.state === "starting" ? "starting" : child.state === "running" ? "running" : "ended",
    mailboxCount: vitals?.count ?? 0,
    mailboxBytes: vitals?.bytes ?? 0,
    mailboxAgeMs: 0,
    processed,
    refused: vitals?.refused ?? 0,
    deadLetters: 0,
    turnMsMax: 0,
    neighbours: [],
    numbers: {},
  };
  return {
    ...cell,
    id: spec.id,
    worker: spec.worker,
    threadId: runner.thread(spec.worker)?.threadId ?? null,
    rate: rates.measure(path, epoch, processed),
    utilisation: utilisation.get(spec.worker) ?? 0,
    heapBytes: answer?.heapBytes ?? 0,
    externalBytes: answer?.externalBytes ?? 0,
    arrayBufferBytes: answer?.arrayBufferBytes ?? 0,
    rssBytes: answer?.rssBytes ?? 0,
    restarts: Math.max(0, child.starts - 1),
    crashes: child.crashes,
    answered: own !== undefined,
  };
}
