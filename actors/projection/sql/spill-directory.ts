/**
 * Files for rows that do not fit a statement's memory: `spill/<projection>-<number>` beside the shard's log. They are never synced, are
 * removed when their statement ends, and what a process that ended left there goes when its successor first needs the directory.
 */
import { SqlError } from "../../../runtime/query/error.js";
import type { SpillFile, SpillSpace } from "../../../runtime/query/execute/spill.js";
import { type Disk, type DiskFile, join } from "../../../runtime/storage/disk.js";
import { assert } from "../../../runtime/types/assert.js";
import { hasCode } from "../../../runtime/types/errors.js";

export class SpillDirectory implements SpillSpace {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #prefix: string;
  #files = 0;

  /** @param projection whose files they are: each removes only its own */
  constructor(disk: Disk, shardDirectory: string, projection: number) {
    this.#disk = disk;
    this.#directory = join(shardDirectory, "spill");
    this.#prefix = `${projection}-`;
  }

  /** Throws `SqlError` 53100 when the disk is full. */
  open(): SpillFile {
    return orDiskFull(() => {
      if (this.#files === 0) this.#begin();
      this.#files += 1;
      const path = join(this.#directory, `${this.#prefix}${this.#files}`);
      return new SpillOnDisk(this.#disk, this.#disk.create(path, "fdatasync"));
    });
  }

  #begin(): void {
    this.#disk.makeDirectory(this.#directory);
    for (const name of this.#disk.list(this.#directory))
      if (name.startsWith(this.#prefix)) this.#disk.remove(join(this.#directory, name));
  }
}

class SpillOnDisk implements SpillFile {
  readonly #disk: Disk;
  readonly #file: DiskFile;
  #bytes = 0;
  #isClosed = false;

  constructor(disk: Disk, file: DiskFile) {
    this.#disk = disk;
    this.#file = file;
  }

  append(bytes: Uint8Array, length: number): void {
    assert(!this.#isClosed && length <= bytes.length, "rows are written to a file that is there");
    orDiskFull(() => this.#file.write(bytes, 0, length, this.#bytes));
    this.#bytes += length;
  }

  read(target: Uint8Array, length: number, at: number): number {
    assert(!this.#isClosed && length <= target.length, "rows are read from a file that is there");
    return this.#file.read(target, 0, length, at);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#file.close();
    this.#disk.remove(this.#file.path);
  }
}

function orDiskFull<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (hasCode(error, "diskFull"))
      throw new SqlError("53100", "could not write temporary rows of the statement: no space is left", {
        hint: "Raise kimberlite.query_memory, or let the query sort or group fewer rows.",
      });
    throw error;
  }
}
