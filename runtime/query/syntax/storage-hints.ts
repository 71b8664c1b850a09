/**
 * What statements say of how rows are laid out, sampled, compressed and cleaned up. It changes no answer, dumps of PostgreSQL are full of it, and here
 * pages are what they are: it is read, what is none or cannot be is refused, and nothing of it is kept.
 */
import { SqlError } from "../error.js";
import type { Conversion } from "./conversion.js";
import { definitionElements, type OptionNode, valueText } from "./options.js";
import { fieldsOf, listOf } from "./tree.js";

/** What a parameter takes: truth, one of some words, or a number between two. */
type Kind =
  | { readonly kind: "boolean" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "integer" | "real"; readonly from: number; readonly to: number };

const boolean: Kind = { kind: "boolean" };
const integer = (from: number, to = 2_147_483_647): Kind => ({ kind: "integer", from, to });
const real = (from: number, to: number): Kind => ({ kind: "real", from, to });

const ages: readonly (readonly [name: string, Kind])[] = [
  ["freeze_min_age", integer(0, 1_000_000_000)],
  ["freeze_max_age", integer(100_000, 2_000_000_000)],
  ["freeze_table_age", integer(0, 2_000_000_000)],
  ["multixact_freeze_min_age", integer(0, 1_000_000_000)],
  ["multixact_freeze_max_age", integer(10_000, 2_000_000_000)],
  ["multixact_freeze_table_age", integer(0, 2_000_000_000)],
];

/** Parameters that a table's TOAST table has as well, there with `toast.` before them. */
const ofToast: ReadonlyMap<string, Kind> = new Map([
  ["vacuum_index_cleanup", { kind: "words", words: ["on", "off", "auto"] }],
  ["vacuum_truncate", boolean],
  ["log_autovacuum_min_duration", integer(-1)],
  ["autovacuum_enabled", boolean],
  ["autovacuum_vacuum_threshold", integer(0)],
  ["autovacuum_vacuum_insert_threshold", integer(-1)],
  ["autovacuum_vacuum_scale_factor", real(0, 100)],
  ["autovacuum_vacuum_insert_scale_factor", real(0, 100)],
  ["autovacuum_vacuum_cost_delay", real(0, 100)],
  ["autovacuum_vacuum_cost_limit", integer(1, 10_000)],
  ...ages.map(([name, kind]) => [`autovacuum_${name}`, kind] as const),
]);

const ofTables: ReadonlyMap<string, Kind> = new Map([
  ...ofToast,
  ["fillfactor", integer(10, 100)],
  ["toast_tuple_target", integer(128, 8_160)],
  ["parallel_workers", integer(0, 1_024)],
  ["autovacuum_analyze_threshold", integer(0)],
  ["autovacuum_analyze_scale_factor", real(0, 100)],
  ["oids", boolean],
]);

const ofIndexes: ReadonlyMap<string, Kind> = new Map([
  ["fillfactor", integer(10, 100)],
  ["deduplicate_items", boolean],
]);

/** Throws 22023 for a parameter that there is not, or that does not take the value. */
function expectHint({ name, value, namespace }: OptionNode, known: ReadonlyMap<string, Kind>, isReset: boolean): void {
  if (namespace !== null && namespace !== "toast")
    throw new SqlError("22023", `unrecognized parameter namespace "${namespace}"`);
  const kind = (namespace === "toast" && known === ofTables ? ofToast : known).get(name);
  if (kind === undefined) throw new SqlError("22023", `unrecognized parameter "${name}"`);
  if (isReset) {
    if (value === null) return;
    throw new SqlError("42601", "RESET must not include values for parameters");
  }
  const given = valueText(value) ?? "true";
  if (name === "oids" && isTrue(given)) throw new SqlError("0A000", "tables declared WITH OIDS are not supported");
  expectValue(name, given, kind);
}

const isTrue = (given: string): boolean => /^(?:t|tr|tru|true|on|1|y|ye|yes)$/iu.test(given);

function expectValue(name: string, given: string, kind: Kind): void {
  const invalid = (what: string, detail?: string): SqlError =>
    new SqlError(
      "22023",
      `invalid value for ${what} option "${name}": ${given}`,
      detail === undefined ? {} : { detail },
    );
  switch (kind.kind) {
    case "boolean":
      if (!isTrue(given) && !/^(?:f|fa|fal|fals|false|of|off|0|n|no)$/iu.test(given)) throw invalid("boolean");
      return;
    case "words":
      if (!kind.words.includes(given.toLowerCase()) && !/^(?:true|false|yes|no|1|0)$/iu.test(given))
        throw invalid("enum", 'Valid values are "on", "off", and "auto".');
      return;
    default: {
      const isWhole = kind.kind === "integer";
      const value = Number(given);
      if (given.trim() === "" || !Number.isFinite(value) || (isWhole && !/^[+-]?\d+$/u.test(given)))
        throw invalid(isWhole ? "integer" : "floating point");
      if (value >= kind.from && value <= kind.to) return;
      const shown = (limit: number): string => (isWhole ? String(limit) : limit.toFixed(6));
      throw new SqlError("22023", `value ${given} out of bounds for option "${name}"`, {
        detail: `Valid values are between "${shown(kind.from)}" and "${shown(kind.to)}".`,
      });
    }
  }
}

/** WITH of a table or an index says nothing but hints. Throws 22023. */
export function expectHints(nodes: readonly unknown[], of: "table" | "index", conversion: Conversion): void {
  const known = of === "table" ? ofTables : ofIndexes;
  for (const element of definitionElements(nodes, conversion)) expectHint(element, known, false);
}

/** Parameters of a table that are set or taken back. Throws 22023, and 42601 for a value of one that is taken back. */
export function expectChangedHints(elements: readonly OptionNode[], isReset: boolean): void {
  for (const element of elements) expectHint(element, ofTables, isReset);
}

/** Throws `22023` and `0A000` for a value that the setting of a column does not take. @param type of the parser's command */
export function expectColumnHint(type: string, definition: unknown, conversion: Conversion): void {
  const given = valueText(definition) ?? "";
  switch (type) {
    case "AT_SetStatistics":
      if (Number(given) < -1) throw new SqlError("22023", `statistics target ${given} is too low`);
      return;
    case "AT_SetStorage":
      if (!/^(?:plain|external|extended|main|default)$/iu.test(given))
        throw new SqlError("22023", `invalid storage type "${given}"`);
      return;
    case "AT_SetCompression":
      return expectCompression(given);
    default: {
      const elements = definitionElements(listOf(fieldsOf(definition, "List"), "items"), conversion);
      const unknown = elements.find(({ name }) => name !== "n_distinct" && name !== "n_distinct_inherited");
      if (unknown !== undefined) throw new SqlError("22023", `unrecognized parameter "${unknown.name}"`);
    }
  }
}

/** Throws 22023 for a name of no way to compress. */
export function expectCompression(given: string): void {
  if (!/^(?:pglz|lz4|default)$/u.test(given)) throw new SqlError("22023", `invalid compression method "${given}"`);
}
