/** The words of dates and times, in small letters, as PostgreSQL 15 knows them. Abbreviations of zones come before them (abbreviations.ts). */

export type SpecialTime = "epoch" | "infinity" | "-infinity";
/** What a number behind it is. */
export type Unit = "year" | "month" | "day" | "hour" | "minute" | "second" | "julian" | "time" | "other";

export type DateWord =
  | { readonly kind: "month"; readonly value: number }
  | { readonly kind: "weekday" | "ignored" | "daylight" }
  | { readonly kind: "half"; readonly isAfternoon: boolean }
  | { readonly kind: "era"; readonly isBefore: boolean }
  | { readonly kind: "unit"; readonly unit: Unit }
  | { readonly kind: "special"; readonly special: SpecialTime }
  | { readonly kind: "day"; readonly from: number }
  | { readonly kind: "now" | "midnight" | "isoTime" };

const monthWords = [
  "jan january",
  "feb february",
  "mar march",
  "apr april",
  "may",
  "jun june",
  "jul july",
  "aug august",
  "sep sept september",
  "oct october",
  "nov november",
  "dec december",
];
const weekdays =
  "sun sunday mon monday tue tues tuesday wed weds wednesday thu thur thurs thursday fri friday sat saturday";
const units: readonly (readonly [unit: Unit, words: string])[] = [
  ["year", "y"],
  ["month", "m"],
  ["day", "d"],
  ["hour", "h"],
  ["minute", "mm"],
  ["second", "s"],
  ["julian", "j jd julian"],
  ["other", "dow doy isodow isoyear"],
];

const wordsOf = (words: string, word: DateWord): readonly (readonly [string, DateWord])[] =>
  words.split(" ").map((each) => [each, word] as const);

const words: ReadonlyMap<string, DateWord> = new Map([
  ...monthWords.flatMap((each, index) => wordsOf(each, { kind: "month", value: index + 1 })),
  ...wordsOf(weekdays, { kind: "weekday" }),
  ...units.flatMap(([unit, each]) => wordsOf(each, { kind: "unit", unit })),
  ...wordsOf("at on", { kind: "ignored" }),
  ...wordsOf("am", { kind: "half", isAfternoon: false }),
  ...wordsOf("pm", { kind: "half", isAfternoon: true }),
  ...wordsOf("ad", { kind: "era", isBefore: false }),
  ...wordsOf("bc", { kind: "era", isBefore: true }),
  ...wordsOf("dst", { kind: "daylight" }),
  ...wordsOf("t", { kind: "isoTime" }),
  ...wordsOf("now", { kind: "now" }),
  ...wordsOf("allballs", { kind: "midnight" }),
  ...wordsOf("yesterday", { kind: "day", from: -1 }),
  ...wordsOf("today", { kind: "day", from: 0 }),
  ...wordsOf("tomorrow", { kind: "day", from: 1 }),
  ...wordsOf("epoch", { kind: "special", special: "epoch" }),
  ...wordsOf("infinity", { kind: "special", special: "infinity" }),
  ...wordsOf("-infinity", { kind: "special", special: "-infinity" }),
]);

export const dateWord = (word: string): DateWord | undefined => words.get(word);
export const isDateWord = (word: string): boolean => words.has(word);
