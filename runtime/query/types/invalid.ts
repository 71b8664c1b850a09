/** The errors that reading a value raises, in PostgreSQL's words. */
import { SqlError } from "../error.js";

export const invalidText = (type: string, text: string, detail?: string): SqlError =>
  new SqlError("22P02", `invalid input syntax for type ${type}: "${text}"`, { detail });

export const outOfRangeText = (type: string, text: string): SqlError =>
  new SqlError("22003", `value "${text}" is out of range for type ${type}`);

export const outOfRange = (type: string): SqlError => new SqlError("22003", `${type} out of range`);

export const invalidBinary = (message = "incorrect binary data format"): SqlError => new SqlError("22P03", message);

/** Bytes that end before the value does: in PostgreSQL the message's fault, not the value's. */
export const insufficientBinary = (what = "insufficient"): SqlError =>
  new SqlError("08P01", `${what} data left in message`);

export const divisionByZero = (): SqlError => new SqlError("22012", "division by zero");
