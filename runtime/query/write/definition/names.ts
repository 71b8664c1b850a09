/** Names that are made up for objects without one, as PostgreSQL makes them. */
import { assert } from "../../../types/assert.js";
import { SqlError } from "../../error.js";
import type { DefinitionPorts } from "./ports.js";

/** Bytes of a name at most; longer ones are cut by the parser. */
export const nameBytesMax = 63;

/** `first_second_label`, the longer part cut until it fits. */
export function objectName(first: string, second: string | null, label: string): string {
  let [a, b] = [first, second];
  const length = (): number => a.length + (b === null ? 0 : b.length + 1) + label.length + 1;
  while (length() > nameBytesMax) {
    if (b !== null && b.length >= a.length) b = b.slice(0, -1);
    else a = a.slice(0, -1);
    assert(a.length > 0, "a name keeps something of its table's");
  }
  return b === null ? `${a}_${label}` : `${a}_${b}_${label}`;
}

/** The first of the name, the name with 1, with 2, … that is free. */
export function freeName(
  first: string,
  second: string | null,
  label: string,
  isTaken: (name: string) => boolean,
): string {
  let name = objectName(first, second, label);
  for (let pass = 1; isTaken(name); pass++) name = objectName(first, second, `${label}${pass}`);
  return name;
}

/** Throws 42710 for the name of a type: tables and views are types, too. */
export function expectNoType({ draft }: DefinitionPorts, schema: number, name: string): void {
  if (draft.catalog.typeByName(schema, name) === null) return;
  throw new SqlError("42710", `type "${name}" already exists`, {
    hint: "A relation has an associated type of the same name, so you must use a name that doesn't conflict with any existing type.",
  });
}

/** Throws 42710 for a name that another type has, or a table or view: each of them is a type, too. */
export function expectFree({ draft }: DefinitionPorts, schema: number, name: string): void {
  const relation = draft.catalog.relationByName(schema, name);
  const isTaken = relation !== null && relation.kind !== "index" && relation.kind !== "sequence";
  if (isTaken || draft.catalog.typeByName(schema, name) !== null)
    throw new SqlError("42710", `type "${name}" already exists`);
}

/** Whether there is something of that name already; with IF NOT EXISTS a notice, else 42P07. */
export function exists(ports: DefinitionPorts, schema: number, name: string, ifNotExists: boolean): boolean {
  if (!ports.draft.isTaken(schema, name)) return false;
  if (!ifNotExists) throw new SqlError("42P07", `relation "${name}" already exists`);
  ports.notice("NOTICE", "42P07", `relation "${name}" already exists, skipping`);
  return true;
}
