/**
 * GRANT and REVOKE on columns. What is revoked of a table is revoked of its columns as well; what is granted of it is not granted of them, as
 * whoever asks for a column is asked for either.
 */
import { assert } from "../../../types/assert.js";
import {
  type Acl,
  columnLetters,
  columnPrivilegesOf,
  columnsOf,
  common,
  type Guarded,
  type GuardedColumn,
  union,
  withColumnAcls,
} from "../../catalog/privileges.js";
import { notSupported, SqlError } from "../../error.js";
import type { Grant } from "../../syntax/ast-role.js";
import { changedAcl, letterOf } from "./grant-target.js";
import type { DefinitionPorts } from "./ports.js";

/** Letters that are granted or revoked of columns, by their numbers. Throws 0LP01, 42703. */
function wantedOf({ columnPrivileges }: Grant, object: Guarded): ReadonlyMap<number, string> {
  const wanted = new Map<number, string>();
  for (const { privilege, columns } of columnPrivileges) {
    const letters = privilege === null ? columnLetters : letterOf(privilege);
    if (common(letters, columnLetters) === "")
      throw new SqlError("0LP01", `invalid privilege type ${privilege?.toUpperCase() ?? ""} for column`);
    if (object.kind === "sequence") throw notSupported("privileges on columns of a sequence");
    for (const name of columns) {
      const column = columnsOf(object).find((each) => each.name === name);
      if (column === undefined)
        throw new SqlError("42703", `column "${name}" of relation "${object.name}" does not exist`);
      wanted.set(column.number, union(wanted.get(column.number) ?? "", letters));
    }
  }
  return wanted;
}

/**
 * The object with its columns' lists changed.
 *
 * @param before the object's own list as it was: by it, too, somebody may grant on
 * @param revoked letters of what is granted or revoked of the object as a whole
 */
export function withColumnGrants(
  statement: Grant,
  object: Guarded,
  before: Acl,
  revoked: string,
  ports: DefinitionPorts,
): Guarded {
  const named = wantedOf(statement, object);
  const implied = statement.isGrant ? "" : common(revoked, columnLetters);
  if (named.size === 0 && implied === "") return object;
  const changed = (column: GuardedColumn, letters: string): Acl => {
    const { acl = [], name, number } = column;
    const target = {
      owner: object.owner,
      acl,
      options: [...before, ...acl],
      all: columnLetters,
      had: common(columnLetters, columnPrivilegesOf({ ...object, acl: before }, column, ports.actor)),
      label: `column "${name}" of relation "${object.name}"`,
      shown: `column "${name}" of relation "${object.name}"`,
      isAll: letters === columnLetters || !named.has(number),
    };
    return changedAcl(statement, target, letters, named.has(number) ? ports : { ...ports, notice: () => {} });
  };
  // System columns come first, and nothing is ever granted on them by themselves.
  if (implied !== "" && object.kind !== "view") changed({ number: 0, name: "tableoid" }, implied);
  const acls = new Map<number, Acl>();
  for (const column of columnsOf(object)) {
    const letters = union(named.get(column.number) ?? "", implied);
    if (letters !== "") acls.set(column.number, changed(column, letters));
  }
  assert(
    [...named.keys()].every((number) => acls.has(number)),
    "each column that was named has its list",
  );
  return withColumnAcls(object, acls);
}
