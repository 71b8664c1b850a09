/** What a page notes of its inserts: where the newest cell is, and how many came in a row, each just behind the one before. Splits go by it. */
import { wordPrefix, wordTree } from "./layout.js";

const runMax = 255;

/** How many inserts in a row one at `index` ends; 0 when it does not come just behind the newest. */
export function runAt(i32: Int32Array, base: number, index: number): number {
  const word = base >> 2;
  return (i32[word + wordPrefix] >>> 16) + 1 === index ? (i32[word + wordTree] >>> 8) + 1 : 0;
}

/** Notes an insert at `index`, with which `run` have come in a row. */
export function noteInsert(i32: Int32Array, base: number, index: number, run: number): void {
  const word = base >> 2;
  i32[word + wordPrefix] = (i32[word + wordPrefix] & 0xffff) | (index << 16);
  i32[word + wordTree] = (i32[word + wordTree] & 0xff) | ((run > runMax ? runMax : run) << 8);
}
