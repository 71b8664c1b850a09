/**
 * What the store asks of the file that its pages lie in: a part of the disk port of runtime/storage, whose files fit here as they
 * are. All calls are synchronous and are made in the thread that waits for them: the writer and readers on a miss, the
 * checkpoint's thread for writes.
 *
 *   1. `write` writes everything or throws (`diskFull`, `storageFailed`); what a write that threw left behind is unknown.
 *   2. What was written is durable after `sync`. After a `sync` that threw, nothing of the checkpoint may be believed.
 *   3. `read` gives fewer bytes than asked for only at the end of the file.
 */
import { crc32c } from "../crypto/crc32c.js";
import { KimberliteError } from "../types/errors.js";
import { birthOf, kindOf, numberOf, pageBytes, pageKindFreeList, pageKindNames, wordCluster } from "./layout.js";

export interface PageFile {
  readonly path: string;
  /** The file's length in bytes. */
  size(): number;
  /** Reads up to `length` bytes at `at` into `target[from…]`; gives back how many there were. */
  read(target: Uint8Array, from: number, length: number, at: number): number;
  /** Writes `source[from, from + length)` at `at`; memory over a SharedArrayBuffer is fine. */
  write(source: Uint8Array, from: number, length: number, at: number): void;
  sync(): void;
}

const kindName = (kind: number): string => pageKindNames[kind] ?? `unknown (${kind})`;

export function pageCorrupt(file: PageFile, number: number, kind: string, what: string): KimberliteError {
  return new KimberliteError(
    "dataCorrupt",
    `page ${number} (${kind}) of ${file.path}: ${what}; the page file can be rebuilt from the log`,
    { detail: { file: file.path, page: number, kind, what } },
  );
}

/** Whether an error says that a page of the state is damaged: it can be derived anew, which a damaged log could not. */
export const isPageDamage = (error: unknown): boolean =>
  error instanceof KimberliteError && error.code === "dataCorrupt" && error.detail["page"] !== undefined;

/** Fills in the checksum of a page that is about to be written, and returns it. In memory it is zero. */
export function sealPage(u8: Uint8Array, i32: Int32Array, base: number): number {
  const checksum = crc32c(u8, base + 4, base + pageBytes);
  i32[base >> 2] = checksum;
  return checksum;
}

/**
 * Reads one page and checks all that it says of itself. Throws `dataCorrupt` with file, page and kind.
 *
 * @returns its birth
 */
export function readPage(
  file: PageFile,
  number: number,
  cluster: number,
  u8: Uint8Array,
  i32: Int32Array,
  base: number,
): number {
  const bytes = file.read(u8, base, pageBytes, number * pageBytes);
  if (bytes !== pageBytes) throw pageCorrupt(file, number, "not read", "the file ends before it");
  const kind = kindOf(i32, base);
  const checksum = i32[base >> 2] >>> 0;
  if (crc32c(u8, base + 4, base + pageBytes) !== checksum) {
    throw pageCorrupt(file, number, kindName(kind), "its checksum does not match");
  }
  if (numberOf(i32, base) !== number) {
    throw pageCorrupt(file, number, kindName(kind), `it says that it is page ${numberOf(i32, base)}`);
  }
  if (i32[(base >> 2) + wordCluster] !== cluster) {
    throw pageCorrupt(file, number, kindName(kind), "it belongs to another cluster");
  }
  if (kind < 1 || kind > pageKindFreeList) throw pageCorrupt(file, number, kindName(kind), "its kind is unknown");
  i32[base >> 2] = 0;
  return birthOf(i32, base);
}
