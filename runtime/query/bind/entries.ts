/** How many columns a result, a row and a call have at most: PostgreSQL's numbers. Its protocol counts a row's columns in two bytes. */
import { SqlError } from "../error.js";

export const entriesMax = 1_664;
export const argumentsMax = 100;

/** Columns of a query's result, those among them that it sorts by and does not show. Throws 54011. */
export function expectEntries(count: number): void {
  if (count > entriesMax) throw new SqlError("54011", `target lists can have at most ${entriesMax} entries`);
}

/** Columns that RETURNING gives. Throws 54011. */
export function expectReturned(count: number): void {
  if (count > entriesMax) throw new SqlError("54011", `number of columns (${count}) exceeds limit (${entriesMax})`);
}

/** Fields of a row that is written as one. Throws 54011. */
export function expectFields(count: number, position: number | undefined): void {
  if (count > entriesMax)
    throw new SqlError("54011", `ROW expressions can have at most ${entriesMax} entries`, { position });
}

/** Arguments of a call. Throws 54023. */
export function expectArguments(count: number, position: number | undefined): void {
  if (count > argumentsMax)
    throw new SqlError("54023", `cannot pass more than ${argumentsMax} arguments to a function`, { position });
}
