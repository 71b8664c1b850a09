/** Encodings of COPY's data: what their bytes are, both ways, and what has no equivalent. `scripts/encodings.sql` holds them against PostgreSQL. */
import test from "ava";
import { encodingNamed } from "../../protocol/postgres/copy/encodings.js";

const known: readonly (readonly [name: string, bytes: readonly number[], text: string])[] = [
  ["LATIN1", [0x80, 0xa4, 0xe9, 0xff], "\u0080¤éÿ"],
  ["latin-2", [0xb1, 0xe6], "ąć"],
  ["LATIN5", [0x9f, 0xd0, 0xfd], "\u009fĞı"],
  ["iso 8859-15", [0xa4, 0xbc], "€Œ"],
  ["WIN1250", [0x80, 0x9a], "€š"],
  ["WIN1251", [0x80, 0xc0, 0xff], "ЂАя"],
  ["windows-1252", [0x80, 0x8a, 0x9f, 0xa4, 0xe9], "€ŠŸ¤é"],
  ["WIN866", [0x80, 0xff], "А\u00a0"],
  ["KOI8R", [0xc0, 0xc1], "юа"],
];

for (const [name, bytes, text] of known) {
  test(`${name} is read and written, byte for byte`, (t) => {
    const encoding = encodingNamed(name, 1);
    t.truthy(encoding);
    if (encoding === null) return;
    t.is(new TextDecoder().decode(encoding.toUtf8(Uint8Array.from(bytes))), text);
    for (let byte = 0; byte < 0x100; byte++) {
      const one = Uint8Array.of(byte);
      if (encoding.soundPart(one).length === 1) t.deepEqual([...encoding.fromUtf8(encoding.toUtf8(one))], [byte]);
      else t.throws(() => encoding.toUtf8(one), { message: /^character with byte sequence 0x/ });
    }
    t.throws(() => encoding.fromUtf8(new TextEncoder().encode("日")), {
      message: /^character with byte sequence 0xe6 0x97 0xa5 in encoding "UTF8" has no equivalent/,
    });
  });
}

test("UTF-8 is taken as it is, other encodings are refused, and names that are none too", (t) => {
  for (const name of ["UTF8", "utf-8", "Unicode", "SQL_ASCII"]) t.is(encodingNamed(name, 1), null);
  t.throws(() => encodingNamed("SJIS", 1), { message: "COPY in encoding SJIS is not supported" });
  t.throws(() => encodingNamed("constructor", 7), {
    message: 'argument to option "encoding" must be a valid encoding name',
  });
});
