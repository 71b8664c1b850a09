/**
 * What a replica says in the name of a view, it keeps over every crash: the view is on its medium before the word leaves, it votes with the
 * same log each time, acknowledges nothing of a view that it has left, and its head does not shrink while it stays in the log of one view.
 */
import { superblockCopies, superblockPath } from "../../runtime/storage/superblock.js";
import { decodeCopy } from "../../runtime/storage/superblock-codec.js";
import { sectorBytes } from "../../runtime/types/limits.js";
import { decodeMessage } from "../../runtime/vsr/codec.js";
import { commands } from "../../runtime/vsr/message-frame.js";
import { expect } from "./failure.js";
import { hexOf } from "./log-image.js";
import { directory, type ReplicaNumbers, type SimNode } from "./node.js";

interface Promises {
  /** Newest view in which it said something, and newest whose log it said to have. */
  view: number;
  logView: number;
  /** Verified on the medium. */
  durableView: number;
  durableLogView: number;
  votedView: number;
  readonly votes: Map<number, string>;
  /** Newest acknowledgement: its view and op. */
  ackView: number;
  ackOp: number;
  /** Prepares that an acknowledgement named, as op and identity. */
  readonly acknowledged: Set<string>;
  last: ReplicaNumbers | null;
}

const nothingSaid = (): Promises => ({
  view: 0,
  logView: 0,
  durableView: 0,
  durableLogView: 0,
  votedView: 0,
  votes: new Map(),
  ackView: 0,
  ackOp: 0,
  acknowledged: new Set(),
  last: null,
});

/** Copies of the superblock that hold what is on the medium for certain: with one of them damaged, two equal ones are left to open. */
const copiesNeeded = 3;

const u64 = (view: DataView, at: number): number => view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);

export class PromiseOracle {
  readonly #nodes: readonly SimNode[];
  readonly #clusterId: Uint8Array;
  readonly #promises: Promises[];
  readonly #acknowledged: (replica: number, op: number, identity: string) => void;
  /** Damage leaves a trace of what was there: what was acknowledged is never denied, whatever has become of it. */
  readonly #damageIsNoticed: boolean;
  votes = 0;

  constructor(
    nodes: readonly SimNode[],
    clusterId: Uint8Array,
    acknowledged: (replica: number, op: number, identity: string) => void,
    damageIsNoticed: boolean,
  ) {
    this.#damageIsNoticed = damageIsNoticed;
    this.#nodes = nodes;
    this.#clusterId = clusterId;
    this.#acknowledged = acknowledged;
    this.#promises = nodes.map(nothingSaid);
  }

