/** Parameters as a client sent them, read by the types that the statement gives them; those of domains are held against them. */
import type { BoundStatement } from "../../runtime/query/bind/bound.js";
import { SqlError } from "../../runtime/query/error.js";
import { parameterValue } from "../../runtime/query/execute/parameter-value.js";
import type { EvaluationContext } from "../../runtime/query/functions/context.js";
import { fromUtf8 } from "../../runtime/query/types/bytes.js";
import { codecOf } from "../../runtime/query/types/codecs.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { noModifier, type Oid, type SqlType } from "../../runtime/query/types/sql-type.js";
import type { TextContext } from "../../runtime/query/types/text-context.js";
import type { WireValue } from "../messages/sql.js";
import { elementsBeneath, type LoadValue, loadValueOf } from "./load-parameters.js";

/** Throws 08P01 for another number of values, what a type's input says, and 23502 or 23514 for what is no value of a domain. */
export function readParameters(
  values: readonly WireValue[],
  { parameterTypes, domainParameters }: Pick<BoundStatement, "parameterTypes" | "domainParameters">,
  context: EvaluationContext,
): readonly Datum[] {
  if (values.length !== parameterTypes.length) {
    throw new SqlError(
      "08P01",
      `bind message supplies ${values.length} parameters, but prepared statement "" requires ${parameterTypes.length}`,
    );
  }
  if (domainParameters.length === 0) {
    if (values.length >= manyMin) return readMany(values, parameterTypes, context);
    return values.map((value, index) => read(value, parameterTypes[index] ?? 0, noModifier, context));
  }
  // One after the other: the first that is wrong is told, whether by its type or by its domain.
  const ofDomains = new Map(domainParameters.map((parameter) => [parameter.index, parameter]));
  const parameters: Datum[] = [];
  for (const [index, value] of values.entries()) {
    const ofDomain = ofDomains.get(index);
    const given = ofDomain === undefined ? value : withElementsBeneath(value, ofDomain.type);
    parameters.push(read(given, parameterTypes[index] ?? 0, ofDomain?.type.modifier ?? noModifier, context));
    if (ofDomain !== undefined) parameterValue(ofDomain.value, parameters, context);
  }
  return parameters;
}

const withElementsBeneath = ({ format, bytes }: WireValue, type: SqlType): WireValue => ({
  format,
  bytes: format === 0 || bytes === null ? bytes : elementsBeneath(bytes, type),
});

/** From so many on it is worth while to look for the shortest way to read each type. */
const manyMin = 16;

/** Parameters of an INSERT of many rows: of few types, and side by side in one message. */
function readMany(values: readonly WireValue[], types: readonly Oid[], context: TextContext): readonly Datum[] {
  const readers = [new Map<Oid, LoadValue>(), new Map<Oid, LoadValue>()] as const;
  let all: Buffer = Buffer.alloc(0);
  return values.map(({ format, bytes }, index) => {
    if (bytes === null) return null;
    if (all.buffer !== bytes.buffer) all = Buffer.from(bytes.buffer);
    const type = types[index] ?? 0;
    let reader = readers[format].get(type);
    if (reader === undefined) {
      reader = loadValueOf(type, format, context);
      readers[format].set(type, reader);
    }
    return reader(all, bytes.byteOffset, bytes.byteOffset + bytes.length);
  });
}

function read({ format, bytes }: WireValue, type: Oid, modifier: number, context: TextContext): Datum {
  if (bytes === null) return null;
  const codec = codecOf(type);
  return format === 1 ? codec.receive(bytes, modifier, context) : codec.input(fromUtf8(bytes), modifier, context);
}
