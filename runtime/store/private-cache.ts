/**
 * A reader's own small cache, for pages that are not in the shared one: a reader never changes the shared page table, so it cannot put
 * them there. Replacement by second chance. A page number may come to stand for other content; the page table's generation tells,
 * and is compared on each use.
 */
import { assert } from "../types/assert.js";
import { pageBytes } from "./layout.js";
import { type PageFile, pageCorrupt, readPage } from "./page-file.js";
import { allocateChunks, baseOf, chunkOf, type PageSpace } from "./page-space.js";
import { generationOf } from "./page-table.js";

/** A descent and a long value need a few pages at once, no more. */
const privatePagesMin = 16;

export class PrivateCache {
  /** Grows whenever a frame that was handed out holds another page. */
  replaced = 0;
  loads = 0;
  readonly #space: PageSpace;
  readonly #table: Int32Array;
  readonly #file: PageFile;
  readonly #cluster: number;
  readonly #first: number;
  readonly #frames = new Map<number, number>();
  readonly #numbers: Int32Array;
  readonly #generations: Int32Array;
  readonly #marks: Uint8Array;
  #hand = 0;

  constructor(space: PageSpace, table: Int32Array, file: PageFile, cluster: number, pages: number) {
    assert(
      pages >= privatePagesMin && pages * pageBytes <= 64 * 1024 * 1024,
      "a private cache has from 16 pages to 64 MiB",
    );
    this.#space = space;
    this.#table = table;
    this.#file = file;
    this.#cluster = cluster;
    const [chunk] = allocateChunks(pages);
    assert(chunk !== undefined, "a private cache is one chunk");
    this.#first = space.append(chunk);
    this.#numbers = new Int32Array(pages);
    this.#generations = new Int32Array(pages);
    this.#marks = new Uint8Array(pages);
  }

  /** The frame of a page, read from the file when it is not here. Throws `dataCorrupt`. */
  frameOf(number: number): number {
    assert(number > 0 && number << 1 < this.#table.length, "a page number is within the page table");
    const generation = Atomics.load(this.#table, (number << 1) + 1);
    const known = this.#frames.get(number);
    if (known !== undefined && this.#generations[known] === generation) {
      this.#marks[known] = 1;
      return this.#first + known;
    }
    const at = known ?? this.#victim();
    this.#frames.delete(this.#numbers[at]);
    this.#numbers[at] = 0;
    this.replaced += 1;
    const frame = this.#first + at;
    const chunk = chunkOf(frame);
    const birth = readPage(
      this.#file,
      number,
      this.#cluster,
      this.#space.u8[chunk],
      this.#space.i32[chunk],
      baseOf(frame),
    );
    if (generation !== 0 && generation !== generationOf(birth)) {
      throw pageCorrupt(this.#file, number, "stale", "an older page is in its place");
    }
    this.loads += 1;
    this.#numbers[at] = number;
    this.#generations[at] = generation;
    this.#marks[at] = 1;
    this.#frames.set(number, at);
    return frame;
  }

  #victim(): number {
    for (;;) {
      const at = this.#hand;
      this.#hand = at + 1 === this.#marks.length ? 0 : at + 1;
      if (this.#marks[at] === 0) return at;
      this.#marks[at] = 0;
    }
  }
}
