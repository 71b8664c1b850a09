/** Lists of `name value` that many statements take, and names of roles, as the parser holds them. */
import { notSupported, SqlError } from "../error.js";
import type { Conversion } from "./conversion.js";
import { fieldsOf, flagOf, has, listOf, numberOf, textOf, unwrap } from "./tree.js";

export interface OptionNode {
  /** In lower case, as written otherwise. */
  readonly name: string;
  /** What stands before the name and a point. */
  readonly namespace: string | null;
  /** The parser's node; null when no value was written. */
  readonly value: unknown;
  readonly location: number;
}

export function definitionElements(nodes: readonly unknown[], conversion: Conversion): readonly OptionNode[] {
  return nodes.map((node) => {
    const fields = fieldsOf(node, "DefElem");
    return {
      name: textOf(fields, "defname").toLowerCase(),
      namespace: has(fields, "defnamespace") ? textOf(fields, "defnamespace") : null,
      value: has(fields, "arg") ? fields["arg"] : null,
      location: conversion.at(fields),
    };
  });
}

/** A value as text, however it was written: `5`, `'x'`, `on`, `public`; null for none or a list. */
export function valueText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const [kind, fields] = unwrap(value);
  switch (kind) {
    case "String":
      return textOf(fields, "sval");
    case "Integer":
      return String(numberOf(fields, "ival"));
    case "Float":
      return textOf(fields, "fval");
    case "Boolean":
      return flagOf(fields, "boolval") ? "true" : "false";
    case "TypeName":
      return textOf(fieldsOf(listOf(fields, "names").at(-1) ?? {}, "String"), "sval");
    case "A_Const":
      return constantText(fields);
    case "TypeCast":
      return valueText(fields["arg"]);
    default:
      return null;
  }
}

function constantText(fields: Readonly<Record<string, unknown>>): string | null {
  if (has(fields, "ival")) return String(numberOf(fieldsOf(fields["ival"], "Integer"), "ival"));
  if (has(fields, "fval")) return textOf(fieldsOf(fields["fval"], "Float"), "fval");
  if (has(fields, "sval")) return textOf(fieldsOf(fields["sval"], "String"), "sval");
  if (has(fields, "boolval")) return flagOf(fieldsOf(fields["boolval"], "Boolean"), "boolval") ? "true" : "false";
  return null;
}

/** A role as named: CURRENT_USER and its like by their lower-case words. */
export function roleName(node: unknown): string {
  const fields = fieldsOf(node, "RoleSpec");
  const type = textOf(fields, "roletype");
  return type === "ROLESPEC_CSTRING" ? textOf(fields, "rolename") : type.replace(/^ROLESPEC_/, "").toLowerCase();
}

/** What options of a view demand of rows that are written through it; null when none says anything. */
export function checkOptionIn(elements: ReturnType<typeof definitionElements>): "local" | "cascaded" | null {
  let found: "local" | "cascaded" | null = null;
  for (const { name, value, location } of elements) {
    if (name === "security_barrier" || name === "security_invoker")
      throw notSupported(`the option ${name} of a view`, location);
    if (name !== "check_option") throw new SqlError("22023", `unrecognized parameter "${name}"`);
    if (found !== null) throw new SqlError("22023", 'parameter "check_option" specified more than once');
    const text = valueText(value) ?? "true";
    const option = text.toLowerCase();
    if (option !== "local" && option !== "cascaded") {
      throw new SqlError("22023", `invalid value for enum option "check_option": ${text}`, {
        detail: 'Valid values are "local" and "cascaded".',
      });
    }
    found = option;
  }
  return found;
}
