/**
 * Addresses as text: what PostgreSQL takes, whose code is BIND's, with its inferences (a cidr `10` is `10.0.0.0/8`, of its class), and how
 * they are shown, in full and shortened.
 */
import { SqlError } from "../error.js";
import { Inet, isNetwork } from "./inet.js";
import { invalidText } from "./invalid.js";

type Parsed = { readonly bytes: readonly number[]; readonly bits: number } | null;

/** Throws 22P02. */
export function inetFromText(type: "inet" | "cidr", text: string): Inet {
  const size = text.includes(":") ? 16 : 4;
  const parsed = size === 16 ? readIpv6(text) : type === "inet" ? readIpv4(text) : readNetwork(text);
  if (parsed === null || parsed.bits > size * 8 || parsed.bytes.length > size) throw invalidText(type, text);
  const bytes = new Uint8Array(size);
  bytes.set(parsed.bytes);
  const address = new Inet(bytes, parsed.bits);
  if (type === "cidr" && !isNetwork(address))
    throw new SqlError("22P02", `invalid cidr value: "${text}"`, { detail: "Value has bits set to right of mask." });
  return address;
}

/** Dotted decimals; null for one above 255. */
function octetsOf(text: string): readonly number[] | null {
  const octets = text.split(".").map(Number);
  return octets.every((octet) => octet <= 255) ? octets : null;
}

/** An inet: four octets, or fewer of them with a prefix that they cover. */
function readIpv4(text: string): Parsed {
  const [, address, prefix] = /^(\d+(?:\.\d+)*)\.?(?:\/(\d+))?$/u.exec(text) ?? [];
  const bytes = address === undefined ? null : octetsOf(address);
  if (bytes === null) return null;
  if (prefix === undefined) return bytes.length === 4 ? { bytes, bits: 32 } : null;
  const bits = Number(prefix);
  return bits <= 32 && Math.floor(bits / 8) <= bytes.length ? { bytes, bits } : null;
}

/** A cidr: some octets, decimal or as hexadecimal digits, and a prefix, else that of the network's class. */
function readNetwork(text: string): Parsed {
  const [, decimal, hex, prefix] = /^(?:(\d+(?:\.\d+)*)|0x([\da-f]+))(?:\/(\d+))?$/iu.exec(text) ?? [];
  const bytes =
    hex !== undefined
      ? Array.from({ length: Math.ceil(hex.length / 2) }, (_, at) =>
          Number.parseInt(hex.slice(at * 2, at * 2 + 2).padEnd(2, "0"), 16),
        )
      : decimal === undefined
        ? null
        : octetsOf(decimal);
  if (bytes === null) return null;
  return { bytes, bits: prefix === undefined ? classBits(bytes) : Number(prefix) };
}

/** The prefix of the class that the first octet says, or as many octets as were written. */
function classBits(bytes: readonly number[]): number {
  const [first = 0] = bytes;
  const own = first >= 240 ? 32 : first >= 224 ? 8 : first >= 192 ? 24 : first >= 128 ? 16 : 8;
  const bits = Math.max(own, bytes.length * 8);
  return bits === 8 && first === 224 ? 4 : bits;
}

/** A number without leading zeros, `most` at most; null for what is none. */
function plainNumber(text: string, most: number): number | null {
  if (!/^(?:0|[1-9]\d*)$/u.test(text)) return null;
  const number = Number(text);
  return number <= most ? number : null;
}

function readIpv6(text: string): Parsed {
  const slash = text.indexOf("/");
  const bits = slash < 0 ? 128 : plainNumber(text.slice(slash + 1), 128);
  const words = (slash < 0 ? text : text.slice(0, slash)).split(":");
  if (bits === null) return null;
  // Two colons at an end stand for zeros; one alone stands nowhere but before a prefix, and says nothing.
  if (text.startsWith(":") && !text.startsWith("::")) return null;
  if (text.startsWith(":")) words.shift();
  if (words.length > 1 && words.at(-1) === "") {
    if (words.at(-2) !== "" && slash < 0) return null;
    words.pop();
    if (words.at(-1)?.includes(".") === true) return null;
  }
  const bytes: number[] = [];
  let gap = -1;
  for (const [index, word] of words.entries()) {
    if (word === "") {
      if (gap >= 0) return null;
      gap = bytes.length;
    } else if (/^[\da-f]{1,4}$/iu.test(word)) {
      const number = Number.parseInt(word, 16);
      bytes.push(number >> 8, number & 0xff);
    } else if (index === words.length - 1 && word.includes(".")) {
      // An octet that was left out is 0, but for the last of all.
      const octets = word.split(".").map((octet) => (octet === "" ? 0 : plainNumber(octet, 255)));
      if (octets.length > 4 || octets.includes(null) || (slash < 0 && word.endsWith("."))) return null;
      bytes.push(...[0, 1, 2, 3].map((at) => octets[at] ?? 0));
    } else return null;
  }
  if (gap < 0) return bytes.length === 16 ? { bytes, bits } : null;
  if (bytes.length >= 16) return null;
  bytes.splice(gap, 0, ...new Array<number>(16 - bytes.length).fill(0));
  return { bytes, bits };
}

