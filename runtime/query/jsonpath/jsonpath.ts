/**
 * The type jsonpath. A value is the text that was written: what PostgreSQL shows does not always read back as the same path, and what is
 * stored must. Paths are mostly literals, so that read ones are kept.
 */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { fromUtf8, utf8 } from "../types/bytes.js";
import type { TypeCodec } from "../types/codec.js";
import { insufficientBinary, invalidText } from "../types/invalid.js";
import { textOf } from "../types/text.js";
import type { JsonPath } from "./item.js";
import { parseJsonPath } from "./parse.js";
import { printJsonPath } from "./print.js";

const version = 1;
/** Paths kept ready at most, and the length of their texts. */
const keptMax = 256;
const keptLengthMax = 10_000;
const kept = new Map<string, JsonPath>();

function read(text: string): JsonPath {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const path = parseJsonPath(text);
  if (path === null) throw invalidText("jsonpath", text);
  if (kept.size >= keptMax) kept.clear();
  if (text.length <= keptLengthMax) kept.set(text, path);
  return path;
}

export function jsonPathOf(value: string): JsonPath {
  assert(value.length > 0, "a jsonpath is not empty");
  return read(value);
}

const input = (text: string): string => {
  read(text);
  return text;
};

export const jsonPathCodec: TypeCodec = {
  input,
  output: (value) => printJsonPath(jsonPathOf(textOf(value))),
  receive: (bytes) => {
    if (bytes.length === 0) throw insufficientBinary();
    if (bytes[0] !== version) throw new SqlError("XX000", `unsupported jsonpath version number: ${bytes[0] ?? 0}`);
    return input(fromUtf8(bytes.subarray(1)));
  },
  send: (value) => {
    const text = utf8(printJsonPath(jsonPathOf(textOf(value))));
    const bytes = new Uint8Array(text.length + 1);
    bytes[0] = version;
    bytes.set(text, 1);
    return bytes;
  },
};
