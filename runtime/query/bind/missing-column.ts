/**
 * What is said of a column that an expression names and does not find: the one that is likely meant, by how many letters differ, or the table that
 * has it and cannot be seen from there. PostgreSQL's rules (`searchRangeTableForCol`), so that its users get the hints that they know.
 */
import { SqlError } from "../error.js";
import { type Binder, positionOf } from "./binder.js";
import type { WrittenItem } from "./missing-relation.js";
import type { Scope } from "./scope.js";

/** Letters that differ between a name and what may be meant by it, at most. */
const distanceMax = 3;

interface Likely {
  readonly item: WrittenItem;
  readonly column: string;
}

/** How many letters must be changed, added or taken away to make one name of another. */
function distanceOf(from: string, to: string): number {
  const [source, target] = [Array.from(from), Array.from(to)];
  let before = target.map((_letter, index) => index);
  before.push(target.length);
  for (const [row, letter] of source.entries()) {
    const next = [row + 1];
    for (const [column, other] of target.entries()) {
      const changed = (before[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (before[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    before = next;
  }
  return before.at(-1) ?? 0;
}

/** The nearest columns: of those that are equally near two at most, of three or more none. */
class Nearest {
  #distance = distanceMax + 1;
  #found: Likely[] = [];

  get found(): readonly Likely[] {
    return this.#found;
  }

  see(item: WrittenItem, column: string, wanted: string, penalty: number): void {
    if (penalty > this.#distance) return;
    const difference = distanceOf(column, wanted);
    if (difference > Math.trunc(Buffer.byteLength(wanted) / 2)) return;
    const distance = difference + penalty;
    if (distance > this.#distance) return;
    if (distance < this.#distance) {
      this.#distance = distance;
      this.#found = [{ item, column }];
    } else if (this.#found.length === 2) {
      this.#distance = distance - 1;
      this.#found = [];
    } else if (this.#found.length === 1 || this.#distance <= distanceMax) this.#found.push({ item, column });
  }
}

/** @param table by which the column is qualified; null where it is not */
function hintOf(table: string | null, column: string, levels: readonly (readonly WrittenItem[])[]): string | undefined {
  const nearest = new Nearest();
  for (const item of levels.flat()) {
    const columns = item.columns ?? [];
    const penalty = table === null ? 0 : Math.min(distanceOf(table, item.name), distanceMax + 2);
    for (const each of columns) nearest.see(item, each, column, penalty);
    if (penalty === 0 && columns.includes(column))
      return `There is a column named "${column}" in table "${item.name}", but it cannot be referenced from this part of the query.`;
  }
  const [first, second] = nearest.found.map((likely) => `the column "${likely.item.name}.${likely.column}"`);
  if (first === undefined) return undefined;
  return `Perhaps you meant to reference ${first}${second === undefined ? "" : ` or ${second}`}.`;
}

const itemsIn = ({ names }: Scope): readonly WrittenItem[] =>
  names.relations.map(({ name, columns }) => ({ name, table: null, columns: columns.map((column) => column.name) }));

export function missingColumn(
  table: string | null,
  column: string,
  location: number,
  binder: Binder,
  scope: Scope,
): SqlError {
  const written = binder.writtenLevels();
  // What is stored, a CHECK for one, is no query: there is only what it sees.
  const levels = written.some((items) => items.length > 0) ? written : scope.levels().map(itemsIn);
  const name = table === null ? `"${column}"` : `${table}.${column}`;
  return new SqlError("42703", `column ${name} does not exist`, {
    position: positionOf(location),
    hint: hintOf(table, column, levels),
  });
}
