/**
 * Encodings of what clients say and are told, and of COPY's data, beside UTF-8: those of one byte a character. Which character a byte is, the platform's decoders say; a decoder of
 * that name of the web's may be another's (ISO 8859-1 is Windows-1252 there, which some versions of Node take for ISO 8859-1), so what differs is
 * set right here. Nothing of it is stored: what is loaded is UTF-8 before anybody decides about it.
 */
import { encodingCalled, isOtherEncoding } from "../../../runtime/query/encoding-names.js";
import { SqlError } from "../../../runtime/query/error.js";

export interface ByteEncoding {
  /** As PostgreSQL writes it. */
  readonly name: string;
  /** Up to the first byte that is no character. */
  soundPart(bytes: Uint8Array): Uint8Array;
  /** Throws 22P05 for a byte that is no character. */
  toUtf8(bytes: Uint8Array): Uint8Array;
  /** Whether it has a character. @param character one in UTF-8 */
  has(character: Uint8Array): boolean;
  /** @param text sound UTF-8. Throws 22P05 for a character that has no byte. */
  fromUtf8(text: Uint8Array): Uint8Array;
}

interface Source {
  readonly name: string;
  /** Of the platform's decoder; null where each byte is the character of its number. */
  readonly label: string | null;
  /** From here on bytes are what the decoder says; below, the character of their number. */
  readonly decodedFrom: number;
}

const latin = (number: number, label: string | null): Source => ({ name: `LATIN${number}`, label, decodedFrom: 0xa0 });
const iso = (part: number): Source => ({ name: `ISO_8859_${part}`, label: `iso-8859-${part}`, decodedFrom: 0xa0 });
const windows = (page: number): Source => ({ name: `WIN${page}`, label: `windows-${page}`, decodedFrom: 0x80 });

const sources: ReadonlyMap<string, Source> = new Map(
  [
    latin(1, null),
    latin(2, "iso-8859-2"),
    latin(3, "iso-8859-3"),
    latin(4, "iso-8859-4"),
    // Its upper half is Windows-1254's.
    latin(5, "windows-1254"),
    latin(6, "iso-8859-10"),
    latin(7, "iso-8859-13"),
    latin(8, "iso-8859-14"),
    latin(9, "iso-8859-15"),
    ...[5, 6, 7, 8].map(iso),
    { name: "WIN866", label: "ibm866", decodedFrom: 0x80 },
    ...[874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258].map(windows),
    { name: "KOI8R", label: "koi8-r", decodedFrom: 0x80 },
    { name: "KOI8U", label: "koi8-u", decodedFrom: 0x80 },
  ].map((source) => [source.name, source]),
);

const plainMax = 0x7f;
const replacement = 0xfffd;
const encoder = new TextEncoder();

const bytesShown = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, "0")}`).join(" ");
const noEquivalent = (bytes: Uint8Array, from: string, to: string): SqlError =>
  new SqlError(
    "22P05",
    `character with byte sequence ${bytesShown(bytes)} in encoding "${from}" has no equivalent in encoding "${to}"`,
  );

/** Windows-1252 from 0x80 to 0x9f, where it differs from ISO 8859-1; blanks are no characters. */
const win1252 = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

/** The character of each byte from 0x80 on; null for one that is none. */
function upperHalf({ name, label, decodedFrom }: Source): (number | null)[] {
  const decoder = label === null ? null : new TextDecoder(label);
  return Array.from({ length: 0x80 }, (_, at) => {
    const byte = plainMax + 1 + at;
    if (name === "WIN1252") {
      const character = at < win1252.length ? win1252.charCodeAt(at) : byte;
      return character === 0x20 ? null : character;
    }
    if (decoder === null || byte < decodedFrom) return byte;
    const point = decoder.decode(Uint8Array.of(byte)).codePointAt(0) ?? replacement;
    // The web's decoders give control characters for bytes that no character was ever given.
    return point === replacement || (point >= 0x80 && point < 0xa0) ? null : point;
  });
}

function madeOf(source: Source): ByteEncoding {
  const { name } = source;
  const points = upperHalf(source);
  const utf8 = points.map((point) => (point === null ? null : encoder.encode(String.fromCodePoint(point))));
  const byteOf = new Map(points.flatMap((point, at) => (point === null ? [] : [[point, plainMax + 1 + at] as const])));
  return {
    name,
    soundPart(bytes) {
      const end = bytes.findIndex((byte) => byte > plainMax && points[byte - plainMax - 1] === null);
      return end < 0 ? bytes : bytes.subarray(0, end);
    },
    toUtf8(bytes) {
      const first = bytes.findIndex((byte) => byte > plainMax);
      if (first < 0) return bytes;
      const text = new Uint8Array(bytes.length * 3);
      text.set(bytes.subarray(0, first));
      let end = first;
      for (let at = first; at < bytes.length; at++) {
        const byte = bytes[at] ?? 0;
        if (byte <= plainMax) {
          text[end++] = byte;
          continue;
        }
        const character = utf8[byte - plainMax - 1] ?? null;
        if (character === null) throw noEquivalent(bytes.subarray(at, at + 1), name, "UTF8");
        text.set(character, end);
        end += character.length;
      }
      return text.subarray(0, end);
    },
    has: (character) => character.length === 1 || byteOf.has(pointOf(character)),
    fromUtf8(text) {
      const first = text.findIndex((byte) => byte > plainMax);
      if (first < 0) return text;
      const bytes: number[] = [...text.subarray(0, first)];
      for (let at = first; at < text.length; ) {
        const lead = text[at] ?? 0;
        const length = lead <= plainMax ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        const character = text.subarray(at, at + length);
        const byte = length === 1 ? lead : byteOf.get(pointOf(character));
        if (byte === undefined) throw noEquivalent(character, "UTF8", name);
        bytes.push(byte);
        at += length;
      }
      return Uint8Array.from(bytes);
    },
  };
}

/** Of one character in several bytes. */
function pointOf(character: Uint8Array): number {
  let point = (character[0] ?? 0) & (plainMax >> character.length);
  for (const byte of character.subarray(1)) point = (point << 6) | (byte & 0x3f);
  return point;
}

const made = new Map<Source, ByteEncoding>();

/** By its own name; null for bytes that stay as they are. */
export function encodingOf(name: string): ByteEncoding | null {
  const source = sources.get(name);
  if (source === undefined) return null;
  let encoding = made.get(source);
  if (encoding === undefined) {
    encoding = madeOf(source);
    made.set(source, encoding);
  }
  return encoding;
}

/**
 * The encoding of a name; null for data that is UTF-8 as it is. PostgreSQL looks at letters and digits alone.
 *
 * @param position of the name in the statement
 */
export function encodingNamed(name: string, position: number): ByteEncoding | null {
  const own = encodingCalled(name);
  if (isOtherEncoding(name)) throw new SqlError("0A000", `COPY in encoding ${name} is not supported`, { position });
  if (own === null)
    throw new SqlError("22023", 'argument to option "encoding" must be a valid encoding name', { position });
  return encodingOf(own);
}
