/**
 * pg_lsn, and what is asked of the log in it. The place of what is committed is the position of the state that is read: what
 * `kimberlite.position` shows as a number. No node of a cluster recovers from another's log as PostgreSQL's standbys do, so that of places
 * received and replayed there are none.
 */
import { SqlError } from "../../error.js";
import { int64 } from "../../types/bytes.js";
import type { Int64 } from "../../types/datum.js";
import { Decimal, decimalFromInteger, roundDecimal } from "../../types/decimal.js";
import { unsignedPlace } from "../../types/log-place.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";

const limit = 1n << 64n;
const outOfRange = (): SqlError => new SqlError("22003", "pg_lsn out of range");

function placeAt(value: bigint): Int64 {
  if (value < 0n || value >= limit) throw outOfRange();
  return int64(value);
}

/** @param number bytes, which are rounded */
function whole(number: Decimal, infinite: string): bigint {
  if (number.special === "NaN")
    throw new SqlError("0A000", `cannot ${infinite} NaN ${infinite === "add" ? "to" : "from"} pg_lsn`);
  if (number.special !== null) throw outOfRange();
  return roundDecimal(number, 0).coefficient;
}

const difference = (a: Int64, b: Int64): Decimal => decimalFromInteger(unsignedPlace(a) - unsignedPlace(b));
const sum = (place: Int64, number: Decimal): Int64 => placeAt(unsignedPlace(place) + whole(number, "add"));
const committed = (context: EvaluationContext): Int64 => Math.max(0, context.position);

export const logPlaces: readonly Implementation[] = strictly({
  "pg_lsn_mi(pg_lsn,pg_lsn)": difference,
  "pg_wal_lsn_diff(pg_lsn,pg_lsn)": difference,
  "pg_lsn_pli(pg_lsn,numeric)": sum,
  "numeric_pl_pg_lsn(numeric,pg_lsn)": (number, place) => sum(place, number),
  "pg_lsn_mii(pg_lsn,numeric)": (place, number) => placeAt(unsignedPlace(place) - whole(number, "subtract")),
  "pg_lsn(numeric)": (number) => {
    if (number.special === "NaN") throw new SqlError("0A000", "cannot convert NaN to pg_lsn");
    if (number.special !== null) throw new SqlError("0A000", "cannot convert infinity to pg_lsn");
    return placeAt(roundDecimal(number, 0).coefficient);
  },
  "pg_current_wal_lsn()": committed,
  "pg_current_wal_insert_lsn()": committed,
  "pg_current_wal_flush_lsn()": committed,
  "pg_last_wal_receive_lsn()": () => null,
  "pg_last_wal_replay_lsn()": () => null,
  "pg_last_xact_replay_timestamp()": () => null,
});
