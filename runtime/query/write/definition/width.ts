/** How many columns a table or a view has at most. */
import { SqlError } from "../../error.js";
import { columnsMax } from "../../table/row-codec.js";

/** Throws 54011. */
export function expectColumns(count: number, position?: number): void {
  if (count > columnsMax) throw new SqlError("54011", `tables can have at most ${columnsMax} columns`, { position });
}
