/** A benchmark's results: one row per case, as a table for people and as JSON with everything raw. */
import { renderTable } from "../table.js";
import { formatBytes, formatCount } from "../units.js";
import type { Counts } from "./measurement.js";

/** Counters of the node, read before and after; null where the node does not count it. */
export interface NodeCounters {
  readonly cpuMicros: number | null;
  readonly logBytes: number | null;
  readonly fsyncs: number | null;
  readonly rssBytes: number | null;
}

export interface CaseSettings {
  readonly workload: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly batch: number;
  readonly eventBytes: number;
  readonly tenants: number;
}

export interface CaseResult extends CaseSettings {
  readonly seconds: number;
  readonly operations: number;
  readonly events: number;
  readonly operationsPerSecond: number;
  readonly eventsPerSecond: number;
  readonly latencyMicros: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
    readonly mean: number;
  };
  readonly nodeCpuMicrosPerOperation: number | null;
  readonly clientCpuMicrosPerOperation: number;
  readonly bytesWrittenPerByteStored: number | null;
  readonly fsyncs: number | null;
  readonly operationsPerFsync: number | null;
  readonly nodeRssBytes: number | null;
  readonly errors: Readonly<Record<string, number>>;
  /** Events looked for afterwards and found; null when the case writes nothing. */
  readonly verifiedEvents: number | null;
}

const difference = (after: number | null, before: number | null): number | null =>
  after === null || before === null ? null : after - before;

export function caseResult(
  settings: CaseSettings,
  counts: Counts,
  seconds: number,
  clientCpuMicros: number,
  before: NodeCounters,
  after: NodeCounters,
  verifiedEvents: number | null,
): CaseResult {
  const { operations, events, storedBytes, latency } = counts;
  const cpu = difference(after.cpuMicros, before.cpuMicros);
  const written = difference(after.logBytes, before.logBytes);
  const fsyncs = difference(after.fsyncs, before.fsyncs);
  const per = (value: number | null): number | null => (value === null || operations === 0 ? null : value / operations);
  return {
    ...settings,
    seconds,
    operations,
    events,
    operationsPerSecond: operations / seconds,
    eventsPerSecond: events / seconds,
    latencyMicros: {
      p50: latency.percentile(0.5),
      p99: latency.percentile(0.99),
      p999: latency.percentile(0.999),
      max: latency.max,
      mean: latency.mean,
    },
    nodeCpuMicrosPerOperation: per(cpu),
    clientCpuMicrosPerOperation: per(clientCpuMicros) ?? 0,
    bytesWrittenPerByteStored: written === null || storedBytes === 0 ? null : written / storedBytes,
    fsyncs,
    operationsPerFsync: fsyncs === null || fsyncs === 0 ? null : operations / fsyncs,
    nodeRssBytes: after.rssBytes,
    errors: Object.fromEntries(counts.errors),
    verifiedEvents,
  };
}

const ms = (micros: number): string => (micros / 1000).toFixed(2);
const optional = (value: number | null, format: (value: number) => string): string | null =>
  value === null ? null : format(value);

export function resultTable(results: readonly CaseResult[]): string {
  return renderTable(
    [
      "workload",
      "conns × in flight",
      "batch",
      "ops/s",
      "events/s",
      "p50 ms",
      "p99 ms",
      "p99.9 ms",
      "node µs/op",
      "client µs/op",
      "written/stored",
      "fsyncs",
      "RSS",
      "errors",
    ],
    results.map((row) => [
      row.tenants > 1 ? `${row.workload} (${row.tenants} tenants)` : row.workload,
      `${row.connections} × ${row.inFlight}`,
      row.batch,
      formatCount(row.operationsPerSecond),
      formatCount(row.eventsPerSecond),
      ms(row.latencyMicros.p50),
      ms(row.latencyMicros.p99),
      ms(row.latencyMicros.p999),
      optional(row.nodeCpuMicrosPerOperation, (value) => value.toFixed(1)),
      row.clientCpuMicrosPerOperation.toFixed(1),
      optional(row.bytesWrittenPerByteStored, (value) => value.toFixed(2)),
      optional(row.fsyncs, formatCount),
      optional(row.nodeRssBytes, formatBytes),
      Object.values(row.errors).reduce((sum, count) => sum + count, 0),
    ]),
  );
}
