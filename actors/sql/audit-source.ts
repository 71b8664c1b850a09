/**
 * Rows of the schema `kimberlite` beside those of the tenant's tables: read from the state of the version that a statement runs on, up to the
 * statement's own position, forwards or backwards, by position or by time. A scan finds its place anew for each batch, so it goes on in
 * another version of the state like a scan of a table.
 */
import { requestKind, tree } from "../../runtime/kernel/kinds.js";
import type { StateReads } from "../../runtime/kernel/read/state-reads.js";
import type { SystemTables } from "../../runtime/query/bind/environment.js";
import {
  type Catalog,
  type IndexDefinition,
  rowsOfObject,
  type TableDefinition,
} from "../../runtime/query/catalog/model.js";
import {
  auditTable,
  commitsByTime,
  commitsTable,
  eventsTable,
  isAuditTable,
  materializedViewsTable,
  privilegesTable,
} from "../../runtime/query/catalog/system/audit.js";
import { systemTables } from "../../runtime/query/catalog/system/relations.js";
import {
  type ColumnVector,
  type KeyBound,
  type KeyRange,
  type ScanBatch,
  type ScanRequest,
  type TableScan,
  type TableSource,
} from "../../runtime/query/table/access.js";
import { SqlArray } from "../../runtime/query/types/array.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { typeOid } from "../../runtime/query/types/sql-type.js";
import { assert } from "../../runtime/types/assert.js";
import { sqlTimeOf, unixTimeOf } from "./evaluation.js";
import { type EventRecords, EventScan } from "./event-scan.js";
import { MaterializedViewScan } from "./materialized-view-scan.js";
import { PrivilegeScan } from "./privilege-scan.js";

export const builtInTables: SystemTables = {
  find: (schema, name) => (schema === "kimberlite" ? auditTable(name) : systemTables.find(schema, name)),
};

export interface AuditHost {
  readonly reads: StateReads;
  readonly tenant: number;
  readonly catalog: Catalog;
  /** Records of the log; null where nothing but the state is at hand. */
  readonly records: EventRecords | null;
  /** The catalog as it was at a position. */
  past(position: number): Catalog;
}

/** Rows of a scan's first batch, for most who ask want few; each is four times the one before, up to the last. */
const firstBatchRows = 4;
const lastBatchRows = 256;

export class AuditSource implements TableSource {
  readonly #tables: TableSource;
  readonly #host: AuditHost;
  /** One for all scans: a join makes one for each row of its other side. */
  readonly #names: TableNames;

  constructor(tables: TableSource, host: AuditHost) {
    assert(host.tenant > 0, "only tenants of users have commits that are read by SQL");
    this.#tables = tables;
    this.#host = host;
    this.#names = new TableNames(host);
  }

  get position(): number {
    return this.#tables.position;
  }

