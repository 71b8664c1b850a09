/**
 * What deciding and applying costs the shard, per append: `node dist/benchmarks/kernel.js [--json]`.
 *
 * Each workload runs over two trees: one that does nothing (rows that are always there, inserts that always succeed), which
 * leaves the kernel's own work, and the real store, sealed and published after every 64 appends as a shard with 64 clients
 * would. Rounds of the two are interleaved; the median round counts. Verified at the end: the tenant's row holds as many
 * positions as commands were applied.
 */
import { encodeTenantAdopt } from "../runtime/kernel/codecs/control-requests.js";
import { encodeAppend, encodeStreamCreate } from "../runtime/kernel/codecs/write-requests.js";
import { decided } from "../runtime/kernel/decision.js";
import { genesis, Kernel } from "../runtime/kernel/kernel.js";
import { requestKind, tree } from "../runtime/kernel/kinds.js";
import { Output } from "../runtime/kernel/output.js";
import { StateReads } from "../runtime/kernel/read/state-reads.js";
import { Request } from "../runtime/kernel/request.js";
import { quotasDefault } from "../runtime/kernel/tenant-row.js";
import { Store } from "../runtime/store/store.js";
import type { Cursor, TreeWriter } from "../runtime/store/tree.js";
import { ByteWriter } from "../runtime/types/byte-writer.js";
import { endVersion, makeStore } from "../test/kernel/store-under-test.js";

const tenant = 1;
/** Appends in one version of the store. */
const versionAppends = 64;
const ringBytes = 16 * 1024 * 1024;

/** Rows of the trees that are read are kept; what is only inserted is taken and forgotten. */
class NoTree implements TreeWriter {
  readonly #rows: (Uint8Array | undefined)[] = [];
  readonly #views: DataView[] = [];
  valueBytes: Uint8Array = new Uint8Array(0);
  valueView: DataView = new DataView(this.valueBytes.buffer);
  readonly valueStart = 0;
  valueLength = 0;
  readonly writes = 0;

  get(number: number, key: Uint8Array): boolean {
    if (number === tree.requestKeys || number === tree.streamNames) return false;
    if (number === tree.tenants && key[7] === 0) return this.#show(31);
    return this.#show(number);
  }
  #show(slot: number): boolean {
    const row = this.#rows[slot];
    if (row === undefined) return false;
    this.valueBytes = row;
    this.valueView = this.#views[slot] as DataView;
    this.valueLength = row.length;
    return true;
  }
  update(number: number, key: Uint8Array): boolean {
    return this.get(number, key);
  }
  put(number: number, key: Uint8Array, value: Uint8Array): void {
    this.insert(number, key, value);
  }
  insert(number: number, key: Uint8Array, value: Uint8Array): boolean {
    if (number === tree.tenants || number === tree.streams) {
      const slot = number === tree.tenants && key[7] === 0 ? 31 : number;
      const row = value.slice();
      this.#rows[slot] = row;
      this.#views[slot] = new DataView(row.buffer);
    }
    return true;
  }
  insertVersion(): boolean {
    return true;
  }
  delete(): boolean {
    return true;
  }
  cursor(): Cursor {
    return nowhere;
  }
}

/** Finds nothing: no request key is known. */
const nowhere: Cursor = {
  valueBytes: new Uint8Array(0),
  valueView: new DataView(new ArrayBuffer(0)),
  valueStart: 0,
  valueLength: 0,
  valid: false,
  keyLength: 0,
  seek: () => false,
  seekFloor: () => false,
  next: () => false,
  previous: () => false,
  keyInto: () => 0,
};

interface Workload {
  readonly name: string;
  readonly events: number;
  readonly eventBytes: number;
  /** Request keys: none, spread over the key space, or growing with time as UUIDv7 do (8 new ones in each millisecond). */
  readonly keys: "none" | "random" | "timed";
  readonly appends: number;
}

const workloads: readonly Workload[] = [
  { name: "1 event of 128 B, no key", events: 1, eventBytes: 128, keys: "none", appends: 20_000 },
  { name: "1 event of 128 B, random key", events: 1, eventBytes: 128, keys: "random", appends: 20_000 },
  { name: "1 event of 128 B, timed key", events: 1, eventBytes: 128, keys: "timed", appends: 20_000 },
  { name: "100 events of 128 B, timed key", events: 100, eventBytes: 128, keys: "timed", appends: 2_000 },
  { name: "1,000 events of 128 B, timed key", events: 1_000, eventBytes: 128, keys: "timed", appends: 500 },
];

