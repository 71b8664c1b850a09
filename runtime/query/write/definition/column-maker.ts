/** Columns as written become those of a table's definition. */

import { expectNoQuery, type Telling } from "../../bind/no-query.js";
import { keptCollation } from "../../catalog/collation.js";
import type { ColumnDefinition, SequenceDefinition } from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { ColumnSyntax, ConstraintSyntax } from "../../syntax/ast-definition.js";
import type { Expression } from "../../syntax/ast-expression.js";
import type { RelationName } from "../../syntax/ast-query.js";
import { collationNamed, unknownCollation } from "../../types/collations.js";
import { type SqlType, typeOid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { typeFactsOf } from "../../types/type-table.js";
import { type ConstraintPart, columnNamed, expectOwnName, expectPlain, type TableParts } from "./constraints.js";
import { storeDefault } from "./default.js";
import { withDefaults } from "./default-privileges.js";
import { placeOf, shownName } from "./draft.js";
import { expectOthersRead } from "./generated.js";
import { freeName } from "./names.js";
import type { DefinitionPorts } from "./ports.js";
import { nextValueOf, noOptions, sequenceNumbers } from "./sequences.js";
import { columnTypeOf, dimensionsOf, serialType } from "./types.js";
import { expectColumns } from "./width.js";

export const emptyColumn = {
  isNotNull: false,
  default: null,
  identity: null,
  generated: null,
  sequence: 0,
  isDropped: false,
  missingValue: null,
} as const;

/** Throws 42704 for a collation that there is not. */
export function expectCollation(collation: ColumnSyntax["collation"], position?: number): void {
  if (collation !== null && collationNamed(collation) === null) throw unknownCollation(collation, position);
}

/** Throws 42804 for a collation of a type that has none. */
export function expectCollatable(collation: ColumnSyntax["collation"], { oid }: SqlType, position?: number): void {
  if (collation !== null && (typeFactsOf(oid)?.collation ?? 0) === 0)
    throw new SqlError("42804", `collations are not supported by type ${typeLabel(oid)}`, { position });
}

/** Builds columns one after the other; what they need beside themselves (sequences, constraints) gathers in it. */
export class ColumnMaker {
  readonly #ports: DefinitionPorts;
  readonly #parts: TableParts;
  /** Constraints that were written at columns, in order. */
  readonly constraints: { readonly constraint: ConstraintPart; readonly column: string }[] = [];
  readonly sequences: SequenceDefinition[] = [];
  readonly #generations: Expression[] = [];
  readonly #telling: Telling;

  constructor(ports: DefinitionPorts, parts: TableParts, telling: Telling) {
    this.#ports = ports;
    this.#parts = parts;
    this.#telling = telling;
  }

  /** Once all columns are there: throws 42P17 where one is generated of a column that is generated too. */
  expectOthersRead(): void {
    for (const each of this.#generations) expectOthersRead(each, this.#parts, this.#telling);
  }

  #sequence(column: string, number: number, type: SqlType, options = noOptions): SequenceDefinition {
    const { draft, user } = this.#ports;
    const { schema, name: table, oid, isUnlogged } = this.#parts;
    const isTaken = (name: string): boolean =>
      draft.isTaken(schema, name) || name === table || this.sequences.some((sequence) => sequence.name === name);
    if (options.name !== null) this.#expectName(options.name, isTaken);
    const made: SequenceDefinition = {
      kind: "sequence",
      oid: draft.newOid(),
      name: options.name?.name ?? freeName(table, column, "seq", isTaken),
      schema,
      owner: user,
      ...sequenceNumbers(options, type, null),
      ownerTable: oid,
      ownerColumn: number,
      ...(isUnlogged === true ? { isUnlogged } : {}),
    };
    const sequence = withDefaults(made, this.#ports);
    this.sequences.push(sequence);
    return sequence;
  }

  /** SEQUENCE NAME: one that is free, in the schema of its table. */
  #expectName(written: RelationName, isTaken: (name: string) => boolean): void {
    const { draft } = this.#ports;
    const { schema, name: table } = this.#parts;
    if (written.schema !== null && draft.schema(written.schema).oid !== schema) {
      // PostgreSQL looks for the table where the sequence is to be.
      const elsewhere = { ...written, name: table };
      if (draft.find(elsewhere) !== null) throw notSupported("a sequence in another schema than its identity column");
      throw new SqlError("42P01", `relation "${shownName(elsewhere)}" does not exist`);
    }
    if (isTaken(written.name)) throw new SqlError("42P07", `relation "${written.name}" already exists`);
  }

  add(syntax: ColumnSyntax): ColumnDefinition {
    const parts = this.#parts;
    const { name } = syntax;
    const position = placeOf(syntax.location);
    expectOwnName(name);
    if (columnNamed(parts.columns, name) !== null) {
      throw new SqlError("42701", `column "${name}" specified more than once`, { position });
    }
    expectColumns(parts.columns.length + 1, position);
    expectCollation(syntax.collation, placeOf(syntax.collationLocation));
    const number = parts.columns.length + 1;
    const serial = serialType(syntax.type);
    const type = serial ?? columnTypeOf(syntax.type, name, this.#ports);
    expectCollatable(syntax.collation, type, position);
    const shown = { ...dimensionsOf(syntax.type), ...keptCollation(syntax.collation, type) };
    let column: ColumnDefinition = { ...emptyColumn, number, name, type, ...shown };
    if (serial !== null) {
      const sequence = this.#sequence(name, number, serial);
      column = {
        ...column,
        isNotNull: true,
        sequence: sequence.oid,
        default: nextValueOf(sequence.oid, sequence.name),
      };
    }
    let isNullable = false;
    for (const constraint of syntax.constraints) {
      const { kind } = constraint;
      const isSaidNotNull = kind === "notNull" || kind === "identity";
      if ((isNullable && isSaidNotNull) || (kind === "null" && column.isNotNull))
        throw this.#conflictingNull(name, serial === null ? constraint.location : -1);
      isNullable ||= kind === "null";
      column = this.#constrain(column, constraint);
    }
    if (isNullable && serial !== null) throw this.#conflictingNull(name, -1);
    parts.columns.push(column);
    return column;
  }

  #constrain(column: ColumnDefinition, constraint: ConstraintSyntax): ColumnDefinition {
    const table = this.#parts.name;
    const { name } = column;
    const twice = (what: string): SqlError =>
      new SqlError("42601", `multiple ${what} specified for column "${name}" of table "${table}"`, {
        position: placeOf(constraint.location),
      });
    switch (constraint.kind) {
      case "notNull":
        return { ...column, isNotNull: true };
      case "null":
        return column;
      case "default":
        if (column.default !== null) throw twice("default values");
        if (column.generated !== null) throw this.#bothDefault(name, constraint.location);
        return { ...column, default: storeDefault(constraint.expression, this.#ports, this.#telling) };
      case "identity":
        return this.identity(column, constraint);
      case "generated":
        if (!constraint.isStored) throw notSupported("a virtual generated column", placeOf(constraint.location));
        if (column.generated !== null) throw twice("generation clauses");
        if (column.default !== null) throw this.#bothDefault(name, constraint.location);
        if (column.identity !== null) throw this.#bothGenerated(name, constraint.location);
        expectNoQuery(constraint.expression, "column generation expression", this.#telling);
        this.#generations.push(constraint.expression);
        return { ...column, generated: this.#ports.storeExpression(constraint.expression) };
      default:
        expectPlain(constraint);
        this.constraints.push({ constraint, column: name });
        return constraint.kind === "primaryKey" ? { ...column, isNotNull: true } : column;
    }
  }

  #conflictingNull(column: string, location: number): SqlError {
    const message = `conflicting NULL/NOT NULL declarations for column "${column}" of table "${this.#parts.name}"`;
    return new SqlError("42601", message, { position: placeOf(location) });
  }

  #bothDefault(column: string, location: number): SqlError {
    const message = `both default and generation expression specified for column "${column}" of table "${this.#parts.name}"`;
    return new SqlError("42601", message, { position: placeOf(location) });
  }

  #bothGenerated(column: string, location: number): SqlError {
    const message = `both identity and generation expression specified for column "${column}" of table "${this.#parts.name}"`;
    return new SqlError("42601", message, { position: placeOf(location) });
  }

  identity(column: ColumnDefinition, constraint: Extract<ConstraintSyntax, { kind: "identity" }>): ColumnDefinition {
    const position = placeOf(constraint.location);
    const { name, type } = column;
    expectIdentityType(type);
    if (column.identity !== null) {
      throw new SqlError(
        "42601",
        `multiple identity specifications for column "${name}" of table "${this.#parts.name}"`,
        { position },
      );
    }
    if (column.generated !== null) throw this.#bothGenerated(name, constraint.location);
    if (column.default !== null) {
      throw new SqlError(
        "42601",
        `both default and identity specified for column "${name}" of table "${this.#parts.name}"`,
        { position },
      );
    }
    const sequence = this.#sequence(name, column.number, type, constraint.options);
    return { ...column, isNotNull: true, identity: constraint.when, sequence: sequence.oid };
  }
}

/** Throws 22023 for a type whose values a sequence does not number. */
export function expectIdentityType({ oid }: SqlType): void {
  if (oid !== typeOid.int2 && oid !== typeOid.int4 && oid !== typeOid.int8)
    throw new SqlError("22023", "identity column type must be smallint, integer, or bigint");
}
