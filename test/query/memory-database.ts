/**
 * A database of lists in memory, just enough to run statements through parser, binder, planner and executor: CREATE TABLE with primary
 * keys, CREATE INDEX, CREATE VIEW, INSERT, UPDATE, DELETE without constraints. What it does not know it refuses.
 */

import { SqlParser } from "../../protocol/server/sql-parser.js";
import type { BoundModification, BoundStatement } from "../../runtime/query/bind/bound.js";
import type { BindEnvironment } from "../../runtime/query/bind/environment.js";
import { bindStatement } from "../../runtime/query/bind/statement.js";
import { bindTypeName } from "../../runtime/query/bind/type-name.js";
import type {
  Catalog,
  CatalogObject,
  IndexDefinition,
  Relation,
  SchemaDefinition,
  TableDefinition,
} from "../../runtime/query/catalog/model.js";
import { isRelation, publicSchemaOid } from "../../runtime/query/catalog/model.js";
import { plainRole, RoleSet } from "../../runtime/query/catalog/role-set.js";
import { objectNames } from "../../runtime/query/catalog/system/names.js";
import { systemTables } from "../../runtime/query/catalog/system/relations.js";
import { systemRows } from "../../runtime/query/catalog/system/rows.js";
import { readsOfView, showExpression, showView } from "../../runtime/query/deparse/show.js";
import type { QueryEnvironment, RowStream } from "../../runtime/query/engine.js";
import { SqlError } from "../../runtime/query/error.js";
import { compileRow, rowsOfStream, runPlan } from "../../runtime/query/execute/run.js";
import type { SpillSpace } from "../../runtime/query/execute/spill.js";
import { newVector, writeAt } from "../../runtime/query/execute/vector.js";
import type { EvaluationContext } from "../../runtime/query/functions/context.js";
import { planBound, planNaively } from "../../runtime/query/plan/planner.js";
import type { CreateIndex, CreateTable } from "../../runtime/query/syntax/ast-definition.js";
import {
  batchRowsMax,
  type KeyBound,
  type KeyRange,
  type ScanBatch,
  type ScanRequest,
  type TableScan,
  type TableSource,
} from "../../runtime/query/table/access.js";
import { codecOf } from "../../runtime/query/types/codecs.js";
import { comparatorOf } from "../../runtime/query/types/compare.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { typeOid } from "../../runtime/query/types/sql-type.js";

const parser = await SqlParser.load();

interface Row {
  readonly key: Uint8Array;
  values: readonly Datum[];
}

interface Table {
  definition: TableDefinition;
  rows: Row[];
}

export interface Result {
  readonly names: readonly string[];
  readonly types: readonly number[];
  readonly rows: readonly (readonly Datum[])[];
  readonly tag: string;
}

export class MemoryDatabase implements Catalog {
  version = 1;
  readonly database = null;
  readonly defaultPrivileges = [];
  #nextOid = 16_384;
  #nextKey = 0;
  readonly #objects = new Map<number, CatalogObject>();
  readonly #tables = new Map<number, Table>();
  /** Whether statements are planned, or run as they were bound. */
  isPlanned = true;
  memoryBytesMax = 2 ** 30;
  /** Where sorts and groupings write rows beyond half of that. */
  spill: SpillSpace | undefined = undefined;
  /** Rows that scans have put out. */
  rowsScanned = 0;

  constructor() {
    this.#objects.set(publicSchemaOid, { kind: "schema", oid: publicSchemaOid, name: "public", owner: "admin" });
  }

