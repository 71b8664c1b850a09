/** TABLESPACE and USING of tables and indexes: there is one place for them and one way to keep them, which may be named. */
import { SqlError } from "../error.js";
import { type Fields, has, textOf } from "./tree.js";

/** Throws 42704 for a tablespace that does not exist, 22023 for the one of shared tables. */
export function expectTablespace(fields: Fields, key: string): void {
  if (!has(fields, key)) return;
  const name = textOf(fields, key);
  if (name === "pg_global") throw new SqlError("22023", "only shared relations can be placed in pg_global tablespace");
  if (name !== "pg_default") throw new SqlError("42704", `tablespace "${name}" does not exist`);
}

/** Throws 42704 for another access method of tables than `heap`. */
export function expectHeap(fields: Fields): void {
  if (!has(fields, "accessMethod")) return;
  const name = textOf(fields, "accessMethod");
  if (name !== "heap") throw new SqlError("42704", `access method "${name}" does not exist`);
}
