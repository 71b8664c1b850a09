/** The node's log: pino's JSON lines on standard error, or on a terminal one readable line each. */
import { type DestinationStream, type Logger as Pino, pino } from "pino";
import type { Logger } from "../../runtime/actor/definition.js";
import type { Surroundings } from "./surroundings.js";
import { printable } from "./table.js";

export interface NodeLog {
  readonly logger: Logger;
  readonly pino: Pino;
}

/** @param readable lines for a person instead of JSON */
export function nodeLog(surroundings: Surroundings, level: string, readable: boolean): NodeLog {
  const stream: DestinationStream = {
    write: (line) => void surroundings.stderr.write(readable ? `${readableLine(line)}\n` : line),
  };
  const log = pino({ level, base: { pid: process.pid } }, stream);
  return {
    pino: log,
    logger: {
      debug: (message, fields = {}) => log.debug(fields, message),
      info: (message, fields = {}) => log.info(fields, message),
      warn: (message, fields = {}) => log.warn(fields, message),
      error: (message, fields = {}) => log.error(fields, message),
    },
  };
}

/** `12:00:01.123 info  message  name=value …` */
export function readableLine(line: string): string {
  const { time, level, msg, pid: _pid, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = typeof time === "number" ? new Date(time).toISOString().slice(11, 23) : "";
  const label = typeof level === "number" ? (pino.levels.labels[level] ?? "") : "";
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return printable([clock, label.padEnd(5), String(msg), ...shown].join(" ")).trimEnd();
}
