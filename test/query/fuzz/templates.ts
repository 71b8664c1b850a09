/** Templates of `to_char`, `to_date`, `to_timestamp` and `to_number` at random, and texts that follow them, or nearly. */
import type { Random } from "./expressions.js";

const dateKeywords: Readonly<Record<string, readonly string[]>> = {
  YYYY: ["2021", "1999", "4", "12345", "-44", "0"],
  YYY: ["021", "999", "7", "2021"],
  YY: ["21", "99", "5", "1970"],
  Y: ["1", "9", "21"],
  "Y,YYY": ["2,021", "1,999", "2021", "12,34"],
  IYYY: ["2021", "2020"],
  IYY: ["021", "20"],
  IY: ["21", "7"],
  I: ["1"],
  MM: ["03", "3", "12", "13", "0"],
  MONTH: ["March", "MAY", "january", "Mar"],
  Month: ["March", "May", "x"],
  MON: ["Mar", "DEC", "sept"],
  Mon: ["Mar", "feb"],
  mon: ["jun"],
  RM: ["III", "xii", "IV", "IIII"],
  rm: ["iv", "I"],
  DD: ["04", "4", "31", "29", "0"],
  DDD: ["064", "64", "366", "1", "367"],
  IDDD: ["064", "371", "1"],
  D: ["3", "1", "9"],
  ID: ["3", "7"],
  DAY: ["Thursday", "MONDAY"],
  Day: ["Thursday", "x"],
  Dy: ["Thu", "sun"],
  WW: ["09", "9", "53"],
  IW: ["09", "53", "1"],
  W: ["1", "5"],
  Q: ["1", "4"],
  J: ["2459278", "1", "0"],
  CC: ["21", "20", "-1"],
  BC: ["BC", "ad", "x"],
  "A.D.": ["A.D.", "b.c."],
  HH: ["05", "12", "0", "13"],
  HH12: ["05", "12", "5"],
  HH24: ["17", "5", "23", "24"],
  MI: ["06", "6", "59", "60"],
  SS: ["07", "7", "59", "61"],
  MS: ["891", "8", "89", "8912"],
  US: ["891234", "89", "1234567"],
  FF1: ["8", "12"],
  FF3: ["891", "8", "891234"],
  FF6: ["891234", "8"],
  SSSS: ["18367", "0", "86399", "99999"],
  SSSSS: ["18367", "1"],
  AM: ["AM", "pm", "am", "PM", "a.m."],
  "P.M.": ["p.m.", "A.M.", "PM"],
  TZH: ["+02", "-08", "05", " 5", "16"],
  TZM: ["30", "0", "61"],
  TZ: ["UTC"],
  OF: ["+02"],
  FX: [""],
};
const usual = ["YYYY", "MM", "DD", "HH24", "MI", "SS", "Mon", "YY"];
const separators = [
  "-",
  "/",
  " ",
  ":",
  ".",
  ",",
  "  ",
  "",
  "",
  "",
  "x",
  "T",
  '"of"',
  '"1"',
  "é",
  "\\",
  '\\"',
  "--",
  " -",
  "9",
];
const textSeparators = ["-", "/", " ", ":", ".", ",", "  ", "", "x", "é", "--", "\t"];

/** A template, and a text that it may read. */
export function dateTemplateAndText(random: Random): readonly [template: string, text: string] {
  let template = random.pick(["", "", "", "FX", " ", "-"]);
  let text = random.pick(["", "", "", "", " ", "  ", "-"]);
  const keywords = Object.keys(dateKeywords);
  for (let count = 1 + random.next(5); count > 0; count -= 1) {
    const keyword = random.pick(random.next(3) > 0 ? usual : keywords);
    const written = random.next(8) === 0 ? keyword.toLowerCase() : keyword;
    template +=
      random.pick(["", "", "", "", "", "FM", "TM", "fm"]) +
      written +
      random.pick(["", "", "", "", "", "", "", "th", "TH"]);
    text +=
      random.next(20) === 0 ? random.pick(["x", "", "1", "2021", "-3"]) : random.pick(dateKeywords[keyword] ?? [""]);
    if (template.toLowerCase().endsWith("th") && random.next(2) === 0) text += "th";
    if (count === 1 && random.next(4) > 0) break;
    const separator = random.pick(separators);
    template += separator;
    text += random.next(4) > 0 ? separator.replaceAll(/["\\]/gu, "") : random.pick(textSeparators);
  }
  return [template, text];
}

const numberKeywords = [
  "9",
  "9",
  "9",
  "99",
  "999",
  "0",
  "0",
  "00",
  ".",
  "D",
  ",",
  "G",
  "S",
  "MI",
  "PL",
  "SG",
  "PR",
  "L",
  "FM",
  "TH",
  "th",
  "V",
  "B",
  "RN",
  "rn",
  "EEEE",
  "C",
  "SP",
  "x",
  " ",
  '"a9"',
  "é",
  "-",
  "\\",
];
const numberShapes = [
  "999",
  "9,999.99",
  "099.9",
  "S999",
  "999S",
  "999MI",
  "999PR",
  "SG99",
  "PL99",
  "99.9S",
  "9.99EEEE",
  "99V9",
  "0.0",
  ".99",
  "99th",
  "RN",
];

export function numberTemplate(random: Random): string {
  let template = random.pick(["", "", "FM", "S", "L"]);
  if (random.next(3) === 0)
    return template + random.pick(numberShapes) + random.pick(["", "", "9", ".9", "0", "S", "th"]);
  for (let count = 1 + random.next(7); count > 0; count -= 1) template += random.pick(numberKeywords);
  return template;
}

export function numberText(random: Random): string {
  const pieces = ["-", "+", "<", ">", " ", "  ", ".", ",", "1", "12", "345", "0", "9", "x", "$", "é", "(", "th"];
  if (random.next(3) === 0)
    return random.pick(["12,454.8-", "485", "-12.5", "1234.56", "$1.5", "x", "-0.1", "<12>", "1 -", " 7", ""]);
  let text = "";
  for (let count = random.next(6); count > 0; count -= 1) text += random.pick(pieces);
  return text;
}
