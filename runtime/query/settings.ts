/**
 * The settings of a session: PostgreSQL's run-time parameters as far as they mean something here, and `kimberlite.…`. A setting that
 * stands for something that is not done takes only the value that says so: `SET` of another is refused, never accepted and ignored.
 *
 * Values are texts, as `SHOW` prints them. The registry is data; who holds values (a gateway's session) and who reads them (the binder,
 * `current_setting`, `pg_settings`) is elsewhere.
 */
import { noRole } from "./catalog/role-set.js";
import { temporaryMadeSetting, temporarySchemaSetting } from "./catalog/temporary.js";
import { encodingCalled, isOtherEncoding } from "./encoding-names.js";
import { SqlError } from "./error.js";
import { parametersNotDone, plannerHints } from "./planner-hints.js";
import { lockKeeperSetting } from "./session-locks.js";
import { findZone, fixedZone } from "./types/date-time/zones.js";
import { trimSpaces } from "./types/spaces.js";

export type SettingValues =
  | { readonly kind: "boolean" }
  /** `unit` is what a bare number counts; texts with another unit are converted. */
  | { readonly kind: "integer"; readonly min: number; readonly max: number; readonly unit: "" | "ms" | "kB" }
  | { readonly kind: "real"; readonly min: number; readonly max: number }
  /** One of these, in any case of letters. `refused` are values that PostgreSQL knows and this does not do. */
  | { readonly kind: "choice"; readonly values: readonly string[]; readonly refused?: readonly string[] }
  | { readonly kind: "text" }
  /** Names or quoted texts with commas between them. */
  | { readonly kind: "list" }
  | { readonly kind: "dateStyle" }
  | { readonly kind: "timeZone" }
  | { readonly kind: "encoding" };

export interface SettingDefinition {
  /** As `SHOW` and ParameterStatus write it. */
  readonly name: string;
  readonly values: SettingValues;
  readonly default: string;
  readonly description: string;
  /** Told to clients at the start and at each change. */
  readonly isReported: boolean;
  /** Nothing but the server sets it. */
  readonly isFixed: boolean;
  /** Statements are bound or run differently by it: it travels with requests. */
  readonly isForEngine: boolean;
}

type Use = "reported" | "fixed" | "engine" | "session";

const setting = (
  name: string,
  fallback: string,
  values: SettingValues,
  description: string,
  ...uses: Use[]
): SettingDefinition => ({
  name,
  values,
  default: fallback,
  description,
  isReported: uses.includes("reported"),
  isFixed: uses.includes("fixed"),
  isForEngine: uses.includes("engine"),
});

const boolean: SettingValues = { kind: "boolean" };
const text: SettingValues = { kind: "text" };
const list: SettingValues = { kind: "list" };
const integer = (min: number, max: number, unit: "" | "ms" | "kB" = ""): SettingValues => ({
  kind: "integer",
  min,
  max,
  unit,
});
const choice = (...values: string[]): SettingValues => ({ kind: "choice", values });
const only = (value: string, ...refused: string[]): SettingValues => ({ kind: "choice", values: [value], refused });
const onlyOn: SettingValues = only("on", "off", "true", "false", "yes", "no", "1", "0");
const onlyOff: SettingValues = only("off", "on", "true", "false", "yes", "no", "1", "0");
const i32Max = 2_147_483_647;
const isolation = choice("serializable", "repeatable read", "read committed", "read uncommitted");
const hint = "A hint to PostgreSQL's planner; plans here are chosen without it.";

/** What `pg_postmaster_start_time()` is of: the node that the client is connected with, whoever runs its statement. */
export const nodeStartSetting = "kimberlite.node_started";
export const clientAddressSetting = "kimberlite.client_address";

/** PostgreSQL's version whose answers are given. */
export const serverVersion = "15.14";
export const serverVersionNumber = 150_014;

