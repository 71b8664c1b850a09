/**
 * A jsonpath as PostgreSQL shows it: keys in quotes, parentheses where precedence asks for them. (Not everywhere where reading it back would:
 * in an operand that is an expression with an accessor behind it they are left off, there as here. What is stored is what was written.)
 */
import { decimalText } from "../types/decimal.js";
import { quoteJson } from "../types/json-parse.js";
import type { BinaryOperator, JsonPath, PathItem } from "./item.js";

const priorities: Readonly<Record<BinaryOperator, number>> = {
  "||": 0,
  "&&": 1,
  "==": 2,
  "!=": 2,
  "<": 2,
  ">": 2,
  "<=": 2,
  ">=": 2,
  "starts with": 2,
  "+": 3,
  "-": 3,
  "*": 4,
  "/": 4,
  "%": 4,
};
const signPriority = 5;
const otherPriority = 6;

const priorityOf = (item: PathItem): number =>
  item.kind === "binary" ? priorities[item.operator] : item.kind === "sign" ? signPriority : otherPriority;

export const printJsonPath = ({ isStrict, root }: JsonPath): string =>
  `${isStrict ? "strict " : ""}${printed(root, false, true)}`;

const enclosed = (text: string, isEnclosed: boolean): string => (isEnclosed ? `(${text})` : text);

function printed(first: PathItem, isBehind: boolean, hasParentheses: boolean): string {
  let text = printedItem(first, isBehind, hasParentheses);
  for (let item = first.next; item !== null; item = item.next) text += printedItem(item, true, true);
  return text;
}

function printedItem(item: PathItem, isBehind: boolean, hasParentheses: boolean): string {
  const dot = isBehind ? "." : "";
  const operand = (part: PathItem): string => printed(part, false, priorityOf(part) <= priorityOf(item));
  const alone = (part: PathItem): string => printed(part, false, false);
  switch (item.kind) {
    case "null":
      return "null";
    case "root":
      return "$";
    case "current":
      return "@";
    case "last":
      return "last";
    case "anyArray":
      return "[*]";
    case "anyKey":
      return `${dot}*`;
    case "boolean":
      return item.value ? "true" : "false";
    case "string":
      return quoteJson(item.value);
    case "number":
      return enclosed(decimalText(item.value), item.next !== null);
    case "variable":
      return `$${quoteJson(item.name)}`;
    case "key":
      return `${dot}${quoteJson(item.name)}`;
    case "subscripts": {
      const ranges = item.subscripts.map(({ from, to }) => alone(from) + (to === null ? "" : ` to ${alone(to)}`));
      return `[${ranges.join(",")}]`;
    }
    case "anyLevel":
      return `${dot}**${levels(item.first, item.last)}`;
    case "filter":
      return `?(${alone(item.argument)})`;
    case "not":
      return `!(${alone(item.argument)})`;
    case "isUnknown":
      return `(${alone(item.argument)}) is unknown`;
    case "exists":
      return `exists (${alone(item.argument)})`;
    case "method":
      return `.${item.name}()`;
    case "datetime":
      return `.datetime(${item.template === null ? "" : quoteJson(item.template)})`;
    case "binary":
      return enclosed(`${operand(item.left)} ${item.operator} ${operand(item.right)}`, hasParentheses);
    case "sign":
      return enclosed(`${item.operator}${operand(item.operand)}`, hasParentheses);
    case "likeRegex": {
      const flags = item.flags === "" ? "" : ` flag "${item.flags}"`;
      return enclosed(`${operand(item.subject)} like_regex ${quoteJson(item.pattern)}${flags}`, hasParentheses);
    }
  }
}

function levels(first: number, last: number): string {
  if (first === 0 && last === Number.POSITIVE_INFINITY) return "";
  const level = (number: number): string => (number === Number.POSITIVE_INFINITY ? "last" : String(number));
  return first === last ? `{${level(first)}}` : `{${level(first)} to ${level(last)}}`;
}
