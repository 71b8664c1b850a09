/**
 * A page file in memory that forgets: what was written and not synced may be lost, in any part, at a crash. It can fail or crash at
 * the n-th write, and damage what it holds.
 */

import { pageBytes } from "../../runtime/store/layout.js";
import type { PageFile } from "../../runtime/store/page-file.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export class Crash extends Error {}

interface PendingWrite {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export class MemoryPageFile implements PageFile {
  readonly path = "memory/pages";
  #durable = new Uint8Array(0);
  #length = 0;
  #current = new Uint8Array(0);
  #pending: PendingWrite[] = [];
  writes = 0;
  syncs = 0;
  reads = 0;
  /** Throws `Crash` before the write or sync with this number (counted together from 0) is done. */
  crashAt = Number.POSITIVE_INFINITY;
  /** Writes and syncs so far. */
  steps = 0;
  /** Throws this instead of writing. */
  failure: KimberliteError | null = null;

  size(): number {
    return this.#length;
  }

  read(target: Uint8Array, from: number, length: number, at: number): number {
    this.reads += 1;
    const bytes = Math.max(0, Math.min(length, this.#length - at));
    target.set(this.#current.subarray(at, at + bytes), from);
    return bytes;
  }

  write(source: Uint8Array, from: number, length: number, at: number): void {
    if (this.steps++ === this.crashAt) throw new Crash();
    if (this.failure !== null) throw this.failure;
    this.writes += 1;
    const bytes = source.slice(from, from + length);
    this.#pending.push({ at, bytes });
    this.#current = put(this.#current, at, bytes);
    this.#length = Math.max(this.#length, at + length);
  }

  sync(): void {
    if (this.steps++ === this.crashAt) throw new Crash();
    this.syncs += 1;
    for (const { at, bytes } of this.#pending) this.#durable = put(this.#durable, at, bytes);
    this.#pending = [];
  }

  /** What a restart finds: the durable part, and of each unsynced write the pages for which `survives` says so. */
  afterCrash(survives: (write: number, page: number) => boolean): MemoryPageFile {
    const file = new MemoryPageFile();
    let content: Uint8Array<ArrayBuffer> = this.#durable.slice();
    this.#pending.forEach(({ at, bytes }, index) => {
      for (let from = 0; from < bytes.length; from += pageBytes) {
        if (survives(index, from / pageBytes))
          content = put(content, at + from, bytes.subarray(from, from + pageBytes));
      }
    });
    file.#durable = content;
    file.#current = content.slice();
    file.#length = this.#length;
    return file;
  }

  flipBit(at: number): void {
    this.#current[at] = (this.#current[at] ?? 0) ^ 1;
  }

  truncate(bytes: number): void {
    this.#length = bytes;
  }
}

function put(target: Uint8Array<ArrayBuffer>, at: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let grown = target;
  if (at + bytes.length > target.length) {
    grown = new Uint8Array(Math.max((at + bytes.length) * 2, 64 * pageBytes));
    grown.set(target);
  }
  grown.set(bytes, at);
  return grown;
}
