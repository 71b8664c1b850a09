/**
 * Time zones: the offset from UTC at any moment, and the moment of a wall clock's reading. From the pinned table, from fixed offsets
 * (`+03:00`, `<+03>-3`) and from POSIX rules (`EST5EDT,M3.2.0,M11.1.0`).
 */
import { SqlError } from "../../error.js";
import { dateFromDays, dayOfWeek, daysFromDate, daysInMonth, isLeapYear, secondsPerDay, unixDays } from "./calendar.js";
import { type PosixRule, parseRule, type YearlyMoment, type ZoneOffset } from "./posix-rule.js";
import { zoneTable } from "./zone-table.js";

export type { ZoneOffset } from "./posix-rule.js";

interface Transitions {
  /** Seconds since 1970. */
  readonly moments: readonly number[];
  readonly types: readonly ZoneOffset[];
  /** Index into `types` from each moment on. */
  readonly indexes: readonly number[];
}

export interface TimeZone {
  readonly name: string;
  readonly transitions: Transitions;
  /** What holds after the last transition. */
  readonly rule: PosixRule | null;
  /** An abbreviation by which the zone was named, in upper case: where it once had it, the offset is the one that it meant. */
  readonly called?: string;
}

const lineOf: ReadonlyMap<string, string> = new Map(
  zoneTable
    .trim()
    .split("\n")
    .map((line) => [line.slice(0, line.search(/[|=]/u)).toLowerCase(), line]),
);
const known = new Map<string, TimeZone | null>();
/** Zones kept at most: a client may name as many POSIX rules as it likes. */
const knownMax = 2_000;

/** Zones of the table, by the names they are listed under. */
export const zoneNames = (): readonly string[] =>
  [...lineOf.values()].map((line) => line.slice(0, line.search(/[|=]/u)));

/** The zone of this name in any case, or null. */
export function findZone(name: string): TimeZone | null {
  const key = name.toLowerCase();
  const kept = known.get(key);
  if (kept !== undefined) return kept;
  const zone = readNamed(key) ?? readPosixZone(name);
  if (known.size < knownMax) known.set(key, zone);
  return zone;
}

/** Throws 22023, as AT TIME ZONE does. */
export function requireZone(name: string): TimeZone {
  const zone = findZone(name);
  if (zone === null) throw new SqlError("22023", `time zone "${name}" not recognized`);
  return zone;
}

/** The zone of the table under an abbreviation of its own, which stands for the offset that it meant at the time. */
export function zoneCalled(name: string, abbreviation: string): TimeZone {
  return { ...requireZone(name), called: abbreviation.toUpperCase() };
}

/** Whether its clocks have always shown the same. */
export const isConstant = ({ transitions, rule }: TimeZone): boolean =>
  [...transitions.types, ...(rule === null ? [] : [rule.standard, rule.daylight?.offset ?? rule.standard])].every(
    ({ offset }) => offset === transitions.types[0]?.offset,
  );

/** A zone that is so many seconds east of UTC all year. */
export function fixedZone(offset: number): TimeZone {
  const hours = Math.floor(Math.abs(offset) / 3_600);
  const minutes = Math.floor((Math.abs(offset) % 3_600) / 60);
  const abbreviation = `${offset < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}${minutes === 0 ? "" : `:${String(minutes).padStart(2, "0")}`}`;
  return {
    name: `<${abbreviation}>${abbreviation.startsWith("-") ? abbreviation.replace("-", "+") : abbreviation.replace("+", "-")}`,
    transitions: { moments: [], types: [{ offset, isDst: false, abbreviation }], indexes: [] },
    rule: null,
  };
}

function readNamed(key: string): TimeZone | null {
  const line = lineOf.get(key);
  if (line === undefined) return null;
  const [name = "", typesText, deltasText = "", indexesText = "", rule = ""] = line.split("|");
  if (typesText === undefined) {
    const [alias = "", target = ""] = line.split("=");
    const zone = findZone(target);
    return zone === null ? null : { ...zone, name: alias };
  }
  let last = 0;
  const moments = deltasText === "" ? [] : deltasText.split(",").map((delta) => (last += Number.parseInt(delta, 36)));
  const types = typesText.split(",").map((type): ZoneOffset => {
    const [abbreviation = "", offset, isDst] = type.split(":");
    return { abbreviation, offset: Number(offset), isDst: isDst === "1" };
  });
  const indexes = Array.from(indexesText, (digit) => Number.parseInt(digit, 36));
  return { name, transitions: { moments, types, indexes }, rule: rule.includes(",") ? parseRule(rule) : null };
}

function readPosixZone(name: string): TimeZone | null {
  const rule = parseRule(name);
  if (rule === null) return null;
  return {
    name,
    transitions: { moments: [], types: [rule.standard], indexes: [] },
    rule: rule.daylight === null ? null : rule,
  };
}

