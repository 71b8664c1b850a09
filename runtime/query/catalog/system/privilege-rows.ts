/** Who may do what with tables and their columns, in `information_schema`. What others have of others is shown to superusers alone. */
import type { EvaluationContext } from "../../functions/context.js";
import type { TableDefinition, ViewDefinition } from "../model.js";
import { type AclItem, aclOf, columnLetters, columnsOf, common, merged, privilegeNames } from "../privileges.js";
import { yesNo } from "./information-schema.js";
import type { CatalogWorld, SystemRow } from "./world.js";

/** One row for each of an entry's letters. */
function* rowsOf(
  relation: TableDefinition | ViewDefinition,
  { grantee, grantor, privileges, grantable }: AclItem,
  world: CatalogWorld,
  context: EvaluationContext,
): Iterable<SystemRow> {
  const rights = context.roles.rightsOf(context.currentUser);
  if (!context.isSuperuser && grantee !== "" && !rights.has(grantee) && !rights.has(grantor)) return;
  for (const letter of privileges)
    yield {
      grantor: world.ownerName(grantor),
      grantee: grantee === "" ? "PUBLIC" : world.ownerName(grantee),
      table_catalog: context.database,
      table_schema: world.schemaName(relation.schema),
      table_name: relation.name,
      privilege_type: privilegeNames[letter] ?? "",
      is_grantable: yesNo(grantable.includes(letter) || grantee === relation.owner),
      with_hierarchy: yesNo(letter === "r"),
    };
}

export function* tablePrivilegeRows(world: CatalogWorld, context: EvaluationContext): Iterable<SystemRow> {
  for (const relation of [...world.tables(), ...world.views()])
    for (const item of aclOf(relation)) yield* rowsOf(relation, item, world, context);
}

/** What the table's list says of each column, and what the column's own says beside it. */
export function* columnPrivilegeRows(world: CatalogWorld, context: EvaluationContext): Iterable<SystemRow> {
  for (const relation of [...world.tables(), ...world.views()])
    for (const { name, acl = [] } of columnsOf(relation))
      for (const item of merged([...aclOf(relation), ...acl])) {
        const ofColumns = { ...item, privileges: common(item.privileges, columnLetters) };
        for (const row of rowsOf(relation, ofColumns, world, context)) yield { ...row, column_name: name };
      }
}
