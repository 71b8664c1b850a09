/** `to_char` of times and intervals, `to_date` and `to_timestamp` of texts. */
import { SqlError } from "../../error.js";
import {
  checkedTimestamp,
  dateMax,
  dateMin,
  isFiniteTime,
  joinDays,
  timestampOutOfRange,
} from "../../types/date-time/calendar.js";
import { fromLocal, limitTimestamp, toLocal } from "../../types/date-time/codecs.js";
import { zoneOffsetAt } from "../../types/date-time/format.js";
import { isJulianDate } from "../../types/date-time/julian.js";
import { requireZone } from "../../types/date-time/zones.js";
import { microsPerSecond } from "../../types/interval.js";
import { type Implementation, strictly } from "../define.js";
import { moment } from "./read-dates.js";
import { showInterval, showTimestamp } from "./show-dates.js";

export const dateFormats: readonly Implementation[] = strictly({
  "to_char(timestamp,text)": (timestamp, pattern) => showTimestamp(timestamp, pattern, null),
  "to_char(timestamptz,text)": (timestamp, pattern, context) => {
    if (!isFiniteTime(timestamp)) return null;
    const zone = requireZone(context.timeZone);
    return showTimestamp(toLocal(timestamp, zone), pattern, zoneOffsetAt(zone, timestamp));
  },
  "to_char(interval,text)": (interval, pattern) => showInterval(interval, pattern),
  "to_date(text,text)": (text, pattern) => {
    const read = moment(text, pattern);
    const { days } = read;
    if (!isJulianDate(read) || days < dateMin || days > dateMax)
      throw new SqlError("22008", `date out of range: "${text}"`);
    return days;
  },
  "to_timestamp(text,text)": (text, pattern, context) => {
    const read = moment(text, pattern);
    if (!isJulianDate(read)) throw timestampOutOfRange();
    const { days, micros, offset, precision } = read;
    const time =
      offset === null
        ? fromLocal(joinDays(days, micros), requireZone(context.timeZone))
        : joinDays(days, micros - offset * microsPerSecond);
    return limitTimestamp(checkedTimestamp(time), precision ?? -1);
  },
});
