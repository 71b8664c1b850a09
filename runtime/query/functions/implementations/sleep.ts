/**
 * `pg_sleep` and its like. No function may stop the thread that it runs in: it says how long the statement's answer is to be held back, and
 * the clock of the statement goes on as if it had slept.
 */
import { isFiniteTime, subtractInt64 } from "../../types/date-time/calendar.js";
import { intervalTotal, microsPerSecond } from "../../types/interval.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";

/** What `void` looks like. */
const nothing = "";

function sleep(seconds: number, context: EvaluationContext): string {
  // Neither NaN nor what is past is waited for.
  if (seconds > 0) context.session.sleep(seconds * 1_000);
  return nothing;
}

export const sleeps: readonly Implementation[] = strictly({
  "pg_sleep(float8)": (seconds, context) => sleep(seconds, context),
  "pg_sleep_for(interval)": (span, context) => sleep(Number(intervalTotal(span)) / microsPerSecond, context),
  "pg_sleep_until(timestamptz)": (until, context) => {
    const span = isFiniteTime(until) ? Number(subtractInt64(until, context.clock())) : Number(until);
    return sleep(span / microsPerSecond, context);
  },
});
