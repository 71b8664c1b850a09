/**
 * jsonpaths at random, values for them to look into, and variables: most find something, some are errors, a few are no paths at all. A third is
 * about dates and times, which few paths would find by chance.
 */
import type { Random } from "./expressions.js";

const keys = ["a", "b", "c", "d e", "é", "type", "a"];
const texts = [
  "abc",
  "",
  "a",
  "é\\n",
  "1.5",
  "-1e3",
  "2017-03-10",
  "2017-3-1",
  "2017-03-10 12:34:56",
  "2017-03-10T12:34:56.789",
  "2017-03-10 12:34:56+03",
  "2017-03-10T12:34:56 -03:30",
  "12:34:56",
  "12:34:56.5",
  "12:34:56+03",
  "12:34:56.25-08:15",
  "10.03.2017",
  "12:34 PM",
  "infinity",
];
const numbers = ["0", "1", "2", "-1", "1.50", "0.1", "-3.7", "1e3", "12345678901234567890", "1e-5", "100000000000"];
const templates = [
  "",
  "yyyy-mm-dd",
  "dd.mm.yyyy",
  "HH24:MI:SS",
  "HH24:MI:SS.FF2",
  "HH24:MI:SSTZH",
  "HH12:MI AM",
  "yyyy-mm-dd HH24:MI:SS",
  "yyyy-mm-dd HH24:MI:SSTZH:TZM",
  'yyyy-mm-dd\\"T\\"HH24:MI:SS.MS',
  "yyyy/mm",
  "TZH",
  "x",
  "yyyy-mm-dd TZ",
];

/** A value as JSON. */
function jsonFor(random: Random, depth = 3): string {
  const kind = random.next(depth > 0 ? 9 : 5);
  if (kind === 0) return random.pick(["null", "true", "false"]);
  if (kind < 3) return `"${random.pick(texts)}"`;
  if (kind < 5) return random.pick(numbers);
  const parts = Array.from({ length: random.next(4) }, () => jsonFor(random, depth - 1));
  if (kind < 7) return `[${parts.join(", ")}]`;
  return `{${parts.map((part) => `"${random.pick(keys)}": ${part}`).join(", ")}}`;
}

/** An object of the variables that paths name, now and then something else. */
export function variablesFor(random: Random): string {
  if (random.next(40) === 0) return jsonFor(random, 1);
  return `{"x": ${jsonFor(random, 1)}, "y z": ${jsonFor(random, 0)}}`;
}

interface Place {
  readonly depth: number;
  readonly inFilter: boolean;
  readonly inSubscript: boolean;
}

const below = (place: Place, changes: Partial<Place> = {}): Place => ({ ...place, ...changes, depth: place.depth - 1 });

const literal = (random: Random): string =>
  random.pick([
    () => random.pick(["null", "true", "false"]),
    () => `"${random.pick(texts)}"`,
    () => `"${random.pick(texts)}".datetime()`,
    () => random.pick(numbers).replace(/^-.*/u, "($&)"),
    () => random.pick(["$x", '$"y z"', "$x", "$none"]),
  ])();

function primary(random: Random, place: Place): string {
  if (place.inSubscript && random.next(2) === 0) return random.pick(["last", "0", "1", "last - 1"]);
  if (place.inFilter && random.next(3) > 0) return "@";
  if (random.next(3) > 0) return "$";
  if (random.next(30) === 0) return random.pick(["@", "last"]);
  if (place.depth > 0 && random.next(4) === 0) return `(${operand(random, below(place))})`;
  return literal(random);
}

function step(random: Random, place: Place): string {
  const key = random.pick(keys);
  switch (random.next(14)) {
    case 0:
      return random.pick([
        "[*]",
        "[*]",
        ".*",
        "[0]",
        "[1]",
        "[last]",
        "[0 to 1]",
        "[1, 0]",
        "[last to 0]",
        "[-1]",
        "[0.7]",
      ]);
    case 1:
      return random.pick([".**", ".**{0}", ".**{1}", ".**{1 to 2}", ".**{2 to last}", ".**{last}", ".**{2 to 1}"]);
    case 2:
    case 3:
      return place.depth > 0 ? ` ? (${predicate(random, below(place, { inFilter: true }))})` : "";
    case 4:
      return random.pick([".type()", ".size()", ".abs()", ".floor()", ".ceiling()", ".double()", ".keyvalue()"]);
    case 5:
      return random.next(2) === 0 ? ".datetime()" : `.datetime("${random.pick(templates)}")`;
    case 6:
      return place.depth > 0 ? `[${subscript(random, below(place, { inSubscript: true }))}]` : "[*]";
    case 7:
      return ".datetime().type()";
    case 8:
    case 9:
      return "[*]";
    default:
      return /^[a-z]+$/u.test(key) ? `.${key}` : `."${key}"`;
  }
}

const subscript = (random: Random, place: Place): string =>
  random.next(3) === 0 ? `${operand(random, place)} to ${operand(random, place)}` : operand(random, place);

function path(random: Random, place: Place): string {
  let text = primary(random, place);
  for (let count = random.next(4); count > 0; count -= 1) text += step(random, place);
  return text;
}

