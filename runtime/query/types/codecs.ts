/** The codec of each type by its oid. */
import { notSupported } from "../error.js";
import { jsonPathCodec } from "../jsonpath/jsonpath.js";
import { arrayCodec, arrayOf, vectorCodec } from "./array.js";
import { bitCodec, varbitCodec } from "./bits.js";
import { booleanCodec } from "./boolean.js";
import { byteaCodec } from "./bytea.js";
import type { TypeCodec } from "./codec.js";
import { dateCodec, timeCodec, timestampCodec, timestamptzCodec } from "./date-time/codecs.js";
import { timeWithZoneCodec } from "./date-time/time-with-zone.js";
import type { Value } from "./datum.js";
import { decimalCodec } from "./decimal.js";
import { enumCodec } from "./enum.js";
import { float4Codec, float8Codec } from "./float.js";
import { cidrCodec, inetCodec } from "./inet-codec.js";
import { int2Codec, int4Codec, int8Codec, looseCodec, oidCodec, xid8Codec } from "./integer.js";
import { intervalCodec } from "./interval-codec.js";
import { jsonbCodec, jsonCodec } from "./jsonb.js";
import { logPlaceCodec } from "./log-place.js";
import { mac8Codec, macCodec } from "./mac-address.js";
import { moneyCodec } from "./money.js";
import { objectNameCodec } from "./object-names.js";
import { compositeCodec, recordCodec } from "./record.js";
import { type Oid, typeOid } from "./sql-type.js";
import { bpcharCodec, charCodec, nameCodec, textCodec, varcharCodec, voidCodec } from "./text.js";
import { tidCodec } from "./tid.js";
import { typeLabel } from "./type-name.js";
import { arrayTypeOf, elementTypeOf, typeFactsOf } from "./type-table.js";
import { isComposite, isEnum } from "./user-types.js";
import { uuidCodec } from "./uuid.js";

/** Columns of statistics, in which arrays of any type are: each goes out as one of its own. */
const anyArrayCodec: TypeCodec = {
  input: () => {
    throw notSupported("a value of type anyarray");
  },
  output: (value, context) => codecOfArray(value).output(value, context),
  receive: () => {
    throw notSupported("a value of type anyarray");
  },
  send: (value, context) => codecOfArray(value).send(value, context),
};

const codecOfArray = (value: Value): TypeCodec => codecOf(arrayTypeOf(arrayOf(value).elementType));

const codecs: Map<Oid, TypeCodec> = new Map<Oid, TypeCodec>([
  [typeOid.bool, booleanCodec],
  [typeOid.bytea, byteaCodec],
  [typeOid.char, charCodec],
  [typeOid.name, nameCodec],
  [typeOid.int2, int2Codec],
  [typeOid.int4, int4Codec],
  [typeOid.int8, int8Codec],
  [typeOid.oid, oidCodec],
  [typeOid.xid, looseCodec],
  [typeOid.cid, looseCodec],
  [typeOid.text, textCodec],
  [typeOid.varchar, varcharCodec],
  [typeOid.bpchar, bpcharCodec],
  [typeOid.unknown, textCodec],
  [typeOid.cstring, textCodec],
  [typeOid.refcursor, textCodec],
  [typeOid.float4, float4Codec],
  [typeOid.float8, float8Codec],
  [typeOid.numeric, decimalCodec],
  [typeOid.uuid, uuidCodec],
  [typeOid.void, voidCodec],
  [typeOid.date, dateCodec],
  [typeOid.time, timeCodec],
  [typeOid.timetz, timeWithZoneCodec],
  [typeOid.timestamp, timestampCodec],
  [typeOid.timestamptz, timestamptzCodec],
  [typeOid.interval, intervalCodec],
  [typeOid.bit, bitCodec],
  [typeOid.varbit, varbitCodec],
  [typeOid.money, moneyCodec],
  [typeOid.macaddr, macCodec],
  [typeOid.macaddr8, mac8Codec],
  [typeOid.inet, inetCodec],
  [typeOid.cidr, cidrCodec],
  [typeOid.regclass, objectNameCodec("regclass")],
  [typeOid.regtype, objectNameCodec("regtype")],
  [typeOid.regproc, objectNameCodec("regproc")],
  [typeOid.regprocedure, objectNameCodec("regprocedure")],
  [typeOid.regoper, objectNameCodec("regoper")],
  [typeOid.regoperator, objectNameCodec("regoperator")],
  [typeOid.regnamespace, objectNameCodec("regnamespace")],
  [typeOid.regrole, objectNameCodec("regrole")],
  [typeOid.tid, tidCodec],
  [typeOid.aclitem, textCodec],
  [typeOid.pgNodeTree, textCodec],
  [typeOid.xid8, xid8Codec],
  [typeOid.pgLsn, logPlaceCodec],
  [typeOid.anyarray, anyArrayCodec],
  [typeOid.json, jsonCodec],
  [typeOid.jsonb, jsonbCodec],
  [typeOid.jsonpath, jsonPathCodec],
  [typeOid.int2vector, vectorCodec(typeOid.int2, int2Codec)],
  [typeOid.oidvector, vectorCodec(typeOid.oid, oidCodec)],
]);

/** Throws 0A000 for a type whose values cannot be read or shown. */
export function codecOf(oid: Oid): TypeCodec {
  const codec = codecs.get(oid);
  if (codec !== undefined) return codec;
  const made = makeCodec(oid);
  codecs.set(oid, made);
  return made;
}

/** Arrays have the codec of their elements, records those of their columns. */
function makeCodec(oid: Oid): TypeCodec {
  if (oid === typeOid.record) return recordCodec(codecOf);
  if (isComposite(oid)) return compositeCodec(oid, codecOf);
  if (isEnum(oid)) return enumCodec(oid);
  const element = elementTypeOf(oid);
  if (element === 0) throw notSupported(`type ${typeLabel(oid)}`);
  return arrayCodec({ type: element, codec: codecOf(element), delimiter: typeFactsOf(element)?.delimiter ?? "," });
}
