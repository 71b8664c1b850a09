/**
 * A value of SQL as the engine holds it. One representation a type, so that code for a type never asks what it was given:
 *
 *   boolean                         boolean
 *   smallint, integer, oid, reg…    number, an integer
 *   bigint                          Int64: number while it is a safe integer, bigint beyond. One value has one form, so `===` is equality
 *   real, double precision          number (real: already rounded by Math.fround)
 *   numeric                         Decimal (exact; NaN and ±Infinity are values of it)
 *   text, varchar, char, name       string; never holds U+0000 or a lone surrogate; char(n) is padded
 *   bytea                           Uint8Array, never changed after it was made
 *   date                            number, days since 2000-01-01; ±Infinity
 *   time                            number, µs since midnight, 0 to 86,400,000,000
 *   timestamp, timestamptz          Int64, µs since 2000-01-01 00:00 (UTC); ±Infinity
 *   time with time zone             TimeWithZone: µs since midnight, seconds east of UTC
 *   interval                        Interval: months, days, µs
 *   uuid                            string, 36 characters, lower case: its order is the order of its bytes
 *   money                           Int64, hundredths
 *   macaddr, macaddr8               string, 6 or 8 bytes in lower case with colons: its order is the order of its bytes
 *   bit, bit varying                string of 0 and 1: its order is theirs
 *   inet, cidr                      Inet: 4 or 16 bytes, and the bits of the prefix
 *   json                            string, as written
 *   jsonb                           Jsonb, in PostgreSQL's canonical form
 *   jsonpath                        string, as written
 *   T[]                             SqlArray, of up to 6 dimensions
 *   record, composite types         SqlRecord
 *   void                            "" (as PostgreSQL shows it)
 *   NULL of any type                null
 *
 * Datums are immutable: an operator makes a new one.
 */
import type { SqlArray } from "./array.js";
import type { TimeWithZone } from "./date-time/time-with-zone.js";
import type { Decimal } from "./decimal.js";
import type { Inet } from "./inet.js";
import type { Interval } from "./interval.js";
import type { Jsonb } from "./jsonb.js";
import type { SqlRecord } from "./record.js";

/** A 64-bit integer: a number while it is safe, a bigint beyond. */
export type Int64 = number | bigint;

export type Value =
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Decimal
  | Interval
  | TimeWithZone
  | Inet
  | Jsonb
  | SqlArray
  | SqlRecord;
export type Datum = Value | null;
