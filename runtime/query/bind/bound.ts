/**
 * Statements after binding: what the parts that execute them are given. Names are resolved against one version of one tenant's catalog,
 * so a bound statement is good for that version only.
 */

import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import type { DomainRule } from "../functions/domain-check.js";
import type { DocumentFormat } from "../plan/explain-formats.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanNode } from "../plan/plan.js";
import type { DefinitionStatement } from "../syntax/ast-definition.js";
import type { SessionStatement } from "../syntax/ast-session.js";
import { namedOid, type Oid, type SqlType } from "../types/sql-type.js";

export interface ResultColumn {
  readonly name: string;
  readonly type: SqlType;
  /** The table's column that it is, unchanged; 0 and 0 for others. */
  readonly table: Oid;
  readonly column: number;
}

export interface BoundQuery {
  readonly kind: "query";
  readonly plan: PlanNode;
  /** Result column i is the plan's column with this id. */
  readonly outputs: readonly ColumnId[];
  readonly columns: readonly ResultColumn[];
  /** Whether it writes: a data-modifying WITH, nextval, setval; or locks rows. */
  readonly writes: boolean;
  readonly locks: boolean;
}

/** RETURNING over the row image after the change and the columns of the plan's row. */
export interface Returning {
  readonly expressions: readonly BoundExpression[];
  readonly columns: readonly ResultColumn[];
}

/** What a written row must fulfil and what is computed of it, over `rowIds`: one id for each live column of the table, in their order. */
export interface RowRules {
  readonly rowIds: readonly ColumnId[];
  /** `xmin` of the written row, which RETURNING and WITH CHECK OPTION may ask for. */
  readonly xmin: ColumnId;
  /** Stored generated columns, in an order in which they can be computed. */
  readonly generated: readonly { readonly column: number; readonly expression: BoundExpression }[];
  /** Of the values of domains first; `domain` is null for those of the table. */
  readonly checks: readonly {
    readonly name: string;
    readonly expression: BoundExpression;
    readonly domain: (DomainRule & { readonly column: number }) | null;
  }[];
  /** Index keys that are expressions, and partial indexes' conditions. */
  readonly indexes: readonly {
    readonly index: IndexDefinition;
    /** One for each key: an expression (a plain column is one too). */
    readonly keys: readonly BoundExpression[];
    readonly predicate: BoundExpression | null;
  }[];
}

/** A view's condition, over the same ids: what a row that is written through the view must fulfil so that the view has it (44000). */
export interface RowCheck {
  readonly view: string;
  readonly expression: BoundExpression;
}

interface ModificationBase {
  readonly table: TableDefinition;
  readonly rules: RowRules;
  /** Columns of the table that the statement gives values to, by their numbers: what an error may tell of them is no secret. */
  readonly given: readonly number[];
  /** Asked of each row once it is written, in this order. */
  readonly checkOptions: readonly RowCheck[];
  /**
   * Yields one row for each row to write. Column ids of what it means are given beside it. A plan may yield more columns
   * than are named: RETURNING uses them.
   */
  readonly plan: PlanNode;
  readonly returning: Returning | null;
}

export interface BoundInsert extends ModificationBase {
  readonly kind: "insert";
  /** The plan's column for each live column of the table in order; null for a stored generated one. Defaults are already in it. */
  readonly values: readonly (ColumnId | null)[];
  /** Of a load: rows of the plan for which it is not true are left out. Null: none are. */
  readonly condition: BoundExpression | null;
  readonly onConflict: {
    readonly action: "nothing" | "update";
    /** Unique indexes that arbitrate; empty with "nothing": all of them. */
    readonly arbiters: readonly IndexDefinition[];
    /** Ids of the row that is there already, in the order of the live columns. Those of EXCLUDED are `rules.rowIds`. */
    readonly existingIds: readonly ColumnId[];
    /** `xmax` of what RETURNING sees: 0 of a row that was inserted, and not of one that was updated. */
    readonly xmax: ColumnId;
    /** Of the views that are written through: a row that is there and is not seen through them is not updated, but an error. */
    readonly visible: readonly RowCheck[];
    readonly assignments: readonly { readonly column: number; readonly value: BoundExpression }[];
    readonly where: BoundExpression | null;
  } | null;
}

