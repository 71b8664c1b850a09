/**
 * Lays the digits of a number out by a template. The locale is C: `,` groups and `.` points, and the sign of currency is a space.
 */
import { SqlError } from "../../error.js";
import type { NumberTemplate } from "./number-template.js";
import { ordinalSuffix } from "./template.js";

export interface NumberText {
  /** Digits without a sign, with a point; `#` where they do not fit. */
  readonly digits: string;
  readonly isNegative: boolean;
  /** Places before the first digit. */
  readonly blanks: number;
}

class NumberWriter {
  readonly #template: NumberTemplate;
  readonly #digits: string;
  readonly #blanks: number;
  readonly #sign: "+" | "-" | "\0";
  readonly #hasBrackets: boolean;
  readonly #signPlace: NumberTemplate["sign"];
  /** With FM and a point: the last character that is shown; a point when nothing behind it is. */
  readonly #last: number | null;
  readonly #count: number;
  #text = "";
  #isSignDone: boolean;
  #place = 0;
  #next = 0;
  #hasDigit = false;

  constructor(template: NumberTemplate, { digits, isNegative, blanks }: NumberText) {
    this.#template = template;
    this.#digits = digits;
    this.#blanks = blanks;
    this.#sign = template.isRoman ? "\0" : isNegative ? "-" : "+";
    const { isBare, hasPlus, hasMinus, hasSign } = template;
    const isApart = hasPlus || hasMinus;
    this.#hasBrackets = template.hasBrackets && (isNegative || !isBare || isApart);
    this.#isSignDone = isApart ? hasMinus : this.#sign === "+" && isBare && !hasSign;
    const isBehind = !isApart && template.sign === "before" && template.before === template.beforeSign;
    this.#signPlace = isBehind ? "behind" : template.sign;
    this.#last = isBare && template.hasPoint ? lastShown(digits, template.zeroEnd - blanks) : null;
    this.#count = template.before + template.after - 1 + (!this.#isSignDone && blanks === 0 ? 1 : 0);
  }

  write(): string {
    for (const part of this.#template.parts)
      if (part.kind !== "field") this.#text += part.text;
      else this.#field(part.field, part.written);
    // Where the digits end before their places do, the text ends.
    const end = this.#text.indexOf("\0");
    return end < 0 ? this.#text : this.#text.slice(0, end);
  }

  #field(field: string, written: string): void {
    const fill = this.#template.isBare ? "" : " ";
    switch (field) {
      case "9":
      case "0":
      case ".":
      case "D":
        if (!this.#template.isRoman) this.#number(field);
        return;
      case ",":
      case "G":
        this.#text += this.#hasDigit ? "," : fill;
        return;
      case "L":
        this.#text += " ";
        return;
      case "RN": {
        const text = written === "rn" ? this.#digits.toLowerCase() : this.#digits;
        this.#text += fill === "" ? text : text.padStart(15);
        return;
      }
      case "TH":
        this.#ordinal(written === "th" ? "th" : "TH");
        return;
      case "MI":
        this.#text += this.#sign === "-" ? "-" : fill;
        return;
      case "PL":
        this.#text += this.#sign === "+" ? "+" : fill;
        return;
      case "SG":
        this.#text += this.#sign;
        return;
      default:
    }
  }

  #ordinal(style: "TH" | "th"): void {
    const { isRoman, hasPoint } = this.#template;
    if (isRoman || hasPoint || this.#digits.startsWith("#") || this.#sign === "-") return;
    if (!/\d$/u.test(this.#digits)) throw new SqlError("22P02", `"${this.#digits}" is not a number`);
    this.#text += ordinalSuffix(this.#digits, style);
  }

  /** `9.9` shows .1 and not 0.1. */
  get #isZeroLeftOut(): boolean {
    const { zeroStart, after } = this.#template;
    return zeroStart === null && this.#next === 0 && this.#digits.startsWith("0") && after !== 0;
  }

  get #isLastPoint(): boolean {
    return this.#last !== null && this.#digits[this.#last] === ".";
  }

  #number(field: string): void {
    const { zeroStart, hasPoint, isBare, hasSign } = this.#template;
    this.#hasDigit = false;
    const isZeroPlace = zeroStart !== null && zeroStart <= this.#place;
    if (
      !this.#isSignDone &&
      (this.#place >= this.#blanks || zeroStart === this.#place) &&
      (!this.#isZeroLeftOut || this.#isLastPoint)
    )
      this.#leadingSign();
    if (this.#place < this.#blanks) {
      if (isZeroPlace) {
        this.#text += "0";
        this.#hasDigit = true;
      } else if (!isBare) this.#text += " ";
    } else this.#digit(field);
    const end =
      this.#last !== null && this.#last === this.#next
        ? this.#place
        : this.#count + (this.#blanks > 0 ? 1 : 0) + (hasPoint ? 1 : 0);
    if (this.#place + 1 === end) {
      if (this.#isSignDone && this.#hasBrackets) this.#text += this.#sign === "+" ? " " : ">";
      else if (hasSign && this.#signPlace === "behind") this.#text += this.#sign;
    }
    this.#place += 1;
  }

  #leadingSign(): void {
    if (this.#template.hasSign) {
      if (this.#signPlace !== "before") return;
      this.#text += this.#sign;
    } else if (this.#hasBrackets) this.#text += this.#sign === "+" ? " " : "<";
    else if (this.#sign === "-") this.#text += "-";
    else if (!this.#template.isBare) this.#text += " ";
    this.#isSignDone = true;
  }

  #digit(field: string): void {
    const character = this.#digits[this.#next] ?? "\0";
    if (character === ".") this.#text += ".";
    else if (this.#last !== null && this.#next > this.#last && field !== "0") {
      // FM shows no zeros at the end.
    } else if (this.#isZeroLeftOut) {
      if (!this.#template.isBare) this.#text += " ";
      else if (this.#isLastPoint) this.#text += "0";
    } else {
      this.#text += character;
      this.#hasDigit = true;
    }
    if (character !== "\0") this.#next += 1;
  }
}

/** Index of the last decimal that is no zero, or of the point; places of a 0 in the template are shown. */
function lastShown(digits: string, zeroEnd: number): number | null {
  const point = digits.indexOf(".");
  if (point < 0) return null;
  const kept = point + digits.slice(point).replace(/0+$/u, "").length - 1;
  return zeroEnd > 0 ? Math.max(kept, Math.min(digits.length - 1, zeroEnd)) : kept;
}

export const showNumber = (template: NumberTemplate, text: NumberText): string =>
  new NumberWriter(template, text).write();