export const settingDefinitions: readonly SettingDefinition[] = [
  // What clients are told.
  setting(
    "server_version",
    serverVersion,
    text,
    "PostgreSQL's version whose protocol and catalogs are spoken.",
    "reported",
    "fixed",
    "engine",
  ),
  setting("server_version_num", String(serverVersionNumber), text, "The same as a number.", "fixed", "engine"),
  setting("server_encoding", "UTF8", text, "Encoding of texts in the database.", "reported", "fixed", "engine"),
  setting(
    "client_encoding",
    "UTF8",
    { kind: "encoding" },
    "Encoding of texts to and from the client.",
    "reported",
    "engine",
  ),
  setting("is_superuser", "off", boolean, "Whether the user may do everything.", "reported", "fixed", "engine"),
  setting("session_authorization", "", text, "The user that the session acts as.", "reported", "fixed", "engine"),
  setting("role", noRole, text, "The role that the session has become (SET ROLE).", "fixed", "engine"),
  setting("in_hot_standby", "off", boolean, "Every node takes writes.", "reported", "fixed", "engine"),
  setting(
    "default_transaction_read_only",
    "off",
    boolean,
    "Whether a transaction is read only unless it says otherwise.",
    "reported",
  ),
  setting("application_name", "", text, "What the client calls itself.", "reported", "engine"),
  setting(
    "DateStyle",
    "ISO, MDY",
    { kind: "dateStyle" },
    "How dates are written, and read where ambiguous.",
    "reported",
    "engine",
  ),
  setting(
    "IntervalStyle",
    "postgres",
    choice("postgres", "postgres_verbose", "sql_standard", "iso_8601"),
    "How intervals are written.",
    "reported",
    "engine",
  ),
  setting("TimeZone", "UTC", { kind: "timeZone" }, "Time zone of timestamps with time zone.", "reported", "engine"),
  setting("integer_datetimes", "on", boolean, "Times are whole microseconds.", "reported", "fixed", "engine"),
  setting("standard_conforming_strings", "on", onlyOn, "A backslash in a string is a backslash.", "reported", "engine"),
  setting("kimberlite.position", "-1", text, "Position of the session's last write; -1 for none.", "reported", "fixed"),
  // How statements are understood and run.
  setting("search_path", '"$user", public', list, "Schemas in which names without one are looked up.", "engine"),
  setting("kimberlite.as_of", "", text, "Position or timestamp whose state is read; empty for the present.", "engine"),
  setting(
    "kimberlite.query_memory",
    "256MB",
    integer(64, i32Max, "kB"),
    "Memory that sorts, hash tables and kept rows of a statement take together at most.",
    "engine",
  ),
  setting(
    "kimberlite.consistency",
    "session",
    choice("session", "linearizable", "stale"),
    "What a read must have seen.",
    "session",
  ),
  setting(
    temporarySchemaSetting,
    "",
    text,
    "Schema of the session's temporary tables; empty while it has made none.",
    "fixed",
    "engine",
  ),
  setting(
    temporaryMadeSetting,
    "",
    text,
    "Whether the schema of the session's temporary tables was made; empty while it was not.",
    "fixed",
    "engine",
  ),
  setting(
    lockKeeperSetting,
    "",
    text,
    "Who keeps the advisory locks that the session holds beyond transactions; empty for none.",
    "fixed",
    "engine",
  ),
  setting(nodeStartSetting, "0", text, "When the node of this session started, in µs since 1970.", "fixed", "engine"),
  setting(clientAddressSetting, "", text, "Address of the session's client; empty for none.", "fixed", "engine"),
  setting(
    "statement_timeout",
    "0",
    integer(0, i32Max, "ms"),
    "Longest time that a statement may take; 0 is no limit.",
    "engine",
  ),
  setting(
    "lock_timeout",
    "0",
    integer(0, i32Max, "ms"),
    "Longest time that a statement may wait for a lock; 0 is no limit.",
    "engine",
  ),
  setting(
    "idle_in_transaction_session_timeout",
    "0",
    integer(0, i32Max, "ms"),
    "Longest time that a transaction may stand idle.",
    "session",
  ),
  setting(
    "idle_session_timeout",
    "0",
    integer(0, i32Max, "ms"),
    "Longest time that a session may stand idle.",
    "session",
  ),
  setting("work_mem", "4MB", integer(64, i32Max, "kB"), "Memory of a sort or hash table of a query.", "engine"),
  setting(
    "default_transaction_isolation",
    "read committed",
    isolation,
    "Isolation of transactions that do not name one.",
    "session",
  ),
  setting("transaction_isolation", "read committed", isolation, "Isolation of the current transaction.", "session"),
  setting("transaction_read_only", "off", boolean, "Whether the current transaction is read only.", "session"),
  setting(
    "transaction_deferrable",
    "off",
    boolean,
    "Every snapshot is a place in the log, and safe: no transaction waits for one.",
    "session",
  ),
  setting("default_transaction_deferrable", "off", boolean, "The same for transactions that do not say.", "session"),
  setting("bytea_output", "hex", choice("escape", "hex"), "How bytea is written.", "engine"),
  setting("extra_float_digits", "1", integer(-15, 3), "Digits of floating-point numbers.", "engine"),
  setting("xmloption", "content", choice("content", "document"), "No values of type xml exist here.", "session"),
  setting(
    "client_min_messages",
    "notice",
    choice("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"),
    "Least severe messages that are sent to the client.",
    "session",
  ),
  setting("transform_null_equals", "off", onlyOff, "x = NULL is not x IS NULL.", "session"),
  setting("array_nulls", "on", onlyOn, "NULL in the text of an array is NULL.", "session"),
  setting(
    "backslash_quote",
    "safe_encoding",
    only("safe_encoding", "on", "off"),
    "Whether \\' stands for a quote.",
    "session",
  ),
  setting("escape_string_warning", "on", boolean, "Warn of backslashes in plain strings.", "session"),
  setting("quote_all_identifiers", "off", onlyOff, "Quote all names in generated SQL.", "session"),
  setting("check_function_bodies", "on", boolean, "No functions can be made here.", "session"),
  setting("synchronize_seqscans", "on", boolean, "Scans begin where a table begins.", "session"),
  setting("row_security", "on", boolean, "No row policies exist here.", "session"),
  setting(
    "default_with_oids",
    "off",
    { kind: "choice", values: ["off", "false", "no", "0"], refused: ["on", "true", "yes", "1"] },
    "No row has an oid of its own. Dumps of PostgreSQL before 12 say so.",
    "session",
  ),
  setting("default_tablespace", "", choice("", "pg_default"), "There is one place for tables.", "session"),
  setting("default_table_access_method", "heap", only("heap"), "There is one way to keep tables.", "session"),
  setting(
    "session_replication_role",
    "origin",
    { kind: "choice", values: ["origin", "local"], refused: ["replica"] },
    "Foreign keys are kept, whoever writes.",
    "session",
  ),
  setting(
    "synchronous_commit",
    "on",
    choice("local", "remote_write", "remote_apply", "on", "off"),
    "Every commit is durable on a quorum before it is answered, whatever this says.",
    "session",
  ),
  setting("lc_collate", "C", text, "Order of texts.", "fixed"),
  setting("lc_ctype", "C", text, "Classes of letters.", "fixed"),
  setting("lc_messages", "C", only("C", "en_US.UTF-8"), "Language of messages.", "session"),
  setting("lc_monetary", "C", only("C"), "How money is formatted.", "session"),
  setting("lc_numeric", "C", only("C"), "How numbers are formatted.", "session"),
  setting("lc_time", "C", only("C"), "How dates are formatted.", "session"),
  setting("max_identifier_length", "63", text, "Longest name, in bytes.", "fixed"),
  setting("max_index_keys", "32", text, "Most columns of an index.", "fixed"),
  setting("max_connections", "4096", text, "Most connections.", "fixed"),
  setting("block_size", "8192", text, "Bytes of a page.", "fixed"),
  setting("password_encryption", "scram-sha-256", only("scram-sha-256", "md5"), "How passwords are kept.", "session"),
  setting("wal_level", "logical", text, "Everything is derived from the log.", "fixed"),
  setting("fsync", "on", boolean, "Commits are forced to disk.", "fixed"),
  setting("autovacuum", "off", boolean, "There is nothing to vacuum.", "fixed"),
  setting("ssl", "off", boolean, "Whether this connection's server speaks TLS.", "fixed"),
  setting("seed", "unavailable", text, "Seed of random(): cannot be shown.", "fixed"),
  setting("jit", "off", boolean, hint, "session"),
  setting("geqo", "on", boolean, hint, "session"),
  setting("enable_seqscan", "on", boolean, hint, "engine"),
  setting("enable_indexscan", "on", boolean, hint, "engine"),
  setting("enable_indexonlyscan", "on", boolean, hint, "engine"),
  setting("enable_bitmapscan", "on", boolean, hint, "engine"),
  setting("enable_hashjoin", "on", boolean, hint, "engine"),
  setting("enable_mergejoin", "on", boolean, hint, "engine"),
  setting("enable_nestloop", "on", boolean, hint, "engine"),
  setting("enable_hashagg", "on", boolean, hint, "engine"),
  setting("enable_sort", "on", boolean, hint, "engine"),
  setting("plan_cache_mode", "auto", choice("auto", "force_generic_plan", "force_custom_plan"), hint, "session"),
  setting("random_page_cost", "4", { kind: "real", min: 0, max: 1.79769e308 }, hint, "session"),
  setting("maintenance_work_mem", "64MB", integer(1024, i32Max, "kB"), hint, "session"),
  ...plannerHints.trim().split("\n").map(hintOf),
];