function operand(random: Random, place: Place): string {
  if (place.depth <= 0 || random.next(3) > 0) return path(random, place);
  if (random.next(5) === 0) return random.pick(["-", "+"]) + operand(random, below(place));
  const operator = random.pick(["+", "-", "*", "/", "%"]);
  return `${operand(random, below(place))} ${operator} ${operand(random, below(place))}`;
}

function predicate(random: Random, place: Place): string {
  const inner = below(place);
  const kind = random.next(place.depth > 0 ? 12 : 5);
  if (kind < 5) {
    const operator = random.pick(["==", "!=", "<", ">", "<=", ">=", "<>", "=="]);
    const right = random.next(2) === 0 ? literal(random) : operand(random, inner);
    return `${operand(random, inner)} ${operator} ${right}`;
  }
  switch (kind) {
    case 5:
      return `(${predicate(random, inner)}) && (${predicate(random, inner)})`;
    case 6:
      return `${predicate(random, inner)} || ${predicate(random, inner)}`;
    case 7:
      return `!(${predicate(random, inner)})`;
    case 8:
      return `(${predicate(random, inner)}) is unknown`;
    case 9:
      return `exists (${operand(random, inner)})`;
    case 10:
      return `${operand(random, inner)} starts with ${random.pick(['"a"', '"20"', "$x", '""'])}`;
    default:
      return `${operand(random, inner)} like_regex "${random.pick(["^a", "1", "B", "^.$", "a(b", "^2.*-"])}"${random.pick(["", "", ' flag "i"', ' flag "q"', ' flag "sx"', ' flag "mi"'])}`;
  }
}

/** A character more, less or another. */
function damaged(text: string, random: Random): string {
  const at = random.next(text.length + 1);
  const put = random.pick([
    "",
    "",
    ".",
    "(",
    ")",
    "[",
    "?",
    "$",
    "@",
    '"',
    " ",
    "1",
    "a",
    "&",
    "*",
    "{",
    "\\",
    "-",
    "/*",
  ]);
  return text.slice(0, at) + put + text.slice(at + random.next(2));
}

function jsonPathFor(random: Random): string {
  const mode = random.pick(["", "", "", "lax ", "strict ", "strict "]);
  const place: Place = { depth: 3, inFilter: false, inSubscript: false };
  const text = mode + (random.next(4) === 0 ? predicate(random, place) : operand(random, place));
  return random.next(12) === 0 ? damaged(text, random) : text;
}

const dateTemplates: readonly (readonly [template: string, texts: readonly string[]])[] = [
  ["dd.mm.yyyy", ["10.03.2017", "9.3.2017", "31.02.2017", "10.03.2017 "]],
  ["HH24:MI", ["12:34", "0:00", "24:00", "23:59"]],
  ["HH12:MI AM", ["12:34 PM", "01:00 am", "13:00 PM"]],
  ["HH24:MI:SS.FF2TZH", ["12:34:56.789+03", "12:34:56.785-10", "23:59:59.999 00"]],
  ["yyyy-mm-dd HH24:MI TZH:TZM", ["2017-03-10 12:34 +03:00", "2017-03-10 09:34 -00:30", "0001-01-01 00:00 +16:00"]],
  ["yyyy-mm-dd BC HH24", ["0044-03-15 BC 10", "2017-03-10 AD 00"]],
  ["IYYY-IW-ID", ["2017-10-5", "2016-53-1"]],
  ["yyyy-ddd SSSS", ["2017-069 45296", "2016-366 0"]],
];

/** Dates and times that are compared, or asked for their type. */
function datesFor(random: Random): readonly [json: string, path: string] {
  const dates: string[] = [];
  const [template, written] = random.pick(dateTemplates);
  const isWritten = random.next(3) === 0;
  for (let count = 1 + random.next(5); count > 0; count -= 1) dates.push(random.pick(isWritten ? written : texts));
  const call = isWritten ? `datetime("${template}")` : "datetime()";
  const [otherTemplate, otherTexts] = random.pick(dateTemplates);
  const other =
    random.next(3) > 0
      ? `"${random.pick(texts.slice(6))}".datetime()`
      : `"${random.pick(otherTexts)}".datetime("${otherTemplate}")`;
  const operator = random.pick(["==", "!=", "<", ">", "<=", ">="]);
  const found = random.pick([
    "",
    ".type()",
    ` ? (@ ${operator} ${other})`,
    ` ? (@ ${operator} ${other}).type()`,
    ` ? ((@ ${operator} ${other}) is unknown)`,
    ` ${operator} ${other}`,
    ` ${operator} $[*].${call}`,
    ` ? (@ ${operator} $[0].${call})`,
  ]);
  return [`[${dates.map((date) => `"${date}"`).join(", ")}]`, `${random.pick(["", "strict "])}$[*].${call}${found}`];
}

/** A value, and a path for it. */
export const questionFor = (random: Random): readonly [json: string, path: string] =>
  random.next(3) === 0 ? datesFor(random) : [jsonFor(random), jsonPathFor(random)];
