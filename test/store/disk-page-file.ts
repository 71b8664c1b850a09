/** A page file on a real disk, for tests with several threads. */
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import type { PageFile } from "../../runtime/store/page-file.js";

export class DiskPageFile implements PageFile {
  readonly path: string;
  readonly #descriptor: number;

  constructor(path: string, access: "r" | "w+" | "r+") {
    this.path = path;
    this.#descriptor = openSync(path, access);
  }

  size(): number {
    return fstatSync(this.#descriptor).size;
  }

  read(target: Uint8Array, from: number, length: number, at: number): number {
    return readSync(this.#descriptor, target, from, length, at);
  }

  write(source: Uint8Array, from: number, length: number, at: number): void {
    let done = 0;
    while (done < length) done += writeSync(this.#descriptor, source, from + done, length - done, at + done);
  }

  sync(): void {
    fdatasyncSync(this.#descriptor);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