/** A line of `plannerHints`. */
function hintOf(line: string): SettingDefinition {
  const [name = "", fallback = "", kind = "", least, greatest] = line.split(" ");
  const [min, max] = [Number(least), Number(greatest)];
  if (kind === "boolean") return setting(name, fallback, boolean, hint, "session");
  if (kind === "real") return setting(name, fallback, { kind, min, max }, hint, "session");
  if (least === undefined) return setting(name, fallback, choice(...kind.split(",")), hint, "session");
  return setting(name, fallback, integer(min, max, kind === "kB" ? "kB" : ""), hint, "session");
}

const byName = new Map(settingDefinitions.map((definition) => [definition.name.toLowerCase(), definition]));

/** Names in any case; `timezone` is `TimeZone`. Undefined for one that is not known. */
export const settingNamed = (name: string): SettingDefinition | undefined => byName.get(name.toLowerCase());

/** Settings of applications' own: any name with a dot but ours. */
export const isCustomSetting = (name: string): boolean =>
  /^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)+$/.test(name) && !name.toLowerCase().startsWith("kimberlite.");

export const unknownSetting = (name: string): SqlError =>
  parametersNotDone.has(name.toLowerCase())
    ? new SqlError("0A000", `the parameter "${name}" is not supported`)
    : new SqlError("42704", `unrecognized configuration parameter "${name}"`);

