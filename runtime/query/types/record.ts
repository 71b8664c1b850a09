/** A row as one value: `(1,"a b",)`. */
import { assert } from "../../types/assert.js";
import { SqlError } from "../error.js";
import { concatBytes, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import type { Datum, Value } from "./datum.js";
import type { Oid, SqlType } from "./sql-type.js";

/** A row as one value. */
export class SqlRecord {
  readonly types: readonly SqlType[];
  readonly values: readonly Datum[];
  /** Names of the columns, where the row is one of a table or query; null for `ROW(…)`, whose columns are `f1`, `f2`, … */
  readonly names: readonly string[] | null;

  constructor(types: readonly SqlType[], values: readonly Datum[], names: readonly string[] | null = null) {
    assert(types.length === values.length, "a record has a type for each value");
    this.types = types;
    this.values = values;
    this.names = names;
  }
}

export function recordOf(value: Value): SqlRecord {
  assert(value instanceof SqlRecord, "a value of a row type is a record");
  return value;
}

function quoteField(text: string): string {
  if (text !== "" && !/["\\(), \t-\r]/u.test(text)) return text;
  return `"${text.replace(/["\\]/gu, "$&$&")}"`;
}

const noInput = (): SqlError => new SqlError("0A000", "input of anonymous composite types is not implemented");

export function recordCodec(codecOf: (oid: Oid) => TypeCodec): TypeCodec {
  return {
    input: () => {
      throw noInput();
    },
    output: (value, context) => {
      const { types, values } = recordOf(value);
      const fields = values.map((field, index) =>
        field === null ? "" : quoteField(codecOf(types[index]?.oid ?? 0).output(field, context)),
      );
      return `(${fields.join(",")})`;
    },
    receive: () => {
      throw noInput();
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
  };
}
