/**
 * Lines of input until a statement is whole: it ends at a semicolon outside of quotes, dollar quotes, comments and parentheses. What the
 * grammar makes of it is the server's affair.
 */
export class StatementReader {
  #text = "";

  /** True between statements: a line may then be a command of the shell. */
  get isEmpty(): boolean {
    return this.#text.trim() === "";
  }

  /** Whole statements that the line completes, with their semicolons. */
  push(line: string): string[] {
    this.#text += `${line}\n`;
    const statements: string[] = [];
    for (;;) {
      const end = endOfStatement(this.#text);
      if (end < 0) return statements;
      statements.push(this.#text.slice(0, end).trim());
      this.#text = this.#text.slice(end);
    }
  }

  /** What is left without a semicolon. */
  finish(): string[] {
    const rest = this.#text.trim();
    this.#text = "";
    return rest === "" ? [] : [rest];
  }

  clear(): void {
    this.#text = "";
  }
}

const parts =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|[;()]|['"]|\/\*|\$(?:[A-Za-z_]\w*)?\$/g;

/** The place behind the first semicolon that ends a statement; -1 while there is none. */
function endOfStatement(text: string): number {
  let depth = 0;
  for (const match of text.matchAll(parts)) {
    const [part] = match;
    // A quote or comment that is not closed takes in the rest.
    if (part === "'" || part === '"' || part === "/*" || /^\$\w*\$$/.test(part)) return -1;
    if (part === "(") depth += 1;
    else if (part === ")") depth = Math.max(0, depth - 1);
    else if (part === ";" && depth === 0) return match.index + 1;
  }
  return -1;
}
