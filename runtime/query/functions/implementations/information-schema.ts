/** What `information_schema`, and drivers and tools beside it, call by name: limits of types, keywords, elements of an array. */

import { availableExtensionRows, availableVersionRows } from "../../catalog/system/extension-rows.js";
import { keywordFacts } from "../../catalog/system/facts/keywords.js";
import { settingRows } from "../../catalog/system/session-rows.js";
import type { SystemRow } from "../../catalog/system/world.js";
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import { SqlRecord } from "../../types/record.js";
import { type Oid, sqlType, typeOid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import { formatType, intervalLimits, numericLimits } from "../../types/type-name.js";
import { arrayTypeOf, elementTypeOf } from "../../types/type-table.js";
import { type Implementation, sets, strictly } from "../define.js";

const bitsOf: ReadonlyMap<Oid, number> = new Map([
  [typeOid.int2, 16],
  [typeOid.int4, 32],
  [typeOid.int8, 64],
  [typeOid.float4, 24],
  [typeOid.float8, 53],
]);
const isCharacter = (oid: Oid): boolean => oid === typeOid.varchar || oid === typeOid.bpchar;

/** Functions of `information_schema` that drivers call by name. */
const standard = strictly({
  "_pg_char_max_length(oid,int4)": (oid, modifier) => {
    if (modifier < 0) return null;
    return isCharacter(oid) ? modifier - 4 : oid === typeOid.bit || oid === typeOid.varbit ? modifier : null;
  },
  "_pg_char_octet_length(oid,int4)": (oid, modifier) =>
    isCharacter(oid) && modifier >= 4
      ? (modifier - 4) * 4
      : oid === typeOid.text || isCharacter(oid)
        ? 1_073_741_824
        : null,
  "_pg_numeric_precision(oid,int4)": (oid, modifier) =>
    oid === typeOid.numeric ? (numericLimits(modifier)?.precision ?? null) : (bitsOf.get(oid) ?? null),
  "_pg_numeric_precision_radix(oid,int4)": (oid) => (oid === typeOid.numeric ? 10 : bitsOf.has(oid) ? 2 : null),
  "_pg_numeric_scale(oid,int4)": (oid, modifier) =>
    oid === typeOid.numeric
      ? (numericLimits(modifier)?.scale ?? null)
      : oid === typeOid.int2 || oid === typeOid.int4 || oid === typeOid.int8
        ? 0
        : null,
  "_pg_datetime_precision(oid,int4)": (oid, modifier) => {
    if (oid === typeOid.date) return 0;
    if (oid === typeOid.time || oid === typeOid.timetz || oid === typeOid.timestamp || oid === typeOid.timestamptz)
      return modifier < 0 ? 6 : modifier;
    return oid === typeOid.interval ? (intervalLimits(modifier)?.precision ?? 6) : null;
  },
});

/** A column of a row of a catalog. Throws 42804 for a row of something else. */
function columnOf(row: SqlRecord, column: string): Datum {
  const at = row.names?.indexOf(column) ?? -1;
  const value = row.values[at];
  if (value !== undefined) return value;
  throw new SqlError("42804", `a row with a column "${column}" is expected`);
}

/** The type beneath a column's domain, from a row of `pg_attribute` and that of its type in `pg_type`. */
const ofDomains = strictly({
  "_pg_truetypid(record,record)": (attribute, type) =>
    columnOf(type, "typtype") === "d" ? columnOf(type, "typbasetype") : columnOf(attribute, "atttypid"),
  "_pg_truetypmod(record,record)": (attribute, type) =>
    columnOf(type, "typtype") === "d" ? columnOf(type, "typtypmod") : columnOf(attribute, "atttypmod"),
  "_pg_interval_type(oid,int4)": (oid, modifier) => {
    if (oid !== typeOid.interval) return null;
    const fields = /^interval[()0-9]* (.*)$/u.exec(formatType(oid, modifier))?.[1];
    return fields === undefined ? null : fields.toUpperCase();
  },
  "_pg_index_position(oid,int2)": (oid, column, { catalog }) => {
    const index = catalog.objectByOid(oid);
    if (index?.kind !== "index") return null;
    const at = [...index.keys.map((key) => key.column), ...index.included].indexOf(column);
    return at < 0 ? null : at + 1;
  },
});

/** What PostgreSQL says of the categories of its words. */
const keywordKinds: Readonly<Record<string, string>> = {
  U: "unreserved",
  C: "unreserved (cannot be function or type name)",
  T: "reserved (can be function or type name)",
  R: "reserved",
};

/** In the order of the words. */
function keywords(): readonly SqlRecord[] {
  const types = [typeOid.text, typeOid.char, typeOid.bool, typeOid.text, typeOid.text].map((oid) => sqlType(oid));
  const names = ["word", "catcode", "barelabel", "catdesc", "baredesc"];
  return keywordFacts
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [kind = "", label = "", ...words] = line.split(" ");
      const isLabel = label === "t";
      return words.map((word) => ({ word, kind, isLabel }));
    })
    .sort((a, b) => (a.word < b.word ? -1 : 1))
    .map(({ word, kind, isLabel }) => {
      const told = isLabel ? "can be bare label" : "requires AS";
      return new SqlRecord(types, [word, kind, isLabel, keywordKinds[kind] ?? "", told], names);
    });
}

const settingTexts = "name setting unit category short_desc extra_desc context vartype source min_val max_val".split(
  " ",
);

/** Rows of a system relation as what a function returns. */
function* recordsOf(rows: Iterable<SystemRow>, columns: Readonly<Record<string, Oid>>): Iterable<SqlRecord> {
  const names = Object.keys(columns);
  const types = Object.values(columns).map((oid) => sqlType(oid));
  for (const row of rows)
    yield new SqlRecord(
      types,
      names.map((name) => row[name] ?? null),
      names,
    );
}

const { name, text, bool } = typeOid;

const expanded = sets({
  "pg_get_keywords()": () => keywords(),
  "pg_available_extensions()": () =>
    recordsOf(availableExtensionRows(), { name, default_version: text, comment: text }),
  "pg_available_extension_versions()": () =>
    recordsOf(availableVersionRows(), {
      name,
      version: text,
      superuser: bool,
      trusted: bool,
      relocatable: bool,
      schema: name,
      requires: arrayTypeOf(name),
      comment: text,
    }),
  "pg_show_all_settings()": (context) =>
    recordsOf(settingRows(context), {
      ...Object.fromEntries(settingTexts.map((column) => [column, text])),
      enumvals: arrayTypeOf(text),
      boot_val: text,
      reset_val: text,
      sourcefile: text,
      sourceline: typeOid.int4,
      pending_restart: bool,
    }),
  "_pg_expandarray(anyarray)": (array, _context, types) => {
    const columns = [sqlType(elementTypeOf(types.args[0] ?? 0)), sqlType(typeOid.int4)];
    return array.items.map((item, index) => new SqlRecord(columns, [item, index + 1], ["x", "n"]));
  },
  // Nothing is a partition or has any: PostgreSQL answers with no rows for whatever is neither.
  "pg_partition_ancestors(regclass)": () => [],
  "pg_partition_tree(regclass)": () => [],
  "pg_options_to_table(_text)": (options) => {
    const columns = [sqlType(typeOid.text), sqlType(typeOid.text)];
    return options.items.map((option) => {
      const [name = "", ...value] = textOf(option ?? "").split("=");
      return new SqlRecord(columns, [name, value.join("=")], ["option_name", "option_value"]);
    });
  },
});

export const informationSchema: readonly Implementation[] = [...standard, ...ofDomains, ...expanded];
