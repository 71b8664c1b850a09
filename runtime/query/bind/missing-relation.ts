/** What is said of a table that an expression names and does not find: whether it is in the query, under an alias or out of sight. */
import { SqlError } from "../error.js";
import { type Binder, positionOf } from "./binder.js";
import type { Scope } from "./scope.js";

/** An item of FROM, or a target, as it is written, whether or not it can be seen from where somebody asks. */
export interface WrittenItem {
  /** By which it is called. */
  readonly name: string;
  /** A table's own name. */
  readonly table: string | null;
  /** Of a join none: they are its tables'. */
  readonly columns?: readonly string[];
}

export function missingRelation(name: string, location: number, binder: Binder, scope: Scope): SqlError {
  const position = positionOf(location);
  const item = binder.writtenItem(({ name: called, table }) => called === name || table === name);
  if (item === null) return new SqlError("42P01", `missing FROM-clause entry for table "${name}"`, { position });
  const isVisible = item.name !== name && scope.relation(null, item.name, location) !== null;
  return new SqlError("42P01", `invalid reference to FROM-clause entry for table "${name}"`, {
    position,
    hint: isVisible
      ? `Perhaps you meant to reference the table alias "${item.name}".`
      : `There is an entry for table "${item.name}", but it cannot be referenced from this part of the query.`,
  });
}
