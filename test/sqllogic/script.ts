/**
 * Files in the format of sqllogictest: records apart by blank lines.
 *
 *   statement ok | statement error [what the message has in it, as a regular expression]
 *   query <types> [nosort | rowsort | valuesort] [label]   types: T text, I integer, R real, one for each column
 *   <sql over one or more lines>
 *   ----
 *   <values, one a line, or rows with values apart by blanks; or `N values hashing to <md5>`>
 *   halt | hash-threshold N | skipif <name> | onlyif <name>
 *
 * `#` begins a comment. Names for `skipif` and `onlyif` are of databases: this one goes by `postgresql` and `kimberlite`.
 */
export type SortMode = "nosort" | "rowsort" | "valuesort";

export type SqlLogicRecord = { readonly line: number; readonly sql: string } & (
  | { readonly kind: "statement"; readonly error: RegExp | null; readonly isOk: boolean }
  | {
      readonly kind: "query";
      readonly types: string;
      readonly sort: SortMode;
      readonly label: string | null;
      readonly expected: readonly string[];
    }
);

const names: ReadonlySet<string> = new Set(["postgresql", "postgres", "kimberlite"]);

export class ScriptError extends Error {
  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
  }
}

const sortModeOf = (text: string | undefined, line: number): SortMode => {
  if (text === undefined || text === "nosort" || text === "rowsort" || text === "valuesort") return text ?? "nosort";
  throw new ScriptError(line, `no sort mode "${text}": nosort, rowsort or valuesort`);
};

/** Records of a file that are for this database, in order. */
export function parseScript(text: string): readonly SqlLogicRecord[] {
  const records: SqlLogicRecord[] = [];
  const lines = text.split(/\r?\n/u);
  let at = 0;
  let isSkipped = false;
  const block = (ends: (line: string) => boolean): string[] => {
    const taken: string[] = [];
    for (; at < lines.length && !ends(lines[at] ?? ""); at += 1) taken.push(lines[at] ?? "");
    return taken;
  };
  while (at < lines.length) {
    const head = (lines[at] ?? "").trim();
    at += 1;
    const line = at;
    if (head === "" || head.startsWith("#")) continue;
    const [word = "", ...rest] = head.replace(/\s+#.*$/u, "").split(/\s+/u);
    switch (word) {
      case "halt":
        if (!isSkipped) return records;
        isSkipped = false;
        break;
      case "hash-threshold":
        break;
      case "skipif":
        isSkipped ||= names.has(rest[0] ?? "");
        break;
      case "onlyif":
        isSkipped ||= !names.has(rest[0] ?? "");
        break;
      case "statement": {
        const sql = block((next) => next.trim() === "" || next === "----").join("\n");
        block((next) => next.trim() === "");
        const [wanted, ...pattern] = rest;
        if (wanted !== "ok" && wanted !== "error" && wanted !== "count")
          throw new ScriptError(line, "a statement is to be ok or an error");
        const error = wanted === "error" && pattern.length > 0 ? new RegExp(pattern.join(" "), "iu") : null;
        if (!isSkipped) records.push({ kind: "statement", line, sql, error, isOk: wanted !== "error" });
        isSkipped = false;
        break;
      }
      case "query": {
        const sql = block((next) => next.trim() === "" || next === "----").join("\n");
        const hasRows = lines[at] === "----";
        if (hasRows) at += 1;
        const expected = hasRows ? block((next) => next === "") : [];
        const [types = "", sort, label = null] = rest;
        const record = { line, sql, types, sort: sortModeOf(sort, line), label, expected };
        if (!isSkipped) records.push({ kind: "query", ...record });
        isSkipped = false;
        break;
      }
      default:
        throw new ScriptError(line, `no record is called "${word}"`);
    }
  }
  return records;
}
