/** A handle of a file on a simulated disk: it is dead with the process that opened it. */
import { type DiskFile, diskError, type FileAccess } from "../../runtime/storage/disk.js";
import { assert } from "../../runtime/types/assert.js";
import type { SimDisk } from "./sim-disk.js";
import { type Inode, tearBytes } from "./sim-inode.js";

export class SimFile implements DiskFile {
  readonly path: string;
  readonly access: FileAccess;
  readonly #disk: SimDisk;
  readonly #inode: Inode;
  readonly #life: number;
  #isClosed = false;

  constructor(disk: SimDisk, path: string, access: FileAccess, inode: Inode, life: number) {
    this.#disk = disk;
    this.path = path;
    this.access = access;
    this.#inode = inode;
    this.#life = life;
  }

  get #isBuffered(): boolean {
    return this.access === "fdatasync";
  }

  #check(operation: string): void {
    assert(!this.#isClosed, "a closed file is not used");
    this.#disk.checkAlive(this.#life, operation, this.path);
  }

  #checkAligned(operation: string, length: number, at: number): void {
    if (this.access === "direct" && (length % tearBytes !== 0 || at % tearBytes !== 0))
      throw diskError({ operation, file: this.path, errno: "EINVAL" });
  }

  size(): number {
    return this.#inode.bytes;
  }

  read(target: Uint8Array, from: number, length: number, at: number): number {
    this.#check("read");
    this.#checkAligned("read", length, at);
    assert(from + length <= target.length, "a read stays within its target");
    return this.#disk.read(this.path, this.#inode, target, from, length, at);
  }

  write(source: Uint8Array, from: number, length: number, at: number): void {
    this.#check("write");
    this.#checkAligned("write", length, at);
    assert(from + length <= source.length, "a write stays within its source");
    if (this.access === "read") throw diskError({ operation: "write", file: this.path, errno: "EBADF" });
    this.#disk.write(this.path, this.#inode, this.#isBuffered, source.subarray(from, from + length), at);
  }

  sync(): void {
    this.#check("sync");
    this.#disk.sync(this.path, this.#inode, this.#isBuffered);
  }

  truncate(bytes: number): void {
    this.#check("truncate");
    this.#disk.truncate(this.path, this.#inode, this.#isBuffered, bytes);
  }

  close(): void {
    this.#isClosed = true;
  }
}
