/** A row as one value: `(1,"a b",)`. */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { concatBytes, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Datum, Value } from "./datum.js";
import { receiveRecord } from "./record-binary.js";
import { readRecordText } from "./record-text.js";
import { type Oid, type RecordField, type SqlType, typeOid } from "./sql-type.js";
import type { TextContext } from "./text-context.js";

/** A row as one value. */
export class SqlRecord {
  readonly types: readonly SqlType[];
  readonly values: readonly Datum[];
  /** Names of the columns, where the row is one of a table or query; null for `ROW(…)`, whose columns are `f1`, `f2`, … */
  readonly names: readonly string[] | null;
  /** The composite type that it is of, whose fields the catalog names; else `record`. */
  readonly type: Oid;

  constructor(
    types: readonly SqlType[],
    values: readonly Datum[],
    names: readonly string[] | null = null,
    type: Oid = typeOid.record,
  ) {
    assert(types.length === values.length, "a record has a type for each value");
    this.types = types;
    this.values = values;
    this.names = names;
    this.type = type;
  }
}

/** A value of a composite type. */
export const compositeOf = (type: Oid, fields: readonly RecordField[], values: readonly Datum[]): SqlRecord =>
  new SqlRecord(
    fields.map((field) => field.type),
    values,
    null,
    type,
  );

export function recordOf(value: Value): SqlRecord {
  assert(value instanceof SqlRecord, "a value of a row type is a record");
  return value;
}

function quoteField(text: string): string {
  if (text !== "" && !/["\\(), \t-\r]/u.test(text)) return text;
  return `"${text.replace(/["\\]/gu, "$&$&")}"`;
}

const noInput = (): SqlError => new SqlError("0A000", "input of anonymous composite types is not implemented");

type CodecOf = (oid: Oid) => TypeCodec;

const shownBy = (codecOf: CodecOf): Pick<TypeCodec, "output" | "send"> => ({
  output: (value, context) => {
    const { types, values } = recordOf(value);
    const fields = values.map((field, index) =>
      field === null ? "" : quoteField(codecOf(types[index]?.oid ?? 0).output(field, context)),
    );
    return `(${fields.join(",")})`;
  },
  send: (value, context) => {
    const { types, values } = recordOf(value);
    const fields = values.map((field, index) => {
      const oid = types[index]?.oid ?? 0;
      const bytes = field === null ? null : codecOf(oid).send(field, context);
      const head = fixed(8, (view) => {
        view.setUint32(0, oid);
        view.setInt32(4, bytes?.length ?? -1);
      });
      return bytes === null ? head : concatBytes([head, bytes]);
    });
    return concatBytes([fixed(4, (view) => view.setInt32(0, values.length)), ...fields]);
  },
});

/** Of rows whose type has no name: they are shown, and not read. */
export const recordCodec = (codecOf: CodecOf): TypeCodec => ({
  ...shownBy(codecOf),
  input: () => {
    throw noInput();
  },
  receive: () => {
    throw noInput();
  },
});

function fieldsIn({ names }: TextContext, type: Oid): readonly RecordField[] {
  const fields = names.fieldsOf(type);
  assert(fields !== null, "a composite type whose values are read is in the catalog");
  return fields;
}

export const compositeCodec = (type: Oid, codecOf: CodecOf): TypeCodec => ({
  ...shownBy(codecOf),
  input: (text, _modifier, context) => {
    const fields = fieldsIn(context, type);
    const values: Datum[] = [];
    // A field is read before the next one is looked for: of two errors the first is told.
    for (const read of readRecordText(text, fields.length)) {
      const of = fields[values.length]?.type;
      values.push(read === null || of === undefined ? null : codecOf(of.oid).input(read, of.modifier, context));
    }
    return compositeOf(type, fields, values);
  },
  receive: (bytes, _modifier, context) => {
    const fields = fieldsIn(context, type);
    const values = receiveRecord(bytes, fields, (item, field) =>
      codecOf(field.oid).receive(item, field.modifier, context),
    );
    return compositeOf(type, fields, values);
  },
});
