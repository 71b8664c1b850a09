/**
 * How functions are written down: by the signature PostgreSQL knows them under, with parameters whose TypeScript types follow from it.
 *
 *   strictly({ "lpad(text,int4,text)": (s, length, fill) => … })
 *
 * A strict function never sees NULL, one of `nullably` may. After its arguments a function is given the context and the types it was
 * resolved with, which most leave off. Oids, result types and strictness come from the facts; the registry holds them against this.
 */
import type { SqlArray } from "../types/array.js";
import type { TimeWithZone } from "../types/date-time/time-with-zone.js";
import type { Datum, Int64 } from "../types/datum.js";
import type { Decimal } from "../types/decimal.js";
import type { Inet } from "../types/inet.js";
import type { Interval } from "../types/interval.js";
import type { Jsonb } from "../types/jsonb.js";
import type { SqlRecord } from "../types/record.js";
import type { Oid } from "../types/sql-type.js";
import type { EvaluationContext } from "./context.js";
import type { Accumulator, ResultColumn, SortOrder, WindowView } from "./registry.js";

/** Types of a call after resolution: what polymorphic functions look at. */
export interface CallTypes {
  readonly args: readonly Oid[];
  readonly result: Oid;
}

interface ValueByName {
  bool: boolean;
  bytea: Uint8Array;
  char: string;
  name: string;
  int8: Int64;
  int2: number;
  int4: number;
  regproc: number;
  text: string;
  oid: number;
  tid: string;
  xid: number;
  cid: number;
  json: string;
  float4: number;
  float8: number;
  unknown: string;
  bpchar: string;
  varchar: string;
  date: number;
  time: number;
  timetz: TimeWithZone;
  timestamp: Int64;
  timestamptz: Int64;
  interval: Interval;
  numeric: Decimal;
  regprocedure: number;
  regoper: number;
  regoperator: number;
  regclass: number;
  regtype: number;
  regnamespace: number;
  regrole: number;
  uuid: string;
  money: Int64;
  macaddr: string;
  macaddr8: string;
  bit: string;
  varbit: string;
  inet: Inet;
  cidr: Inet;
  jsonb: Jsonb;
  jsonpath: string;
  record: SqlRecord;
  anyarray: SqlArray;
  anycompatiblearray: SqlArray;
  int2vector: SqlArray;
  oidvector: SqlArray;
  xid8: Int64;
  pg_lsn: Int64;
}

type ValueOf<Name extends string> = Name extends keyof ValueByName
  ? ValueByName[Name]
  : Name extends `_${string}`
    ? SqlArray
    : Datum;

type ValuesOf<Names extends string> = Names extends ""
  ? []
  : Names extends `${infer First},${infer Rest}`
    ? [ValueOf<First>, ...ValuesOf<Rest>]
    : [ValueOf<Names>];

type ParametersOf<Signature extends string> = Signature extends `${string}(${infer Names})` ? ValuesOf<Names> : never;
type Nullable<Values extends readonly unknown[]> = { [Index in keyof Values]: Values[Index] | null };

/** A function as it is kept: called with its arguments, the context and the types of the call. */
export type AnyFunction<Result> = (...args: readonly unknown[]) => Result;

export type Implementation =
  | {
      readonly kind: "scalar";
      readonly signature: string;
      readonly isStrict: boolean;
      readonly call: AnyFunction<Datum>;
    }
  /** `concat(VARIADIC "any")`: all arguments in one array, with the types of each. */
  | {
      readonly kind: "variadic";
      readonly signature: string;
      readonly call: (args: readonly Datum[], context: EvaluationContext, types: CallTypes) => Datum;
    }
  | {
      readonly kind: "set";
      readonly signature: string;
      readonly isStrict: boolean;
      readonly rows: AnyFunction<Iterable<Datum>>;
    }
  | {
      readonly kind: "aggregate";
      readonly signature: string;
      /** Rows with a NULL argument are passed over. */
      readonly isStrict: boolean;
      readonly start: (types: CallTypes, context: EvaluationContext, orders: readonly SortOrder[]) => Accumulator;
    }
  | {
      readonly kind: "window";
      readonly signature: string;
      readonly start: (types: CallTypes, context: EvaluationContext) => (view: WindowView) => Datum;
    };

