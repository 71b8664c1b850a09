/**
 * One `kimberlite start --cluster` as a process of its own, with the shim of `fault-shim.ts` loaded into it. It can be killed, stopped
 * and continued like any process; over its IPC channel worker threads can be ended.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ShimAnswer, ShimOptions, ShimRequest } from "./fault-shim.js";

export interface NodeStart {
  /** Words after `kimberlite`. */
  readonly command: readonly string[];
  readonly shim: ShimOptions;
  /** Gets everything that it says. */
  readonly logFile: string;
  /** Put before the command, for a network namespace: `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const program = fileURLToPath(new URL("../../protocol/admin/main.js", import.meta.url));
const shimUrl = new URL("./fault-shim.js", import.meta.url).href;
const logLinesMax = 2_000;
const stopMs = 30_000;
/** Each thread of a node loads its modules, 7 s of a processor in all: a minute and more where three nodes share two processors with much else. */
const readyMs = 180_000;
const commandMs = 60_000;

/** Runs a command to its end, in a process without shim. */
export function runProgram(words: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], { timeout: commandMs }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, said: `${stdout}${stderr}`.trim() });
    });
  });
}

type Look = Pick<ShimAnswer, "workers" | "now">;
const nothing: Look = { workers: [], now: Number.NaN };

export class ClusterNode {
  readonly #process: ChildProcess;
  readonly #asked = new Map<number, (look: Look) => void>();
  /** Lines of its log so far, also those that are no longer kept. */
  logged = 0;
  readonly log: LogLine[] = [];
  /** What it said that was no line of its log. */
  readonly complaints: string[] = [];
  /** Resolves when it serves, rejects with its last words when it ends before. */
  readonly ready: Promise<void>;
  readonly exited: Promise<void>;
  isRunning = true;
  isPaused = false;
  exitCode: number | null = null;
  #next = 0;

  constructor({ command, shim, logFile, prefix = [] }: NodeStart) {
    const words = [...prefix, process.execPath, "--import", shimUrl, program, ...command];
    this.#process = spawn(words[0] ?? "", words.slice(1), {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, UV_USE_IO_URING: "0", CHAOS_SHIM: JSON.stringify(shim) },
    });
    const { stdout, stderr } = this.#process;
    if (stdout === null || stderr === null) throw new Error("a node's streams are pipes");
    stderr.pipe(createWriteStream(logFile, { flags: "a" }));
    let settle: (error: Error | null) => void = () => {};
    this.ready = new Promise((resolve, reject) => {
      settle = (error) => (error === null ? resolve() : reject(error));
    });
    this.ready.catch(() => {});
    createInterface({ input: stdout }).on("line", (line) => {
      if (line.includes('"event":"ready"')) settle(null);
    });
    createInterface({ input: stderr }).on("line", (line) => this.#heard(line));
    this.#process.on("message", (answer: ShimAnswer) => {
      this.#asked.get(answer.shim)?.(answer);
      this.#asked.delete(answer.shim);
    });
    this.#process.on("error", (error) => settle(error));
    this.exited = new Promise((resolve) => {
      this.#process.once("exit", (code) => {
        this.isRunning = false;
        this.exitCode = code;
        for (const answered of this.#asked.values()) answered(nothing);
        this.#asked.clear();
        resolve();
      });
    });
    const late = setTimeout(() => settle(new Error(`not ready after ${readyMs} ms: ${this.lastWords()}`)), readyMs);
    late.unref();
    this.ready.then(
      () => clearTimeout(late),
      () => clearTimeout(late),
    );
    // Its streams end behind its exit: the last words are in by then.
    this.#process.once("close", () => settle(new Error(`it ended with ${this.exitCode}: ${this.lastWords()}`)));
  }

  #heard(line: string): void {
    this.logged += 1;
    try {
      this.log.push(JSON.parse(line) as LogLine);
    } catch {
      this.complaints.push(line);
    }
    if (this.log.length > logLinesMax) this.log.splice(0, logLinesMax / 2);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  lastWords(): string {
    const said = this.log
      .slice(-3)
      .map((line) => `${line.msg} ${JSON.stringify({ ...line, msg: undefined, time: undefined })}`);
    return [...said, ...this.complaints.slice(-3)].join(" | ");
  }

  #ask(request: ShimRequest): Promise<Look> {
    if (!this.isRunning) return Promise.resolve(nothing);
    return new Promise((resolve) => {
      this.#asked.set(request.id, resolve);
      this.#process.send(request, (error) => {
        if (error !== null) resolve(nothing);
      });
    });
  }

  /** Names of the worker threads that run, and what the process takes for the wall time. */
  look(): Promise<Look> {
    this.#next += 1;
    return this.#ask({ kind: "look", id: this.#next });
  }

  /** What befalls a worker thread: it ends between any two instructions, its memory runs out, or it stands still for ever. */
  async hurtWorker(kind: "terminate" | "exhaust" | "hang", name: string): Promise<void> {
    this.#next += 1;
    await this.#ask({ kind, id: this.#next, name });
  }

  /** SIGSTOP: the process stands still and does not know it. */
  pause(): void {
    this.isPaused = true;
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.isPaused = false;
    this.#process.kill("SIGCONT");
  }

  /** SIGKILL: no handler runs, nothing is flushed. SIGABRT: as when native code gives up. */
  async kill(signal: "SIGKILL" | "SIGABRT" = "SIGKILL"): Promise<void> {
    if (this.isRunning) this.#process.kill(signal);
    await this.exited;
  }

  /** SIGTERM, and SIGKILL when that takes too long. True when it ended by itself, with 0. */
  async stop(): Promise<boolean> {
    if (!this.isRunning) return this.exitCode === 0;
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), stopMs);
    await this.exited;
    clearTimeout(timer);
    return this.exitCode === 0;
  }
}
