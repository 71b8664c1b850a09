/**
 * Writes the pinned time zone table from this machine's tzdata. Run by hand when a newer tzdata is to be taken:
 *
 *   npm run build && node dist/test/query/zone-table.js
 *
 * What PostgreSQL reads from the same files it reads the same way: transitions up to the last one listed, then the POSIX rule behind them.
 * Transitions that the rule itself would give are left out.
 */
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";

const root = "/usr/share/zoneinfo";
const skipped = new Set(["posix", "right", "localtime", "posixrules", "Factory"]);

interface Zone {
  readonly types: readonly { readonly offset: number; readonly isDst: boolean; readonly abbreviation: string }[];
  readonly transitions: readonly { readonly at: number; readonly type: number }[];
  readonly rule: string;
}

/** TZif version 2 or later: the second, 64-bit block and the footer. */
function readZone(bytes: Buffer): Zone | null {
  if (bytes.toString("latin1", 0, 4) !== "TZif" || bytes[4] === 0) return null;
  const counts = (at: number): number[] => [0, 1, 2, 3, 4, 5].map((index) => bytes.readUInt32BE(at + 20 + index * 4));
  const [utc = 0, std = 0, leaps = 0, times = 0, kinds = 0, characters = 0] = counts(0);
  const second = 44 + times * 5 + kinds * 6 + characters + leaps * 8 + std + utc;
  const [utc2 = 0, std2 = 0, leaps2 = 0, times2 = 0, kinds2 = 0, characters2 = 0] = counts(second);
  let at = second + 44;
  const moments = Array.from({ length: times2 }, (_, index) => Number(bytes.readBigInt64BE(at + index * 8)));
  at += times2 * 8;
  const typeIndexes = [...bytes.subarray(at, at + times2)];
  at += times2;
  const kindsAt = at;
  at += kinds2 * 6;
  const names = bytes.toString("latin1", at, at + characters2);
  at += characters2 + leaps2 * 12 + std2 + utc2;
  const rule = bytes.toString("latin1", at + 1, bytes.indexOf(0x0a, at + 1));
  const types = Array.from({ length: kinds2 }, (_, index) => {
    const from = kindsAt + index * 6;
    const name = bytes[from + 5] ?? 0;
    return {
      offset: bytes.readInt32BE(from),
      isDst: bytes[from + 4] === 1,
      abbreviation: names.slice(name, names.indexOf("\0", name)),
    };
  });
  return { types, transitions: moments.map((moment, index) => ({ at: moment, type: typeIndexes[index] ?? 0 })), rule };
}

/** Zones whose rule changes the clock list every change up to 2037; those from 2026 on follow from the rule. */
const ruleFrom = Date.UTC(2026, 0, 1) / 1000;

function write(name: string, zone: Zone): string {
  const kept = zone.rule.includes(",") ? zone.transitions.filter(({ at }) => at < ruleFrom) : zone.transitions;
  const types = zone.types.map(({ offset, isDst, abbreviation }) => `${abbreviation}:${offset}:${isDst ? 1 : 0}`);
  let last = 0;
  const deltas = kept.map(({ at }) => {
    const delta = at - last;
    last = at;
    return delta.toString(36);
  });
  return [name, types.join(","), deltas.join(","), kept.map(({ type }) => type.toString(36)).join(""), zone.rule].join(
    "|",
  );
}

const found = new Map<string, string>();
const byContent = new Map<string, string>();
function walk(folder: string): void {
  for (const entry of readdirSync(path.join(root, folder)).sort()) {
    const name = path.join(folder, entry);
    if (skipped.has(name)) continue;
    const full = path.join(root, name);
    if (statSync(full).isDirectory()) walk(name);
    else {
      const zone = readZone(readFileSync(full));
      if (zone === null || zone.types.some(({ abbreviation }) => abbreviation.includes("|"))) continue;
      const target = lstatSync(full).isSymbolicLink() ? path.relative(root, realpathSync(full)) : name;
      found.set(name, target === name || target.startsWith("..") ? write(name, zone) : `${name}=${target}`);
    }
  }
}
walk("");
for (const [name, line] of found) {
  if (line.includes("=") && !line.includes("|")) continue;
  const content = line.slice(name.length);
  const first = byContent.get(content);
  if (first === undefined) byContent.set(content, name);
  else found.set(name, `${name}=${first}`);
}
const version = /^# version (\S+)/u.exec(readFileSync(path.join(root, "tzdata.zi"), "utf8"))?.[1] ?? "";
const lines = [...found.values()].sort((a, b) => (a < b ? -1 : 1));
const text = `/**
 * Time zones of tzdata ${version}, one a line, written by \`test/query/zone-table.ts\`:
 *
 *   name|types (abbreviation:seconds east:is daylight saving)|transitions (seconds since 1970, base 36, each from the one before)|type of each|POSIX rule
 *   name=name of the same zone
 */
export const zoneTable = \`
${lines.join("\n")}
\`;
`;
writeFileSync("runtime/query/types/date-time/zone-table.ts", text);
console.log(`${lines.length} zones, ${text.length} bytes, tzdata ${version}`);