type StrictTable<S extends string, Result> = {
  readonly [Signature in S]: (...args: [...ParametersOf<Signature>, EvaluationContext, CallTypes]) => Result;
};
type NullableTable<S extends string, Result> = {
  readonly [Signature in S]: (...args: [...Nullable<ParametersOf<Signature>>, EvaluationContext, CallTypes]) => Result;
};
type NullableSetTable<S extends string> = {
  readonly [Signature in S]: (
    ...args: [...Nullable<ParametersOf<Signature>>, EvaluationContext, CallTypes, readonly ResultColumn[]]
  ) => Iterable<Datum>;
};
type SetTable<S extends string> = {
  readonly [Signature in S]: (
    ...args: [...ParametersOf<Signature>, EvaluationContext, CallTypes, readonly ResultColumn[]]
  ) => Iterable<Datum>;
};

// The one place where the types of parameters are forgotten: the signature they came from is kept beside the code.
const forget = <Result>(code: unknown): AnyFunction<Result> => code as AnyFunction<Result>;

export const strictly = <S extends string>(table: StrictTable<S, Datum>): Implementation[] =>
  Object.entries(table).map(([signature, code]) => ({
    kind: "scalar",
    signature,
    isStrict: true,
    call: forget<Datum>(code),
  }));

export const nullably = <S extends string>(table: NullableTable<S, Datum>): Implementation[] =>
  Object.entries(table).map(([signature, code]) => ({
    kind: "scalar",
    signature,
    isStrict: false,
    call: forget<Datum>(code),
  }));

/** One function whose signature is computed: for families that differ only in their types. */
export const strictOf = (signature: string, call: (a: never, b: never) => Datum): Implementation => ({
  kind: "scalar",
  signature,
  isStrict: true,
  call: forget<Datum>(call),
});

export const variadics = (
  table: Readonly<Record<string, (args: readonly Datum[], context: EvaluationContext, types: CallTypes) => Datum>>,
): Implementation[] => Object.entries(table).map(([signature, call]) => ({ kind: "variadic", signature, call }));

/** Set-returning functions, strict ones: NULL for an argument is no rows. */
export const sets = <S extends string>(table: SetTable<S>): Implementation[] =>
  Object.entries(table).map(([signature, code]) => ({
    kind: "set",
    signature,
    isStrict: true,
    rows: forget<Iterable<Datum>>(code),
  }));

/** Set-returning functions that look at NULL themselves. */
export const setsOfAny = <S extends string>(table: NullableSetTable<S>): Implementation[] =>
  Object.entries(table).map(([signature, code]) => ({
    kind: "set",
    signature,
    isStrict: false,
    rows: forget<Iterable<Datum>>(code),
  }));

type AggregateTable = Readonly<
  Record<string, (types: CallTypes, context: EvaluationContext, orders: readonly SortOrder[]) => Accumulator>
>;

/** Aggregates that pass over rows with a NULL argument. */
export const aggregates = (table: AggregateTable): Implementation[] =>
  Object.entries(table).map(([signature, start]) => ({ kind: "aggregate", signature, isStrict: true, start }));

/** Aggregates that look at every row. */
export const aggregatesOfAll = (table: AggregateTable): Implementation[] =>
  Object.entries(table).map(([signature, start]) => ({ kind: "aggregate", signature, isStrict: false, start }));

export const windows = (
  table: Readonly<Record<string, (types: CallTypes, context: EvaluationContext) => (view: WindowView) => Datum>>,
): Implementation[] => Object.entries(table).map(([signature, start]) => ({ kind: "window", signature, start }));
