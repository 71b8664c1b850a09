/**
 * How a command speaks. Results go to standard output: tables and sentences for people, or with `--json` one JSON document (or
 * one JSON line per item, where items stream). Everything else (progress, notes, errors) goes to standard error, so that a
 * pipe carries results only. Writing waits for a slow reader: nothing is buffered without bound.
 */
import { once } from "node:events";
import { errorRegistry, toErrorRecord } from "../../runtime/types/errors.js";
import type { Surroundings, TerminalOutput } from "./surroundings.js";
import { type Cell, renderPairs, renderTable } from "./table.js";

export class Output {
  readonly #surroundings: Surroundings;
  readonly json: boolean;

  constructor(surroundings: Surroundings, json: boolean) {
    this.#surroundings = surroundings;
    this.json = json;
  }

  /** Progress bars and redrawing make sense: a person looks at standard error, and not for JSON. */
  get interactive(): boolean {
    return this.#surroundings.stderr.isTTY === true && !this.json;
  }

  /** Raw text to standard output. */
  async text(text: string | Uint8Array): Promise<void> {
    await write(this.#surroundings.stdout, text);
  }

  async line(text: string): Promise<void> {
    await this.text(`${text}\n`);
  }

  /** One item of a stream as a JSON line. */
  async jsonLine(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value));
  }

  /** The one result of a command: `human` for people, `value` for programs. */
  async result(value: unknown, human: () => string): Promise<void> {
    await this.line(this.json ? JSON.stringify(value) : human());
  }

  async table(value: unknown, headings: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void> {
    await this.result(value, () => renderTable(headings, rows));
  }

  async pairs(value: unknown, pairs: readonly (readonly [string, Cell])[]): Promise<void> {
    await this.result(value, () => renderPairs(pairs));
  }

  /** A remark for people; left out with `--json`. */
  async note(text: string): Promise<void> {
    if (!this.json) await write(this.#surroundings.stderr, `${text}\n`);
  }

  /** What went wrong, on standard error: a sentence, or with `--json` one line `{"error": {…}}`. */
  async error(error: unknown): Promise<void> {
    if (this.json) {
      await write(this.#surroundings.stderr, `${errorLine(error)}\n`);
      return;
    }
    const record = toErrorRecord(error);
    const unexpected = record.code === "internal" && error instanceof Error ? `\n${error.stack ?? ""}` : "";
    await write(this.#surroundings.stderr, `kimberlite: ${record.message} (${record.code})${unexpected}\n`);
  }
}

/** An error as its one JSON line, without the line end. */
export function errorLine(error: unknown): string {
  const record = toErrorRecord(error);
  const { sqlState, retry } = errorRegistry[record.code];
  return JSON.stringify({ error: { ...record, sqlState, retry } });
}

async function write(stream: TerminalOutput, text: string | Uint8Array): Promise<void> {
  if (!stream.write(text)) await once(stream, "drain");
}
