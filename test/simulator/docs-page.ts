/** Sections of `docs/simulator.md` that are written by the programs whose figures they are, between marks in the page. */
import { readFileSync, writeFileSync } from "node:fs";

const page = new URL("../../../docs/simulator.md", import.meta.url);

/** What is before a section, in it, and behind it. */
function parts(name: string): readonly [before: string, section: string, behind: string] {
  const [begin, end] = [`<!-- ${name} begins -->`, `<!-- ${name} ends -->`];
  const whole = readFileSync(page, "utf8");
  const [from, to] = [whole.indexOf(begin), whole.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/simulator.md has no place for ${name}`);
  const first = from + begin.length;
  return [whole.slice(0, first), whole.slice(first, to), whole.slice(to)];
}

export function readSection(name: string): string {
  return parts(name)[1].trim();
}

export function writeSection(name: string, text: string): void {
  const [before, , behind] = parts(name);
  writeFileSync(page, `${before}\n\n${text}\n\n${behind}`);
}
