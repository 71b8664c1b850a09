/** bytea: `\x` and hexadecimal digits, or the escape form with `\\` and `\ooo`. */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { utf8 } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Value } from "./datum.js";

export function bytesOf(value: Value): Uint8Array {
  assert(value instanceof Uint8Array, "a value of bytea is bytes");
  return value;
}

const hexDigits = "0123456789abcdef";

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (hexDigits[byte >> 4] ?? "") + (hexDigits[byte & 15] ?? "");
  return text;
}

/** Hexadecimal digits with white space between bytes; throws 22023. */
export function fromHex(text: string): Uint8Array {
  const bytes: number[] = [];
  let at = 0;
  const digit = (): number => {
    const code = text.codePointAt(at);
    const value = code === undefined ? -1 : hexDigits.indexOf(String.fromCodePoint(code).toLowerCase());
    if (value < 0) throw new SqlError("22023", `invalid hexadecimal digit: "${String.fromCodePoint(code ?? 0)}"`);
    at += 1;
    return value;
  };
  while (at < text.length) {
    if (/[ \t\n\r]/u.test(text[at] ?? "")) {
      at += 1;
      continue;
    }
    const high = digit();
    if (at >= text.length) throw new SqlError("22023", "invalid hexadecimal data: odd number of digits");
    bytes.push(high * 16 + digit());
  }
  return Uint8Array.from(bytes);
}

/** The escape form; throws 22P02 for a backslash that begins nothing. */
export function fromEscaped(text: string): Uint8Array {
  const source = utf8(text);
  const bytes: number[] = [];
  for (let at = 0; at < source.length; ) {
    const byte = source[at] ?? 0;
    if (byte !== 0x5c) {
      bytes.push(byte);
      at += 1;
      continue;
    }
    const octal = /^[0-3][0-7][0-7]$/u.exec(String.fromCharCode(...source.subarray(at + 1, at + 4)));
    if (octal !== null) {
      bytes.push(Number.parseInt(octal[0], 8));
      at += 4;
    } else if (source[at + 1] === 0x5c) {
      bytes.push(0x5c);
      at += 2;
    } else throw new SqlError("22P02", "invalid input syntax for type bytea");
  }
  return Uint8Array.from(bytes);
}

export function toEscaped(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes)
    if (byte === 0x5c) text += "\\\\";
    else if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(8).padStart(3, "0")}`;
    else text += String.fromCharCode(byte);
  return text;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

/** What either form of output says. Throws 22023 and 22P02. */
export const byteaOf = (text: string): Uint8Array =>
  text.startsWith("\\x") ? fromHex(text.slice(2)) : fromEscaped(text);

export const byteaCodec: TypeCodec = {
  input: byteaOf,
  output: (value, context) =>
    context.byteaOutput === "hex" ? `\\x${toHex(bytesOf(value))}` : toEscaped(bytesOf(value)),
  receive: (bytes) => bytes.slice(),
  send: bytesOf,
};
