/**
 * Reads the text of a row: `(1,"a b",)`. A field that has nothing in it is NULL, `""` is an empty text; quotes and backslashes take away what
 * the next character would mean. In the order and with the words of PostgreSQL's `record_in`.
 */
import { SqlError } from "../error.js";

const malformed = (text: string, detail: string): SqlError =>
  new SqlError("22P02", `malformed record literal: "${text}"`, { detail });

const isSpace = (character: string | undefined): boolean => character !== undefined && /[ \t-\r]/u.test(character);

/** The fields, one after the other, null for NULL; what is wrong behind one is thrown when the next is asked for. */
export function* readRecordText(text: string, count: number): Iterable<string | null> {
  let at = 0;
  const skip = (): void => {
    while (isSpace(text[at])) at += 1;
  };
  const next = (): string => {
    const character = text[at];
    if (character === undefined) throw malformed(text, "Unexpected end of input.");
    at += 1;
    return character;
  };
  const isEnd = (): boolean => text[at] === "," || text[at] === ")";
  skip();
  if (text[at] !== "(") throw malformed(text, "Missing left parenthesis.");
  at += 1;
  for (let index = 0; index < count; index++) {
    if (index > 0) {
      if (text[at] !== ",") throw malformed(text, "Too few columns.");
      at += 1;
    }
    if (isEnd()) {
      yield null;
      continue;
    }
    let field = "";
    let isQuoted = false;
    while (isQuoted || !isEnd()) {
      const character = next();
      if (character === "\\") field += next();
      else if (character !== '"') field += character;
      else if (isQuoted && text[at] === '"') field += next();
      else isQuoted = !isQuoted;
    }
    yield field;
  }
  if (text[at] !== ")") throw malformed(text, "Too many columns.");
  at += 1;
  skip();
  if (at < text.length) throw malformed(text, "Junk after right parenthesis.");
}
