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

function keeping(isStandard: boolean): (template: string) => readonly TemplatePart[] {
  const kept = new Map<string, readonly TemplatePart[]>();
  return (template) => {
    const known = kept.get(template);
    if (known !== undefined) return known;
    const parts = parseTemplate(template, { keywords, isOfDates: true, isStandard });
    if (kept.size > 200) kept.clear();
    kept.set(template, parts);
    return parts;
  };
}

export const dateTemplate = keeping(false);
/** As the SQL standard has them: what jsonpath's `.datetime()` takes. Throws 22007 for other separators. */
export const standardDateTemplate = keeping(true);