export interface BoundUpdate extends ModificationBase {
  readonly kind: "update";
  /** The row key (bytes) of the row to change. The same row may come more than once: the first time counts. */
  readonly key: ColumnId;
  /** The old row, one for each live column. */
  readonly old: readonly ColumnId[];
  /** New values by column number; a default is already in it. */
  readonly assignments: readonly { readonly column: number; readonly id: ColumnId }[];
}

export interface BoundDelete extends ModificationBase {
  readonly kind: "delete";
  readonly key: ColumnId;
  readonly old: readonly ColumnId[];
}

/** For each row of the plan one of the actions, or none. */
export interface BoundMerge extends ModificationBase {
  readonly kind: "merge";
  /** The row key of the row that belongs to it; null where there is none. */
  readonly key: ColumnId;
  readonly old: readonly ColumnId[];
  /** Which action it is: its number, NULL for none. */
  readonly action: ColumnId;
  readonly actions: readonly MergeAction[];
}

export type MergeAction =
  | { readonly kind: "nothing" | "delete" }
  | Pick<BoundUpdate, "kind" | "assignments">
  | Pick<BoundInsert, "kind" | "values">;

export type BoundModification = BoundInsert | BoundUpdate | BoundDelete | BoundMerge;

export const isBoundModification = (body: { readonly kind: string }): body is BoundModification =>
  body.kind === "insert" || body.kind === "update" || body.kind === "delete" || body.kind === "merge";

export interface BoundExplain {
  readonly kind: "explain";
  readonly statement: BoundQuery | BoundModification;
  readonly isAnalyze: boolean;
  readonly isVerbose: boolean;
  readonly withCosts: boolean;
  readonly withTiming: boolean;
  /** What was written of the log (WAL), which is nothing: statements that write are not carried out. */
  readonly withLog: boolean;
  readonly withSummary: boolean;
  readonly format: "text" | DocumentFormat;
  readonly columns: readonly ResultColumn[];
}

/** DDL: its names and expressions are looked up by whoever carries it out, with the functions of `bind/definition.ts`. */
export interface BoundDefinition {
  readonly kind: "definition";
  readonly statement: DefinitionStatement;
  /** The query of CREATE VIEW, CREATE TABLE AS and CREATE MATERIALIZED VIEW, and its tree with the schema of every table. */
  readonly query: BoundQuery | null;
}

/** Statements of the session: they have no names that need a catalog, or are looked up by whoever carries them out. */
export interface BoundSession {
  readonly kind: "session";
  readonly statement: SessionStatement;
}

/** A parameter that is of a domain. */
export interface DomainParameter {
  readonly index: number;
  /** The type beneath, whose modifier its values are read with, and the domain, which the parameter is announced as. */
  readonly type: SqlType;
  /** The parameter as a value of the domain: throws for one that is none, whether or not anything is done with it. */
  readonly value: BoundExpression;
}

export interface BoundStatement {
  readonly body: BoundQuery | BoundModification | BoundExplain | BoundDefinition | BoundSession;
  /** Types of all parameters, found or given: what their values are read as. Of a domain the type beneath. */
  readonly parameterTypes: readonly Oid[];
  readonly domainParameters: readonly DomainParameter[];
  /** What Describe answers; null for no rows. */
  readonly columns: readonly ResultColumn[] | null;
  /** Version of the catalog that it was bound against. */
  readonly catalogVersion: number;
  readonly writes: boolean;
}

/** Types of a statement's parameters as they are announced: domains by their own numbers. */
export function announcedTypes({
  parameterTypes,
  domainParameters,
}: Pick<BoundStatement, "parameterTypes" | "domainParameters">): readonly Oid[] {
  if (domainParameters.length === 0) return parameterTypes;
  const domains = new Map(domainParameters.map(({ index, type }) => [index, namedOid(type)]));
  return parameterTypes.map((oid, index) => domains.get(index) ?? oid);
}
