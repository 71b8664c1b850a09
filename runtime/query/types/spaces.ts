/** What C's isspace() takes for space, as PostgreSQL does around a value; JavaScript's trim() and \s take what Unicode calls so as well. */
const isSpace = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);

/** Where the spaces begin that a text ends with. */
export function spacesFrom(text: string): number {
  let to = text.length;
  while (to > 0 && isSpace(text.charCodeAt(to - 1))) to -= 1;
  return to;
}

/** The text without the spaces around it. */
export function trimSpaces(text: string): string {
  const to = spacesFrom(text);
  let from = 0;
  while (from < to && isSpace(text.charCodeAt(from))) from += 1;
  return text.slice(from, to);
}

/** As the parser writes a name without quotes: in lower case where it is ASCII. */
export const lowerAscii = (text: string): string => text.replaceAll(/[A-Z]+/gu, (letters) => letters.toLowerCase());
