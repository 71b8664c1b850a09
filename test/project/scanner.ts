/**
 * TypeScript source as a flat list of tokens: enough to find imports, calls and string literals without being misled by comments,
 * strings, templates or regular expressions. It is no parser; what it cannot know for sure (whether a slash divides or begins a
 * regular expression) it decides by the token before, which is right for formatted code.
 */
export interface Token {
  readonly kind: "word" | "number" | "string" | "template" | "regex" | "mark";
  /** The source text; of strings and templates without substitutions, the value between the quotes with escapes resolved. */
  readonly text: string;
  readonly line: number;
}

const wordStart = /[A-Za-z_$#\u0080-\uffff]/;
const wordPart = /[\w$\u0080-\uffff]/;
/** After these a slash begins a regular expression, although they look like values. */
const operatorWords = new Set([
  "return",
  "typeof",
  "case",
  "in",
  "of",
  "delete",
  "void",
  "throw",
  "new",
  "else",
  "await",
  "yield",
]);
const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v", "0": "\0" };

/** @throws Error when a literal or comment does not end before the file does */
export function scan(source: string): Token[] {
  const tokens: Token[] = [];
  /** For every open `${` of a template: how many braces are open inside it. */
  const substitutions: number[] = [];
  let at = source.startsWith("#!") ? source.indexOf("\n") : 0;
  let line = 1;

  const failed = (what: string): Error => new Error(`line ${line}: ${what} does not end`);
  const push = (kind: Token["kind"], text: string, startLine = line): void => {
    tokens.push({ kind, text, line: startLine });
  };

  /** Reads from behind an opening quote (or a closing `}` of a substitution) to the end of that piece of text. */
  const literal = (quote: string): void => {
    const startLine = line;
    let text = "";
    for (;;) {
      const char = source[at];
      if (char === undefined || (char === "\n" && quote !== "`")) throw failed("a string");
      at += 1;
      if (char === "\n") line += 1;
      if (char === quote) break;
      if (quote === "`" && char === "$" && source[at] === "{") {
        at += 1;
        substitutions.push(0);
        break;
      }
      if (char !== "\\") {
        text += char;
        continue;
      }
      const escaped = source[at] ?? "";
      at += 1;
      const code = /^(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/.exec(source.slice(at - 1, at + 9));
      if (code !== null) {
        text += String.fromCodePoint(Number.parseInt(code[1] ?? code[2] ?? code[3] ?? "0", 16));
        at += code[0].length - 1;
      } else if (escaped === "\n") line += 1;
      else text += escapes[escaped] ?? escaped;
    }
    push(quote === "`" ? "template" : "string", text, startLine);
  };

  const regexMayBegin = (): boolean => {
    const before = tokens.at(-1);
    if (before === undefined) return true;
    if (before.kind === "mark") return !/^[)\]}]$/.test(before.text);
    return before.kind === "word" && operatorWords.has(before.text);
  };

  const regex = (): void => {
    const start = at;
    let inClass = false;
    for (at += 1; inClass || source[at] !== "/"; at += 1) {
      const char = source[at];
      if (char === undefined || char === "\n") throw failed("a regular expression");
      if (char === "\\") at += 1;
      else if (char === "[") inClass = true;
      else if (char === "]") inClass = false;
    }
    at += 1;
    while (wordPart.test(source[at] ?? "")) at += 1;
    push("regex", source.slice(start, at));
  };

  while (at < source.length) {
    const char = source.charAt(at);
    if (char === "\n") line += 1;
    if (/\s/.test(char)) at += 1;
    else if (source.startsWith("//", at)) {
      const end = source.indexOf("\n", at);
      at = end === -1 ? source.length : end;
    } else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      if (end === -1) throw failed("a comment");
      line += source.slice(at, end).split("\n").length - 1;
      at = end + 2;
    } else if (char === '"' || char === "'" || char === "`") {
      at += 1;
      literal(char);
    } else if (wordStart.test(char)) {
      const start = at;
      for (at += 1; wordPart.test(source[at] ?? ""); ) at += 1;
      push("word", source.slice(start, at));
    } else if (/\d/.test(char)) {
      const start = at;
      for (at += 1; /[\w.]/.test(source[at] ?? ""); ) at += 1;
      push("number", source.slice(start, at));
    } else if (char === "/" && regexMayBegin()) regex();
    else if (char === "}" && substitutions.at(-1) === 0) {
      substitutions.pop();
      at += 1;
      literal("`");
    } else {
      const depth = substitutions.length - 1;
      if (depth >= 0 && (char === "{" || char === "}")) {
        substitutions[depth] = (substitutions[depth] ?? 0) + (char === "{" ? 1 : -1);
      }
      push("mark", char);
      at += 1;
    }
  }
  return tokens;
}

const isMark = (token: Token | undefined, text: string): boolean => token?.kind === "mark" && token.text === text;

/** The arguments of a call whose opening bracket is at `open`, each as its tokens; an empty list when there are none. */
export function argumentsAt(tokens: readonly Token[], open: number): Token[][] {
  const found: Token[][] = [[]];
  let depth = 0;
  for (let index = open; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token === undefined) break;
    const opens = token.kind === "mark" && /^[([{]$/.test(token.text);
    const closes = token.kind === "mark" && /^[)\]}]$/.test(token.text);
    if (closes) depth -= 1;
    if (depth === 0 && closes) break;
    if (depth === 1 && isMark(token, ",")) found.push([]);
    else if (depth >= 1) found.at(-1)?.push(token);
    if (opens) depth += 1;
  }
  return found.filter((argument) => argument.length > 0);
}

/** What a file imports, by any form: static, re-exported, dynamic, or as the URL of a worker. */
export function importsOf(tokens: readonly Token[]): { readonly specifier: string; readonly line: number }[] {
  const found: { specifier: string; line: number }[] = [];
  tokens.forEach((token, index) => {
    if (token.kind !== "string") return;
    const before = tokens[index - 1];
    const beforeThat = tokens[index - 2];
    const named = before?.kind === "word" && (before.text === "from" || before.text === "import");
    const called =
      isMark(before, "(") && beforeThat?.kind === "word" && ["import", "URL", "require"].includes(beforeThat.text);
    if (named || (called && (beforeThat.text !== "URL" || token.text.startsWith(".")))) {
      found.push({ specifier: token.text, line: token.line });
    }
  });
  return found;
}
