/** Templates of `to_char` and `to_number` for numbers: how many digits they have on each side of the point, and where the sign goes. */
import { SqlError } from "../../error.js";
import { parseTemplate, type TemplatePart } from "./template.js";

export interface NumberTemplate {
  readonly parts: readonly TemplatePart[];
  /** Digits before the point, behind it, and those that V moves before it. */
  before: number;
  after: number;
  moved: number;
  /** Where S is anchored to the number. */
  sign: "before" | "behind" | null;
  /** Digits before the point that S stands behind. */
  beforeSign: number;
  /** Place of the first 0; null without one. */
  zeroStart: number | null;
  /** Digits up to the last 0. */
  zeroEnd: number;
  hasPoint: boolean;
  isBare: boolean;
  hasSign: boolean;
  hasPlus: boolean;
  hasMinus: boolean;
  hasBrackets: boolean;
  hasMove: boolean;
  hasExponent: boolean;
  hasBlank: boolean;
  isRoman: boolean;
}

const capitals = ", . 0 9 B C D EEEE FM G L MI PL PR RN SG SP S TH V".split(" ");
const keywords = [...capitals, ...capitals.slice(4).map((keyword) => keyword.toLowerCase())];
const syntaxError = (message: string, detail?: string): SqlError =>
  new SqlError("42601", message, detail === undefined ? {} : { detail });

/** Throws 42601 for parts that contradict each other. */
export function readNumberTemplate(text: string): NumberTemplate {
  const template: NumberTemplate = {
    parts: parseTemplate(text, { keywords, isOfDates: false }),
    before: 0,
    after: 0,
    moved: 0,
    sign: null,
    beforeSign: 0,
    zeroStart: null,
    zeroEnd: 0,
    hasPoint: false,
    isBare: false,
    hasSign: false,
    hasPlus: false,
    hasMinus: false,
    hasBrackets: false,
    hasMove: false,
    hasExponent: false,
    hasBlank: false,
    isRoman: false,
  };
  for (const part of template.parts) if (part.kind === "field") take(template, part.field);
  return template;
}

function take(template: NumberTemplate, field: string): void {
  if (template.hasExponent && field !== "EEEE") throw syntaxError('"EEEE" must be the last pattern used');
  switch (field) {
    case "9":
    case "0":
      takeDigit(template, field);
      return;
    case "B":
      if (template.before === 0 && template.after === 0 && template.zeroStart === null) template.hasBlank = true;
      return;
    case "D":
    case ".":
      if (template.hasPoint) throw syntaxError("multiple decimal points");
      if (template.hasMove) throw syntaxError('cannot use "V" and decimal point together');
      template.hasPoint = true;
      return;
    case "FM":
      template.isBare = true;
      return;
    case "S":
    case "MI":
    case "PL":
    case "SG":
    case "PR":
      takeSign(template, field);
      return;
    case "RN":
      template.isRoman = true;
      return;
    case "V":
      if (template.hasPoint) throw syntaxError('cannot use "V" and decimal point together');
      template.hasMove = true;
      return;
    case "EEEE":
      takeExponent(template);
      return;
    default:
  }
}

function takeDigit(template: NumberTemplate, digit: "9" | "0"): void {
  if (template.hasBrackets) throw syntaxError(`"${digit}" must be ahead of "PR"`);
  if (digit === "9" && template.hasMove) {
    template.moved += 1;
    return;
  }
  if (digit === "0" && !template.hasPoint) template.zeroStart ??= template.before;
  if (template.hasPoint) template.after += 1;
  else template.before += 1;
  if (digit === "0") template.zeroEnd = template.before + template.after;
}

function takeSign(template: NumberTemplate, field: "S" | "MI" | "PL" | "SG" | "PR"): void {
  const { hasSign, hasPlus, hasMinus, hasBrackets } = template;
  switch (field) {
    case "S":
      if (hasSign) throw syntaxError('cannot use "S" twice');
      if (hasPlus || hasMinus || hasBrackets) throw syntaxError('cannot use "S" and "PL"/"MI"/"SG"/"PR" together');
      template.hasSign = true;
      template.sign = template.hasPoint ? "behind" : "before";
      if (!template.hasPoint) template.beforeSign = template.before;
      return;
    case "PR":
      if (hasSign || hasPlus || hasMinus) throw syntaxError('cannot use "PR" and "S"/"PL"/"MI"/"SG" together');
      template.hasBrackets = true;
      return;
    default:
      if (hasSign) throw syntaxError(`cannot use "S" and "${field}" together`);
      if (field !== "MI") template.hasPlus = true;
      if (field !== "PL") template.hasMinus = true;
  }
}

function takeExponent(template: NumberTemplate): void {
  if (template.hasExponent) throw syntaxError('cannot use "EEEE" twice');
  const { hasBlank, isBare, hasSign, hasBrackets, hasMinus, hasPlus, isRoman, hasMove } = template;
  if (hasBlank || isBare || hasSign || hasBrackets || hasMinus || hasPlus || isRoman || hasMove)
    throw syntaxError(
      '"EEEE" is incompatible with other formats',
      '"EEEE" may only be used together with digit and decimal point patterns.',
    );
  template.hasExponent = true;
}
