/** Julian days as PostgreSQL counts them. */
import { type CalendarDate, dateFromDays } from "./calendar.js";

/** Of 2000-01-01. */
const epochJulian = 2_451_545;

/** The date of a Julian day; one of 32 bits that are less than none is as far beyond the last. */
export function julianDate(julian: number): CalendarDate {
  // Counted from 4801 BC in 32 bits without a sign.
  const days = ((julian + 32_044) >>> 0) - 32_044;
  return dateFromDays(days - epochJulian);
}

/** Whether a date's Julian day can be computed: from November 4714 BC to May 5874898. */
export const isJulianDate = ({ year, month }: CalendarDate): boolean =>
  (year > -4_713 || (year === -4_713 && month >= 11)) && (year < 5_874_898 || (year === 5_874_898 && month < 6));
