/**
 * A shard without threads, replica or disk, for the kernel's tests: it decides, keeps what was written in a log of bytes, and
 * applies it. Addresses are offsets in that log plus a base, so that an address is never by chance a buffer index.
 */
import { type Decision, decided } from "../../runtime/kernel/decision.js";
import { genesis, Kernel, type KernelOptions } from "../../runtime/kernel/kernel.js";
import { Output } from "../../runtime/kernel/output.js";
import { Request } from "../../runtime/kernel/request.js";
import { type TreeWriter, treeKeyBytesMax } from "../../runtime/store/tree.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import type { ErrorRecord } from "../../runtime/types/errors.js";
import { ModelTree } from "../store/model-tree.js";

export const addressBase = 1_000_000;

export interface LogEntry {
  readonly tenant: number;
  readonly position: number;
  readonly bytes: Uint8Array;
  readonly address: number;
}

export interface Answer {
  readonly outcome: number;
  readonly reply: Uint8Array;
  readonly error: ErrorRecord | null;
  readonly replayed: boolean;
  readonly position: number;
  readonly afterPosition: number;
}

export class ShardTwin {
  readonly state: TreeWriter;
  readonly kernel: Kernel;
  readonly options: KernelOptions;
  readonly log: LogEntry[] = [];
  readonly out: Output;
  /** Who sends what is submitted. */
  principal: Uint8Array = new TextEncoder().encode("tester");
  readonly #request = new Request();
  readonly #writer = new ByteWriter();
  time = 1_000_000;
  address = addressBase;
  /** Bytes between two records: with 0 they are of one block, and appends may be of one run. */
  gap = 7;
  /** Every so many records the state is settled; also before anything else reads the trees. */
  settleEvery = 1;

  /** @param begins with what: a new shard's first row, or what the state holds already */
  constructor(
    options: KernelOptions = {},
    state: TreeWriter = new ModelTree(),
    roomBytes = 256 * 1024,
    begins: "new" | "opened" = "new",
  ) {
    this.options = options;
    this.state = state;
    this.kernel = new Kernel(state, options);
    this.out = new Output(new Uint8Array(roomBytes));
    if (begins === "new") genesis(state);
  }

  /** A request over exact bytes, as a gateway's batch would hold it. */
  request(kind: number, body: Uint8Array): Request {
    const bytes = new Uint8Array(this.principal.length + body.length);
    bytes.set(this.principal);
    bytes.set(body, this.principal.length);
    const request = this.#request;
    request.kind = kind;
    request.bytes = bytes;
    request.view = new DataView(bytes.buffer);
    request.principalFrom = 0;
    request.principalLength = this.principal.length;
    request.from = this.principal.length;
    request.to = bytes.length;
    return request;
  }

  decide(kind: number, body: Uint8Array): { decision: Decision; reply: Uint8Array } {
    const reply = new Output(new Uint8Array(64));
    this.out.at = 0;
    const decision = this.kernel.decide(this.state, this.request(kind, body), this.time, this.out, reply);
    return { decision, reply: reply.bytes.slice(0, reply.at) };
  }

  submit(kind: number, encode: (out: ByteWriter) => ByteWriter): Answer {
    return this.submitBytes(kind, encode(this.#writer.reset()).finish());
  }

  submitBytes(kind: number, body: Uint8Array): Answer {
    this.time += 10;
    const { decision, reply } = this.decide(kind, body);
    const { outcome, error, replayed, position, afterPosition } = decision;
    if (outcome === decided.written) {
      const { recordFrom, recordTo, tenant } = decision;
      this.time = decision.time;
      const entry = { tenant, position, bytes: this.out.bytes.slice(recordFrom, recordTo), address: this.address };
      this.log.push(entry);
      this.address += entry.bytes.length + this.gap;
      this.kernel.apply(
        this.state,
        this.out.bytes,
        this.out.view,
        recordFrom,
        recordTo,
        tenant,
        position,
        entry.address,
      );
      if (this.log.length % this.settleEvery === 0) this.kernel.settle(this.state);
    }
    return { outcome, reply, error, replayed, position, afterPosition };
  }

  /** A second shard that has only read the log. */
  replay(state: TreeWriter = new ModelTree(), settleEvery = 1): ShardTwin {
    const twin = new ShardTwin(this.options, state);
    for (const [index, { bytes, tenant, position, address }] of this.log.entries()) {
      twin.kernel.apply(twin.state, bytes, new DataView(bytes.buffer), 0, bytes.length, tenant, position, address);
      if (index % settleEvery === 0) twin.kernel.settle(twin.state);
    }
    twin.kernel.settle(twin.state);
    return twin;
  }
}

/** Everything a state holds, as text: equal exactly when the states are equal byte for byte. */
export function dump(state: TreeWriter): string {
  const lines: string[] = [];
  const key = new Uint8Array(treeKeyBytesMax);
  for (let tree = 0; tree < 32; tree += 1) {
    const cursor = state.cursor(tree);
    for (let more = cursor.seek(new Uint8Array(0)); more; more = cursor.next()) {
      const length = cursor.keyInto(key);
      const value = cursor.valueBytes.slice(cursor.valueStart, cursor.valueStart + cursor.valueLength);
      lines.push(`${tree} ${hex(key.subarray(0, length))} ${hex(value)}`);
    }
  }
  return lines.join("\n");
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
