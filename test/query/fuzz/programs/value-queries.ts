/** Random queries whose expressions are of values: texts and patterns, numbers at their limits, times in zones, documents. */
import type { Random } from "../expressions.js";
import { condition, type Step } from "./queries.js";
import { type Column, ordered, type Table } from "./schema.js";

const unordered = (sql: string): Step => ({ sql, isOrdered: false });

/** A column whose type is one of these, or else a literal. */
function operand(random: Random, table: Table, types: readonly string[], literals: readonly string[]): string {
  const fitting = table.columns.filter(({ kind }) => types.includes(kind.type));
  return fitting.length > 0 && random.next(4) > 0 ? `a.${random.pick(fitting).name}` : random.pick(literals);
}

function texts(random: Random, table: Table): string {
  const text = (): string =>
    operand(
      random,
      table,
      ["text", "varchar(8)", "char(4)", "word"],
      ["'Hello, World'", "'aXbXc'", "''", "a.id::text", "'Zoë 12'"],
    );
  const number = random.pick(["0", "1", "2", "-1", "3", "a.id", "7"]);
  const pattern = random.pick([
    "'[a-c]+'",
    "'(.)b'",
    "'^(\\w)(.*)$'",
    "'x|z'",
    "'\\d+'",
    "'o.?'",
    "'[^a]'",
    "'(a|b)*c'",
    "'\\s'",
    "'e\\M'",
  ]);
  const flags = random.pick(["'g'", "'i'", "'gi'", "''"]);
  return random.pick([
    () => `substring(${text()} from ${number} for abs(${number}))`,
    () => `left(${text()}, ${number}) || '|' || right(${text()}, ${number})`,
    () => `lpad(${text()}, ${number}, 'xy')`,
    () => `rpad(${text()}, 6, ${text()})`,
    () => `overlay(${text()} placing 'QQ' from 1 + abs(${number}) for 1)`,
    () => `position('b' in ${text()})`,
    () => `strpos(${text()}, ${text()})`,
    () => `split_part(${text()}, ${random.pick(["'X'", "','", "' '", "'a'"])}, ${random.pick(["1", "2", "-1"])})`,
    () => `translate(${text()}, 'abX', 'BA')`,
    () => `trim(${random.pick(["both", "leading", "trailing"])} 'aZ ' from ${text()})`,
    () => `initcap(${text()})`,
    () => `reverse(${text()})`,
    () => `repeat(${text()}, 2)`,
    () => `length(${text()}) + octet_length(${text()})`,
    () => `md5(${text()})`,
    () => `ascii(${text()})`,
    () => `concat(${text()}, null, a.id, true)`,
    () => `concat_ws('-', ${text()}, null, ${text()})`,
    () => `format('%s|%I|%L|%5s|%-5s', ${text()}, ${text()}, ${text()}, ${text()}, ${text()})`,
    () => `quote_literal(${text()}) || quote_ident(${text()})`,
    () => `regexp_replace(${text()}, ${pattern}, '<\\&>', ${flags})`,
    () => `regexp_match(${text()}, ${pattern})`,
    () => `regexp_split_to_array(${text()}, ${pattern})`,
    () => `regexp_count(${text()}, ${pattern})`,
    () => `regexp_substr(${text()}, ${pattern})`,
    () => `regexp_instr(${text()}, ${pattern})`,
    () => `substring(${text()} from ${pattern})`,
    () => `${text()} ~ ${pattern}`,
    () => `${text()} ~* ${text()}`,
    () => `${text()} similar to ${random.pick(["'%(a|b)%'", "'[A-Z]_*'", "'_+'"])}`,
    () => `${text()} like ${text()}`,
    () => `${text()} ilike '%' || ${text()} || '%'`,
    () => `string_to_array(${text()}, ${random.pick(["'X'", "''", "null", "','"])})`,
    () => `starts_with(${text()}, ${text()})`,
    () => `encode(convert_to(${text()}, 'UTF8'), '${random.pick(["hex", "base64", "escape"])}')`,
    () => `${text()} collate "C" < ${text()} collate "C"`,
    () => `${text()} between 'a' and ${text()}`,
    () => `char_length(${text()}::char(6)) || upper(${text()}) || lower(${text()})`,
    () => `to_hex(ascii(${text()})) || chr(65 + a.id % 20)`,
  ])();
}

