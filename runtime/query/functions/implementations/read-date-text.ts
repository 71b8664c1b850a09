/**
 * How `to_date` and `to_timestamp` read a text by a template. Spaces before and after a field are passed over; a separator of the template
 * takes one of the text, whichever it is, or none; any other character of the template takes one of the text, unless more were passed over
 * than the template has. FX puts an end to all that: then each character takes one. The standard's way (jsonpath's `.datetime()`) is that of
 * FX, and each character has to be the template's.
 */
import { SqlError } from "../../error.js";
import { dateTemplate, dayNames, monthNames, romanMonths } from "./date-words.js";
import { isSeparator, isSpace, type TemplateField, type TemplatePart } from "./template.js";

/** What was read. A number that is not there is 0, as one that is 0 is not. */
export interface DateFields {
  hour: number;
  isTwelveHours: boolean;
  isPm: number;
  minute: number;
  second: number;
  millisecond: number;
  microsecond: number;
  secondOfDay: number;
  /** Digits of FF1 to FF6; null without. */
  precision: number | null;
  zoneSign: number;
  zoneHour: number;
  zoneMinute: number;
  isBc: number;
  century: number;
  year: number;
  /** Digits that the keyword of the year has. */
  yearDigits: number;
  month: number;
  day: number;
  dayOfYear: number;
  /** 1 is Sunday. */
  dayOfWeek: number;
  week: number;
  weekOfMonth: number;
  julian: number;
  calendar: "gregorian" | "iso" | null;
}

type NumberField = Exclude<keyof DateFields, "isTwelveHours" | "precision" | "calendar">;

const nothingRead: DateFields = {
  hour: 0,
  isTwelveHours: false,
  isPm: 0,
  minute: 0,
  second: 0,
  millisecond: 0,
  microsecond: 0,
  secondOfDay: 0,
  precision: null,
  zoneSign: 0,
  zoneHour: 0,
  zoneMinute: 0,
  isBc: 0,
  century: 0,
  year: 0,
  yearDigits: 0,
  month: 0,
  day: 0,
  dayOfYear: 0,
  dayOfWeek: 0,
  week: 0,
  weekOfMonth: 0,
  julian: 0,
  calendar: null,
};

/** Fields of digits: a number before one of them has just its places. */
const digitFields = new Set(
  (
    "CC DDD DD D FF1 FF2 FF3 FF4 FF5 FF6 HH24 HH12 HH IDDD ID IW IYYY IYY IY I J MI MM MS Q SSSSS SSSS SS TZM US WW W Y,YYY YYYY " +
    "YYY YY Y"
  ).split(" "),
);
const isoFields = new Set("IDDD ID IW IYYY IYY IY I".split(" "));
const gregorianFields = new Set("DDD DD D MM MONTH MON RM WW W Y,YYY YYYY YYY YY Y".split(" "));

/** Fields that are a number of at most so many digits, and where it goes. */
const plainNumbers: Readonly<Record<string, readonly [target: NumberField | null, width: number]>> = {
  HH: ["hour", 2],
  HH12: ["hour", 2],
  HH24: ["hour", 2],
  MI: ["minute", 2],
  SS: ["second", 2],
  SSSS: ["secondOfDay", 4],
  SSSSS: ["secondOfDay", 5],
  MM: ["month", 2],
  DDD: ["dayOfYear", 3],
  IDDD: ["dayOfYear", 3],
  DD: ["day", 2],
  D: ["dayOfWeek", 1],
  WW: ["week", 2],
  IW: ["week", 2],
  Q: [null, 1],
  CC: ["century", 2],
  W: ["weekOfMonth", 1],
  J: ["julian", 1],
};

const shortMonths = monthNames.map((name) => name.slice(0, 3));
const shortDays = dayNames.map((name) => name.slice(0, 3));
const widthHint = 'If your source string is not fixed-width, try using the "FM" modifier.';

/** Years of fewer digits than four are those nearest to 2020. */
function yearNearest(year: number): number {
  if (year < 70) return year + 2_000;
  if (year < 100) return year + 1_900;
  if (year < 520) return year + 2_000;
  return year < 1_000 ? year + 1_000 : year;
}

class DateReader {
  readonly fields: DateFields = { ...nothingRead };
  readonly #text: string;
  #at = 0;
  /** Characters that were passed over beyond those of the template. */
  #extra = 0;
  #isExact: boolean;
  readonly #isStandard: boolean;

  constructor(bytes: string, isStandard: boolean) {
    this.#text = bytes;
    this.#isExact = isStandard;
    this.#isStandard = isStandard;
  }