/** One shard's worth of state over a tree, ready to take appends to stream 1. */
class Bench {
  readonly #state: TreeWriter;
  readonly #kernel: Kernel;
  readonly #request = new Request();
  readonly #out = new Output(new Uint8Array(new SharedArrayBuffer(ringBytes)));
  readonly #reply = new Output(new Uint8Array(64));
  #body: Uint8Array = new Uint8Array(0);
  #time = 1;
  #serial = 1;
  applied = 0;

  constructor(state: TreeWriter) {
    this.#state = state;
    this.#kernel = new Kernel(state);
    genesis(state);
    const out = new ByteWriter();
    this.#load(requestKind.tenantAdopt, encodeTenantAdopt(out, tenant, 1, "fresh", quotasDefault).finish());
    this.#submit();
    this.#load(requestKind.streamCreate, encodeStreamCreate(out.reset(), { tenant }, "orders", false).finish());
    this.#submit();
    this.applied = 1;
  }

  #load(kind: number, body: Uint8Array): void {
    const bytes = new Uint8Array(body.length + 5);
    bytes.set([97, 108, 105, 99, 101]);
    bytes.set(body, 5);
    this.#body = bytes;
    const request = this.#request;
    request.kind = kind;
    request.bytes = bytes;
    request.view = new DataView(bytes.buffer);
    request.principalFrom = 0;
    request.principalLength = 5;
    request.from = 5;
    request.to = bytes.length;
  }

  #submit(): void {
    const out = this.#out;
    if (out.room < this.#body.length + 1_024) out.at = 0;
    this.#reply.at = 0;
    this.#time += 1;
    const decision = this.#kernel.decide(this.#state, this.#request, this.#time, out, this.#reply);
    if (decision.outcome !== decided.written) throw new Error(`refused: ${decision.error?.message}`);
    const { recordFrom, recordTo, position } = decision;
    this.#kernel.apply(this.#state, out.bytes, out.view, recordFrom, recordTo, decision.tenant, position, recordFrom);
    this.applied += 1;
  }

  /** Runs a workload and returns µs per append. */
  run({ events, eventBytes, keys, appends }: Workload): number {
    const event = { format: 0, payload: new Uint8Array(eventBytes).fill(120) };
    const requestKey = new Uint8Array(16);
    const list = Array.from({ length: events }, () => event);
    this.#load(requestKind.append, encodeAppend(new ByteWriter(), { tenant, requestKey }, 1, "any", list).finish());
    const view = new DataView(this.#body.buffer);
    const from = process.hrtime.bigint();
    for (let i = 0; i < appends; i += 1) {
      if (keys !== "none") {
        const spread = Math.imul(this.#serial, 0x9e3779b1);
        view.setUint32(13, keys === "random" ? spread : this.#serial >>> 3);
        view.setUint32(17, spread);
        view.setUint32(21, this.#serial);
        this.#serial += 1;
      }
      this.#submit();
      if (i % versionAppends === 0) this.#kernel.settle(this.#state);
      if (i % versionAppends === 0 && this.#state instanceof Store) endVersion(this.#state);
    }
    return Number(process.hrtime.bigint() - from) / appends / 1_000;
  }

  verify(): void {
    this.#kernel.settle(this.#state);
    const info = new StateReads(this.#state).tenant(tenant);
    if (info?.nextPosition !== this.applied)
      throw new Error(`${info?.nextPosition} positions, ${this.applied} applied`);
  }
}

const median = (values: number[]): number => [...values].sort((left, right) => left - right)[values.length >> 1] ?? 0;

const rounds = 7;
const makers: readonly (readonly [string, () => TreeWriter])[] = [
  ["no tree", () => new NoTree()],
  ["store", () => makeStore(1024 * 1024 * 1024)],
];
const results: Record<string, Record<string, number>> = {};
for (const workload of workloads) {
  const benches = makers.map(([name, make]) => ({ name, bench: new Bench(make()), figures: [] as number[] }));
  for (const { bench } of benches) bench.run(workload);
  for (let round = 0; round < rounds; round += 1) {
    for (const { bench, figures } of benches) figures.push(bench.run(workload));
  }
  for (const { bench } of benches) bench.verify();
  results[workload.name] = Object.fromEntries(
    benches.map(({ name, figures }) => [name, Number(median(figures).toFixed(3))]),
  );
}

if (process.argv.includes("--json"))
  console.log(JSON.stringify({ node: process.version, unit: "µs per append", results }));
else console.table(results);