const wordsOf = (bytes: Uint8Array): number[] =>
  Array.from({ length: bytes.length / 2 }, (_, at) => ((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0));

/** The address alone: `10.1.2.3`, `2001:db8::1`, `::ffff:1.2.3.4`. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const words = wordsOf(bytes);
  const { from, length } = longestZeros(words);
  const last = words[7] ?? 0;
  const holdsIpv4 =
    from === 0 && (length === 6 || (length === 7 && last !== 1) || (length === 5 && words[5] === 0xffff));
  let text = "";
  for (const [at, word] of words.entries()) {
    if (length > 0 && at >= from && at < from + length) {
      if (at === from) text += ":";
      continue;
    }
    if (at > 0) text += ":";
    if (at === 6 && holdsIpv4) return text + bytes.subarray(12).join(".");
    text += word.toString(16);
  }
  return length > 0 && from + length === 8 ? `${text}:` : text;
}

/** The first of the longest runs of two zeros and more. */
function longestZeros(words: readonly number[]): { readonly from: number; readonly length: number } {
  let best = { from: -1, length: 0 };
  for (let from = 0; from < words.length; from++) {
    let to = from;
    while (words[to] === 0) to += 1;
    if (to - from > best.length) best = { from, length: to - from };
    from = to;
  }
  return best.length < 2 ? { from: -1, length: 0 } : best;
}

/** An inet is shown without a prefix that is the whole address, a cidr never. */
export const inetText = (type: "inet" | "cidr", { bytes, bits, maxBits }: Inet): string =>
  `${addressText(bytes)}${type === "inet" && bits === maxBits ? "" : `/${bits}`}`;

/** `abbrev(cidr)`: without the octets, or words, behind the prefix. */
export function abbreviatedCidr({ bytes, bits }: Inet): string {
  if (bytes.length === 16) return `${abbreviatedIpv6(bytes, bits)}/${bits}`;
  return `${bits === 0 ? "0" : bytes.subarray(0, Math.ceil(bits / 8)).join(".")}/${bits}`;
}

/** As BIND shows it: it looks for zeros in the words of the prefix alone, and a shorter run does not end the count. */
function abbreviatedIpv6(bytes: Uint8Array, bits: number): string {
  if (bits === 0) return "::";
  const count = Math.max(2, Math.ceil(bits / 16));
  const words = wordsOf(bytes).slice(0, count);
  let from = 0;
  let length = 0;
  let start = 0;
  let run = 0;
  for (const [at, word] of words.entries())
    if (word === 0) {
      if (run === 0) start = at;
      run += 1;
    } else if (run > length) {
      [from, length] = [start, run];
      run = 0;
    }
  if (run > length) [from, length] = [start, run];
  const holdsIpv4 =
    length !== count &&
    from === 0 &&
    (length === 6 ||
      (length === 5 && bytes[10] === 0xff && bytes[11] === 0xff) ||
      (length === 7 && bytes[14] !== 0 && bytes[15] !== 1));
  let text = "";
  for (const [at, word] of words.entries())
    if (length > 0 && at >= from && at < from + length) {
      if (at === from) text += ":";
      if (at === count - 1) text += ":";
    } else if (holdsIpv4 && at > 5) {
      text += `${at === 6 ? ":" : "."}${word >> 8}`;
      if (at !== 7 || bits > 120) text += `.${word & 0xff}`;
    } else text += `${text === "" ? "" : ":"}${word.toString(16)}`;
  return text;
}
