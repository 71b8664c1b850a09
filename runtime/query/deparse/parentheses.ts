/**
 * Where the pretty style can do without parentheses around a part of an expression. The rules are those of PostgreSQL 15, so that both print
 * the same; beyond the arithmetic of `+ - * / %` they know of no precedence.
 */
import type { Analysed } from "./analysed.js";

const isArithmetic = (name: string): boolean => /^[-+*/%]$/u.test(name);
const bindsTight = (name: string): boolean => /^[*/%]$/u.test(name);

/** Whether `node`, as a part of `parent`, is a unit by itself. */
export function isUnit(node: Analysed, parent: Analysed): boolean {
  switch (node.kind) {
    case "constant":
    case "name":
    case "call":
    case "list":
    case "case":
    case "array":
    case "row":
    case "subscript":
      return true;
    case "field":
      return parent.kind !== "field";
    case "written":
      return node.isCall || isEnclosed(parent);
    case "conversion":
      return node.by === "function" || isUnit(node.subject, node);
    case "operator":
      return parent.kind === "operator" ? isUnitOfOperator(node, parent) : isEnclosed(parent);
    case "test":
    case "distinctFrom":
      return isEnclosed(parent);
    case "and":
    case "or":
    case "not":
      if (parent.kind === "and" || parent.kind === "or") return node.kind !== "or" || parent.kind === "or";
      return parent.kind !== "not" && isEnclosed(parent);
    case "quantified":
    case "rowComparison":
    case "collate":
      return false;
  }
}

function isUnitOfOperator(
  node: Extract<Analysed, { kind: "operator" }>,
  parent: Extract<Analysed, { kind: "operator" }>,
): boolean {
  if (node.left === null || parent.left === null || !isArithmetic(node.name) || !isArithmetic(parent.name))
    return false;
  if (bindsTight(node.name) !== bindsTight(parent.name)) return bindsTight(node.name);
  return parent.left === node;
}

/** Whether what stands within `parent` is kept apart by its own signs or words. */
function isEnclosed(parent: Analysed): boolean {
  switch (parent.kind) {
    case "call":
      return parent.syntax === null;
    case "and":
    case "or":
    case "not":
    case "subscript":
    case "array":
    case "row":
    case "list":
    case "case":
      return true;
    default:
      return false;
  }
}