  scan(request: ScanRequest): TableScan {
    if (!isAuditTable(request.table)) return this.#tables.scan(request);
    const { table, history } = request;
    assert(!request.wantsKeys, "nobody locks what the log says");
    if (table.oid === materializedViewsTable.oid) {
      return new MaterializedViewScan(this.#tables, this.#host.catalog, request);
    }
    if (table.oid === privilegesTable.oid) {
      return new PrivilegeScan(this.#host.reads.state, this.#host.tenant, request, this.position + 1);
    }
    assert(history === null || (history.to ?? 0) <= this.position + 1, "the log is read as of what was reached");
    const bound = history?.to ?? this.position + 1;
    if (table.oid === eventsTable.oid) return new EventScan(this.#host, request, bound);
    assert(table.oid === commitsTable.oid, "a table of this schema is one of those that there are");
    return new CommitScan(this.#host, this.#names, request, bound);
  }

  rowsEstimate(table: TableDefinition): number {
    assert(!isAuditTable(table), "the planner has its own idea of the log's length");
    return this.#tables.rowsEstimate(table);
  }

  entriesWithin(table: TableDefinition, index: IndexDefinition | null, ranges: readonly KeyRange[]): number | null {
    return isAuditTable(table) ? null : (this.#tables.entriesWithin?.(table, index, ranges) ?? null);
  }
}

/** Positions from `from` on, before `to`. */
interface Span {
  readonly from: number;
  readonly to: number;
}

class CommitScan implements TableScan {
  readonly #host: AuditHost;
  readonly #request: ScanRequest;
  readonly #bound: number;
  readonly #names: TableNames;
  /** What is still to be read; the next span last. */
  #spans: Span[];
  #batchRows = firstBatchRows;

  /** @param bound positions below it are seen */
  constructor(host: AuditHost, names: TableNames, request: ScanRequest, bound: number) {
    this.#host = host;
    this.#request = request;
    this.#bound = bound;
    this.#names = names;
    const { ranges, isBackward } = request;
    const spans = ranges.map((range) => this.#spanOf(range)).filter(({ from, to }) => from < to);
    this.#spans = isBackward ? spans : spans.toReversed();
  }

  #spanOf({ from, to }: KeyRange): Span {
    const low = from === null ? 0 : this.#positionAt(from, "from");
    const high = to === null ? this.#bound : this.#positionAt(to, "to");
    return { from: Math.max(0, low), to: Math.min(this.#bound, high) };
  }

  /** The first position that a range holds, or the first behind it. */
  #positionAt({ values: [value], isInclusive }: KeyBound, side: "from" | "to"): number {
    const isBehind = (side === "from") !== isInclusive;
    // A range without a value on this side, under a prefix: everything.
    if (value === undefined) return side === "from" ? 0 : this.#bound;
    const wanted = Number(value);
    if (this.#request.index === null) return Number.isInteger(wanted) && isBehind ? wanted + 1 : wanted;
    assert(this.#request.index.oid === commitsByTime.oid, "commits lie by position and by time");
    if (wanted === Number.NEGATIVE_INFINITY) return 0;
    if (wanted === Number.POSITIVE_INFINITY) return this.#bound;
    const time = unixTimeOf(wanted);
    return this.#host.reads.positionsUntil(this.#host.tenant, isBehind ? time : time - 1);
  }

  next(): ScanBatch | null {
    const span = this.#spans.pop();
    if (span === undefined) return null;
    const { isBackward, columns } = this.#request;
    const batchRows = this.#batchRows;
    this.#batchRows = Math.min(lastBatchRows, batchRows * 4);
    const from = isBackward ? Math.max(span.from, span.to - batchRows) : span.from;
    const to = Math.min(span.to, from + batchRows);
    const rest = isBackward ? { from: span.from, to: from } : { from: to, to: span.to };
    if (rest.from < rest.to) this.#spans.push(rest);
    const rows = this.#read(from, to);
    if (isBackward) rows.reverse();
    const vectors = columns.map(
      (number): ColumnVector => ({ kind: "values", values: rows.map((row) => row[number - 1] ?? null) }),
    );
    return { rows: rows.length, columns: vectors, keys: [] };
  }

  close(): void {
    this.#spans = [];
  }

  #read(from: number, to: number): (readonly Datum[])[] {
    const { reads, tenant } = this.#host;
    const rows: (readonly Datum[])[] = [];
    const { commits: walk } = reads;
    let more = walk.find(reads.cursor(tree.commits), tenant, from);
    for (; more && walk.position < to; more = walk.next()) {
      const { position, time, kind, count, recordLength } = walk;
      const isCommit = kind === requestKind.sqlCommit;
      const principal = walk.principal();
      const tables = isCommit ? walk.tables() : null;
      rows.push([
        position,
        sqlTimeOf(time),
        principal === null ? null : decoder.decode(principal),
        kindNames.get(kind) ?? String(kind),
        tables === null ? null : new SqlArray(typeOid.text, this.#names.of(tables, position)),
        isCommit ? count : null,
        uuidOf(walk.requestKey()),
        recordLength,
      ]);
    }
    assert(rows.length === to - from, "every position below the bound has its commit");
    return rows;
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const kindNames = new Map(Object.entries(requestKind).map(([name, kind]): [number, string] => [kind, name]));

/** Names of tables by where their rows are stored: as they are called now, or when their rows were there. */
class TableNames {
  readonly #host: AuditHost;
  readonly #known = new Map<number, string>();

  constructor(host: AuditHost) {
    this.#host = host;
  }

  of(tables: readonly number[], position: number): string[] {
    if (this.#known.size === 0) this.#learn(this.#host.catalog);
    if (tables.some((table) => !this.#known.has(table))) this.#learn(this.#host.past(position));
    const names = tables.map((table) => this.#known.get(table) ?? `(${table})`);
    // A table whose rows were all written anew is listed twice.
    return [...new Set(names)];
  }

  #learn(catalog: Catalog): void {
    for (const object of catalog.objects()) {
      const rows = rowsOfObject(object);
      if (rows === null || this.#known.has(rows.storage)) continue;
      const schema = catalog.objectByOid(rows.schema);
      const prefix = schema === null || schema.name === "public" ? "" : `${schema.name}.`;
      this.#known.set(rows.storage, `${prefix}${rows.name}`);
    }
  }
}

function uuidOf(key: Uint8Array): string | null {
  if (key.every((byte) => byte === 0)) return null;
  const hex = Array.from(key, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
