/** tid: the number of a page and of a place in it, as `(0,1)`. Rows here have none; tools that were written for PostgreSQL pass such values on. */
import { assert } from "../../types/assert.js";
import { exactly, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import { invalidText } from "./invalid.js";

const pageMax = 0xffff_ffff;
const placeMax = 0xffff;

const shown = (page: number, place: number): string => `(${page},${place})`;

function partsOf(text: string): readonly [page: number, place: number] {
  const [, page, place] = /^\((-?\d+),(\d+)\)$/u.exec(text) ?? [];
  const [pages, places] = [Number(page), Number(place)];
  if (page === undefined || pages < -(2 ** 31) || pages > pageMax || places > placeMax) throw invalidText("tid", text);
  // A negative number is what its bits are without a sign.
  return [pages >>> 0, places];
}

export const tidCodec: TypeCodec = {
  input: (text) => shown(...partsOf(text)),
  output: (value) => {
    assert(typeof value === "string", "a tid is kept as its text");
    return value;
  },
  receive: (bytes) => {
    const view = exactly(bytes, 6);
    return shown(view.getUint32(0), view.getUint16(4));
  },
  send: (value) => {
    assert(typeof value === "string", "a tid is kept as its text");
    const [page, place] = partsOf(value);
    return fixed(6, (view) => {
      view.setUint32(0, page);
      view.setUint16(4, place);
    });
  },
};
