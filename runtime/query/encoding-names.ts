/** Encodings as PostgreSQL calls them: which there are, and under which of their names. What a byte is, whoever reads and writes bytes knows. */

const latins: readonly (readonly [name: string, others: readonly string[]])[] = [
  ["LATIN1", ["iso88591"]],
  ["LATIN2", ["iso88592"]],
  ["LATIN3", ["iso88593"]],
  ["LATIN4", ["iso88594"]],
  ["LATIN5", ["iso88599"]],
  ["LATIN6", ["iso885910"]],
  ["LATIN7", ["iso885913"]],
  ["LATIN8", ["iso885914"]],
  ["LATIN9", ["iso885915"]],
];
const pages = [874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258];

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

const known: ReadonlyMap<string, string> = new Map([
  ["utf8", "UTF8"],
  ["unicode", "UTF8"],
  ["sqlascii", "SQL_ASCII"],
  ...latins.flatMap(([name, others]) => [plain(name), ...others].map((each) => [each, name] as const)),
  ...[5, 6, 7, 8].map((part) => [`iso8859${part}`, `ISO_8859_${part}`] as const),
  ...pages.flatMap((page) => [`win${page}`, `windows${page}`].map((each) => [each, `WIN${page}`] as const)),
  ["alt", "WIN866"],
  ["win866", "WIN866"],
  ["windows866", "WIN866"],
  ["win", "WIN1251"],
  ["koi8", "KOI8R"],
  ["koi8r", "KOI8R"],
  ["koi8u", "KOI8U"],
  ["abc", "WIN1258"],
  ["tcvn", "WIN1258"],
  ["tcvn5712", "WIN1258"],
  ["vscii", "WIN1258"],
]);

/** Other names that PostgreSQL knows. */
const others = new Set(
  "eucjp euccn euckr euctw eucjis2004 muleinternal latin10 iso885916 sjis mskanji shiftjis win932 windows932 big5 win950 windows950 gbk win936 windows936 uhc win949 windows949 gb18030 johab shiftjis2004".split(
    " ",
  ),
);

/** The encoding's own name, by its letters and digits alone, as PostgreSQL looks at them; null for one that nobody reads here. */
export const encodingCalled = (name: string): string | null => known.get(plain(name)) ?? null;

/** Whether PostgreSQL has an encoding of this name that nobody reads here. */
export const isOtherEncoding = (name: string): boolean => others.has(plain(name));
