/**
 * tid: a page's number and a place in it, as `(0,1)`. Here it is the number of a row in a table without a primary key (`ctid`), whose upper bits are
 * taken for the page: a safe integer, in order.
 */
import { assert } from "../../types/assert.js";
import { exactly, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Value } from "./datum.js";
import { invalidText } from "./invalid.js";

const places = 0x1_0000;
const pageMax = 0xffff_ffff;

/** The greatest number that a tid can stand for. */
export const tidMax = pageMax * places + places - 1;

function numberOf(value: Value): number {
  assert(typeof value === "number", "a tid is kept as a number");
  return value;
}

function fromText(text: string): number {
  // A number that is left out is 0, and what stands around the parentheses is not looked at.
  const [, page, place] = /^[^(),]*\(((?:[ \t-\r]*[+-]?\d+)?),((?:[ \t-\r]*\+?\d+)?)\)/u.exec(text) ?? [];
  const [pages, at] = [Number(page), Number(place)];
  if (page === undefined || pages < -(2 ** 31) || pages > pageMax || at >= places) throw invalidText("tid", text);
  // A negative number is what its bits are without a sign.
  return (pages >>> 0) * places + at;
}

export const tidCodec: TypeCodec = {
  input: fromText,
  output: (value) => `(${Math.floor(numberOf(value) / places)},${numberOf(value) % places})`,
  receive: (bytes) => {
    const view = exactly(bytes, 6);
    return view.getUint32(0) * places + view.getUint16(4);
  },
  send: (value) =>
    fixed(6, (view) => {
      view.setUint32(0, Math.floor(numberOf(value) / places));
      view.setUint16(4, numberOf(value) % places);
    }),
};
