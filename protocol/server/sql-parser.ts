/**
 * PostgreSQL's own grammar, compiled to WebAssembly (libpg-query), as a function from text to statements.
 *
 * A statement that is nested too deep can exhaust the machine's stack within the grammar's code. The instance in which that happened has
 * lost its place and its memory, so it is thrown away. Instances are made asynchronously, therefore one is always kept in reserve; should
 * two be lost before a third is made, statements are refused for that moment.
 */
import { createRequire } from "node:module";
import { statementError } from "../../actors/sql/engine.js";
import { SqlError } from "../../runtime/query/error.js";
import type { ParsedStatement } from "../../runtime/query/syntax/ast.js";
import { convertStatements } from "../../runtime/query/syntax/convert.js";
import {
  blankSystemTimes,
  maySaySystemTime,
  readSystemTimes,
  type SystemTimeClause,
  type Token,
} from "../../runtime/query/syntax/system-time.js";
import type { Fields } from "../../runtime/query/syntax/tree.js";
import { assert } from "../../runtime/types/assert.js";

/** Bytes of one message's statements at most: beyond it, parsing would hold up everybody else of the thread. */
export const statementBytesMax = 1_048_576;

/** Hears of what is a bug of the walk from the grammar's tree to statements: it is told to the client as an error of its statement. */
export type DefectListener = (error: Error) => void;

/** What the grammar's module offers of itself. */
interface Grammar {
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, pointer: number, bytesMax: number): void;
  UTF8ToString(pointer: number): string;
  getValue(pointer: number, type: "i32"): number;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _wasm_parse_query_raw(text: number): number;
  _wasm_free_parse_result(result: number): void;
  _wasm_scan(text: number): number;
  _wasm_free_string(text: number): void;
}

const require = createRequire(import.meta.url);
const loadGrammar = require("libpg-query/wasm/libpg-query.js") as () => Promise<Grammar>;

export class SqlParser {
  #grammar: Grammar | null;
  #reserve: Grammar | null = null;
  readonly #defect: DefectListener;

  private constructor(grammar: Grammar, defect: DefectListener) {
    this.#grammar = grammar;
    this.#defect = defect;
    this.#restock();
  }

  /** Loads the grammar; about 20 ms. */
  static async load(defect: DefectListener = () => {}): Promise<SqlParser> {
    return new SqlParser(await loadGrammar(), defect);
  }