  read(parts: readonly TemplatePart[]): void {
    for (const [index, part] of parts.entries()) {
      if (this.#at >= this.#text.length) {
        if (this.#isStandard) throw new SqlError("22007", "input string is too short for datetime format");
        return;
      }
      const isField = part.kind === "field";
      if (!this.#isExact && !(isField && part.field === "FX") && (isField || index === 0)) this.#passSpaces();
      if (!isField) {
        this.#character(part);
        continue;
      }
      this.#calendar(part);
      this.#field(part, parts[index + 1]);
      if (this.#isExact) continue;
      this.#extra = 0;
      this.#passSpaces();
    }
    if (!this.#isStandard) return;
    this.#passSpaces();
    if (this.#at < this.#text.length)
      throw new SqlError("22007", "trailing characters remain in input string after datetime format");
  }

  get #here(): string {
    return this.#text[this.#at] ?? "";
  }

  #passSpaces(): void {
    while (isSpace(this.#here)) {
      this.#at += 1;
      this.#extra += 1;
    }
  }

  /** One character, of however many bytes. */
  #step(): void {
    const byte = this.#text.charCodeAt(this.#at);
    this.#at += byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  }

  #character(part: Exclude<TemplatePart, TemplateField>): void {
    const { kind } = part;
    if (this.#isStandard) this.#same(part);
    else if (this.#isExact) {
      this.#step();
    } else if (kind !== "other") {
      if (isSpace(this.#here) || isSeparator(this.#here)) this.#at += 1;
      else this.#extra -= 1;
    } else if (this.#extra > 0) this.#extra -= 1;
    else this.#step();
  }

  /** The text's next character has to be the template's. */
  #same({ kind, text }: Exclude<TemplatePart, TemplateField>): void {
    const bytes = Buffer.from(text, "utf8").toString("latin1");
    if (!this.#text.startsWith(bytes, this.#at))
      throw new SqlError("22007", `unmatched format ${kind === "other" ? "character" : "separator"} "${text}"`);
    this.#at += bytes.length;
  }

  #calendar({ field }: TemplateField): void {
    const calendar = isoFields.has(field) ? "iso" : gregorianFields.has(field) ? "gregorian" : null;
    if (calendar === null) return;
    this.fields.calendar ??= calendar;
    if (this.fields.calendar !== calendar)
      throw new SqlError("22007", "invalid combination of date conventions", {
        hint: "Do not mix Gregorian and ISO week date conventions in a formatting template.",
      });
  }

  #set(target: NumberField, value: number, { written }: TemplateField): void {
    if (this.fields[target] !== 0 && this.fields[target] !== value)
      throw new SqlError("22007", `conflicting values for "${written}" field in formatting string`, {
        detail: "This value contradicts a previous setting for the same field type.",
      });
    this.fields[target] = value;
  }

  /** A number of `width` digits, or of any number where no digits can follow. Returns the characters that it took. */
  #number(part: TemplateField, next: TemplatePart | undefined, width: number, target: NumberField | null): number {
    const start = this.#at;
    while (isSpace(this.#here)) this.#at += 1;
    const rest = this.#text.length - this.#at;
    const copy = this.#text.slice(this.#at, this.#at + width);
    const isOpen = part.isBare || endsNumber(part, next);
    const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/u.exec(isOpen ? this.#text.slice(this.#at) : copy);
    const used = digits?.[0].length ?? 0;
    if (isOpen) this.#at = used === 0 ? start : this.#at + used;
    else {
      if (rest < width)
        throw new SqlError("22007", `source string too short for "${part.written}" formatting field`, {
          detail: `Field requires ${width} characters, but only ${rest} remain.`,
          hint: widthHint,
        });
      if (used > 0 && used < width)
        throw new SqlError("22007", `invalid value "${shownBytes(copy)}" for "${part.written}"`, {
          detail: `Field requires ${width} characters, but only ${used} could be parsed.`,
          hint: widthHint,
        });
      this.#at += used;
    }
    if (this.#at === start)
      throw new SqlError("22007", `invalid value "${shownBytes(copy)}" for "${part.written}"`, {
        detail: "Value must be an integer.",
      });
    const value = Number(digits?.[1] ?? "0");
    if (value < -2_147_483_648 || value > 2_147_483_647)
      throw new SqlError("22008", `value for "${part.written}" in source string is out of range`, {
        detail: "Value must be in the range -2147483648 to 2147483647.",
      });
    if (target !== null) this.#set(target, value + 0, part);
    return this.#at - start;
  }

  /** The first of the names that the text goes on with, in any case of letters. */
  #name(part: TemplateField, names: readonly string[]): number {
    const rest = this.#text.slice(this.#at);
    const found = names.findIndex((name) => rest.slice(0, name.length).toLowerCase() === name.toLowerCase());
    if (found < 0)
      throw new SqlError(
        "22007",
        `invalid value "${shownBytes(/^[^ \t\n\r\f]*/u.exec(rest)?.[0] ?? "")}" for "${part.written}"`,
        { detail: "The given value did not match any of the allowed values for this field." },
      );
    this.#at += names[found]?.length ?? 0;
    return found;
  }

  #passOrdinal({ ordinal }: TemplateField): void {
    for (let count = ordinal === null ? 0 : 2; count > 0 && this.#at < this.#text.length; count -= 1) this.#step();
  }

  #field(part: TemplateField, next: TemplatePart | undefined): void {
    const plain = plainNumbers[part.field];
    if (plain !== undefined) {
      this.#number(part, next, plain[1], plain[0]);
      if (part.field === "HH" || part.field === "HH12") this.fields.isTwelveHours = true;
      this.#passOrdinal(part);
      return;
    }
    if (/^I?Y/u.test(part.field) || part.field === "I") this.#year(part, next);
    else if (part.field === "MS" || part.field === "US" || part.field.startsWith("FF")) this.#fraction(part, next);
    else this.#word(part, next);
  }

  #year(part: TemplateField, next: TemplatePart | undefined): void {
    const { fields } = this;
    if (part.field === "Y,YYY") {
      const match = /^[ \t\n\v\f\r]*([+-]?\d+),[ \t\n\v\f\r]*([+-]?\d{1,3})/u.exec(this.#text.slice(this.#at));
      // A sign takes one of the three places.
      const years = /^[+-]/u.test(match?.[2] ?? "") ? (match?.[2] ?? "").slice(0, 3) : (match?.[2] ?? "");
      if (match === null) throw new SqlError("22007", 'invalid input string for "Y,YYY"');
      this.#set("year", (Number(years) + Number(match[1]) * 1_000) | 0, part);
      fields.yearDigits = 4;
      this.#at += match[0].length - ((match[2] ?? "").length - years.length);
    } else {
      const width = part.field.length;
      const used = this.#number(part, next, width, "year");
      if (width < 4 && used < 4) fields.year = yearNearest(fields.year);
      fields.yearDigits = width;
    }
    this.#passOrdinal(part);
  }

  /** Digits behind a point: 25 and 250 are the same thousandths. */
  #fraction(part: TemplateField, next: TemplatePart | undefined): void {
    const target = part.field === "MS" ? "millisecond" : "microsecond";
    const places = part.field === "MS" ? 3 : 6;
    const width = part.field.startsWith("FF") ? Number(part.field[2]) : places;
    if (part.field.startsWith("FF")) this.fields.precision = width;
    const used = this.#number(part, next, width, target);
    this.fields[target] = Math.imul(this.fields[target], 10 ** Math.max(0, places - used));
    this.#passOrdinal(part);
  }

  #word(part: TemplateField, next: TemplatePart | undefined): void {
    const { fields } = this;
    switch (part.field) {
      case "FX":
        this.#isExact = true;
        return;
      case "AM":
      case "PM":
      case "A.M.":
      case "P.M.":
        this.#set("isPm", this.#name(part, part.field.includes(".") ? ["a.m.", "p.m."] : ["am", "pm"]), part);
        fields.isTwelveHours = true;
        return;
      case "AD":
      case "BC":
      case "A.D.":
      case "B.C.":
        this.#set("isBc", this.#name(part, part.field.includes(".") ? ["a.d.", "b.c."] : ["ad", "bc"]), part);
        return;
      case "MONTH":
      case "MON":
        this.#set("month", this.#name(part, part.field === "MON" ? shortMonths : monthNames) + 1, part);
        return;
      case "RM":
        this.#set("month", 12 - this.#name(part, romanMonths.toReversed()), part);
        return;
      case "DAY":
      case "DY":
        this.#set("dayOfWeek", this.#name(part, part.field === "DY" ? shortDays : dayNames), part);
        fields.dayOfWeek += 1;
        return;
      case "ID":
        this.#number(part, next, 1, "dayOfWeek");
        fields.dayOfWeek = fields.dayOfWeek >= 7 ? 1 : fields.dayOfWeek + 1;
        this.#passOrdinal(part);
        return;
      case "TZH":
        // A minus may have been passed over as a separator.
        if (/^[+\- ]/u.test(this.#here)) {
          fields.zoneSign = this.#here === "-" ? -1 : 1;
          this.#at += 1;
        } else fields.zoneSign = this.#extra > 0 && this.#text[this.#at - 1] === "-" ? -1 : 1;
        this.#number(part, next, 2, "zoneHour");
        return;
      case "TZM":
        if (fields.zoneSign === 0) fields.zoneSign = 1;
        this.#number(part, next, 2, "zoneMinute");
        return;
      default:
        throw new SqlError("0A000", `formatting field "${part.written}" is only supported in to_char`);
    }
  }
}

/** Whether no digit can follow a field's number: it may take as many as there are. */
function endsNumber({ ordinal }: TemplateField, next: TemplatePart | undefined): boolean {
  if (ordinal !== null || next === undefined) return true;
  return next.kind === "field" ? !digitFields.has(next.field) : !/^\d$/u.test(next.text);
}

/** Widths count bytes, and may cut a character in two. */
const shownBytes = (bytes: string): string => Buffer.from(bytes, "latin1").toString("utf8");

function read(text: string, parts: readonly TemplatePart[], isStandard: boolean): DateFields {
  const reader = new DateReader(Buffer.from(text, "utf8").toString("latin1"), isStandard);
  reader.read(parts);
  return reader.fields;
}

export const readDateText = (text: string, template: string): DateFields => read(text, dateTemplate(template), false);

/** Every character of the template stands in the text, and nothing more. @param parts of `standardDateTemplate` */
export const readStandardDateText = (text: string, parts: readonly TemplatePart[]): DateFields =>
  read(text, parts, true);
