/** Parameters as a client sent them, read by the types that the statement gives them. */
import { SqlError } from "../../runtime/query/error.js";
import { fromUtf8 } from "../../runtime/query/types/bytes.js";
import { codecOf } from "../../runtime/query/types/codecs.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { noModifier, type Oid } from "../../runtime/query/types/sql-type.js";
import type { TextContext } from "../../runtime/query/types/text-context.js";
import type { WireValue } from "../messages/sql.js";

export function readParameters(
  values: readonly WireValue[],
  types: readonly Oid[],
  context: TextContext,
  name: string,
): readonly Datum[] {
  if (values.length !== types.length) {
    throw new SqlError(
      "08P01",
      `bind message supplies ${values.length} parameters, but prepared statement "${name}" requires ${types.length}`,
    );
  }
  return values.map(({ format, bytes }, index) => {
    if (bytes === null) return null;
    const codec = codecOf(types[index] ?? 0);
    if (format === 1) return codec.receive(bytes, noModifier, context);
    return codec.input(fromUtf8(bytes), noModifier, context);
  });
}