function numeric(random: Random, table: Table): string {
  const value = (): string =>
    operand(
      random,
      table,
      ["integer", "smallint", "bigint", "numeric(8,2)", "numeric", "amount"],
      ["0", "1.50", "-2.5", "12345678901234567890.5", "'NaN'::numeric", "a.id", "99999.995"],
    );
  const divisor = random.pick(["2", "3.0", "-7", "0.1", "1e10::numeric"]);
  return random.pick([
    () => `${value()} / ${divisor}`,
    () => `${value()} % ${divisor === "1e10::numeric" ? "3" : divisor}`,
    () => `round((${value()})::numeric, ${random.pick(["0", "1", "-1", "3"])})`,
    () => `trunc((${value()})::numeric, ${random.pick(["0", "1", "-1"])})`,
    () => `div((${value()})::numeric, ${divisor}::numeric)`,
    () => `mod((${value()})::numeric, ${divisor}::numeric)`,
    () => `ceil((${value()})::numeric) - floor((${value()})::numeric)`,
    () => `sign((${value()})::numeric) * abs((${value()})::numeric)`,
    () => `(${value()})::numeric(20,3)`,
    () => `(${value()})::text || '|' || scale((${value()})::numeric) || '|' || min_scale((${value()})::numeric)`,
    () => `trim_scale((${value()})::numeric * 1.10)`,
    () => `width_bucket((${value()})::numeric, 0, 10, 4)`,
    () => `power((${value()})::numeric, 2)`,
    () => `sqrt(abs((${value()})::numeric))`,
    () => `gcd(a.id, ${random.pick(["4", "6", "0"])}) + lcm(a.id, 3)`,
    () => `a.id & 3 | 8 # 5 << 1`,
    () => `(${value()})::numeric = (${value()})::numeric`,
    () => `(${value()})::numeric < (${value()})::numeric`,
    () => `((${value()})::numeric)::double precision`,
    () => `((${value()})::numeric)::integer`,
    () => `to_char((${value()})::numeric, '${random.pick(["FM9990.00", "S999,999.9", "999D99MI", "0000"])}')`,
    () => `${value()} + ${value()} * 2 - ${value()}`,
    () => `factorial(abs(a.id) % 20)`,
    () => `log((abs((${value()})::numeric) + 1)::numeric)`,
  ])();
}

function times(random: Random, table: Table): string {
  const stamp = (): string =>
    operand(
      random,
      table,
      ["timestamptz"],
      [
        "timestamptz '2021-03-28 01:30:00+01'",
        "timestamptz '2021-10-31 00:30:00Z'",
        "timestamptz '2021-11-07 05:30:00Z'",
        "timestamptz '2021-03-14 06:59:59Z'",
      ],
    );
  const plain = (): string =>
    operand(
      random,
      table,
      ["timestamp"],
      ["timestamp '2021-03-28 02:30:00'", "timestamp '2021-10-31 02:30:00'", "timestamp '2020-02-29 00:00'"],
    );
  const date = (): string =>
    operand(random, table, ["date"], ["date '2021-03-28'", "date '2020-02-29'", "date 'infinity'"]);
  const span = (): string =>
    operand(
      random,
      table,
      ["interval"],
      [
        "interval '1 day'",
        "interval '24 hours'",
        "interval '1 month -1 day'",
        "interval '-1 year 90 min'",
        "a.id * interval '1 hour'",
      ],
    );
  const clock = (): string =>
    operand(random, table, ["timetz"], ["timetz '10:00+02'", "timetz '23:30:15.5-08'", "time '12:00'::timetz"]);
  const zone = random.pick([
    "'Europe/Berlin'",
    "'America/New_York'",
    "'Australia/Lord_Howe'",
    "'Asia/Kathmandu'",
    "'UTC'",
    "'EST5EDT'",
    "interval '5:30'",
  ]);
  const field = random.pick([
    "century",
    "decade",
    "millennium",
    "julian",
    "isoyear",
    "week",
    "dow",
    "timezone",
    "timezone_hour",
    "epoch",
    "milliseconds",
  ]);
  const unit = random.pick(["day", "week", "month", "hour", "quarter", "decade", "century", "millennium"]);
  return random.pick([
    () => `${clock()} + ${span()}`,
    () => `${clock()} at time zone ${zone}`,
    () => `${clock()} < ${clock()}`,
    () => `(${stamp()})::timetz`,
    () => `(${clock()})::time`,
    () => `${date()} + ${clock()}`,
    () => `extract(${random.pick(["epoch", "hour", "timezone", "timezone_minute", "milliseconds"])} from ${clock()})`,
    () => `${stamp()} + ${span()}`,
    () => `${stamp()} - ${span()}`,
    () => `(${stamp()} at time zone ${zone}) + ${span()}`,
    () => `(${plain()} at time zone ${zone}) - ${stamp()}`,
    () => `${plain()} at time zone ${zone} at time zone 'America/New_York'`,
    () => `date_trunc('${unit}', ${stamp()})`,
    () => `date_trunc('${unit}', ${stamp()}, 'Australia/Lord_Howe')`,
    () => `date_trunc('${unit}', ${span()})`,
    () => `date_part('${field}', ${stamp()})`,
    () => `extract(${field} from ${stamp()})`,
    () => `age(${stamp()}, ${plain()}::timestamptz)`,
    () => `age(${stamp()}, ${stamp()})`,
    () => `${stamp()} - ${stamp()}`,
    () => `${stamp()}::timestamp`,
    () => `${plain()}::timestamptz`,
    () => `${stamp()}::date`,
    () => `${date()}::timestamptz`,
    () => `${date()} + ${span()}`,
    () => `${date()} < ${stamp()}`,
    () => `${date()} + time '12:30'`,
    () => `${plain()} < ${stamp()}`,
    () => `${stamp()}::text`,
    () => `to_char(${stamp()}, 'YYYY-MM-DD HH24:MI:SS TZ OF')`,
    () => `justify_days(${span()}) + justify_hours(${span()})`,
    () => `${span()} = ${span()}`,
    () => `${span()} / 3 + ${span()} * 1.5`,
    () => `make_timestamptz(2021, 3, 28, 2, 30, a.id % 60)`,
    () => `make_date(2020, 1 + abs(a.id) % 12, 28) + a.id`,
    () => `isfinite(${date()})`,
    () => `date_bin(interval '7 hours', ${stamp()}, timestamptz '2000-01-01')`,
    () => `(${plain()}::time + ${span()})`,
    () => `extract(epoch from ${span()}) + extract(day from ${span()})`,
  ])();
}

