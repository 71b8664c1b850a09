/**
 * What the text of a value depends on beside the value: settings of the session, and names in the catalog. All of it is given as values,
 * so that the same statement with the same context has the same result anywhere.
 */
import type { Int64 } from "./datum.js";
import type { Oid, RecordField } from "./sql-type.js";

export interface DateStyle {
  readonly format: "ISO" | "SQL" | "Postgres" | "German";
  /** Order in which the parts of `1/2/2003` are read. */
  readonly order: "MDY" | "DMY" | "YMD";
}

/** Objects that have a name, so that `'t'::regclass` is an oid and an oid is shown as `t`. */
export type NamedObjectKind =
  | "regclass"
  | "regtype"
  | "regproc"
  | "regprocedure"
  | "regoper"
  | "regoperator"
  | "regnamespace"
  | "regrole";

export interface ObjectNames {
  /** Throws PostgreSQL's error (42P01, 42704, …) when there is no such object; the text is as the user wrote it, quotes and all. */
  oidOf(kind: NamedObjectKind, text: string): Oid;
  /** The name as SQL would have it, qualified where the search path does not find it; null when there is no such object. */
  nameOf(kind: NamedObjectKind, oid: Oid): string | null;
  /** Null where the catalog has no such enum. */
  enumLabels(type: Oid): EnumLabels | null;
  /** The fields of a composite type in their order; null where the catalog has no such type. */
  fieldsOf(type: Oid): readonly RecordField[] | null;
}

/** The values of an enum: the numbers that they are (user-types.ts), by their labels and back. */
export interface EnumLabels {
  valueOf(label: string): number | null;
  labelOf(value: number): string | null;
  /** In their order. */
  readonly values: readonly number[];
}

export interface TextContext {
  /** Name of a zone of the pinned table, or a fixed offset in POSIX form: the setting `TimeZone`. */
  readonly timeZone: string;
  readonly dateStyle: DateStyle;
  readonly intervalStyle: "postgres" | "postgres_verbose" | "sql_standard" | "iso_8601";
  readonly extraFloatDigits: number;
  readonly byteaOutput: "hex" | "escape";
  /** What `now()` is: µs since 2000-01-01 UTC; `'now'`, `'today'` and a date without a year are read with it. */
  readonly transactionTime: Int64;
  readonly names: ObjectNames;
}