  /**
   * Statements of a text, in order; none if it holds only spaces and comments. Throws `SqlError`, whose position counts bytes of the text:
   * 42601 what the grammar refuses, 0A000 what is not done here, 54000 and 54001 what is too long or too deep, XX000 a bug of ours.
   */
  parse(text: string): readonly ParsedStatement[] {
    const bytes = Buffer.byteLength(text);
    if (bytes > statementBytesMax) {
      throw new SqlError("54000", `statement of ${bytes} bytes is longer than ${statementBytesMax}`, {
        hint: "Load many rows with COPY, or send values as parameters.",
      });
    }
    if (text.includes("\0")) throw new SqlError("22021", 'invalid byte sequence for encoding "UTF8": 0x00');
    let times: readonly SystemTimeClause[] = [];
    let plain = text;
    if (maySaySystemTime(text)) {
      times = readSystemTimes(this.#scan(text));
      if (times.length > 0) plain = blankSystemTimes(Buffer.from(text), times);
    }
    const tree = this.#parseTree(plain);
    try {
      return this.#guarded(() => convertStatements(tree, text, times));
    } catch (error) {
      // Nothing but a text and its tree was touched: whatever was wrong, it ends with this statement.
      throw statementError(error, this.#defect);
    }
  }

  #parseTree(text: string): Fields {
    const json = this.#call(text, (grammar, pointer) => {
      const result = grammar._wasm_parse_query_raw(pointer);
      assert(result !== 0, "the grammar answers");
      const error = grammar.getValue(result + 8, "i32");
      if (error !== 0) {
        const message = grammar.UTF8ToString(grammar.getValue(error, "i32"));
        const cursor = grammar.getValue(error + 16, "i32");
        grammar._wasm_free_parse_result(result);
        throw parseError(message, cursor, text);
      }
      const tree = grammar.UTF8ToString(grammar.getValue(result, "i32"));
      grammar._wasm_free_parse_result(result);
      return tree;
    });
    return this.#guarded(() => JSON.parse(json) as Fields);
  }

  #scan(text: string): readonly Token[] {
    const json = this.#call(text, (grammar, pointer) => {
      const result = grammar._wasm_scan(pointer);
      const answer = grammar.UTF8ToString(result);
      grammar._wasm_free_string(result);
      return answer;
    });
    // An error of the scanner is met by the parser again, which says where.
    if (!json.startsWith("{")) return [];
    return (JSON.parse(json) as { readonly tokens: readonly Token[] }).tokens;
  }

  /** Calls the grammar with a text in its memory. */
  #call(text: string, run: (grammar: Grammar, pointer: number) => string): string {
    const grammar = this.#take();
    const bytes = grammar.lengthBytesUTF8(text) + 1;
    try {
      const pointer = grammar._malloc(bytes);
      assert(pointer !== 0, "the grammar has memory for a statement of allowed length");
      grammar.stringToUTF8(text, pointer, bytes);
      try {
        return run(grammar, pointer);
      } finally {
        grammar._free(pointer);
      }
    } catch (error) {
      if (error instanceof SqlError) throw error;
      this.#lose();
      if (error instanceof RangeError || (error instanceof Error && error.name === "RuntimeError")) {
        throw new SqlError("54001", "stack depth limit exceeded");
      }
      throw error;
    }
  }

  /** Runs what walks a tree: one that is deeper than this thread's stack is refused. */
  #guarded<T>(walk: () => T): T {
    try {
      return walk();
    } catch (error) {
      if (error instanceof RangeError) throw new SqlError("54001", "stack depth limit exceeded");
      throw error;
    }
  }

  #take(): Grammar {
    this.#grammar ??= this.#reserve;
    if (this.#grammar === null) throw new SqlError("57P03", "the parser is being restarted: try again");
    if (this.#grammar === this.#reserve) {
      this.#reserve = null;
      this.#restock();
    }
    return this.#grammar;
  }

  #lose(): void {
    this.#grammar = null;
  }

  #restock(): void {
    void loadGrammar().then((grammar) => {
      this.#reserve ??= grammar;
    });
  }
}

/** The grammar counts characters from 1; here positions are bytes from 0. */
function parseError(message: string, cursor: number, text: string): SqlError {
  if (message.startsWith("memory exhausted")) return new SqlError("54001", "stack depth limit exceeded");
  const position = cursor > 0 ? bytesOfCharacters(text, cursor - 1) : undefined;
  if (message === "invalid Unicode escape") return unicodeError(message, position, text);
  return new SqlError(parseErrorState(message), message, { position });
}

/** In `E'…'` an escape is wrong, in `U&'…'` the syntax is, and each says how it should be written. */
function unicodeError(message: string, position: number | undefined, text: string): SqlError {
  const before = Buffer.from(text).subarray(0, position).toString();
  const [begun = ""] = before.match(/(?:\be(?=')|\bu&(?=['"]))(?!.*(?:\be'|\bu&['"]))/isu) ?? [];
  return begun.toLowerCase() === "u&"
    ? new SqlError("42601", message, { position, hint: "Unicode escapes must be \\XXXX or \\+XXXXXX." })
    : new SqlError("22025", message, { position, hint: "Unicode escapes must be \\uXXXX or \\UXXXXXXXX." });
}

function parseErrorState(message: string): string {
  if (message.includes("is out of range for type") || message.startsWith("parameter number too large")) return "22003";
  if (/^frame (?:start|end)/.test(message)) return "42P20";
  if (/^(?:column|relation|type) name .* must be|^improper (?:qualified|relation)/.test(message)) return "42601";
  if (/^a column list with SET .* is only supported/.test(message)) return "0A000";
  if (message === "CREATE SCHEMA IF NOT EXISTS cannot include schema elements") return "0A000";
  return message.includes("not yet supported") || message.includes("not supported") ? "0A000" : "42601";
}

function bytesOfCharacters(text: string, characters: number): number {
  let units = 0;
  for (let left = characters; left > 0 && units < text.length; left -= 1) {
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return Buffer.byteLength(text.slice(0, units));
}
