/** ALTER TABLE: one action after the other, each on what the one before has made. */
import { unreachable } from "../../../types/assert.js";
import { type TableLockMode, tableLockModes } from "../../catalog/lock-facts.js";
import { type ColumnDefinition, primaryKeyOf, type TableDefinition } from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { AlterTable, AlterTableAction } from "../../syntax/ast-definition.js";
import { addColumn, addIdentity, dropIdentity, setIdentity, setType } from "./alter-columns.js";
import { addConstraint, alterConstraint, dropConstraint, validateConstraint } from "./alter-constraints.js";
import { alterView } from "./alter-view.js";
import { Alteration } from "./alteration.js";
import { clusterOn } from "./cluster.js";
import { storeDefault } from "./default.js";
import { placeOf, shownName } from "./draft.js";
import { dropColumn } from "./drop-column.js";
import { alterOwner } from "./owner.js";
import { setPersistence, setSequencePersistence } from "./persistence.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { expectNoIdentityOf, setReplicaIdentity } from "./replica-identity.js";
import { switchTriggers } from "./switched.js";
import { checkNotNull } from "./table-rows.js";

export function alterTable(statement: AlterTable, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const tag = `ALTER ${statement.objectType === "materializedView" ? "MATERIALIZED VIEW" : statement.objectType.toUpperCase()}`;
  const found = draft.find(statement.name);
  if (found === null && statement.ifExists) {
    ports.notice("NOTICE", "00000", `relation "${shownName(statement.name)}" does not exist, skipping`);
    return { tag };
  }
  // As in PostgreSQL, ALTER TABLE also gives away what is no table.
  const isOther = found !== null && found.kind !== "table" && found.kind !== "index";
  if (isOther && statement.actions.every(({ kind }) => kind === "setOwner")) {
    for (const action of statement.actions) if (action.kind === "setOwner") alterOwner(found, action.owner, ports);
    return { tag };
  }
  if (found?.kind === "sequence" && (statement.objectType === "sequence" || statement.objectType === "table")) {
    for (const action of statement.actions) {
      if (action.kind !== "setPersistence") throw notSupported(tag, placeOf(statement.location));
      setSequencePersistence(found, action.isUnlogged, ports);
    }
    return { tag };
  }
  if (found?.kind === "view" && (statement.objectType === "view" || statement.objectType === "table")) {
    alterView(found.oid, statement.actions, ports);
    return { tag };
  }
  if (statement.objectType === "view" && found !== null) throw new SqlError("42809", `"${found.name}" is not a view`);
  if (statement.objectType !== "table" && found !== null) throw notSupported(tag, placeOf(statement.location));
  const { oid } = draft.table(statement.name);
  const modes = statement.actions.map(modeOf);
  const mode = tableLockModes.findLast((each) => modes.includes(each));
  for (const action of statement.actions) perform(new Alteration(ports, oid, mode), action);
  return { tag };
}

/** How an action locks its table; all of a statement lock it as the strongest of them (PostgreSQL's AlterTableGetLockLevel). */
function modeOf(action: AlterTableAction): TableLockMode {
  switch (action.kind) {
    case "hint":
      return action.isOfValues ? "ACCESS EXCLUSIVE" : "SHARE UPDATE EXCLUSIVE";
    case "validateConstraint":
    case "clusterOn":
      return "SHARE UPDATE EXCLUSIVE";
    case "addConstraint":
      return action.constraint.kind === "foreignKey" ? "SHARE ROW EXCLUSIVE" : "ACCESS EXCLUSIVE";
    case "switched":
      return action.what === "trigger" ? "SHARE ROW EXCLUSIVE" : "ACCESS EXCLUSIVE";
    default:
      return "ACCESS EXCLUSIVE";
  }
}

function perform(alteration: Alteration, action: AlterTableAction): void {
  const { ports, table } = alteration;
  const position = placeOf(action.location);
  switch (action.kind) {
    case "addColumn":
      return addColumn(alteration, action);
    case "dropColumn":
      return dropColumn(alteration, action);
    case "setDefault":
      return alteration.changeColumn(action.column, position, (column) => {
        expectNoIdentity(table, column);
        return { ...column, default: storeDefault(action.expression, ports, "unplaced") };
      });
    case "dropDefault":
      return alteration.changeColumn(action.column, position, (column) => {
        expectNoIdentity(table, column);
        return { ...column, default: null };
      });
    case "setNotNull": {
      const column = alteration.column(action.column, position);
      checkNotNull(ports, table, column.number);
      return alteration.changeColumn(action.column, position, (each) => ({ ...each, isNotNull: true }));
    }
    case "dropNotNull": {
      const column = alteration.column(action.column, position);
      if (column.identity !== null) {
        throw new SqlError("42601", `column "${column.name}" of relation "${table.name}" is an identity column`);
      }
      if (primaryKeyOf(table)?.columns.includes(column.number) === true) {
        throw new SqlError("42P16", `column "${column.name}" is in a primary key`);
      }
      expectNoIdentityOf(alteration, column.number, column.name);
      return alteration.changeColumn(action.column, position, (each) => ({ ...each, isNotNull: false }));
    }
    case "setType":
      return setType(alteration, action);
    case "addConstraint":
      return addConstraint(alteration, action);
    case "dropConstraint":
      return dropConstraint(alteration, action.name, action.ifExists, action.isCascade);
    case "addIdentity":
      return addIdentity(alteration, action);
    case "setIdentity":
      return setIdentity(alteration, action);
    case "dropIdentity":
      return dropIdentity(alteration, action.column, action.ifExists, position);
    case "alterConstraint":
      return alterConstraint(alteration, action);
    case "validateConstraint":
      return validateConstraint(alteration, action.name);
    case "setOwner":
      return alterOwner(table, action.owner, ports);
    case "setPersistence":
      return setPersistence(alteration, action.isUnlogged);
    case "clusterOn":
      return clusterOn(table, action.index, ports);
    case "replicaIdentity":
      return setReplicaIdentity(alteration, action);
    case "switched":
      return switchTriggers(alteration, action);
    case "dropExpression":
      return alteration.changeColumn(action.column, position, (column) => ({ ...column, generated: null }));
    case "hint":
      if (action.column !== null) alteration.column(action.column, position);
      return;
    case "setOptions":
    case "other":
      throw notSupported(`ALTER TABLE … ${action.kind === "other" ? action.name : "SET"}`, position);
    default:
      return unreachable(action);
  }
}

function expectNoIdentity(table: TableDefinition, { name, identity, generated }: ColumnDefinition): void {
  const label = `column "${name}" of relation "${table.name}"`;
  if (identity !== null) throw new SqlError("42601", `${label} is an identity column`);
  if (generated !== null) throw new SqlError("42601", `${label} is a generated column`);
}
