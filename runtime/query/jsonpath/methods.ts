/** Methods of jsonpath: `.type()`, `.size()`, `.abs()`, `.floor()`, `.ceiling()`, `.double()`, `.datetime()`, `.keyvalue()`. */
import { SqlError } from "../error.js";
import { Decimal, decimalFromInteger, decimalText } from "../types/decimal.js";
import { absolute, ceiling, floor, fromNumber } from "../types/decimal-arithmetic.js";
import { float8FromText } from "../types/float.js";
import { isArrayNode, isObjectNode, objectNode } from "../types/jsonb.js";
import { attempt, dateTimeReader, kindOf, type PathNode, usualDateTime } from "./datetime.js";
import type { Evaluation, Found, Outcome } from "./evaluate.js";
import type { ItemBody, PathItem } from "./item.js";

type DateTime = Extract<PathItem, { readonly kind: "datetime" }> & Extract<ItemBody, { readonly kind: "datetime" }>;
type Method = Extract<PathItem, { readonly kind: "method" }> & Extract<ItemBody, { readonly kind: "method" }>;

/** Digits in which a double becomes a numeric. */
const doubleDigits = 15;
const numberMethods = { abs: absolute, floor, ceiling } as const;

export function evaluateMethod(
  evaluation: Evaluation,
  item: Method,
  node: PathNode,
  found: Found,
  unwraps: boolean,
): Outcome {
  const { name } = item;
  if (name === "type") return evaluation.next(item, kindOf(node), found);
  if (name === "size") {
    if (!isArrayNode(node) && !evaluation.isLax)
      return evaluation.misfit("22039", "jsonpath item method .size() can only be applied to an array");
    return evaluation.next(item, decimalFromInteger(isArrayNode(node) ? node.length : 1), found);
  }
  if (unwraps && isArrayNode(node)) return evaluation.unwrapped(item, node, found);
  if (name === "double") return double(evaluation, item, node, found);
  if (name === "keyvalue") return keyValue(evaluation, item, node, found);
  if (!(node instanceof Decimal))
    return evaluation.fail("22036", `jsonpath item method .${name}() can only be applied to a numeric value`);
  return evaluation.next(item, numberMethods[name](node), found);
}

function double(evaluation: Evaluation, item: Method, node: PathNode, found: Found): Outcome {
  if (node instanceof Decimal) {
    if (doubleOf(decimalText(node)) !== null) return evaluation.next(item, node, found);
    return evaluation.fail(
      "22036",
      "numeric argument of jsonpath item method .double() is out of range for type double precision",
    );
  }
  if (typeof node !== "string")
    return evaluation.fail("22036", "jsonpath item method .double() can only be applied to a string or numeric value");
  const value = doubleOf(node);
  if (value === null)
    return evaluation.fail(
      "22036",
      "string argument of jsonpath item method .double() is not a valid representation of a double precision number",
    );
  return evaluation.next(item, fromNumber(value, doubleDigits), found);
}

/** Null for what is no number, or none that is finite. */
function doubleOf(text: string): number | null {
  try {
    const value = float8FromText(text);
    return Number.isFinite(value) ? value : null;
  } catch (error) {
    if (error instanceof SqlError) return null;
    throw error;
  }
}

/** Steps that reading a date takes, and characters of it in the time of one. */
const dateTimeSteps = 100;
const textPerStep = 50;

export function evaluateDateTime(
  evaluation: Evaluation,
  item: DateTime,
  node: PathNode,
  found: Found,
  unwraps: boolean,
): Outcome {
  if (unwraps && isArrayNode(node)) return evaluation.unwrapped(item, node, found);
  if (typeof node !== "string")
    return evaluation.fail("22031", "jsonpath item method .datetime() can only be applied to a string");
  const { template } = item;
  evaluation.count(dateTimeSteps + (node.length + (template?.length ?? 0)) / textPerStep);
  if (template === null) {
    const made = usualDateTime(node);
    if (made !== null) return evaluation.next(item, made, found);
    return evaluation.fail("22031", `datetime format is not recognized: "${node}"`, {
      hint: "Use a datetime template argument to specify the input data format.",
    });
  }
  // That the template is wrong is told in any case.
  const read = dateTimeReader(template);
  const made = evaluation.throws ? read(node) : attempt(() => read(node));
  return made === null ? "error" : evaluation.next(item, made, found);
}

/** An object for each key: `{"id": …, "key": …, "value": …}`. */
function keyValue(evaluation: Evaluation, item: Method, node: PathNode, found: Found): Outcome {
  if (!isObjectNode(node))
    return evaluation.fail("2203C", "jsonpath item method .keyvalue() can only be applied to an object");
  const id = evaluation.placeOf(node);
  let outcome: Outcome = "nothing";
  for (const [key, value] of node) {
    if (item.next === null && found === null) return "found";
    const made = objectNode([
      ["id", id],
      ["key", key],
      ["value", value],
    ]);
    outcome = evaluation.withBase(made, evaluation.objectId(), () => evaluation.next(item, made, found));
    if (outcome === "error" || (outcome === "found" && found === null)) return outcome;
  }
  return outcome;
}
