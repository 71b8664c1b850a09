/**
 * Those who read the state: projections are told where it can be read and when there is a newer version, gateways that read rows themselves
 * where it can be read; linearizable reads wait until what was committed is published here; the node waits until there is a state at all.
 */
import type { Port } from "../../runtime/actor/definition.js";
import type { Envelope, OutgoingMessage } from "../../runtime/actor/envelope.js";
import { assert } from "../../runtime/types/assert.js";
import type { CancelMessage } from "../messages/cancel.js";
import type { ShardCore } from "./core.js";
import type { AttachMessage, LeaderChangedMessage } from "./messages.js";
import { notConfirmed } from "./outcomes.js";

interface ReadIndexWait {
  readonly envelope: Envelope;
  /** The published state has to hold this op. */
  readonly commit: number;
}

/** A leader that could not say what is committed may be about to be replaced. */
const askAgainMs = 100;

export class Readers {
  readonly #core: ShardCore;
  readonly #askCommit: (told: (commit: number | null) => void) => void;
  readonly #hurry: () => void;
  readonly #interest: Int32Array;
  readonly #awaitingReady: Envelope[] = [];
  /** Wirings to projections that know where the state is: a port exists before its `wired` is heard, so both ways in may see it. */
  readonly #attached = new WeakSet<Port>();
  /** Gateways that read rows themselves, by their ids: what each of their readers is known by. */
  readonly #gateways = new Map<string, number>();
  /** Linearizable reads that wait until what was committed is published here. */
  #readIndexes: ReadIndexWait[] = [];
  #isReady = false;
  /** What was committed when this state, which began empty, first asked; null before the answer. */
  #begunAt: number | null = null;
  #isAsking = false;

  /**
   * @param askCommit asks the shard that leads what is committed; null when it cannot say so for certain
   * @param hurry somebody waits for a version that is not published yet
   */
  constructor(core: ShardCore, askCommit: (told: (commit: number | null) => void) => void, hurry: () => void) {
    this.#core = core;
    this.#askCommit = askCommit;
    this.#hurry = hurry;
    this.#interest = new Int32Array(core.args.interest);
  }

  /** The state is as far as anybody has told: it can be read, and written here or through the leader. */
  becomeReady(replayed: number): void {
    const core = this.#core;
    if (!core.hasLeader || this.#isReady || !this.#hasBegun()) return;
    this.#isReady = true;
    const { shard } = core.args;
    core.context.log.info("shard ready", { shard, op: core.lastOp, replayed, phase: core.phase });
    for (const reader of [...core.args.projections, ...this.#gateways.keys()]) {
      const port = core.context.port(reader);
      if (port !== null) this.attach(port);
    }
    for (const envelope of this.#awaitingReady) core.context.reply(envelope, true);
    this.#awaitingReady.length = 0;
  }

  /**
   * A state that began empty answers nobody before it holds what was committed by then: a replica whose disk was lost knows of no stream and
   * no table, and would say that there are none.
   */
  #hasBegun(): boolean {
    const core = this.#core;
    if (!core.beganEmpty || !core.isFollowing) return true;
    if (this.#begunAt !== null) return core.positionNow().op >= this.#begunAt;
    if (this.#isAsking) return false;
    this.#isAsking = true;
    this.#askCommit((commit) => {
      this.#isAsking = false;
      this.#begunAt = commit;
      // It comes back here once all that it knows of is applied.
      core.context.after(commit === null ? askAgainMs : 0, { kind: "apply" });
    });
    return false;
  }

  awaitReady(envelope: Envelope): void {
    if (this.#isReady) this.#core.context.reply(envelope, true);
    else this.#awaitingReady.push(envelope);
  }

  /** A gateway wants to read rows itself. */
  admit(port: Port, owner: number): void {
    assert(owner > 0, "a reader is known by a number");
    this.#gateways.set(port.neighbour, owner);
    this.attach(port);
  }

  /** A client of another node wants a session of this one's to end what it runs. */
  cancel(message: CancelMessage): void {
    this.#tellGateways(message);
  }

  /** Another replica leads than before, or the one that does has lost sight of this node for a while. */
  leaderChanged(): void {
    this.#tellGateways({ kind: "leaderChanged" } satisfies LeaderChangedMessage);
  }

  #tellGateways(message: OutgoingMessage): void {
    const { context } = this.#core;
    for (const neighbour of this.#gateways.keys()) {
      const port = context.port(neighbour);
      if (port !== null) context.tell(port, message);
    }
  }

  /** A gateway that is gone may have ended while it was reading: what it has pinned is free. */
  left(neighbour: string): void {
    const owner = this.#gateways.get(neighbour);
    if (owner === undefined) return;
    this.#gateways.delete(neighbour);
    this.#core.store?.clearReadersOf(owner);
    assert(!this.#gateways.has(neighbour), "who is gone reads no more");
  }

  /** Tells who reads where the state and the tail of the log can be read. */
  attach(port: Port): void {
    const { tail, context, args } = this.#core;
    if (!this.#isReady || tail === null || this.#attached.has(port)) return;
    const { store } = this.#core.parts();
    this.#attached.add(port);
    const { directory } = args;
    context.tell(port, { kind: "attach", store: store.handle, tail: tail.handle, directory } satisfies AttachMessage);
  }

  /** Somebody waits for a newer version. */
  get isAwaited(): boolean {
    if (this.#readIndexes.length > 0) return true;
    for (let i = 0; i < this.#core.args.projections.length; i++) if (Atomics.load(this.#interest, i) !== 0) return true;
    return false;
  }

  /** A newer version is published. */
  published(): void {
    this.#wake();
    this.#answerReadIndexes();
  }

  /** Tells projections that wait for news, and only those: waking an idle thread costs 30 µs. */
  #wake(): void {
    const { args, context } = this.#core;
    const { projections } = args;
    for (let i = 0; i < projections.length; i++) {
      if (Atomics.load(this.#interest, i) === 0) continue;
      Atomics.store(this.#interest, i, 0);
      const port = context.port(projections[i]);
      if (port !== null) context.tell(port, { kind: "advanced" });
    }
  }

  /** A projection asks how new its snapshot has to be: the leader says what is committed, and this state has to have published that. */
  readIndex(envelope: Envelope): void {
    const core = this.#core;
    const told = (commit: number | null): void => {
      if (commit === null) {
        core.context.fail(envelope, notConfirmed());
        return;
      }
      this.#readIndexes.push({ envelope, commit });
      this.#answerReadIndexes();
      if (this.#readIndexes.length > 0) this.#hurry();
    };
    if (!this.#isReady) told(null);
    else if (core.isFollowing) this.#askCommit(told);
    else core.confirm(told);
  }

  #answerReadIndexes(): void {
    if (this.#readIndexes.length === 0) return;
    const { context } = this.#core;
    const { op } = this.#core.positionNow();
    const { store } = this.#core.parts();
    const waiting: ReadIndexWait[] = [];
    for (const wait of this.#readIndexes) {
      if (wait.commit <= op) context.reply(wait.envelope, store.publishedVersion);
      else waiting.push(wait);
    }
    this.#readIndexes = waiting;
  }

  /** Leadership has changed hands: what was asked is not known to be right any more. */
  refuseReadIndexes(): void {
    for (const { envelope } of this.#readIndexes) this.#core.context.fail(envelope, notConfirmed());
    this.#readIndexes = [];
  }
}