/** Seconds since 1970 by the wall clock. */
function yearlySeconds(moment: YearlyMoment, year: number): number {
  return (yearlyDay(moment, year) + unixDays) * secondsPerDay + moment.seconds;
}

function yearlyDay(moment: YearlyMoment, year: number): number {
  if (moment.kind === "day") {
    const first = daysFromDate(year, 1, 1);
    if (moment.countsLeapDay) return first + moment.day;
    return first + moment.day - 1 + (isLeapYear(year) && moment.day >= 60 ? 1 : 0);
  }
  const first = daysFromDate(year, moment.month, 1);
  const day = first + ((moment.weekday - dayOfWeek(first) + 7) % 7) + (moment.week - 1) * 7;
  return day - first >= daysInMonth(year, moment.month) ? day - 7 : day;
}

interface Span {
  readonly current: ZoneOffset;
  /** Seconds since 1970 at which the next offset begins; null when none follows. */
  readonly until: number | null;
  readonly next: ZoneOffset;
}

/** The offset in force at a moment (seconds since 1970), and the one after it. */
function spanAt(zone: TimeZone, seconds: number): Span {
  const { moments, types, indexes } = zone.transitions;
  const typeAt = (index: number): ZoneOffset => types[index] ?? { offset: 0, isDst: false, abbreviation: "UTC" };
  const last = moments.at(-1);
  if (zone.rule !== null && (last === undefined || seconds >= last)) return spanOfRule(zone.rule, seconds);
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle] ?? 0) <= seconds) low = middle + 1;
    else high = middle;
  }
  const current = low === 0 ? typeAt(0) : typeAt(indexes[low - 1] ?? 0);
  const until = moments[low];
  if (until === undefined) return { current, until: null, next: current };
  return { current, until, next: typeAt(indexes[low] ?? 0) };
}

function spanOfRule({ standard, daylight }: PosixRule, seconds: number): Span {
  if (daylight === null) return { current: standard, until: null, next: standard };
  const { year } = dateFromDays(Math.floor((seconds + standard.offset) / secondsPerDay) - unixDays);
  const changes: { readonly at: number; readonly to: ZoneOffset }[] = [];
  for (const each of [year - 1, year, year + 1]) {
    changes.push({ at: yearlySeconds(daylight.from, each) - standard.offset, to: daylight.offset });
    changes.push({ at: yearlySeconds(daylight.to, each) - daylight.offset.offset, to: standard });
  }
  changes.sort((a, b) => a.at - b.at);
  const index = changes.findIndex(({ at }) => at > seconds);
  const next = changes[index];
  const current = changes[index - 1]?.to ?? standard;
  return next === undefined ? { current, until: null, next: current } : { current, until: next.at, next: next.to };
}

/** @param seconds since 1970 */
export function offsetAt(zone: TimeZone, seconds: number): ZoneOffset {
  const meant = zone.called === undefined ? null : offsetCalled(zone, zone.called, seconds);
  return meant ?? spanAt(zone, seconds).current;
}

/** What the zone's abbreviation meant last at a moment, or meant first behind it; null where the zone never had it. */
function offsetCalled({ transitions, rule }: TimeZone, called: string, seconds: number): ZoneOffset | null {
  const { moments, types, indexes } = transitions;
  const isCalled = (offset: ZoneOffset | undefined): offset is ZoneOffset => offset?.abbreviation === called;
  const periods = [types[0], ...indexes.map((index) => types[index])];
  const count = moments.filter((moment) => moment <= seconds).length;
  if (rule !== null && count === moments.length)
    for (const offset of [rule.standard, rule.daylight?.offset]) if (isCalled(offset)) return offset;
  return periods.slice(0, count + 1).findLast(isCalled) ?? periods.find(isCalled) ?? null;
}

/**
 * Offset that a wall clock's reading (as seconds since 1970, as if it were UTC) has. A reading that happens twice is taken for the later
 * offset, one that never happens for the earlier, as PostgreSQL does.
 */
export function offsetOfLocal(zone: TimeZone, local: number): ZoneOffset {
  const shown = offsetShown(zone, local);
  return zone.called === undefined ? shown : (offsetCalled(zone, zone.called, local - shown.offset) ?? shown);
}

function offsetShown(zone: TimeZone, local: number): ZoneOffset {
  const { current, until, next } = spanAt(zone, local - secondsPerDay);
  if (until === null) return current;
  const before = local - current.offset;
  const after = local - next.offset;
  if (before < until && after < until) return current;
  if (before > until && after >= until) {
    // The day may hold another change.
    const later = spanAt(zone, after);
    return later.current;
  }
  return before > after ? current : next;
}
