/** What stands around the shipping shard on a simulated node: a gateway that carries requests and answers, and a reader of its state. */
import type { CommandAnswer } from "../../actors/messages/commands.js";
import { decodeErrorBody, ReplyBatchReader } from "../../actors/messages/reply-batch.js";
import { RequestBatchWriter } from "../../actors/messages/request-batch.js";
import { pagesPath } from "../../actors/shard/state-files.js";
import { decodeVersionHeader } from "../../actors/shard/version-header.js";
import type { Actor } from "../../runtime/actor/definition.js";
import type { StoreHandle } from "../../runtime/store/handle.js";
import { StoreReader } from "../../runtime/store/reader.js";
import { type ErrorRecord, isKimberliteError } from "../../runtime/types/errors.js";
import type { Cell } from "./cell.js";
import { directory, type SimNode } from "./node.js";

export interface Answers {
  ok(correlation: number, body: Uint8Array): void;
  fail(correlation: number, error: ErrorRecord): void;
}

interface GatewayMessage {
  readonly kind: string;
  readonly bytes?: Uint8Array;
}

const shardId = "shard-1";
const readMs = 5_000;

export class Gateway implements Actor<GatewayMessage> {
  readonly #cell: Cell;
  readonly #answers: Answers;
  readonly #reader = new ReplyBatchReader();

  constructor(cell: Cell, answers: Answers) {
    this.#cell = cell;
    this.#answers = answers;
  }

  receive(message: GatewayMessage): void {
    if (message.kind !== "replies" || message.bytes === undefined) return;
    const batch = this.#reader.open(message.bytes);
    while (batch.next()) {
      const { correlation, status } = batch;
      const body = batch.body().slice();
      if (status === 0) this.#answers.ok(correlation, body);
      else this.#answers.fail(correlation, decodeErrorBody(status, body));
    }
  }

  send(correlation: number, kind: number, principal: Uint8Array, body: Uint8Array): void {
    const port = this.#cell.port(shardId);
    if (port === null) return;
    const batch = new RequestBatchWriter();
    batch.add(correlation, 0, kind, principal, body, 0, body.length);
    this.#cell.tell(port, { kind: "requests", bytes: batch.take(), count: 1 });
  }

  /** A command of the node itself. */
  command(requestKind: number, body: Uint8Array, settled: (isDone: boolean) => void): void {
    const port = this.#cell.port(shardId);
    if (port === null) return;
    const message = { kind: "command", requestKind, tenant: 0, principal: "node", body };
    this.#cell.request<CommandAnswer>(port, message, { deadlineMs: readMs }, (outcome) => settled(outcome.ok));
  }

  /** Asks for so many voters; `committed` is called when that is known to have come about. */
  reconfigure(voters: number, committed: () => void): void {
    const port = this.#cell.port(shardId);
    if (port === null) return;
    this.#cell.request<number>(port, { kind: "reconfigure", voters }, { deadlineMs: readMs }, (outcome) => {
      if (outcome.ok) committed();
    });
  }

  handOver(): void {
    const port = this.#cell.port(shardId);
    if (port !== null) this.#cell.request(port, { kind: "handOver" }, { deadlineMs: 10_000 }, () => {});
  }
}

interface ReaderMessage {
  readonly kind: string;
  readonly store?: StoreHandle;
}

export class StateReader implements Actor<ReaderMessage> {
  readonly #cell: Cell;
  readonly #node: SimNode;
  #reader: StoreReader | null = null;

  constructor(cell: Cell, node: SimNode) {
    this.#cell = cell;
    this.#node = node;
  }

  receive(message: ReaderMessage): void {
    if (message.kind !== "attach" || message.store === undefined) return;
    const file = this.#node.machine.disk.open(pagesPath(directory), "read");
    this.#reader = StoreReader.attach(message.store, { file, owner: this.#node.starts + 1 });
  }

  /** Looks at the published state; false when there is none to look at. */
  look(seen: (reader: StoreReader, op: number) => void): boolean {
    const reader = this.#reader;
    if (reader === null) return false;
    try {
      reader.pin();
    } catch (error) {
      if (isKimberliteError(error)) return false;
      throw error;
    }
    try {
      const header = new Uint8Array(512);
      reader.headerInto(header);
      seen(reader, decodeVersionHeader(header).op);
    } catch (error) {
      if (!isKimberliteError(error) || error.code !== "dataCorrupt") throw error;
      const port = this.#cell.port(shardId);
      if (port !== null) this.#cell.tell(port, { kind: "pageDamaged", because: error.message });
      return false;
    } finally {
      reader.unpin();
    }
    return true;
  }

  /** A linearizable read: the published state, once the shard has said that it is new enough. */
  readLinearizable(seen: (reader: StoreReader, op: number) => void): void {
    const port = this.#cell.port(shardId);
    if (port === null) return;
    this.#cell.request<number>(port, { kind: "readIndex" }, { deadlineMs: readMs }, (outcome) => {
      if (outcome.ok) this.look(seen);
    });
  }
}
