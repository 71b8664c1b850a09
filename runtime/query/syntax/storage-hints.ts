/**
 * What statements say of how rows are laid out, sampled, compressed and cleaned up. It changes no answer, dumps of PostgreSQL are full of it, and here
 * pages are what they are: it is read, what is none is refused, and nothing of it is kept.
 */
import { SqlError } from "../error.js";
import type { Conversion } from "./conversion.js";
import { definitionElements, type OptionNode, valueText } from "./options.js";
import { fieldsOf, listOf } from "./tree.js";

const parameters: ReadonlySet<string> = new Set([
  "fillfactor",
  "deduplicate_items",
  "parallel_workers",
  "toast_tuple_target",
  "vacuum_index_cleanup",
  "vacuum_truncate",
  "log_autovacuum_min_duration",
]);
const ofAutovacuum =
  /^autovacuum_(?:enabled|(?:vacuum|analyze)_(?:threshold|scale_factor)|vacuum_(?:insert_(?:threshold|scale_factor)|cost_(?:delay|limit))|(?:multixact_)?freeze_(?:min|max|table)_age)$/u;

const isHint = ({ name }: OptionNode): boolean => parameters.has(name) || ofAutovacuum.test(name);

/** Whether WITH of a table or an index says anything but hints. */
export const hasMoreThanHints = (nodes: readonly unknown[], conversion: Conversion): boolean =>
  !definitionElements(nodes, conversion).every(isHint);

/** Throws `22023` for a parameter that tables do not have. */
export function expectHints(elements: readonly OptionNode[]): void {
  const unknown = elements.find((element) => !isHint(element));
  if (unknown !== undefined) throw new SqlError("22023", `unrecognized parameter "${unknown.name}"`);
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
      if (!/^(?:pglz|lz4|default)$/u.test(given)) throw new SqlError("22023", `invalid compression method "${given}"`);
      return;
    default: {
      const elements = definitionElements(listOf(fieldsOf(definition, "List"), "items"), conversion);
      const unknown = elements.find(({ name }) => name !== "n_distinct" && name !== "n_distinct_inherited");
      if (unknown !== undefined) throw new SqlError("22023", `unrecognized parameter "${unknown.name}"`);
    }
  }
}
