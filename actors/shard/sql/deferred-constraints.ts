/** SET CONSTRAINTS, and what waits for the end of a transaction, when that has come. */
import type { Catalog, ConstraintDefinition } from "../../../runtime/query/catalog/model.js";
import { schemasOf } from "../../../runtime/query/catalog/temporary.js";
import { SqlError } from "../../../runtime/query/error.js";
import type { RelationName } from "../../../runtime/query/syntax/ast-query.js";
import type { TransactionStatement } from "../../../runtime/query/syntax/ast-session.js";
import type { DeferredCheck } from "../../../runtime/query/write/deferred-checks.js";
import { ForeignKeys } from "../../../runtime/query/write/foreign-keys.js";
import type { WritePorts } from "../../../runtime/query/write/ports.js";
import type { StatementParts, StatementResult, StatementRun } from "./statement-run.js";

type SetConstraints = Extract<TransactionStatement, { kind: "setConstraints" }>;

export function setConstraints(
  { transaction, catalog, evaluation }: StatementParts,
  run: StatementRun,
  { names, isDeferred }: SetConstraints,
): StatementResult {
  const path = schemasOf(evaluation.context);
  const constraints = names.length === 0 ? null : names.flatMap((name) => deferrable(catalog, path, name, isDeferred));
  transaction.deferred.setMode(constraints, isDeferred);
  if (!isDeferred) performAll(transaction.deferred.take(constraints), run.ports);
  return { rows: null, count: 0, tag: () => "SET CONSTRAINTS" };
}

/** The transaction is about to commit: what has waited is looked at. Throws what is violated. */
export function settleDeferred({ transaction }: StatementParts, run: StatementRun): void {
  performAll(transaction.deferred.take(null), run.ports);
}

function performAll(checks: readonly DeferredCheck[], ports: WritePorts): void {
  if (checks.length === 0) return;
  const keys = new ForeignKeys(ports, new Map());
  for (const [index, check] of checks.entries()) {
    if (index % checksBetweenLooks === 0) ports.check();
    keys.perform(check);
  }
}

const checksBetweenLooks = 1_000;

/** Constraints of a name in the first schema that has some; of several tables as it may be. */
function deferrable(
  catalog: Catalog,
  searchPath: readonly string[],
  { schema, name }: RelationName,
  isDeferred: boolean,
): number[] {
  for (const schemaName of schema === null ? searchPath : [schema]) {
    const within = catalog.schemaByName(schemaName);
    if (within === null) {
      if (schema !== null) throw new SqlError("3F000", `schema "${schema}" does not exist`);
      continue;
    }
    const found = constraintsNamed(catalog, within.oid, name);
    if (found.length === 0) continue;
    const timed = found.filter((each) => each.kind !== "check" && each.deferral !== undefined);
    if (isDeferred && timed.length < found.length)
      throw new SqlError("42809", `constraint "${name}" is not deferrable`);
    return timed.map(({ oid }) => oid);
  }
  throw new SqlError("42704", `constraint "${name}" does not exist`);
}

function constraintsNamed(catalog: Catalog, schema: number, name: string): ConstraintDefinition[] {
  const found: ConstraintDefinition[] = [];
  for (const object of catalog.objects()) {
    if (object.kind !== "table" || object.schema !== schema) continue;
    found.push(...object.constraints.filter((each) => each.name === name));
  }
  return found;
}
