/** Sections of `docs/simulator.md` that are written by the programs whose figures they are, between marks in the page. */
import { readFileSync, writeFileSync } from "node:fs";

const page = new URL("../../../docs/simulator.md", import.meta.url);

export function writeSection(name: string, text: string): void {
  const [begin, end] = [`<!-- ${name} begins -->`, `<!-- ${name} ends -->`];
  const whole = readFileSync(page, "utf8");
  const [from, to] = [whole.indexOf(begin), whole.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/simulator.md has no place for ${name}`);
  writeFileSync(page, `${whole.slice(0, from + begin.length)}\n\n${text}\n\n${whole.slice(to)}`);
}
