/** The keywords of templates of dates, the names that they show and read, and templates that were parsed before. */
import { parseTemplate, type TemplatePart } from "./template.js";

export const monthNames = "January February March April May June July August September October November December".split(
  " ",
);
export const dayNames = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
export const romanMonths = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

const keywordsInOrder = (
  "A.D. A.M. AD AM B.C. BC CC DAY DDD DD DY Day Dy D FF1 FF2 FF3 FF4 FF5 FF6 FX HH24 HH12 HH IDDD ID IW IYYY IYY IY I J MI MM MONTH MON MS Month Mon OF " +
  "P.M. PM Q RM SSSSS SSSS SS TZH TZM TZ US WW W Y,YYY YYYY YYY YY Y"
).split(" ");
const keywords = [...keywordsInOrder, ...keywordsInOrder.map((keyword) => keyword.toLowerCase())].filter(
  (keyword, index, all) => all.indexOf(keyword) === index,
);

const templatesKept = new Map<string, readonly TemplatePart[]>();

export function dateTemplate(template: string): readonly TemplatePart[] {
  const known = templatesKept.get(template);
  if (known !== undefined) return known;
  const parts = parseTemplate(template, { keywords, isOfDates: true });
  if (templatesKept.size > 200) templatesKept.clear();
  templatesKept.set(template, parts);
  return parts;
}
