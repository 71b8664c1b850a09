/**
 * The entry module of every worker thread: brings up a host for actors and obeys the control port. Which actors exist it learns
 * from the registry module whose URL it is given, so this room imports nothing of the rooms above it. It loads those that will live
 * here and no others: a module costs each thread its own time and memory.
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../types/assert.js";
import { systemClock } from "./clock.js";
import { exposeControl } from "./control.js";
import type { ActorRegistry, AnyActorDefinition, Logger } from "./definition.js";
import { ActorHost } from "./host.js";
import { MessagePortTransport } from "./transport-message-port.js";
import { ActorVitals, ThreadVitals } from "./vitals.js";
import type { LogLevel, WorkerBoot, WorkerControl, WorkerEvent } from "./worker-protocol.js";

assert(parentPort !== null, "this module runs in a worker thread");
const parent = parentPort;
const boot = workerData as WorkerBoot;

function emit(event: WorkerEvent): void {
  parent.postMessage(event);
}

function textOf(value: object): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "(an object without a text)";
  }
}

/** Only what survives a clone: a log line must never be the reason for a crash. */
function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value instanceof Error) plain[key] = value.message;
    else if (typeof value === "object" && value !== null) plain[key] = textOf(value);
    else plain[key] = typeof value === "function" || typeof value === "symbol" ? typeof value : value;
  }
  return plain;
}

function logFor(path: string): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      emit({ event: "log", level, path, message, fields: plainFields(fields) });
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

const vitals = new ThreadVitals(boot.vitals);
setInterval(() => vitals.beat(), boot.heartbeatMs).unref();

const registry = (await import(boot.registry)) as { readonly definitions: ActorRegistry };
assert(typeof registry.definitions === "object", "a registry module exports definitions");

/** A kind that nobody registered is left out: the start of such an actor is refused by name. */
async function loadDefinitions(): Promise<Readonly<Record<string, AnyActorDefinition>>> {
  const kinds = [...new Set(boot.kinds)].filter((kind) => Object.hasOwn(registry.definitions, kind));
  return Object.fromEntries(
    await Promise.all(kinds.map(async (kind) => [kind, await registry.definitions[kind]?.()] as const)),
  ) as Record<string, AnyActorDefinition>;
}

const host = new ActorHost({
  clock: systemClock,
  definitions: await loadDefinitions(),
  threadVitals: vitals,
  logFor,
  onEnded: (ended) => emit({ event: "ended", ended }),
  onPoison: (path, kind, identity) => emit({ event: "poison", path, kind, identity }),
});

// An error outside any turn that can be laid at an actor's door is that actor's crash; any other ends the thread.
function onStray(error: unknown): void {
  if (host.blame(error)) return;
  setImmediate(() => {
    throw error;
  });
  process.off("uncaughtException", onStray);
}
process.on("uncaughtException", onStray);
process.on("unhandledRejection", onStray);

const control: WorkerControl = {
  start: (request) => host.start(request),
  wire: (path, neighbour, peer, epoch, port, peerVitals) =>
    host.wire(path, neighbour, peer, epoch, new MessagePortTransport(port, new ActorVitals(peerVitals))),
  wireLocal: (pathA, pathB, epoch) => host.wireLocal(pathA, pathB, epoch),
  drain: (path) => host.drain(path),
  stop: (path) => host.stop(path),
  kill: (path) => host.kill(path),
  inspect: () => {
    const { heapUsed, rss, external, arrayBuffers } = process.memoryUsage();
    return {
      actors: host.reports(),
      heapBytes: heapUsed,
      externalBytes: external,
      arrayBufferBytes: arrayBuffers,
      rssBytes: rss,
      deadLetters: host.deadLetters.total,
      deadLettersByKind: host.deadLetters.byKind(),
    };
  },
  sys: (path, operation) => host.sys(path, operation),
};
exposeControl(boot.control, control);
emit({ event: "ready" });
