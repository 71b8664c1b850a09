/**
 * Loaded into a node's process before anything else (`node --import`), into its main thread and each of its workers: stands between the
 * product, which knows nothing of it, and Node. No compiler and no root are needed.
 *
 *   files    every change below the data directory is written down first (`write-journal.ts`); with `liesAboutSync` nothing is synced
 *            and everything is said to be: the control that shows what the journal is good for
 *   clock    `Date.now` is off by what the file `clock` says, in ms, looked at every 20 ms; monotonic time is left alone
 *   threads  the harness may end a worker thread between any two instructions, let its memory run out or make it stand still, over the
 *            process's IPC channel
 *
 * The environment variable CHAOS_SHIM holds `ShimOptions` as JSON.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import threads from "node:worker_threads";
import { encodeEntry, type JournalHead } from "./write-journal.js";

export interface ShimOptions {
  /** Files below are watched. */
  readonly data: string;
  /** Empty: changes are not written down, and no power cut can be made. */
  readonly journal: string;
  /** Holds other names of what was renamed over or removed; in the file system of `data`. */
  readonly backups: string;
  readonly liesAboutSync: boolean;
  readonly clock: string;
  /** Old space that a worker thread may have, MiB: so that running out of it takes no long time. */
  readonly workerHeapMiB: number;
}

export type ShimRequest =
  | { readonly kind: "look"; readonly id: number }
  | { readonly kind: "terminate" | "exhaust" | "hang"; readonly id: number; readonly name: string };

/** Between the threads of a process. */
interface Harm {
  readonly thread: number;
  readonly kind: "exhaust" | "hang";
}

export interface ShimAnswer {
  readonly shim: number;
  readonly workers: readonly string[];
  /** What the process takes for the wall time, in ms. */
  readonly now: number;
}

interface OpenFile {
  readonly path: string;
  readonly isDirectory: boolean;
  /** O_DSYNC was asked for. */
  readonly isDurable: boolean;
  /** A second descriptor, for what was there before; -1 until needed. */
  reader: number;
}

const real = { ...fs };
const options = JSON.parse(process.env["CHAOS_SHIM"] ?? "{}") as ShimOptions;
const { O_DSYNC, O_RDONLY, O_CREAT, O_APPEND, O_WRONLY } = fs.constants;
const clockLookMs = 20;
const harmsName = "chaos";

const journal = options.journal === "" ? -1 : real.openSync(options.journal, O_WRONLY | O_CREAT | O_APPEND, 0o600);
const files = new Map<number, OpenFile>();
let changes = 0;

const now = (): number => performance.timeOrigin + performance.now();
const isWatched = (path: unknown): path is string => typeof path === "string" && path.startsWith(options.data);

function note(head: JournalHead, old?: Uint8Array): void {
  if (journal < 0) return;
  const bytes = encodeEntry(head, old);
  if (real.writeSync(journal, bytes) !== bytes.length) throw new Error("the journal of changes is cut off");
}

/** Another name keeps what is about to lose its own. */
function keep(path: string): string {
  if (journal < 0) return "";
  changes += 1;
  const backup = join(options.backups, `${process.pid}-${threads.threadId}-${changes}`);
  real.linkSync(path, backup);
  return backup;
}

function noteWrite(fd: number, file: OpenFile, at: number, length: number): string {
  if (journal < 0) return "";
  if (file.reader < 0) file.reader = real.openSync(file.path, O_RDONLY);
  const sizeBefore = real.fstatSync(fd).size;
  const old = new Uint8Array(Math.max(0, Math.min(length, sizeBefore - at)));
  let read = 0;
  while (read < old.length) {
    const count = real.readSync(file.reader, old, read, old.length - read, at + read);
    if (count === 0) break;
    read += count;
  }
  changes += 1;
  const id = `${process.pid}.${threads.threadId}.${changes}`;
  const wasZero = old.every((byte) => byte === 0);
  const head = { kind: "write", id, path: file.path, at, length, sizeBefore, wasZero, ms: now() } as const;
  note(head, wasZero ? new Uint8Array(0) : old);
  return id;
}

