/** regclass, regtype and their kin: an oid that is written as the name of what it identifies. */
import { assert } from "../../types/assert.js";
import { exactly, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import { oidMax } from "./integer.js";
import { outOfRangeText } from "./invalid.js";
import type { NamedObjectKind } from "./text-context.js";

const digitsOnly = /^\d+$/u;

export const objectNameCodec = (kind: NamedObjectKind): TypeCodec => ({
  input: (text, _modifier, context) => {
    if (text === "-") return 0;
    if (digitsOnly.test(text)) {
      const oid = Number(text);
      if (oid > oidMax) throw outOfRangeText("oid", text);
      return oid;
    }
    return context.names.oidOf(kind, text);
  },
  output: (value, context) => {
    assert(typeof value === "number", "an object identifier is a number");
    return value === 0 ? "-" : (context.names.nameOf(kind, value) ?? String(value));
  },
  receive: (bytes) => exactly(bytes, 4).getUint32(0),
  send: (value) => {
    assert(typeof value === "number", "an object identifier is a number");
    return fixed(4, (view) => view.setUint32(0, value));
  },
});
