/**
 * Input for `append`: one event a line, cut into batches, in bounded memory whatever the size of the input.
 *
 * The bytes of a line are the event, as they stand (without the line end); parsing only proves that they are JSON. Batches end at
 * a number of events or of bytes: then the same input always gives the same batches, which is what makes a repeated run with the
 * same key prefix find its earlier outcome. Without a key prefix they may also end where the input pauses.
 */

import { KimberliteError } from "../../runtime/types/errors.js";
import { appendBytesMax, appendEventsMax, eventBytesMax } from "../../runtime/types/limits.js";

/** Bytes that an event adds to an append besides its payload. */
export const eventOverheadBytes = 5;
const newline = 10;
const decoder = new TextDecoder("utf-8", { fatal: true });

export interface LineBatch {
  readonly events: readonly Uint8Array[];
  /** Lines of the input, counted from 1, empty ones included. */
  readonly firstLine: number;
  readonly lastLine: number;
  /** Input bytes consumed up to the end of this batch. */
  readonly bytesRead: number;
}

export interface LineLimits {
  readonly events: number;
  readonly bytes: number;
  /** `json` refuses a line that is not JSON; `raw` takes any bytes. */
  readonly format: "json" | "raw";
  /** `chunks` also ends a batch where the input pauses, so that a slow pipe's events are not held back. */
  readonly endAt: "limits" | "chunks";
}

/** Throws `invalidArgument` or `eventTooLarge` naming the line and, for JSON, the column. */
export async function* lineBatches(
  input: AsyncIterable<Uint8Array | string>,
  limits: LineLimits,
): AsyncGenerator<LineBatch> {
  const eventsMax = Math.min(limits.events, appendEventsMax);
  const bytesMax = Math.min(limits.bytes, appendBytesMax);
  let events: Uint8Array[] = [];
  let eventsBytes = 0;
  let firstLine = 0;
  let line = 0;
  let bytesRead = 0;
  /** Pieces of a line that began in an earlier chunk. */
  let begun: Uint8Array[] = [];
  let begunBytes = 0;

  const cut = (): LineBatch => {
    const batch = { events, firstLine, lastLine: line, bytesRead };
    events = [];
    eventsBytes = 0;
    return batch;
  };

  /** Takes a whole line; gives back the batch that had to be closed before it, if any. */
  const take = (piece: Uint8Array, lineEndBytes: number): LineBatch | null => {
    const whole = begun.length === 0 ? piece : joined([...begun, piece], begunBytes + piece.length);
    begun = [];
    begunBytes = 0;
    const event = limits.format === "json" && whole.at(-1) === 13 ? whole.subarray(0, -1) : whole;
    if (event.length > 0) check(event, line + 1, limits.format);
    const before =
      events.length > 0 && (events.length >= eventsMax || eventsBytes + event.length + eventOverheadBytes > bytesMax);
    const closed = before ? cut() : null;
    line += 1;
    bytesRead += whole.length + lineEndBytes;
    if (event.length === 0) return closed;
    if (events.length === 0) firstLine = line;
    events.push(event);
    eventsBytes += event.length + eventOverheadBytes;
    return closed;
  };

  try {
    for await (const chunk of input) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      let from = 0;
      for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, from)) {
        const closed = take(bytes.subarray(from, end), 1);
        if (closed !== null) yield closed;
        from = end + 1;
      }
      if (from < bytes.length) {
        begun.push(bytes.subarray(from));
        begunBytes += bytes.length - from;
        if (begunBytes > eventBytesMax + 1) throw tooLarge(line + 1, begunBytes);
      }
      if (limits.endAt === "chunks" && events.length > 0) yield cut();
    }
    if (begunBytes > 0) {
      const closed = take(new Uint8Array(0), 0);
      if (closed !== null) yield closed;
    }
  } catch (error) {
    // What stands before a line that is no event is complete.
    if (events.length > 0) yield cut();
    throw error;
  }
  if (events.length > 0) yield cut();
}

const tooLarge = (line: number, bytes: number): KimberliteError =>
  new KimberliteError(
    "eventTooLarge",
    `line ${line} has more than ${eventBytesMax} bytes; nothing from this line on was written`,
    {
      detail: { line, bytes, bytesMax: eventBytesMax },
    },
  );

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function check(event: Uint8Array, line: number, format: LineLimits["format"]): void {
  if (event.length > eventBytesMax) throw tooLarge(line, event.length);
  if (format === "raw") return;
  let text: string;
  try {
    text = decoder.decode(event);
  } catch (cause) {
    throw new KimberliteError("invalidArgument", `line ${line} is not UTF-8; use --raw for bytes`, {
      cause,
      detail: { line },
    });
  }
  try {
    JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    // Older engines say "at position 12", newer ones add "(line 1 column 13)", and an early end has no place but the end.
    const at = /at position (\d+)/.exec(reason)?.[1];
    const column = at === undefined ? text.length + 1 : Number(at) + 1;
    const what = reason
      .replace(/ in JSON at position .*| \(line .*|, "[^]*$/s, "")
      .replace(/^Unexpected end of JSON input$/, "unexpected end");
    throw new KimberliteError("invalidArgument", `line ${line}, column ${column}: not JSON: ${what}`, {
      cause,
      detail: { line, column },
    });
  }
}
