/** A statement as it was written, and how it travels. */
import type { DefinitionStatement } from "./ast-definition.js";
import type { DataStatement } from "./ast-modify.js";
import type { SessionStatement } from "./ast-session.js";

export type Statement = DataStatement | DefinitionStatement | SessionStatement;

/** One statement of a text that may hold several. */
export interface ParsedStatement {
  /** The statement's own text, without the semicolon. Locations within `statement` count its UTF-8 bytes. */
  readonly text: string;
  /** Where it begins in the whole text, in bytes. */
  readonly offset: number;
  readonly statement: Statement;
  /** The highest `$n` in it. */
  readonly parameterCount: number;
  /** Those of its `WHERE CURRENT OF`: each has a parameter more, behind the others, in this order. */
  readonly cursors: readonly string[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A syntax tree as bytes, from thread to thread of one node: JSON, as all nodes are plain data. */
export const encodeStatement = (statement: Statement): Uint8Array => encoder.encode(JSON.stringify(statement));

/** What `encodeStatement` of the same program wrote. */
export const decodeStatement = (bytes: Uint8Array): Statement => JSON.parse(decoder.decode(bytes)) as Statement;