  schemaByName(name: string): SchemaDefinition | null {
    const found = [...this.#objects.values()].find((object) => object.kind === "schema" && object.name === name);
    return found?.kind === "schema" ? found : null;
  }

  relationByName(schema: number, name: string): Relation | null {
    for (const object of this.#objects.values()) {
      if (isRelation(object) && object.name === name && object.schema === schema) return object;
    }
    return null;
  }

  typeByName(): null {
    return null;
  }

  objectByOid(oid: number): CatalogObject | null {
    return this.#objects.get(oid) ?? null;
  }

  indexesOf(table: TableDefinition): readonly IndexDefinition[] {
    return [...this.#objects.values()].filter(
      (object): object is IndexDefinition => object.kind === "index" && object.table === table.oid,
    );
  }

  referencing(): readonly never[] {
    return [];
  }

  objects(): Iterable<CatalogObject> {
    return this.#objects.values();
  }

  readonly context: EvaluationContext = {
    timeZone: "UTC",
    dateStyle: { format: "ISO", order: "MDY" },
    intervalStyle: "postgres",
    extraFloatDigits: 1,
    byteaOutput: "hex",
    transactionTime: 800_000_000_000_000,
    statementTime: 800_000_000_000_000,
    names: objectNames(
      {
        catalog: this,
        searchPath: ["public"],
        temporarySchema: null,
        roles: new RoleSet([plainRole("admin", true)]),
        currentUser: "admin",
        isSuperuser: true,
      },
      "test",
    ),
    clock: () => 800_000_000_000_000,
    random: () => 0.5,
    randomBytes: (length) => new Uint8Array(length),
    currentUser: "admin",
    sessionUser: "admin",
    isSuperuser: true,
    database: "test",
    databaseOid: 1,
    backendPid: 1,
    position: 10,
    applicationStartTime: 0,
    query: "",
    searchPath: ["public"],
    temporarySchema: null,
    catalog: this,
    roles: new RoleSet([plainRole("admin", true)]),
    showExpression,
    showView,
    readsOfView,
    session: {
      setting: () => null,
      setSetting: () => undefined,
      notice: () => undefined,
      nextSequenceValue: () => 1,
      transactionNumber: () => 2 ** 31,
      assignedTransactionNumber: () => null,
      currentSequenceValue: () => 1,
      lastSequenceValue: () => 1,
      setSequenceValue: () => undefined,
      sequenceState: () => null,
      storedBytes: () => 0,
      notify: () => undefined,
      sleep: () => undefined,
      advisoryLock: () => true,
    },
  };

  bind(text: string, parameterTypes: readonly number[] = []): BoundStatement {
    const [parsed] = parser.parse(text);
    if (parsed === undefined) throw new Error("no statement");
    return bindStatement(parsed.statement, this.#bindEnvironment(parameterTypes));
  }

  #bindEnvironment(parameterTypes: readonly number[]): BindEnvironment {
    return {
      catalog: this,
      context: this.context,
      systemTables,
      parameterTypes,
      asOf: null,
    };
  }

  environment(parameters: readonly Datum[] = []): QueryEnvironment {
    const environment: QueryEnvironment = {
      source: this.source,
      context: this.context,
      parameters,
      memoryBytesMax: this.memoryBytesMax,
      spill: this.spill,
      check: () => undefined,
      positionAt: (at) => at,
      systemRows: (table) => systemRows(table, this.context),
      commonRows: new Map(),
      modify: (modification, inner) => this.#modify(modification, inner).returned,
      lockRow: () => true,
    };
    return environment;
  }

  /** Runs every statement of a text; the result of the last. */
  run(text: string, parameters: readonly Datum[] = []): Result {
    let result: Result = { names: [], types: [], rows: [], tag: "" };
    for (const { statement } of parser.parse(text)) {
      if (statement.kind === "createTable") result = this.#createTable(statement);
      else if (statement.kind === "createIndex") result = this.#createIndex(statement);
      else {
        const bound = bindStatement(statement, this.#bindEnvironment([]));
        result = this.execute(bound, parameters);
      }
    }
    return result;
  }

  execute(bound: BoundStatement, parameters: readonly Datum[] = []): Result {
    const environment = this.environment(parameters);
    const names = bound.columns?.map(({ name }) => name) ?? [];
    const types = bound.columns?.map(({ type }) => type.oid) ?? [];
    const { body } = this.isPlanned ? planBound(bound, this.source, this, this.context) : planNaively(bound);
    switch (body.kind) {
      case "query": {
        const rows = [...rowsOfStream(runPlan(body.plan, body.outputs, environment))];
        return { names, types, rows, tag: `SELECT ${rows.length}` };
      }
      case "insert":
      case "update":
      case "delete": {
        const { count, returned } = this.#modify(body, environment);
        const tag = body.kind === "insert" ? `INSERT 0 ${count}` : `${body.kind.toUpperCase()} ${count}`;
        return { names, types, rows: returned, tag };
      }
      case "definition": {
        const { statement } = body;
        if (statement.kind !== "createView") throw new Error(`not here: ${statement.kind}`);
        const columns =
          body.query?.columns.map(({ name, type }, index) => ({ name: statement.columns[index] ?? name, type })) ?? [];
        const oid = this.#oid();
        const query = { text: "", syntax: statement.query };
        this.#objects.set(oid, {
          kind: "view",
          oid,
          name: statement.name.name,
          schema: publicSchemaOid,
          owner: "admin",
          columns,
          query,
        });
        this.version += 1;
        return { names, types, rows: [], tag: "CREATE VIEW" };
      }
      default:
        throw new Error(`not here: ${body.kind}`);
    }
  }

