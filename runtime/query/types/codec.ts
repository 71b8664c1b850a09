/**
 * Input and output of a type's values: text, as literals and the protocol's text format have it, and the protocol's binary format.
 * One codec a type; `codecOf` finds it by oid.
 */
import type { Value } from "./datum.js";
import type { TextContext } from "./text-context.js";

export interface TypeCodec {
  /** Throws PostgreSQL's error (22P02, 22003, 22007, 22008, …). A length in the modifier is applied as an assignment would: too long is an error. */
  input(text: string, modifier: number, context: TextContext): Value;
  output(value: Value, context: TextContext): string;
  /** Throws 22P03 when the bytes are no value. */
  receive(bytes: Uint8Array, modifier: number, context: TextContext): Value;
  send(value: Value, context: TextContext): Uint8Array;
}
