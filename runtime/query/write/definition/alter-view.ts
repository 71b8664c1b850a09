/** ALTER VIEW of columns and options: other names for columns, defaults that INSERT through the view takes, what is demanded of rows. */
import { unreachable } from "../../../types/assert.js";
import type { StoredExpression, TableDefinition, ViewDefinition } from "../../catalog/model.js";
import { systemTable } from "../../catalog/system/table-definition.js";
import { noUpdatableColumns, updatabilityOf } from "../../catalog/updatable-view.js";
import { notSupported, SqlError } from "../../error.js";
import type { AlterTableAction } from "../../syntax/ast-definition.js";
import { storeDefault } from "./default.js";
import { placeOf } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";
import { withColumnName } from "./view-columns.js";
import { followColumnName } from "./views.js";

export function alterView(oid: number, actions: readonly AlterTableAction[], ports: DefinitionPorts): void {
  for (const action of actions) {
    const view = ports.draft.catalog.objectByOid(oid);
    if (view?.kind === "view") perform(view, action, ports);
  }
}

function perform(view: ViewDefinition, action: AlterTableAction, ports: DefinitionPorts): void {
  const notOfView = (what: string): SqlError =>
    new SqlError("42809", `ALTER action ${what} cannot be performed on relation "${view.name}"`, {
      detail: "This operation is not supported for views.",
    });
  switch (action.kind) {
    case "setDefault":
      // NULL is what there is without a default.
      return setDefault(
        view,
        action.column,
        action,
        action.expression.kind === "nullLiteral" ? null : storeDefault(action.expression, ports),
        ports,
      );
    case "dropDefault":
      return setDefault(view, action.column, action, null, ports);
    case "setOptions":
      return setOptions(view, action.checkOption, ports);
    case "setOwner":
      throw notSupported("ALTER VIEW of its owner and something else", placeOf(action.location));
    case "addColumn":
      throw notOfView("ADD COLUMN");
    case "dropColumn":
      throw notOfView("DROP COLUMN");
    case "setNotNull":
      throw notOfView("ALTER COLUMN ... SET NOT NULL");
    case "dropNotNull":
      throw notOfView("ALTER COLUMN ... DROP NOT NULL");
    case "setType":
      throw notOfView("ALTER COLUMN ... SET DATA TYPE");
    case "addConstraint":
      throw notOfView("ADD CONSTRAINT");
    case "dropConstraint":
      throw notOfView("DROP CONSTRAINT");
    case "alterConstraint":
      throw notOfView("ALTER CONSTRAINT");
    case "validateConstraint":
      throw notOfView("VALIDATE CONSTRAINT");
    case "addIdentity":
      throw notOfView("ALTER COLUMN ... ADD IDENTITY");
    case "setIdentity":
    case "dropIdentity":
      throw notOfView("ALTER COLUMN ... DROP IDENTITY");
    case "dropExpression":
      throw notOfView("ALTER COLUMN ... DROP EXPRESSION");
    case "setPersistence":
      throw notOfView(action.isUnlogged ? "SET UNLOGGED" : "SET LOGGED");
    case "clusterOn":
      throw notOfView(action.index === null ? "SET WITHOUT CLUSTER" : "CLUSTER ON");
    case "hint":
      throw notOfView("ALTER COLUMN ... SET STATISTICS");
    case "replicaIdentity":
      throw notOfView("REPLICA IDENTITY");
    case "switched":
      throw notSupported(`ALTER VIEW … ${action.isEnabled ? "ENABLE" : "DISABLE"} ${action.what.toUpperCase()}`);
    case "other":
      throw notSupported(`ALTER VIEW … ${action.name}`, placeOf(action.location));
    default:
      return unreachable(action);
  }
}

function setDefault(
  view: ViewDefinition,
  name: string,
  { location }: AlterTableAction,
  expression: StoredExpression | null,
  ports: DefinitionPorts,
): void {
  if (view.columns.every((column) => column.name !== name)) {
    const message = `column "${name}" of relation "${view.name}" does not exist`;
    throw new SqlError("42703", message, { position: placeOf(location) });
  }
  const columns = view.columns.map((column) => {
    if (column.name !== name) return column;
    const { default: _before, ...plain } = column;
    return expression === null ? plain : { ...plain, default: expression };
  });
  const next: ViewDefinition = { ...view, columns };
  ports.draft.put(next);
  ports.validate(ports.draft.catalog, asTable(next));
}

/** A table with the view's columns and their defaults: whether these make sense is found out as for one. */
function asTable({ oid, name, schema, owner, columns }: ViewDefinition): TableDefinition {
  const plain = systemTable({ oid, name, schema, owner }, []);
  return {
    ...plain,
    columns: columns.map((column, index) => ({
      number: index + 1,
      name: column.name,
      type: column.type,
      isNotNull: false,
      default: column.default ?? null,
      identity: null,
      generated: null,
      sequence: 0,
      isDropped: false,
      missingValue: null,
    })),
  };
}

function setOptions(view: ViewDefinition, option: ViewDefinition["checkOption"] | null, ports: DefinitionPorts): void {
  const { checkOption, ...plain } = view;
  if (option === undefined) return;
  const next: ViewDefinition = option === null ? plain : { ...plain, checkOption: option };
  if (option !== checkOption) expectCheckable(next, ports);
  ports.draft.put(next);
}

/** Throws 0A000 for a check option of a view through which nothing is written. */
export function expectCheckable(view: ViewDefinition, { draft }: DefinitionPorts): void {
  if (view.checkOption === undefined) return;
  const found = updatabilityOf(view, draft.catalog);
  const hasColumns = found.kind === "simple" && found.columns.some(({ kind }) => kind === "column");
  if (hasColumns) return;
  throw new SqlError("0A000", "WITH CHECK OPTION is supported only on automatically updatable views", {
    hint: found.kind === "refused" ? found.reason : noUpdatableColumns,
  });
}

/** Other views go on to call it as they did; its own query says the new name. */
export function renameViewColumn(view: ViewDefinition, name: string, newName: string, ports: DefinitionPorts): void {
  const index = view.columns.findIndex((column) => column.name === name);
  if (index < 0) throw new SqlError("42703", `column "${name}" does not exist`);
  if (view.columns.some((column) => column.name === newName))
    throw new SqlError("42701", `column "${newName}" of relation "${view.name}" already exists`);
  const syntax = withColumnName(view.query.syntax, index, name, newName);
  if (syntax === null) throw notSupported("renaming a column by which the view's query is sorted or grouped");
  followColumnName(ports, view);
  const columns = view.columns.map((column) => (column.name === name ? { ...column, name: newName } : column));
  ports.draft.put({ ...view, columns, query: ports.storeQuery(syntax) });
}
