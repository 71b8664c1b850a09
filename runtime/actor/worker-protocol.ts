/**
 * What the supervisor's thread and a worker say to each other: calls over the control port, and events back over the worker's own
 * port. Ids, epochs and vitals are made by the supervisor, so that it knows them also of a worker that no longer answers.
 */
import type { MessagePort } from "node:worker_threads";
import type { Epoch } from "../types/ids.js";
import type { CellReport, Ended, TraceEntry } from "./cell.js";
import type { StartRequest, SysOperation } from "./host.js";

export interface WorkerBoot {
  readonly name: string;
  /** URL of a module that exports `definitions`. */
  readonly registry: string;
  /** The kinds of actors that will live here: only their modules are loaded. */
  readonly kinds: readonly string[];
  readonly control: MessagePort;
  readonly vitals: SharedArrayBuffer;
  readonly heartbeatMs: number;
}

export interface WorkerReport {
  readonly actors: readonly CellReport[];
  readonly heapBytes: number;
  /** Memory outside the heap that its objects hold; the share of it that is array buffers. */
  readonly externalBytes: number;
  readonly arrayBufferBytes: number;
  readonly rssBytes: number;
  readonly deadLetters: number;
  readonly deadLettersByKind: Readonly<Record<string, number>>;
}

export interface WorkerControl {
  start(request: StartRequest): Promise<void>;
  wire(
    path: string,
    neighbour: string,
    peer: string,
    epoch: Epoch,
    port: MessagePort,
    peerVitals: SharedArrayBuffer,
  ): void;
  wireLocal(pathA: string, pathB: string, epoch: Epoch): void;
  drain(path: string): Promise<void>;
  stop(path: string): Promise<void>;
  kill(path: string): void;
  inspect(): WorkerReport;
  sys(path: string, operation: SysOperation): CellReport | readonly TraceEntry[] | null;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export type WorkerEvent =
  /** All modules are loaded. */
  | { readonly event: "ready" }
  | { readonly event: "ended"; readonly ended: Ended }
  | { readonly event: "poison"; readonly path: string; readonly kind: string; readonly identity: string }
  | {
      readonly event: "log";
      readonly level: LogLevel;
      readonly path: string;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
