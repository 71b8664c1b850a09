/** How `to_number` reads a text by a template: sign, digits and point, each where the template has it. */
import { SqlError } from "../../error.js";
import { type Decimal, decimalFromInteger, decimalFromText, limitDecimal } from "../../types/decimal.js";
import { multiply, power } from "../../types/decimal-arithmetic.js";
import { type NumberTemplate, readNumberTemplate } from "./number-template.js";

const isDigit = (character: string): boolean => /^\d$/u.test(character);

class NumberReader {
  readonly #template: NumberTemplate;
  /** Its bytes: what a digit of the template passes over is one of them. */
  readonly #text: string;
  #at = 0;
  #sign = " ";
  #digits = "";
  #before = 0;
  #hasPoint = false;
  decimals = 0;

  constructor(template: NumberTemplate, text: string) {
    this.#template = template;
    this.#text = Buffer.from(text, "utf8").toString("latin1");
  }

  /** The number as a text. */
  read(): string {
    for (const part of this.#template.parts) {
      if (this.#isAtEnd) break;
      if (part.kind === "field") this.#field(part.field);
      else this.#step();
    }
    return this.#sign + (this.#digits.endsWith(".") ? this.#digits.slice(0, -1) : this.#digits);
  }

  get #isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  get #here(): string {
    return this.#text[this.#at] ?? "";
  }

  #field(field: string): void {
    switch (field) {
      case "9":
      case "0":
      case ".":
      case "D":
        this.#number(field);
        this.#at += 1;
        return;
      case ",":
      case "G":
        if (!this.#template.isBare && this.#here === ",") this.#at += 1;
        return;
      case "L":
        this.#pass(1);
        return;
      case "TH":
        if (!this.#template.hasPoint && this.#sign !== "#") this.#pass(2);
        return;
      case "MI":
        this.#ownSign("-");
        return;
      case "PL":
        this.#ownSign("+");
        return;
      case "SG":
        this.#ownSign("+-");
        return;
      default:
    }
  }

  #ownSign(signs: string): void {
    if (!signs.includes(this.#here)) {
      this.#pass(1);
      return;
    }
    this.#sign = this.#here;
    this.#at += 1;
  }

  /** So many characters that are no part of a number. */
  #pass(count: number): void {
    for (let left = count; left > 0 && !this.#isAtEnd && !"0123456789.,+-".includes(this.#here); left -= 1)
      this.#step();
  }

  /** One character, of however many bytes. */
  #step(): void {
    const byte = this.#text.charCodeAt(this.#at);
    this.#at += byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  }

  #number(field: string): void {
    const { hasSign, hasBrackets, hasPoint, after, hasPlus, hasMinus } = this.#template;
    if (this.#here === " ") this.#at += 1;
    if (this.#isAtEnd) return;
    const isFirst = this.#before + this.decimals === 0;
    if (this.#sign === " " && (field === "0" || field === "9") && isFirst) {
      if (this.#here === "-" || this.#here === "+") {
        this.#sign = this.#here;
        this.#at += 1;
      } else if (hasBrackets && this.#here === "<") {
        this.#sign = "-";
        this.#at += 1;
      }
    }
    if (this.#isAtEnd) return;
    let isRead = false;
    if (isDigit(this.#here)) {
      if (this.#hasPoint && this.decimals === after) return;
      this.#digits += this.#here;
      if (this.#hasPoint) this.decimals += 1;
      else this.#before += 1;
      isRead = true;
    } else if (hasPoint && !this.#hasPoint && this.#here === ".") {
      this.#digits += ".";
      this.#hasPoint = true;
      isRead = true;
    }
    if (this.#sign !== " " || this.#before + this.decimals === 0) return;
    // A sign behind the number may come before its place in the template.
    const next = this.#text[this.#at + 1] ?? "";
    if (hasSign && isRead && next !== "" && !isDigit(next)) {
      if (next !== "-" && next !== "+") return;
      this.#sign = next;
      this.#at += 1;
    } else if (!isRead && !hasSign && (hasPlus || hasMinus) && (this.#here === "-" || this.#here === "+"))
      this.#sign = this.#here;
  }
}

const notForInput = (what: string): SqlError => new SqlError("0A000", `"${what}" not supported for input`);

/** Null for an empty template. Throws 22P02 for what has no digits, 22003 for more of them than the template has. */
export function readNumber(text: string, pattern: string): Decimal | null {
  if (pattern === "") return null;
  const template = readNumberTemplate(pattern);
  if (template.hasExponent) throw notForInput("EEEE");
  if (template.isRoman) throw notForInput("RN");
  const reader = new NumberReader(template, text);
  const number = decimalFromText(reader.read());
  const precision = template.before + template.moved + reader.decimals;
  const value = limitDecimal(number, ((precision << 16) | reader.decimals) + 4);
  if (!template.hasMove) return value;
  return multiply(value, power(decimalFromInteger(10), decimalFromInteger(-template.moved)));
}
