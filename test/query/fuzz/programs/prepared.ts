/** Statements with parameters, by the extended protocol: their types are what the server infers, values come as text or in binary. */
import type { ParameterValue } from "../../postgres/client.js";
import type { Random } from "../expressions.js";
import type { Kind } from "./kinds.js";
import type { Step } from "./queries.js";
import { ordered, settable, type Table } from "./schema.js";

/** A literal as its text: `'abc'` is abc. */
export const textOf = (literal: string): string =>
  literal.startsWith("'") ? literal.slice(1, -1).replaceAll("''", "'") : literal;

function integerBytes(text: string, bytes: 2 | 4 | 8): Buffer | null {
  if (!/^-?\d+$/u.test(text)) return null;
  const value = BigInt(text);
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return BigInt.asIntN(bytes * 8, value) === value ? buffer.subarray(8 - bytes) : null;
}

/** The value in the binary format of a column's type, where that is short to write down. */
function binaryOf(kind: Kind, text: string): Buffer | null {
  switch (kind.base) {
    case "integer":
      return integerBytes(text, 4);
    case "smallint":
      return integerBytes(text, 2);
    case "bigint":
      return integerBytes(text, 8);
    case "text":
    case "varchar(8)":
    case "char(4)":
    case "json":
      return Buffer.from(text);
    case "boolean":
      return Buffer.of(text === "true" ? 1 : 0);
    case "double precision": {
      const buffer = Buffer.alloc(8);
      buffer.writeDoubleBE(Number(text));
      return Number.isNaN(Number(text)) ? null : buffer;
    }
    case "uuid":
      return Buffer.from(text.replaceAll("-", ""), "hex");
    case "jsonb":
      return Buffer.concat([Buffer.of(1), Buffer.from(text)]);
    default:
      return null;
  }
}

function parameterOf(random: Random, kind: Kind, canBeNull = true): ParameterValue {
  if (canBeNull && random.next(10) === 0) return null;
  const text = textOf(random.pick(kind.values));
  const bytes = random.next(2) === 0 ? binaryOf(kind, text) : null;
  return bytes ?? text;
}

export function preparedStep(random: Random, tables: readonly Table[]): Step {
  const table = random.pick(tables);
  const column = random.pick(ordered(table));
  const format = random.pick(["text", "binary"] as const);
  const step = (sql: string, parameters: readonly ParameterValue[], isOrdered = false): Step => ({
    sql,
    isOrdered,
    via: { kind: "extended", parameters, format },
  });
  const value = (): ParameterValue => parameterOf(random, column.kind);
  const id = (): ParameterValue => String(random.next(12));
  const name = `a.${column.name}`;
  const operator = random.pick(["=", "<", "<=", ">", ">=", "<>"]);
  const changed = settable(table);
  return random.pick<() => Step>([
    () => step(`select a.* from ${table.name} a where ${name} ${operator} $1`, [value()]),
    () => step(`select a.id, $2::text as given from ${table.name} a where ${name} ${operator} $1`, [value(), "x"]),
    () => step(`select a.* from ${table.name} a where a.id between $1 and $2`, [id(), id()]),
    () => step(`select a.id, ${name} from ${table.name} a where ${name} in ($1, $2)`, [value(), value()]),
    () => step(`select a.id from ${table.name} a where a.id = any ($1)`, [`{${random.next(9)},${random.next(9)}}`]),
    () => step(`select ${name} from ${table.name} a order by a.id limit $1 offset $2`, ["3", "1"], true),
    () => step(`select coalesce(${name}, $1) as v, a.id from ${table.name} a`, [value()]),
    () => step(`select case when a.id > $1 then $2 else ${name} end as v from ${table.name} a`, [id(), value()]),
    () => step(`select $1 || '-' || a.id::text as v from ${table.name} a`, ["p"]),
    () => step(`select a.id + $1 as n, $2 as bare from ${table.name} a`, [id(), "b"]),
    () => step(`select count(*) from ${table.name} a where ${name} is not distinct from $1`, [value()]),
    () => step(`select * from (values ($1::int, $2), (3, 'c')) v (x, y) where x > $3`, [id(), "y", "0"]),
    () =>
      changed.length === 0
        ? step(`delete from ${table.name} where id = $1 returning *`, [id()])
        : step(`update ${table.name} set ${random.pick(changed).name} = $2 where id = $1 returning *`, [id(), value()]),
    () => step(`delete from ${table.name} where id = $1 returning id`, [id()]),
    () => {
      const plain = table.columns.filter(({ source }) => source === "plain");
      const names = plain.map((one) => one.name).join(", ");
      const places = plain.map((_, index) => `$${index + 1}`).join(", ");
      const values = plain.map((one) =>
        one.name === "id" ? String(random.next(20)) : parameterOf(random, one.kind, !one.isNotNull),
      );
      const draws = table.columns.some(({ source }) => source === "identity");
      return {
        ...step(`insert into ${table.name} (${names}) values (${places}) on conflict do nothing returning *`, values),
        draws,
      };
    },
  ])();
}
