/**
 * Types by the numbers that PostgreSQL's protocol and catalogs use for them: clients hard-code these.
 */

/** An object identifier of `pg_type` and the other catalogs. */
export type Oid = number;

/** A type with its modifier: `numeric(10,2)`, `varchar(20)`. -1 is no modifier. Encoded as in `pg_attribute.atttypmod`. */
export interface SqlType {
  readonly oid: Oid;
  readonly modifier: number;
  /** The domain that values are of; `oid` and `modifier` are then those of the type beneath it. */
  readonly domain?: Oid;
  /** Of a record whose columns are known where it is made. */
  readonly fields?: readonly RecordField[];
  /** Of rows, or arrays of them, that SEARCH or CYCLE makes: no table has a type for them. */
  readonly isOfSearch?: true;
}

/** A column of a row as one value. */
export interface RecordField {
  readonly name: string;
  readonly type: SqlType;
}

export const typeOid = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int2vector: 22,
  int4: 23,
  regproc: 24,
  text: 25,
  oid: 26,
  tid: 27,
  xid: 28,
  cid: 29,
  oidvector: 30,
  json: 114,
  cidr: 650,
  float4: 700,
  float8: 701,
  unknown: 705,
  macaddr8: 774,
  money: 790,
  macaddr: 829,
  inet: 869,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  timetz: 1266,
  bit: 1560,
  varbit: 1562,
  numeric: 1700,
  refcursor: 1790,
  regprocedure: 2202,
  regoper: 2203,
  regclass: 2205,
  regtype: 2206,
  uuid: 2950,
  jsonb: 3802,
  jsonpath: 4072,
  regnamespace: 4089,
  regrole: 4096,
  record: 2249,
  void: 2278,
  trigger: 2279,
  any: 2276,
  anyarray: 2277,
  anyelement: 2283,
  anynonarray: 2776,
  anyenum: 3500,
  anycompatible: 5077,
  anycompatiblearray: 5078,
  anycompatiblenonarray: 5079,
  cstring: 2275,
  regoperator: 2204,
  xid8: 5069,
  pgLsn: 3220,
  aclitem: 1033,
  pgNodeTree: 194,
  timetzArray: 1270,
  recordArray: 2287,
  regclassArray: 2210,
  regtypeArray: 2211,
  regprocedureArray: 2207,
  boolArray: 1000,
  byteaArray: 1001,
  charArray: 1002,
  nameArray: 1003,
  int2Array: 1005,
  int4Array: 1007,
  textArray: 1009,
  bpcharArray: 1014,
  varcharArray: 1015,
  int8Array: 1016,
  float4Array: 1021,
  float8Array: 1022,
  oidArray: 1028,
  timestampArray: 1115,
  dateArray: 1182,
  timeArray: 1183,
  timestamptzArray: 1185,
  intervalArray: 1187,
  numericArray: 1231,
  bitArray: 1561,
  varbitArray: 1563,
  jsonArray: 199,
  cidrArray: 651,
  macaddr8Array: 775,
  moneyArray: 791,
  macaddrArray: 1040,
  inetArray: 1041,
  uuidArray: 2951,
  jsonbArray: 3807,
  jsonpathArray: 4073,
} as const satisfies Record<string, Oid>;

/** The type beneath a domain; any other as it is. */
export const beneath = ({ oid, modifier }: SqlType): SqlType => ({ oid, modifier });

/** What a type is called by: the domain that it is, or else itself. */
export const namedOid = ({ oid, domain }: SqlType): Oid => domain ?? oid;

export const noModifier = -1;
/** A row of such columns as one value. */
export const recordType = (fields: readonly RecordField[]): SqlType => ({
  oid: typeOid.record,
  modifier: noModifier,
  fields: fields.map(({ name, type }) => ({ name, type: type.oid === typeOid.unknown ? sqlType(typeOid.text) : type })),
});

export const sqlType = (oid: Oid, modifier = noModifier): SqlType => ({ oid, modifier });
