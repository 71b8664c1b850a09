/** Sets of characters of a regular expression: ranges of code points, some of them classes of Unicode. */

export interface CharacterSet {
  has(code: number): boolean;
}

const letters = /\p{L}/u;
const digits = /\p{Nd}/u;
const marks = /[\p{L}\p{N}\p{M}]/u;

const text = (code: number): string => String.fromCodePoint(code);
const isAscii = (code: number): boolean => code < 128;
const between = (code: number, from: number, to: number): boolean => code >= from && code <= to;
const isAsciiLetter = (code: number): boolean => between(code | 32, 97, 122);
const isDigit = (code: number): boolean => (isAscii(code) ? between(code, 48, 57) : digits.test(text(code)));
const isLetter = (code: number): boolean => (isAscii(code) ? isAsciiLetter(code) : letters.test(text(code)));
const isSpace = (code: number): boolean =>
  code === 32 || between(code, 9, 13) || (code > 127 && /\p{Zs}|[\u2028\u2029]/u.test(text(code)) && code !== 0xa0);
const isAlnum = (code: number): boolean =>
  isAscii(code) ? isAsciiLetter(code) || isDigit(code) : marks.test(text(code));

export const isWordCharacter = (code: number): boolean => code === 95 || isAlnum(code);

const classes: Readonly<Record<string, (code: number) => boolean>> = {
  alpha: isLetter,
  digit: isDigit,
  alnum: isAlnum,
  space: isSpace,
  blank: (code) => code === 32 || code === 9,
  cntrl: (code) => code < 32 || between(code, 127, 159),
  upper: (code) => (isAscii(code) ? between(code, 65, 90) : /\p{Lu}/u.test(text(code))),
  lower: (code) => (isAscii(code) ? between(code, 97, 122) : /\p{Ll}/u.test(text(code))),
  punct: (code) => (isAscii(code) ? code > 32 && code < 127 && !isAlnum(code) : /[\p{P}\p{S}]/u.test(text(code))),
  graph: (code) => (isAscii(code) ? code > 32 && code < 127 : !isSpace(code) && code > 159),
  print: (code) => (isAscii(code) ? code >= 32 && code < 127 : code > 159),
  xdigit: (code) => between(code, 48, 57) || between(code | 32, 97, 102),
  word: isWordCharacter,
  ascii: isAscii,
};

export const classNamed = (name: string): ((code: number) => boolean) | null => classes[name] ?? null;

const newLine = 10;

/** Collects what a bracket expression or an escape names. */
export class SetBuilder {
  readonly #ranges: (readonly [from: number, to: number])[] = [];
  readonly #tests: ((code: number) => boolean)[] = [];

  range(from: number, to: number): void {
    this.#ranges.push([from, to]);
  }

  test(test: (code: number) => boolean): void {
    this.#tests.push(test);
  }

  build(options: {
    readonly isNegated: boolean;
    readonly ignoresCase: boolean;
    readonly excludesNewLine: boolean;
  }): CharacterSet {
    const ranges = this.#ranges;
    const tests = this.#tests;
    const plain = (code: number): boolean =>
      ranges.some(([from, to]) => code >= from && code <= to) || tests.some((test) => test(code));
    const folded = options.ignoresCase
      ? (code: number): boolean => plain(code) || caseVariants(code).some(plain)
      : plain;
    const full = (code: number): boolean => {
      if (options.isNegated && options.excludesNewLine && code === newLine) return false;
      return folded(code) !== options.isNegated;
    };
    const table = Uint8Array.from({ length: 128 }, (_, code) => (full(code) ? 1 : 0));
    return { has: (code) => (code < 128 ? table[code] === 1 : full(code)) };
  }
}

/** The same letter in the other case. */
function caseVariants(code: number): number[] {
  const character = text(code);
  return [character.toLowerCase(), character.toUpperCase()]
    .filter((variant) => variant !== character && (variant.codePointAt(0) ?? 0) > 0 && Array.from(variant).length === 1)
    .map((variant) => variant.codePointAt(0) ?? 0);
}

export function singleCharacter(code: number, ignoresCase: boolean): CharacterSet {
  const variants = ignoresCase ? [code, ...caseVariants(code)] : [code];
  if (variants.length === 1) return { has: (other) => other === code };
  return { has: (other) => variants.includes(other) };
}

export const anyCharacter = (excludesNewLine: boolean): CharacterSet =>
  excludesNewLine ? { has: (code) => code !== newLine } : { has: () => true };
