/**
 * ALTER TABLE … ENABLE and DISABLE of triggers and rules. There are none but those by which PostgreSQL keeps foreign keys and deferrable
 * constraints, which are always kept here.
 */
import { notSupported, SqlError } from "../../error.js";
import type { Switched } from "../../syntax/ast-definition.js";
import type { Alteration } from "./alteration.js";

/** Throws 42704 for a trigger or a rule by its name, 0A000 where constraints were no longer to be kept. */
export function switchTriggers({ table, catalog }: Alteration, { what, which, isEnabled }: Switched): void {
  if (typeof which !== "string") {
    const whose = what === "rule" ? "relation" : "table";
    throw new SqlError("42704", `${what} "${which.name}" for ${whose} "${table.name}" does not exist`);
  }
  if (which === "user" || isEnabled) return;
  const isKept = table.constraints.some(
    (each) => each.kind === "foreignKey" || (each.kind !== "check" && each.deferral !== undefined),
  );
  if (isKept || catalog.referencing(table.oid).length > 0)
    throw notSupported("DISABLE TRIGGER ALL of a table with foreign keys or deferrable constraints");
}