function watchFiles(): void {
  fs.openSync = (path, flags, mode) => {
    if (!isWatched(path) || typeof flags !== "number") return real.openSync(path, flags, mode);
    const isDurable = (flags & O_DSYNC) !== 0;
    const isNew = (flags & O_CREAT) !== 0 && !real.existsSync(path);
    if (isNew) note({ kind: "created", path, ms: now() });
    const fd = real.openSync(path, options.liesAboutSync ? flags & ~O_DSYNC : flags, mode);
    files.set(fd, { path, isDirectory: real.fstatSync(fd).isDirectory(), isDurable, reader: -1 });
    return fd;
  };
  fs.closeSync = (fd) => {
    const file = files.get(fd);
    files.delete(fd);
    if (file !== undefined && file.reader >= 0) real.closeSync(file.reader);
    real.closeSync(fd);
  };
  fs.writeSync = ((fd: number, source: Uint8Array, from: number, length: number, at: number): number => {
    const file = files.get(fd);
    if (file === undefined) return real.writeSync(fd, source, from, length, at);
    const id = noteWrite(fd, file, at, length);
    const written = real.writeSync(fd, source, from, length, at);
    if (file.isDurable && !options.liesAboutSync) note({ kind: "durable", id });
    return written;
  }) as typeof fs.writeSync;
  const sync = (fd: number, how: (fd: number) => void): void => {
    const file = files.get(fd);
    if (options.liesAboutSync && file !== undefined) return;
    how(fd);
    if (file !== undefined) note({ kind: file.isDirectory ? "namesSynced" : "synced", path: file.path });
  };
  fs.fdatasyncSync = (fd) => sync(fd, real.fdatasyncSync);
  fs.fsyncSync = (fd) => sync(fd, real.fsyncSync);
  fs.ftruncateSync = (fd, length) => {
    const file = files.get(fd);
    const size = real.fstatSync(fd).size;
    // A cut is a write of nothing over what goes; growth needs no old bytes.
    if (file !== undefined && length !== null && length !== undefined && length < size)
      noteWrite(fd, file, length, size - length);
    real.ftruncateSync(fd, length);
  };
}

function watchNames(): void {
  fs.renameSync = (from, to) => {
    if (isWatched(from) && isWatched(to)) {
      const backup = real.existsSync(to) ? keep(to) : null;
      note({ kind: "renamed", path: from, to, backup, ms: now() });
    }
    real.renameSync(from, to);
  };
  fs.unlinkSync = (path) => {
    if (isWatched(path) && real.existsSync(path)) note({ kind: "removed", path, backup: keep(path), ms: now() });
    real.unlinkSync(path);
  };
}

function bendClock(): void {
  const tell = Date.now;
  const bytes = new Uint8Array(32);
  let offset = 0;
  let lookedAt = Number.NEGATIVE_INFINITY;
  const fd = real.openSync(options.clock, O_RDONLY);
  Date.now = () => {
    const at = performance.now();
    if (at - lookedAt > clockLookMs) {
      lookedAt = at;
      offset = Number(Buffer.from(bytes.subarray(0, real.readSync(fd, bytes, 0, bytes.length, 0))).toString());
    }
    return tell() + offset;
  };
}

function hoard(): void {
  const kept: unknown[] = [];
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
}

/** A worker does to itself what the main thread tells it. */
function sufferHarm(): void {
  const harms = new BroadcastChannel(harmsName);
  harms.onmessage = (event) => {
    const { thread, kind } = (event as { readonly data: Harm }).data;
    if (thread !== threads.threadId) return;
    if (kind === "exhaust") hoard();
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
  harms.unref();
}

/** Names the worker threads and ends them on request. */
function watchThreads(): void {
  const harms = new BroadcastChannel(harmsName);
  harms.unref();
  const running = new Map<string, threads.Worker>();
  class WatchedWorker extends threads.Worker {
    constructor(url: string | URL, given: threads.WorkerOptions & { readonly name?: string } = {}) {
      super(url, {
        ...given,
        resourceLimits: { maxOldGenerationSizeMb: options.workerHeapMiB, ...given.resourceLimits },
      });
      const name = given.name ?? String(this.threadId);
      running.set(name, this);
      this.once("exit", () => {
        if (running.get(name) === this) running.delete(name);
      });
    }
  }
  Object.assign(threads, { Worker: WatchedWorker });
  process.on("message", (request: ShimRequest) => {
    const answer = (): void => {
      process.send?.({ shim: request.id, workers: [...running.keys()], now: Date.now() } satisfies ShimAnswer);
    };
    const worker = request.kind === "look" ? undefined : running.get(request.name);
    if (worker !== undefined && request.kind === "terminate") {
      worker.terminate().then(answer, answer);
      return;
    }
    if (worker !== undefined && (request.kind === "exhaust" || request.kind === "hang"))
      harms.postMessage({ thread: worker.threadId, kind: request.kind } satisfies Harm);
    answer();
  });
  // A node goes with the harness that started it, and the channel keeps no node alive that wants to end.
  process.on("disconnect", () => process.exit(0));
  process.channel?.unref();
}

watchFiles();
watchNames();
bendClock();
if (threads.isMainThread) watchThreads();
else sufferHarm();
syncBuiltinESMExports();
