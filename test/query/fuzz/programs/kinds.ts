/** Types of columns of random tables, with values that fit, and some that do not. */

export interface Kind {
  readonly type: string;
  /** The type beneath a domain; any other type itself. */
  readonly base: string;
  /** Literals without a type of their own: they take that of the place where they stand. */
  readonly values: readonly string[];
  /** What a column of the type refuses. */
  readonly wrong: readonly string[];
  readonly isNumber: boolean;
  /** Whether it may be a key, be compared and be sorted by. */
  readonly isOrdered: boolean;
  /** An expression of the type over a column. */
  change(column: string): string;
}

const kind = (
  type: string,
  values: readonly string[],
  wrong: readonly string[],
  change: (column: string) => string,
  more: { readonly isNumber?: boolean; readonly isOrdered?: boolean; readonly base?: string } = {},
): Kind => ({
  type,
  base: more.base ?? type,
  values,
  wrong,
  change,
  isNumber: more.isNumber ?? false,
  isOrdered: more.isOrdered ?? true,
});

const number = { isNumber: true };

export const integer = kind(
  "integer",
  ["0", "1", "2", "3", "-5", "42"],
  ["'x'", "3000000000"],
  (c) => `${c} + 1`,
  number,
);

/** What a program makes before its tables: types of its own, and a sequence. */
export const ownDefinitions: readonly string[] = [
  "create type mood as enum ('sad', 'ok', 'happy')",
  "create domain amount as integer check (value >= 0)",
  "create domain word as text default 'w' not null constraint short check (length(value) < 9)",
  "create sequence numbers",
];

export const kinds: readonly Kind[] = [
  integer,
  kind("smallint", ["0", "1", "2", "-7", "32767"], ["70000", "''"], (c) => `${c} % 100::smallint`, number),
  kind("bigint", ["0", "1", "9007199254740993", "-3"], ["'1.5'"], (c) => `${c} - 1`, number),
  kind("numeric(8,2)", ["0", "1.50", "2.255", "-3.75", "1e3"], ["1000000", "'1,5'"], (c) => `${c} / 2`, number),
  kind("numeric", ["0", "1.10", "12345678901234567890.5", "-0.001"], ["'1e'"], (c) => `${c} * 1.5`, number),
  kind("real", ["0", "1.5", "-2.25", "3.4"], ["'1e99'"], (c) => `${c} * 2`, number),
  kind("double precision", ["0", "0.1", "-2.25", "1e10"], ["'nope'"], (c) => `${c} + 0.5`, number),
  kind("text", ["'a'", "'b'", "'abc'", "''", "'Zoë'", "'b c'", "'x%_y'"], [], (c) => `${c} || 'z'`),
  kind("varchar(8)", ["'a'", "'abc'", "'long one'", "''"], ["'more than eight'"], (c) => `substr(${c}, 1, 3)`),
  kind("char(4)", ["'a'", "'ab  '", "'abcd'", "''"], ["'abcde'"], (c) => `upper(${c})`),
  kind("boolean", ["true", "false"], ["'maybe'"], (c) => `not ${c}`),
  kind("bytea", ["'\\x00ff'", "'\\x'", "'abc'"], ["'\\x0'"], (c) => `${c} || '\\x01'`),
  kind("date", ["'2020-02-29'", "'1999-12-31'", "'2021-06-15'"], ["'2021-02-29'"], (c) => `${c} + 1`),
  kind("time", ["'00:00'", "'12:34:56.789'", "'23:59:59'"], ["'25:00'"], (c) => `${c} + interval '1 hour'`),
  kind(
    "timetz",
    ["'00:00+02'", "'12:34:56.789-08'", "'23:59:59+00'", "'01:00+03'"],
    ["'25:00+00'"],
    (c) => `${c} - interval '1 hour'`,
  ),
  kind(
    "timestamp",
    ["'2020-02-29 01:02:03'", "'1999-12-31 23:59:59.5'"],
    ["'2020-13-01'"],
    (c) => `${c} + interval '1 month'`,
  ),
  kind(
    "timestamptz",
    ["'2020-02-29 01:02:03+02'", "'1999-12-31 23:59:59.5Z'"],
    ["'then'"],
    (c) => `date_trunc('day', ${c})`,
  ),
  kind("interval", ["'1 day'", "'2 hours 3 minutes'", "'1 mon -1 day'"], ["'soon'"], (c) => `${c} * 2`),
  kind(
    "uuid",
    ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000001'"],
    ["'a0eebc99'"],
    (c) => c,
  ),
  kind("inet", ["'10.1.2.3'", "'10.1.2.3/8'", "'192.168.1.0/24'", "'2001:db8::1/64'"], ["'10.1.2'"], (c) => `${c} + 1`),
  kind("cidr", ["'10.1'", "'192.168.1.0/24'", "'2001:db8::/32'"], ["'10.1.2.3/8'"], (c) => `network(broadcast(${c}))`),
  kind("money", ["'0'", "'1.50'", "'-$2,000.25'", "'12.345'"], ["'1,5x'"], (c) => `${c} * 2`),
  kind(
    "macaddr",
    ["'08:00:2b:01:02:03'", "'ff-00-2b-01-02-03'", "'0800.2b01.0203'"],
    ["'08:00:2b'"],
    (c) => `trunc(${c})`,
  ),
  kind("bit(4)", ["'1010'", "'0000'", "B'1111'", "X'3'"], ["'101'", "'1012'"], (c) => `~ ${c}`),
  kind("varbit(9)", ["'1'", "''", "B'101010101'", "X'1F'"], ["'1111111111'", "'x'"], (c) => `${c} >> 1`),
  kind("jsonb", [`'{"a": 1, "b": [1, 2]}'`, "'[]'", "'null'", "'1.50'"], ["'{'"], (c) => `jsonb_build_array(${c})`),
  kind("json", [`'{"a" : 1}'`, "'[1,2]'"], ["'{a}'"], (c) => c, { isOrdered: false }),
  kind("integer[]", ["'{1,2,3}'", "'{}'", "'{NULL,1}'"], ["'{1,x}'"], (c) => `array_append(${c}, 7)`),
  kind("text[]", ["'{a,b}'", "'{}'", `'{"a b",NULL}'`], ["'{a'"], (c) => `${c} || 'q'::text`),
  // That a value can be added later is what makes the second one wrong, or not.
  kind(
    "mood",
    ["'sad'", "'ok'", "'happy'"],
    ["'angry'", "'so-so'"],
    (c) => `case when ${c} = 'ok' then 'happy' else ${c} end`,
  ),
  kind("amount", ["0", "1", "7", "42"], ["-1", "'x'"], (c) => `${c} + 1`, { isNumber: true, base: "integer" }),
  kind("word", ["'a'", "'abc'", "''", "'Zoë'"], ["'more than eight'"], (c) => `${c} || 'z'`, { base: "text" }),
];