function documents(random: Random, table: Table): string {
  const value = (): string =>
    operand(
      random,
      table,
      ["jsonb"],
      [
        `'{"a": {"b": [1, 2, {"c": null}]}, "d": "x"}'::jsonb`,
        "'[1, [2, 3], \"two\", null, true]'::jsonb",
        "'7'::jsonb",
        "to_jsonb(a.id)",
      ],
    );
  const keys = random.pick(["'{a}'", "'{b,0}'", "'{a,b,2}'", "'{1,0}'", "'{-1}'"]);
  return random.pick([
    () => `${value()} - ${random.pick(["'a'", "0", "-1", "array['a', 'd']"])}`,
    () => `${value()} #- ${keys}`,
    () => `jsonb_insert(${value()}, ${keys}, '"new"', ${random.pick(["true", "false"])})`,
    () => `jsonb_set(${value()}, ${keys}, to_jsonb(a.id), ${random.pick(["true", "false"])})`,
    () => `jsonb_extract_path_text(${value()}, 'a', 'b')`,
    () => `${value()} <@ ${value()}`,
    () => `jsonb_array_length(case when jsonb_typeof(${value()}) = 'array' then '[1, 2]'::jsonb else '[]' end)`,
    () => `(${value()} -> 'a')::text`,
    () => `to_jsonb(array[a.id, null]) || ${value()}`,
    () => `jsonb_build_array(${value()}, a.id, null, 'x')`,
    () => `json_build_object('k', ${value()}, 'v', a.id)::text`,
    () => `row_to_json(row(a.id, ${value()}))::text`,
    () => `${value()} > ${value()}`,
    () => `(${value()})::text::jsonb = ${value()}`,
    () => `array(select jsonb_object_keys(jsonb_build_object('z', a.id, 'b', 1)) order by 1)`,
  ])();
}

function addresses(random: Random, table: Table): string {
  const value = (): string =>
    operand(
      random,
      table,
      ["inet", "cidr"],
      ["inet '10.1.2.3/16'", "cidr '10.1'", "inet '::1'", "cidr '2001:db8::/32'", "inet '10.0.0.0' + a.id"],
    );
  const operator = random.pick(["<<", "<<=", ">>", ">>=", "&&", "=", "<", ">="]);
  const shown = random.pick([
    "host",
    "text",
    "abbrev",
    "masklen",
    "family",
    "netmask",
    "hostmask",
    "broadcast",
    "network",
  ]);
  return random.pick([
    () => `${value()} ${operator} ${value()}`,
    () => `${shown}(${value()})`,
    () => `set_masklen(${value()}, abs(a.id) % 33)`,
    () => `(${value()})::cidr`,
    () => `(${value()})::text`,
    () => `~ ${value()}`,
    () => `${value()} & netmask(inet '10.0.0.0/8')`,
    () => `${value()} | ${value()}`,
    () => `${value()} - a.id`,
    () => `${value()} - ${value()}`,
    () => `inet_same_family(${value()}, ${value()})`,
    () => `inet_merge(${value()}, ${value()})`,
    () => `to_jsonb(array[${value()}])`,
  ])();
}

export function valueQuery(random: Random, tables: readonly Table[]): Step {
  const table = random.pick(tables);
  const expression = (): string => random.pick([texts, texts, numeric, times, documents, addresses])(random, table);
  const where = random.pick(["", ` where ${condition(random, table, "a")}`]);
  const key: Column = random.pick(ordered(table));
  return random.pick<() => Step>([
    () => unordered(`select a.id, ${expression()} as v from ${table.name} a${where}`),
    () => unordered(`select a.id, ${expression()} as v, ${expression()} as w from ${table.name} a${where}`),
    () => unordered(`select ${expression()} as v, count(*) from ${table.name} a${where} group by 1`),
    () => unordered(`select distinct (${expression()}) is null, a.${key.name} from ${table.name} a${where}`),
    () =>
      unordered(
        `select a.id from ${table.name} a where (${expression()}) is not null and (${expression()})::text <> 'x'`,
      ),
    () =>
      unordered(
        `select a.id, case when (${expression()}) is null then 'none' else (${expression()})::text end as v from ${table.name} a${where}`,
      ),
  ])();
}
