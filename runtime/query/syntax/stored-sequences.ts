/** Sequences in stored syntax: `nextval('s')` names the sequence that is found when it is stored, whatever it is called later. */
import type { Expression } from "./ast-expression.js";

/** The tree with the name in each `nextval('name')` replaced by `change` of it; the same tree where none was. Null keeps a name. */
export function mapSequenceNames<Tree>(root: Tree, change: (name: string) => string | null): Tree {
  return mapped(root, change) as Tree;
}

function mapped(node: unknown, change: (name: string) => string | null): unknown {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) {
    const items = node.map((item: unknown) => mapped(item, change));
    return items.some((item, index) => item !== node[index]) ? items : node;
  }
  if (isNextValue(node)) {
    const [argument] = node.arguments;
    const named = argument === undefined ? argument : renamed(argument, change);
    return named === argument ? node : { ...node, arguments: [named] };
  }
  const fields = Object.entries(node).map(([key, value]) => [key, value, mapped(value, change)] as const);
  return fields.some(([, before, after]) => before !== after)
    ? Object.fromEntries(fields.map(([key, , after]) => [key, after]))
    : node;
}

function isNextValue(node: object): node is Extract<Expression, { kind: "functionCall" }> {
  if (!("kind" in node) || node.kind !== "functionCall" || !("name" in node) || !("arguments" in node)) return false;
  return Array.isArray(node.name) && node.name.at(-1) === "nextval" && Array.isArray(node.arguments);
}

/** Of a name and of one that is cast to `regclass`; a text that is computed is looked up each time. */
function renamed(argument: Expression, change: (name: string) => string | null): Expression {
  if (argument.kind === "stringLiteral") {
    const text = change(argument.text);
    return text === null ? argument : { ...argument, text };
  }
  if (argument.kind !== "cast" || argument.type.names.at(-1) !== "regclass") return argument;
  const subject = renamed(argument.subject, change);
  return subject === argument.subject ? argument : { ...argument, subject };
}