const invalid = (name: string, value: string, hint?: string): SqlError =>
  new SqlError("22023", `invalid value for parameter "${name}": "${value}"`, { hint });

const trueTexts = ["t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"];
const falseTexts = ["f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"];

const unitFactors: Readonly<Record<"ms" | "kB", Readonly<Record<string, number>>>> = {
  ms: { us: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 },
  kB: { B: 1 / 1024, kB: 1, MB: 1_024, GB: 1_048_576, TB: 1_073_741_824 },
};

/**
 * A value in the form in which it is kept and shown. Throws `22023`, or `0A000` for what is known and not done.
 *
 * @param before what it was: a setting of two parts may be given one of them
 */
export function settingValue(definition: SettingDefinition, value: string, before: string): string {
  const { name, values } = definition;
  switch (values.kind) {
    case "text":
    case "list":
      return value;
    case "boolean": {
      const lower = value.toLowerCase();
      if (trueTexts.includes(lower)) return "on";
      if (falseTexts.includes(lower)) return "off";
      throw new SqlError("22023", `parameter "${name}" requires a Boolean value`);
    }
    case "choice": {
      const lower = value.toLowerCase();
      const found = values.values.find((known) => known.toLowerCase() === lower);
      if (found !== undefined) return found;
      if (values.values.length === 1 && trueTexts.includes(lower) && values.values[0] === "on") return "on";
      if (values.values.length === 1 && falseTexts.includes(lower) && values.values[0] === "off") return "off";
      if (values.refused?.includes(lower) === true) {
        throw new SqlError("0A000", `"${value}" for parameter "${name}" is not supported`);
      }
      if (values.values.length === 1) throw invalid(name, value);
      throw invalid(name, value, `Available values: ${values.values.join(", ")}.`);
    }
    case "integer":
      return integerValue(name, values.min, values.max, values.unit, value);
    case "real": {
      const number = Number(value);
      if (trimSpaces(value) === "" || !Number.isFinite(number)) throw invalid(name, value);
      const { min, max } = values;
      if (number < min || number > max) {
        const message = `${number} is outside the valid range for parameter "${name}" (${min} .. ${max})`;
        throw new SqlError("22023", message);
      }
      return String(number);
    }
    case "dateStyle":
      return dateStyle(name, value, before);
    case "timeZone":
      return timeZone(name, value);
    case "encoding": {
      // SQL_ASCII is bytes as they are: those of the database, in both directions.
      const own = encodingCalled(value);
      if (isOtherEncoding(value)) throw new SqlError("0A000", `conversion between ${value} and UTF8 is not supported`);
      if (own !== null) return own;
      throw invalid(name, value);
    }
  }
}

