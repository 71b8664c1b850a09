/** Statements that define things, and those about whole tables, in the shard. */
import type { BoundDefinition, BoundSession } from "../../../runtime/query/bind/bound.js";
import { notSupported } from "../../../runtime/query/error.js";
import type { StatementParts, StatementResult, StatementRun } from "./statement-run.js";

export function runDefinition(
  _parts: StatementParts,
  _run: StatementRun,
  { statement }: BoundDefinition | BoundSession,
  _nextPending: () => number,
): StatementResult {
  throw notSupported(statement.kind);
}
