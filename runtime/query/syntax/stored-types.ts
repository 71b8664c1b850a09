/** Types in stored syntax: beside their names stand the numbers of those that somebody has made, so that they stay what they are under other names. */
import type { TypeName } from "./ast-expression.js";

/** The tree with each name of a type replaced by `change` of it; the same tree where none was. */
export function mapTypeNames<Tree>(root: Tree, change: (name: TypeName) => TypeName): Tree {
  return mapped(root, change) as Tree;
}

function mapped(node: unknown, change: (name: TypeName) => TypeName): unknown {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) {
    const items = node.map((item: unknown) => mapped(item, change));
    return items.some((item, index) => item !== node[index]) ? items : node;
  }
  if ("arrayDimensions" in node) return change(node as TypeName);
  const fields = Object.entries(node).map(([key, value]) => [key, value, mapped(value, change)] as const);
  return fields.some(([, before, after]) => before !== after)
    ? Object.fromEntries(fields.map(([key, , after]) => [key, after]))
    : node;
}