function integerValue(name: string, min: number, max: number, unit: "" | "ms" | "kB", value: string): string {
  const match = /^[ \t-\r]*([-+]?\d+(?:\.\d+)?)[ \t-\r]*([A-Za-z]*)[ \t-\r]*$/.exec(value);
  if (match === null) throw invalid(name, value);
  const [, digits = "", suffix = ""] = match;
  const factor = suffix === "" ? 1 : unit === "" ? undefined : unitFactors[unit][suffix];
  if (factor === undefined) {
    throw new SqlError("22023", `invalid value for parameter "${name}": "${value}"`, {
      hint:
        unit === "ms"
          ? 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".'
          : unit === "kB"
            ? 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'
            : undefined,
    });
  }
  const number = Math.round(Number(digits) * factor);
  if (number < min || number > max) {
    const shown = unit === "" ? "" : ` ${unit}`;
    throw new SqlError(
      "22023",
      `${number}${shown} is outside the valid range for parameter "${name}" (${min}${shown} .. ${max}${shown})`,
    );
  }
  return withUnit(number, unit);
}

/** In the largest unit that divides it, as PostgreSQL shows it. */
function withUnit(number: number, unit: "" | "ms" | "kB"): string {
  if (unit === "" || number === 0) return String(number);
  const larger = Object.entries(unitFactors[unit])
    .filter(([, factor]) => factor > 1)
    .reverse();
  for (const [name, factor] of larger) if (number % factor === 0) return `${number / factor}${name}`;
  return `${number}${unit}`;
}

/** Milliseconds of a setting that is a time, as `settingValue` made it. */
export function millisecondsOf(value: string): number {
  const match = /^(-?\d+)([a-z]*)$/.exec(value);
  const [, digits = "0", unit = ""] = match ?? [];
  return Number(digits) * (unitFactors.ms[unit] ?? 1);
}

/** Bytes of a setting that is an amount of memory, as `settingValue` made it. */
export function bytesOf(value: string): number {
  const match = /^(\d+)([A-Za-z]*)$/.exec(value);
  const [, digits = "0", unit = ""] = match ?? [];
  return Number(digits) * (unitFactors.kB[unit] ?? 1) * 1_024;
}

/** A name of the table, a number of hours east of UTC, or a POSIX rule, to which also `+02:00` belongs: those count west. */
function timeZone(name: string, value: string): string {
  if (/^[-+]?\d{1,2}(?:\.\d+)?$/.test(trimSpaces(value))) {
    const east = Math.round(Number(value) * 3_600);
    return east === 0 ? "UTC" : fixedZone(east).name;
  }
  const zone = findZone(value);
  if (zone === null) throw invalid(name, value);
  return zone.name;
}

const dateFormats: ReadonlyMap<string, string> = new Map([
  ["iso", "ISO"],
  ["sql", "SQL"],
  ["postgres", "Postgres"],
  ["german", "German"],
]);

/** How dates are written, and the order of day and month in what is read: each said once at most, else as it was. */
function dateStyle(name: string, value: string, before: string): string {
  let [format = "ISO", order = "MDY"] = before.split(", ");
  const said = { format: false, order: false };
  const conflicting = (): SqlError =>
    new SqlError("22023", invalid(name, value).message, { detail: 'Conflicting "datestyle" specifications.' });
  const setFormat = (next: string): void => {
    if (said.format && next !== format) throw conflicting();
    format = next;
    said.format = true;
  };
  const setOrder = (next: string): void => {
    if (said.order && next !== order) throw conflicting();
    order = next;
    said.order = true;
  };
  for (const part of value.split(",").map((one) => one.trim().toLowerCase())) {
    const written = dateFormats.get(part) ?? (part.startsWith("postgres") ? "Postgres" : undefined);
    if (part === "") continue;
    if (written !== undefined) {
      setFormat(written);
      // Germans put the day first unless something else is said.
      if (written === "German" && !said.order) order = "DMY";
    } else if (part === "mdy" || part === "us" || part.startsWith("noneuro")) setOrder("MDY");
    else if (part === "dmy" || part.startsWith("euro")) setOrder("DMY");
    else if (part === "ymd") setOrder("YMD");
    else if (part === "default") {
      if (!said.format) format = "ISO";
      if (!said.order) order = "MDY";
    } else {
      const detail = `Unrecognized key word: "${part}".`;
      throw new SqlError("22023", invalid(name, value).message, { detail });
    }
  }
  return `${format}, ${order}`;
}