  /** A query's batches, as they are asked for. */
  open(text: string): RowStream {
    const { body } = planBound(this.bind(text), this.source, this, this.context);
    if (body.kind !== "query") throw new Error(`no query: ${text}`);
    return runPlan(body.plan, body.outputs, this.environment());
  }

  /** Rows as texts, as psql shows them. */
  texts(result: Result): string[][] {
    return result.rows.map((row) =>
      row.map((value, index) =>
        value === null ? "\\N" : codecOf(result.types[index] ?? 0).output(value, this.context),
      ),
    );
  }

  query(text: string, parameters: readonly Datum[] = []): string[][] {
    return this.texts(this.run(text, parameters));
  }

  errorOf(text: string): SqlError {
    try {
      this.run(text);
    } catch (error) {
      if (error instanceof SqlError) return error;
      throw error;
    }
    throw new Error(`no error: ${text}`);
  }

  #oid(): number {
    this.#nextOid += 1;
    return this.#nextOid;
  }

  #createTable(statement: CreateTable): Result {
    const columns = statement.columns.map((column, index) => {
      const fallback = column.constraints.find(({ kind }) => kind === "default");
      return {
        number: index + 1,
        name: column.name,
        type: bindTypeName(column.type, () => null),
        isNotNull: false,
        default: fallback?.kind === "default" ? { text: "", syntax: fallback.expression } : null,
        identity: null,
        generated: null,
        sequence: 0,
        isDropped: false,
        missingValue: null,
      };
    });
    const own = statement.columns.findIndex(({ constraints }) => constraints.some(({ kind }) => kind === "primaryKey"));
    const table = statement.constraints.find(({ kind }) => kind === "primaryKey");
    const keyColumns =
      table?.kind === "primaryKey"
        ? table.columns.map((name) => columns.findIndex((column) => column.name === name) + 1)
        : own >= 0
          ? [own + 1]
          : [];
    const oid = this.#oid();
    const definition: TableDefinition = {
      kind: "table",
      oid,
      name: statement.name.name,
      schema: publicSchemaOid,
      owner: "admin",
      columns,
      keyColumns,
      constraints: [],
      indexes: [],
      storage: oid,
      version: 1,
    };
    this.#objects.set(oid, definition);
    this.#tables.set(oid, { definition, rows: [] });
    this.version += 1;
    return { names: [], types: [], rows: [], tag: "CREATE TABLE" };
  }

  #createIndex(statement: CreateIndex): Result {
    const table = this.relationByName(publicSchemaOid, statement.table.name);
    if (table?.kind !== "table") throw new Error("no table");
    const oid = this.#oid();
    const keys = statement.keys.map((key) => {
      const column = table.columns.find(({ name }) => name === key.column);
      if (column === undefined) throw new Error("expression index");
      return {
        column: column.number,
        expression: null,
        type: column.type,
        isDescending: key.isDescending,
        nullsFirst: key.nullsFirst ?? key.isDescending,
      };
    });
    this.#objects.set(oid, {
      kind: "index",
      oid,
      name: statement.name ?? `index_${oid}`,
      schema: publicSchemaOid,
      table: table.oid,
      keys,
      included: [],
      isUnique: statement.isUnique,
      isPrimary: false,
      storage: oid,
      predicate: null,
    });
    this.version += 1;
    return { names: [], types: [], rows: [], tag: "CREATE INDEX" };
  }

  #modify(
    modification: BoundModification,
    environment: QueryEnvironment,
  ): { count: number; returned: readonly (readonly Datum[])[] } {
    const { plan, table, rules, returning } = modification;
    const stored = this.#tables.get(table.oid);
    if (stored === undefined) throw new Error("no table");
    const ids = plan.columns.map(({ id }) => id);
    const rows = [...rowsOfStream(runPlan(plan, ids, environment))];
    const place = new Map(ids.map((id, index) => [id, index]));
    const at = (row: readonly Datum[], id: number | null): Datum =>
      id === null ? null : (row[place.get(id) ?? -1] ?? null);
    const returned: (readonly Datum[])[] = [];
    const returnIds = modification.kind === "delete" ? ids : [...rules.rowIds, ...ids];
    const give = returning === null ? null : compileRow(returning.expressions, returnIds, environment);
    let count = 0;
    const byKey = new Map(stored.rows.map((row) => [row.key.join(), row]));
    const gone = new Set<Row>();
    for (const row of rows) {
      let image: readonly Datum[];
      if (modification.kind === "insert") {
        image = modification.values.map((id) => at(row, id));
        stored.rows.push({ key: this.#key(), values: image });
      } else {
        const key = at(row, modification.key);
        const old = byKey.get(key instanceof Uint8Array ? key.join() : "");
        if (old === undefined) throw new Error("no row of this key");
        if (gone.has(old)) continue;
        gone.add(old);
        image = old.values;
        if (modification.kind === "update") {
          const values = old.values.slice();
          for (const { column, id } of modification.assignments) values[column - 1] = at(row, id);
          old.values = values;
          image = values;
        }
      }
      count += 1;
      if (give !== null) returned.push(give(modification.kind === "delete" ? row : [...image, ...row]));
    }
    if (modification.kind === "delete") stored.rows = stored.rows.filter((row) => !gone.has(row));
    return { count, returned };
  }

  #key(): Uint8Array {
    this.#nextKey += 1;
    const key = new Uint8Array(8);
    new DataView(key.buffer).setUint32(4, this.#nextKey);
    return key;
  }

  readonly source: TableSource = {
    position: 10,
    rowsEstimate: (table) => this.#tables.get(table.oid)?.rows.length ?? 0,
    scan: (request) => this.#scan(request),
  };

  #scan(request: ScanRequest): TableScan {
    const stored = this.#tables.get(request.table.oid);
    if (stored === undefined) throw new Error("no table");
    const { index, table } = request;
    const numbers = index === null ? table.keyColumns : index.keys.map(({ column }) => column);
    const orders = numbers.map((number, at) => {
      const key = index?.keys[at];
      const compare = comparatorOf(table.columns[number - 1]?.type.oid ?? 0);
      const nulls = key?.nullsFirst === true ? -1 : 1;
      return (a: Datum, b: Datum): number => {
        if (a === null || b === null) return a === b ? 0 : a === null ? nulls : -nulls;
        return compare(a, b) * (key?.isDescending === true ? -1 : 1);
      };
    });
    const valueAt = (row: Row, at: number): Datum => row.values[(numbers[at] ?? 0) - 1] ?? null;
    const compareTo = (row: Row, bound: KeyBound): number => {
      for (const [at, value] of bound.values.entries()) {
        const order = orders[at]?.(valueAt(row, at), value) ?? 0;
        if (order !== 0) return order;
      }
      return 0;
    };
    const isIn = (row: Row, { from, to }: KeyRange): boolean => {
      if (from !== null) {
        const order = compareTo(row, from);
        if (order < 0 || (order === 0 && !from.isInclusive)) return false;
      }
      if (to === null) return true;
      const order = compareTo(row, to);
      return order < 0 || (order === 0 && to.isInclusive);
    };
    const sorted = stored.rows.toSorted((a, b) => {
      for (const [at, order] of orders.entries()) {
        const result = order(valueAt(a, at), valueAt(b, at));
        if (result !== 0) return result;
      }
      return 0;
    });
    const found = request.ranges.flatMap((range) => sorted.filter((row) => isIn(row, range)));
    if (request.isBackward) found.reverse();
    const columns = request.columns.map((number) =>
      newVector(number < 0 ? typeOid.int8 : (table.columns[number - 1]?.type.oid ?? 0)),
    );
    let next = 0;
    return {
      next: (): ScanBatch | null => {
        const rows = found.slice(next, next + batchRowsMax);
        next += batchRowsMax;
        if (rows.length === 0) return null;
        this.rowsScanned += rows.length;
        for (const [slot, number] of request.columns.entries()) {
          const vector = columns[slot];
          if (vector === undefined) continue;
          for (const [at, row] of rows.entries())
            writeAt(vector, at, number < 0 ? null : (row.values[number - 1] ?? null));
        }
        return { rows: rows.length, columns, keys: request.wantsKeys ? rows.map(({ key }) => key) : [] };
      },
      close: () => undefined,
    };
  }
}
