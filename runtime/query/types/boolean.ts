/** boolean: any unambiguous beginning of true, false, yes, no, on, off, and 1 and 0. */
import { assert } from "../../types/assert.js";
import type { TypeCodec } from "./codec.js";
import { insufficientBinary, invalidBinary, invalidText } from "./invalid.js";
import { trimSpaces } from "./spaces.js";

const words: readonly (readonly [word: string, shortest: number, value: boolean])[] = [
  ["true", 1, true],
  ["false", 1, false],
  ["yes", 1, true],
  ["no", 1, false],
  ["on", 2, true],
  ["off", 2, false],
  ["1", 1, true],
  ["0", 1, false],
];

export function booleanFromText(text: string): boolean {
  const given = trimSpaces(text).toLowerCase();
  const found = words.find(([word, shortest]) => given.length >= shortest && word.startsWith(given));
  if (found === undefined) throw invalidText("boolean", text);
  return found[2];
}

export const booleanCodec: TypeCodec = {
  input: booleanFromText,
  output: (value) => (value === true ? "t" : "f"),
  receive: (bytes) => {
    if (bytes.length === 0) throw insufficientBinary("no");
    if (bytes.length > 1) throw invalidBinary();
    return bytes[0] !== 0;
  },
  send: (value) => {
    assert(typeof value === "boolean", "a value of boolean is a boolean");
    return Uint8Array.of(value ? 1 : 0);
  },
};