  #of(replica: number): Promises {
    const promises = this.#promises[replica];
    if (promises === undefined) throw new Error(`there is no replica ${replica}`);
    return promises;
  }

  /** Its disk was lost: it comes back as another. */
  replaced(replica: number): void {
    this.#promises[replica] = nothingSaid();
  }

  /** A frame of the protocol leaves its sender. */
  sent(replica: number, bytes: Uint8Array): void {
    const command = bytes[98];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (command === commands.prepareOk) {
      this.#acknowledges(replica, view.getUint32(88, true), u64(view, 128), hexOf(bytes.subarray(136, 168)));
    } else if (command === commands.doViewChange) {
      this.#votes(replica, view.getUint32(88, true), bytes);
    } else if (command === commands.startView) {
      this.#says(replica, view.getUint32(88, true), true, "startView");
    }
  }

  #acknowledges(replica: number, view: number, op: number, identity: string): void {
    const promises = this.#of(replica);
    this.#says(replica, view, true, "prepareOk");
    expect(
      view >= promises.votedView,
      "promises",
      () => `replica ${replica} acknowledges op ${op} in view ${view} after it voted in view ${promises.votedView}`,
    );
    if (view > promises.ackView || (view === promises.ackView && op > promises.ackOp)) {
      promises.ackView = view;
      promises.ackOp = op;
    }
    promises.acknowledged.add(`${op}:${identity}`);
    this.#acknowledged(replica, op, identity);
  }

  #votes(replica: number, view: number, bytes: Uint8Array): void {
    const promises = this.#of(replica);
    this.votes += 1;
    this.#says(replica, view, false, "doViewChange");
    const decoded = decodeMessage(bytes, this.#clusterId);
    if ("fault" in decoded || decoded.message.kind !== "doViewChange") return;
    const { logView, suffix } = decoded.message;
    const names = suffix.map(
      ({ op, header }) => `${op}:${header === null ? "-" : hexOf(header.identity).slice(0, 16)}`,
    );
    const vote = `log view ${logView}, ${names.join(" ")}`;
    const before = promises.votes.get(view);
    expect(
      before === undefined || before === vote,
      "promises",
      () => `replica ${replica} votes twice in view ${view}: first ${before}, then ${vote}`,
    );
    for (const { op, header, nack } of suffix) {
      if (header === null || !nack || !this.#damageIsNoticed) continue;
      expect(
        !promises.acknowledged.has(`${op}:${hexOf(header.identity)}`),
        "promises",
        () => `replica ${replica} denies in view ${view} that it has acknowledged op ${op}`,
      );
    }
    promises.votes.set(view, vote);
    promises.votedView = Math.max(promises.votedView, view);
  }

  #says(replica: number, view: number, namesLog: boolean, what: string): void {
    const promises = this.#of(replica);
    promises.view = Math.max(promises.view, view);
    if (namesLog) promises.logView = Math.max(promises.logView, view);
    const isKnown = view <= promises.durableView && (!namesLog || view <= promises.durableLogView);
    if (isKnown || this.#isDurable(replica, view, namesLog)) return;
    expect(false, "promises", () => `replica ${replica} sends ${what} in view ${view}, which is not on its medium yet`);
  }

  #isDurable(replica: number, view: number, namesLog: boolean): boolean {
    const promises = this.#of(replica);
    const disk = this.#nodes[replica]?.disk;
    const bytes = disk?.medium(superblockPath(directory)) ?? null;
    if (bytes === null || disk === undefined) return false;
    let copies = 0;
    for (let copy = 0; copy < superblockCopies; copy++) {
      const reading = decodeCopy(bytes, copy * sectorBytes, copy);
      if (reading.kind !== "sound")
        copies += disk.isDamaged(superblockPath(directory), copy * sectorBytes, (copy + 1) * sectorBytes) ? 1 : 0;
      else if (reading.content.view >= view && (!namesLog || reading.content.logView >= view)) copies += 1;
    }
    if (copies < copiesNeeded) return false;
    promises.durableView = Math.max(promises.durableView, view);
    if (namesLog) promises.durableLogView = Math.max(promises.durableLogView, view);
    return true;
  }

  /** A replica has started from its own disk. Of its superblock at most one copy is ever damaged: that is no reason to forget a word. */
  restarted(replica: number, numbers: ReplicaNumbers): void {
    const { view, logView } = this.#of(replica);
    this.#of(replica).last = null;
    expect(
      numbers.view >= view && numbers.logView >= logView,
      "promises",
      () =>
        `replica ${replica} starts in view ${numbers.view} with the log of ${numbers.logView}; it spoke in view ${view} and for the log of ${logView}`,
    );
  }

  /**
   * Looks at a replica that runs. `isForgiven`: faults of its disk may have taken what it acknowledged. Where damage is noticed it is not at
   * work in its view again before somebody has told it what it held.
   */
  look(replica: number, numbers: ReplicaNumbers, isForgiven: boolean): void {
    const promises = this.#of(replica);
    const { last } = promises;
    expect(
      last === null || (numbers.view >= last.view && numbers.logView >= last.logView && numbers.commit >= last.commit),
      "promises",
      () => `replica ${replica} goes back: ${JSON.stringify(last)}, then ${JSON.stringify(numbers)}`,
    );
    expect(
      numbers.logView <= numbers.view,
      "promises",
      () => `replica ${replica} has the log of a later view than its own`,
    );
    promises.last = numbers;
    const mayLack = isForgiven && !(this.#damageIsNoticed && numbers.status === "normal");
    if (mayLack || numbers.logView !== promises.ackView) return;
    expect(
      numbers.op >= promises.ackOp,
      "head",
      () =>
        `replica ${replica} acknowledged op ${promises.ackOp} in view ${promises.ackView} and its head is ${numbers.op} in the log of that view`,
    );
  }
}
