/**
 * Encodings of COPY's data beside UTF-8: those of one byte a character. Which character a byte is, the platform's decoders say; a decoder of
 * that name of the web's may be another's (ISO 8859-1 is Windows-1252 there, which some versions of Node take for ISO 8859-1), so what differs is
 * set right here. Nothing of it is stored: what is loaded is UTF-8 before anybody decides about it.
 */
import { SqlError } from "../../../runtime/query/error.js";

export interface ByteEncoding {
  /** As PostgreSQL writes it. */
  readonly name: string;
  /** Up to the first byte that is no character. */
  soundPart(bytes: Uint8Array): Uint8Array;
  /** Throws 22P05 for a byte that is no character. */
  toUtf8(bytes: Uint8Array): Uint8Array;
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

const latin1 = latin(1, null);
const sources: ReadonlyMap<string, Source> = new Map(
  Object.entries({
    latin1,
    iso88591: latin1,
    latin2: latin(2, "iso-8859-2"),
    iso88592: latin(2, "iso-8859-2"),
    latin3: latin(3, "iso-8859-3"),
    iso88593: latin(3, "iso-8859-3"),
    latin4: latin(4, "iso-8859-4"),
    iso88594: latin(4, "iso-8859-4"),
    // Its upper half is Windows-1254's.
    latin5: latin(5, "windows-1254"),
    iso88599: latin(5, "windows-1254"),
    latin6: latin(6, "iso-8859-10"),
    iso885910: latin(6, "iso-8859-10"),
    latin7: latin(7, "iso-8859-13"),
    iso885913: latin(7, "iso-8859-13"),
    latin8: latin(8, "iso-8859-14"),
    iso885914: latin(8, "iso-8859-14"),
    latin9: latin(9, "iso-8859-15"),
    iso885915: latin(9, "iso-8859-15"),
    iso88595: iso(5),
    iso88596: iso(6),
    iso88597: iso(7),
    iso88598: iso(8),
    win866: { name: "WIN866", label: "ibm866", decodedFrom: 0x80 },
    win874: windows(874),
    win1250: windows(1250),
    win1251: windows(1251),
    win1252: windows(1252),
    win1253: windows(1253),
    win1254: windows(1254),
    win1255: windows(1255),
    win1256: windows(1256),
    win1257: windows(1257),
    win1258: windows(1258),
    koi8r: { name: "KOI8R", label: "koi8-r", decodedFrom: 0x80 },
    koi8u: { name: "KOI8U", label: "koi8-u", decodedFrom: 0x80 },
  }),
);

/** Other names that PostgreSQL knows, letters and digits alone. */
const others = new Set(
  "eucjp euccn euckr euctw eucjis2004 muleinternal latin10 iso885916 sjis big5 gbk uhc gb18030 johab shiftjis2004".split(
    " ",
  ),
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

/**
 * The encoding of a name; null for data that is UTF-8 as it is. PostgreSQL looks at letters and digits alone.
 *
 * @param position of the name in the statement
 */
export function encodingNamed(name: string, position: number): ByteEncoding | null {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  if (plain === "utf8" || plain === "unicode" || plain === "sqlascii") return null;
  const source = sources.get(plain.replace(/^windows/, "win"));
  if (source === undefined) {
    if (others.has(plain)) throw new SqlError("0A000", `COPY in encoding ${name} is not supported`, { position });
    throw new SqlError("22023", 'argument to option "encoding" must be a valid encoding name', { position });
  }
  let encoding = made.get(source);
  if (encoding === undefined) {
    encoding = madeOf(source);
    made.set(source, encoding);
  }
  return encoding;
}
