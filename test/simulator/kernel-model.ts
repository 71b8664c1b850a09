/**
 * The state that the committed log stands for: the shipping kernel applied to the committed prepares in order, over sorted arrays instead of
 * pages. And what an auditor of that log notes on the way: which request stands where.
 */
import { createHash } from "node:crypto";
import { BlockReader } from "../../runtime/kernel/block.js";
import { genesis, Kernel } from "../../runtime/kernel/kernel.js";
import { appendHeadBytes, eventHeaderBytes, requestKind } from "../../runtime/kernel/kinds.js";
import { headerBytes, prepareOperations } from "../../runtime/storage/frame.js";
import { type TreeReader, treeKeyBytesMax, treesMax } from "../../runtime/store/tree.js";
import { ModelTree } from "../store/model-tree.js";
import type { Committed } from "./commit-oracle.js";
import { expect } from "./failure.js";

/** An append of a client as the log has it. */
export interface LoggedAppend {
  readonly op: number;
  readonly tenant: number;
  readonly position: number;
  readonly firstOffset: number;
}

const nothing = new Uint8Array(0);

/** A digest of everything in a state, tree by tree, key by key. */
export function digestOf(state: TreeReader): string {
  const hash = createHash("sha256");
  const key = new Uint8Array(treeKeyBytesMax);
  const length = new Uint8Array(4);
  const lengths = new DataView(length.buffer);
  for (let tree = 0; tree < treesMax; tree++) {
    const cursor = state.cursor(tree);
    for (let more = cursor.seek(nothing); more; more = cursor.next()) {
      const keyLength = cursor.keyInto(key);
      lengths.setUint32(0, tree * 2 ** 16 + keyLength, true);
      hash.update(length).update(key.subarray(0, keyLength));
      lengths.setUint32(0, cursor.valueLength, true);
      hash.update(length);
      hash.update(cursor.valueBytes.slice(cursor.valueStart, cursor.valueStart + cursor.valueLength));
    }
  }
  return hash.digest("hex");
}

export class KernelModel {
  readonly state = new ModelTree();
  readonly #kernel: Kernel;
  /** By request number. */
  readonly appends = new Map<number, LoggedAppend>();
  /** Parts of large transactions so far. */
  stagedParts = 0;
  readonly #opened: { readonly tenant: number; readonly session: number }[] = [];
  op = 0;
  /** Records of SQL so far, by tenant. */
  readonly sqlCommits = new Map<number, number>();
  #digest: { readonly op: number; readonly text: string } | null = null;

  constructor() {
    this.#kernel = new Kernel(this.state);
    genesis(this.state);
  }

  apply(committed: Committed): void {
    // What the protocol itself has committed changes nothing of the state.
    if (committed.header.operation === prepareOperations.commands) this.#applyRecords(committed);
    this.op = committed.op;
  }

  #applyRecords({ op, header, frame }: Committed): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const blocks = new BlockReader(frame, view, headerBytes, frame.length, "checksums");
    while (blocks.nextBlock()) {
      while (blocks.nextRecord()) {
        const { from, to, kind, factsFrom } = blocks.record;
        this.#kernel.apply(this.state, frame, view, from, to, blocks.tenant, blocks.position, header.address + from);
        // A session's number is the position of its opening, plus one.
        if (kind === requestKind.sessionOpen)
          this.#opened.push({ tenant: blocks.tenant, session: blocks.position + 1 });
        if (kind === requestKind.sqlCommit)
          this.sqlCommits.set(blocks.tenant, (this.sqlCommits.get(blocks.tenant) ?? 0) + 1);
        if (kind === requestKind.sqlStage) this.stagedParts += 1;
        if (kind === requestKind.append) this.#note(op, blocks.tenant, blocks.position, view, factsFrom);
      }
    }
    this.#kernel.settle(this.state);
  }

  #note(op: number, tenant: number, position: number, view: DataView, factsFrom: number): void {
    const firstOffset = view.getUint32(factsFrom + 8, true);
    const request = view.getUint32(factsFrom + appendHeadBytes + eventHeaderBytes, true);
    const before = this.appends.get(request);
    expect(
      before === undefined,
      "sessions",
      () => `request ${request} is applied at position ${before?.position} and again at position ${position}`,
    );
    this.appends.set(request, { op, tenant, position, firstOffset });
  }

  /** Numbers of sessions are a tenant's own: two tenants may have one of the same number. */
  hasSession(tenant: number, session: number): boolean {
    return this.#opened.some((opened) => opened.tenant === tenant && opened.session === session);
  }

  /** Sessions that a tenant opened after that one. */
  sessionsSince(tenant: number, session: number): number {
    return this.#opened.filter((opened) => opened.tenant === tenant && opened.session > session).length;
  }

  digest(): string {
    if (this.#digest?.op !== this.op) this.#digest = { op: this.op, text: digestOf(this.state) };
    return this.#digest.text;
  }
}
