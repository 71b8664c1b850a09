/**
 * Starts nodes as child processes and watches them: a process can be killed between any two instructions, which is the fault that
 * most tests here are about. What a test started is stopped when the test ends, whatever became of it.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterPlan } from "../../actors/supervisor/placement.js";
import type { NodeOptions, NodeStatus } from "../../protocol/server/node.js";
import type { ActorReport } from "../../runtime/actor/tree.js";
import { type ErrorRecord, fromErrorRecord } from "../../runtime/types/errors.js";

export interface NodeRequest {
  readonly id: number;
  readonly method: "status" | "inspect" | "workers" | "terminateWorker" | "stop";
  readonly argument: string;
}

export interface LogLine {
  readonly event: "log";
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type NodeReport =
  | LogLine
  | { readonly event: "ready"; readonly port: number; readonly isNew: boolean; readonly readyMs: number }
  | { readonly event: "refused" | "failed"; readonly error: ErrorRecord }
  | { readonly event: "answer"; readonly id: number; readonly result: unknown; readonly error: ErrorRecord | null };

/** A cluster as JSON carries it. */
export type ChildCluster = Omit<ClusterPlan, "clusterId"> & { readonly clusterId: string };

export type ChildOptions = Partial<Omit<NodeOptions, "logger" | "cluster">> & {
  readonly dataDirectory: string;
  readonly cluster?: ChildCluster;
};

const program = new URL("./node-process.js", import.meta.url);

export class NodeChild {
  readonly #process: ChildProcess;
  readonly #asked = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
  readonly logs: LogLine[] = [];
  /** Resolves when it serves; rejects with the error with which `startNode` refused, or when the process ends before. */
  readonly ready: Promise<void>;
  readonly exited: Promise<void>;
  isRunning = true;
  port = 0;
  isNew = false;
  /** What `startNode` took, without the start of the process. */
  readyMs = 0;
  failure: ErrorRecord | null = null;
  #next = 1;
  #settleReady: (error: Error | null) => void = () => {};

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = (error) => (error === null ? resolve() : reject(error));
    });
    // Who is not interested in a start that was killed does not wait for it.
    this.ready.catch(() => {});
    this.exited = new Promise((resolve) => {
      child.once("exit", () => {
        this.isRunning = false;
        this.#settleReady(new Error("the node's process ended before it served"));
        for (const { reject } of this.#asked.values()) reject(new Error("the node's process ended"));
        this.#asked.clear();
        resolve();
      });
    });
    child.once("error", (error) => this.#settleReady(error));
    child.on("message", (report: NodeReport) => this.#heard(report));
  }

  /** Starts the process. `ready` says whether it came to serve. */
  static spawn(options: ChildOptions, environment: Readonly<Record<string, string>> = {}): NodeChild {
    const complete = { listen: { host: "127.0.0.1", port: 0 }, shards: 1, ...options };
    return new NodeChild(
      fork(program, [JSON.stringify(complete)], {
        env: { ...process.env, UV_USE_IO_URING: "0", ...environment },
        execArgv: [],
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      }),
    );
  }

  /** Resolves when it serves; rejects with the error with which `startNode` refused. */
  static async start(options: ChildOptions, environment: Readonly<Record<string, string>> = {}): Promise<NodeChild> {
    const child = NodeChild.spawn(options, environment);
    try {
      await child.ready;
    } catch (error) {
      await child.kill();
      throw error;
    }
    return child;
  }

  #heard(report: NodeReport): void {
    switch (report.event) {
      case "log":
        this.logs.push(report);
        return;
      case "ready":
        this.port = report.port;
        this.isNew = report.isNew;
        this.readyMs = report.readyMs;
        this.#settleReady(null);
        return;
      case "refused":
        this.#settleReady(fromErrorRecord(report.error));
        return;
      case "failed":
        this.failure = report.error;
        return;
      default:
        this.#answered(report.id, report.result, report.error);
    }
  }

  #answered(id: number, result: unknown, error: ErrorRecord | null): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error !== null) asked?.reject(fromErrorRecord(error));
    else asked?.resolve(result as never);
  }

  #ask<Result>(method: NodeRequest["method"], argument = ""): Promise<Result> {
    if (!this.isRunning) return Promise.reject(new Error("the node's process has ended"));
    const id = this.#next++;
    return new Promise<Result>((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#process.send({ id, method, argument } satisfies NodeRequest);
    });
  }

  get target(): string {
    return `kimberlite://127.0.0.1:${this.port}`;
  }

  status(): Promise<NodeStatus> {
    return this.#ask("status");
  }

  inspect(): Promise<ActorReport[]> {
    return this.#ask("inspect");
  }

  /** A number that an actor shows of itself. */
  async number(actor: string, name: string): Promise<number> {
    const value = (await this.inspect()).find((report) => report.path.endsWith(`/${actor}`))?.numbers[name];
    return typeof value === "number" ? value : Number.NaN;
  }

  workers(): Promise<string[]> {
    return this.#ask("workers");
  }

  /** Ends a thread, once it runs again when it was ended just before. */
  async terminateWorker(name: string): Promise<void> {
    await eventually(`a thread ${name} runs`, async () => (await this.workers()).includes(name));
    await this.#ask("terminateWorker", name);
  }

  /** Resident memory as the kernel counts it, in bytes. */
  rssBytes(): number {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.#process.pid}/status`, "utf8"));
    return Number(match?.[1]) * 1024;
  }

  /** Drains and stops; resolves when the process has ended. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    await this.#ask("stop");
    this.#process.disconnect();
    await this.exited;
  }

  /** SIGSTOP and SIGCONT: the process stands still and does not know it. */
  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /** SIGKILL: no handler runs, nothing is flushed. */
  async kill(): Promise<void> {
    if (this.isRunning) this.#process.kill("SIGKILL");
    await this.exited;
  }

  logged(message: string): LogLine[] {
    return this.logs.filter((line) => line.message === message);
  }
}

interface Titled {
  teardown(work: () => Promise<void> | void): void;
}

/** A new directory that goes with the test. */
export function scratch(t: Titled): string {
  const path = mkdtempSync(join(tmpdir(), "kimberlite-node-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A node that goes with the test. */
export async function startChild(
  t: Titled,
  options: ChildOptions,
  environment: Readonly<Record<string, string>> = {},
): Promise<NodeChild> {
  const node = await NodeChild.start(options, environment);
  t.teardown(() => node.kill());
  return node;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for what must come true; rejects when it has not in time. */
export async function eventually(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<number> {
  const began = performance.now();
  while (!(await isTrue())) {
    if (performance.now() - began > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await pause(10);
  }
  return performance.now() - began;
}
