/** Names and texts as SQL writes them. */
import { SqlError } from "../error.js";
import { lowerAscii, trimSpaces } from "./spaces.js";

/** Words that must be quoted to be a name: those the grammar reserves. */
const reserved = new Set(
  (
    "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create current_catalog current_date " +
    "current_role current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign " +
    "from grant group having in initially intersect into lateral leading limit localtime localtimestamp not null offset on only or order " +
    "placing primary references returning select session_user some symmetric table then to trailing true union unique user using variadic " +
    "when where window with authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left " +
    "like natural notnull outer overlaps right similar tablesample verbose between bigint bit boolean char character coalesce dec decimal " +
    "exists extract float greatest grouping inout int integer interval least national nchar none normalize nullif numeric out overlay " +
    "position precision real row setof smallint substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement " +
    "xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable"
  ).split(" "),
);

export function quoteIdentifier(name: string): string {
  if (/^[a-z_][a-z0-9_]*$/u.test(name) && !reserved.has(name)) return name;
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

/** The parts of a possibly qualified name: what is not quoted may hold anything but spaces and dots. Throws 42602. */
export function readQualifiedName(text: string): string[] {
  const names: string[] = [];
  let rest = trimSpaces(text);
  for (;;) {
    const quoted = /^"((?:[^"]|"")*)"[ \t-\r]*/u.exec(rest);
    const plain = /^[^". \t-\r][^. \t-\r]*[ \t-\r]*/u.exec(rest);
    const match = quoted ?? plain;
    if (match === null) throw new SqlError("42602", "invalid name syntax");
    names.push(quoted === null ? lowerAscii(trimSpaces(match[0])) : (quoted[1] ?? "").replaceAll('""', '"'));
    rest = rest.slice(match[0].length);
    if (rest === "") return names;
    if (!rest.startsWith(".")) throw new SqlError("42602", "invalid name syntax");
    rest = trimSpaces(rest.slice(1));
  }
}
