/** macaddr and macaddr8: 6 and 8 bytes, as texts of them in lower case with colons between. */
import { SqlError } from "../error.js";
import type { TypeCodec } from "./codec.js";
import { insufficientBinary, invalidBinary, invalidText } from "./invalid.js";
import { textOf } from "./text.js";

const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export const macFromBytes = (bytes: Uint8Array): string => Array.from(bytes, (byte) => hexPairs[byte]).join(":");

export const macBytes = (text: string): Uint8Array =>
  Uint8Array.from({ length: (text.length + 1) / 3 }, (_, at) => Number.parseInt(text.slice(at * 3, at * 3 + 2), 16));

/** The bytes of a macaddr as a macaddr8: with FF and FE in their middle. */
export const widened = (mac: string): string => `${mac.slice(0, 9)}ff:fe:${mac.slice(9)}`;

const number = "\\s*([+-]?(?:0x)?[\\da-f]+)";
const pair = "\\s*([\\da-f]{1,2})";
const spaced = (parts: readonly string[], between: string): RegExp => new RegExp(`^${parts.join(between)}\\s*$`, "iu");
const six = (part: string): readonly string[] => new Array<string>(6).fill(part);
const twos = new Array<string>(3).fill(pair + pair);
const threes = new Array<string>(2).fill(pair + pair + pair);

/** What is tried, in this order: numbers of any length between colons or hyphens, and pairs of digits in groups. */
const forms: readonly RegExp[] = [
  spaced(six(number), ":"),
  spaced(six(number), "-"),
  spaced(threes, ":"),
  spaced(threes, "-"),
  spaced(twos, "\\."),
  spaced(twos, "-"),
  spaced(six(pair), ""),
];

/** Throws 22P02, and 22003 for a number that is no byte. */
function macFromText(text: string): string {
  for (const form of forms) {
    const match = form.exec(text);
    if (match === null) continue;
    const numbers = match.slice(1).map((digits) => {
      const size = Number.parseInt(digits.replace(/^[+-]/u, ""), 16);
      return digits.startsWith("-") ? 0 - size : size;
    });
    if (numbers.some((each) => each < 0 || each > 255))
      throw new SqlError("22003", `invalid octet value in "macaddr" value: "${text}"`);
    return macFromBytes(Uint8Array.from(numbers));
  }
  throw invalidText("macaddr", text);
}

/** Pairs of digits with one and the same sign between them, or none; six or eight of them. A last character alone says nothing. */
function mac8FromText(text: string): string {
  const invalid = (): SqlError => invalidText("macaddr8", text);
  const bytes: number[] = [];
  let at = /^\s*/u.exec(text)?.[0].length ?? 0;
  let sign = "";
  while (at + 1 < text.length) {
    const digits = text.slice(at, at + 2);
    if (!/^[\da-f]{2}$/iu.test(digits) || bytes.length === 8) throw invalid();
    bytes.push(Number.parseInt(digits, 16));
    at += 2;
    const next = text[at] ?? "";
    if (next !== "" && ":-.".includes(next)) {
      if (sign !== "" && sign !== next) throw invalid();
      sign = next;
      at += 1;
    }
    if ((bytes.length === 6 || bytes.length === 8) && /\s/u.test(text[at] ?? "")) {
      if (text.slice(at).trim() !== "") throw invalid();
      break;
    }
  }
  if (bytes.length !== 6 && bytes.length !== 8) throw invalid();
  const mac = macFromBytes(Uint8Array.from(bytes));
  return bytes.length === 6 ? widened(mac) : mac;
}

function received(bytes: Uint8Array, length: number): string {
  if (bytes.length < length) throw insufficientBinary("no");
  if (bytes.length > length) throw invalidBinary();
  return macFromBytes(bytes);
}

export const macCodec: TypeCodec = {
  input: macFromText,
  output: textOf,
  receive: (bytes) => received(bytes, 6),
  send: (value) => macBytes(textOf(value)),
};

export const mac8Codec: TypeCodec = {
  input: mac8FromText,
  output: textOf,
  receive: (bytes) => (bytes.length === 6 ? widened(macFromBytes(bytes)) : received(bytes, 8)),
  send: (value) => macBytes(textOf(value)),
};
