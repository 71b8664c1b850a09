/** Values of enums: a label as text and in binary, between them the number that says which it is and where it stands (user-types.ts). */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { fromUtf8 } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Value } from "./datum.js";
import type { Oid } from "./sql-type.js";
import type { TextContext } from "./text-context.js";
import { isEnum } from "./user-types.js";

const encoder = new TextEncoder();

export function enumCodec(type: Oid): TypeCodec {
  assert(isEnum(type), "a codec of an enum is asked for one");
  const read = (label: string, { names }: TextContext): Value => {
    const value = names.enumLabels(type)?.valueOf(label) ?? null;
    if (value !== null) return value;
    throw new SqlError("22P02", `invalid input value for enum ${names.nameOf("regtype", type) ?? type}: "${label}"`);
  };
  const show = (value: Value, { names }: TextContext): string => {
    assert(typeof value === "number", "a value of an enum is a number");
    const label = names.enumLabels(type)?.labelOf(value) ?? null;
    assert(label !== null, "a value of an enum has a label");
    return label;
  };
  return {
    input: (text, _modifier, context) => read(text, context),
    output: show,
    receive: (bytes, _modifier, context) => read(fromUtf8(bytes), context),
    send: (value, context) => encoder.encode(show(value, context)),
  };
}
