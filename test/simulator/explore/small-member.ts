/**
 * One of three cores of the shipping protocol with an ideal disk: what it writes is on that disk once the write is reported, and a crash takes
 * what was not. Everything that can happen to it is one `Happening`; what others can notice of that is its outcome.
 *
 * It runs on a copy of the core in which private fields have ordinary names (`explore.ts`), for what decides nothing and would tell states apart
 * all the same: numbers of writes are given anew once they are reported, its clock stands still, and lots are drawn the same each time.
 */
import { headerBytes, readHeader } from "../../../runtime/storage/frame.js";
import { nextSegmentStart, paddedBytes } from "../../../runtime/storage/log-geometry.js";
import { type LogPosition, positionBehind } from "../../../runtime/storage/log-position.js";
import type { Message } from "../../../runtime/vsr/messages.js";
import type { Effect, Input } from "../../../runtime/vsr/ports.js";
import { Replica } from "../../../runtime/vsr/replica.js";
import { clusterId, type Disk, geometry, readRun, recover } from "../../vsr/cluster.js";
import { digest } from "./digest.js";

export const replicas = 3;
const bodyBytes = 16;

export interface Letter {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly message: Message;
}

export type Happening =
  | { readonly kind: "deliver"; readonly letter: Letter }
  /** The oldest write is on the disk, and reported. */
  | { readonly kind: "disk" }
  | { readonly kind: "propose"; readonly number: number }
  /** It misses the primary, or as the primary gives up its view. */
  | { readonly kind: "timer" }
  /** It ends and starts again, with its newest entry damaged or not. */
  | { readonly kind: "crash"; readonly damages: boolean };

type DiskEffect = Effect & { readonly kind: "writePrepares" | "repair" | "truncate" | "writeState" };

interface OpenedReplica {
  readonly __core: {
    random: { next: () => number; below: (bound: number) => number };
    effects: Effect[];
    ticks: number;
    __lastId: number;
    __lastToken: number;
    __stateWrite: number;
    readonly view: number;
    readonly logView: number;
    readonly journal: { readonly __writes: { readonly __underWay: { id: number; op: number }[] } };
  };
  readonly __acquaintance: { readonly __hasAnswered: boolean[] };
  readonly __viewChange: {
    readonly __doubts: number[];
    readonly __votes: { clear(): void };
    __enteredAt: number;
    __votedAt: number;
    __askedViewAt: number;
    __completed: { op: number; at: number };
  };
  readonly __normal: { readonly __resentAt: number[]; __gapToldAt: number; __heartbeatAt: number };
  readonly __repair: {
    readonly __readers: ReadonlyMap<number, number>;
    readonly __heardAt: number[];
    readonly __owesSince: number[];
    __runAskedAt: number;
    __preparesAskedAt: number;
  };
}

/** Acquaintance and what answers heartbeats change nothing that a vote or an acknowledgement does not: they are lost here. */
const unheard = new Set<Message["kind"]>(["ping", "pong", "commitOk"]);
const tickMicros = 10_000;
/** When the clock stops, in ticks of the core: later than its warm-up, and before anything but a view timer is due. */
const stillTicks = 30;
const longAgo = -1_000;
const never = -1;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export class SmallMember {
  readonly #index: number;
  replica: Replica;
  disk: Disk = { state: { view: 0, logView: 0, commitMax: 0, suffix: [] }, log: new Map(), lost: new Set() };
  queue: DiskEffect[] = [];
  /** By key: what is sent once the write of that number is on the disk. */
  waiting = new Map<string, { readonly letter: Letter; readonly until: number }>();
  leads: { readonly view: number; head: LogPosition } | null = null;
  /** Identities of what it has seen committed, by operation; a crash does not undo that. */
  commits = new Map<number, string>();
  #isWarm = false;
  #sent: Letter[] = [];
  readonly #isPrompt: boolean;

  /** @param isPrompt whether its disk writes at once, so that nothing happens in between */
  constructor(index: number, isPrompt: boolean) {
    this.#index = index;
    this.#isPrompt = isPrompt;
    this.replica = this.#core();
  }

  get #opened(): OpenedReplica {
    return this.replica as unknown as OpenedReplica;
  }

  #core(): Replica {
    const config = { replica: this.#index, replicaCount: replicas, clusterId, geometry, release: 1, seed: 7 };
    return new Replica(config, this.disk.state, recover(this.disk));
  }

  /** From now on time stands still, and nothing is left to chance. */
  warm(): void {
    this.#isWarm = true;
    this.#standStill();
  }

  #standStill(): void {
    this.#opened.__core.random = { next: () => 1, below: () => 0 };
    this.#opened.__core.ticks = stillTicks;
    // What the others would answer to its first pings.
    this.#opened.__acquaintance.__hasAnswered.fill(true);
  }

  /** What it sends, once what that must follow is written. */
  happen(happening: Happening): Letter[] {
    this.#sent = [];
    switch (happening.kind) {
      case "deliver":
        this.#step({ kind: "message", from: happening.letter.from, message: happening.letter.message });
        break;
      case "disk":
        this.#finishWrite();
        break;
      case "propose":
        this.#propose(happening.number);
        break;
      case "timer":
        this.#timer();
        break;
      case "crash":
        this.#crash(happening.damages);
        break;
    }
    while (this.#isPrompt && this.queue.length > 0) this.#finishWrite();
    if (this.#isWarm) this.#normalise();
    return this.#sent;
  }

  /** 10 ms pass, on the way to a world that is warm. */
  pass(): Letter[] {
    this.#sent = [];
    this.#tick();
    return this.#sent;
  }

  #tick(): void {
    const { __core: core } = this.#opened;
    if (this.#isWarm) core.ticks -= 1;
    const micros = core.ticks * tickMicros;
    this.#step({ kind: "tick", monotonic: micros, wall: micros });
  }

  /** Two members with the same digest go on in the same ways. */
  get digest(): string {
    const { replica, disk, queue, waiting, leads, commits } = this;
    const letters = [...waiting.values()].map(({ letter, until }) => `${letter.key} ${until}`).sort();
    return digest([replica, disk, queue, letters, leads, commits]);
  }

  /**
   * Of the moments that it knows only those matter that are of another kind than now: heard or never, doubted or not. What is repeated after a
   * while may be repeated.
   */
  #forgetMoments(): void {
    const { __repair: repair, __viewChange: viewChange, __normal: normal } = this.#opened;
    const [heard, doubts] = [repair.__heardAt, viewChange.__doubts];
    for (const [peer, at] of heard.entries()) if (at >= 0) heard[peer] = stillTicks;
    for (const [peer, at] of doubts.entries()) if (at >= 0) doubts[peer] = stillTicks;
    repair.__owesSince.fill(never);
    repair.__runAskedAt = longAgo;
    repair.__preparesAskedAt = longAgo;
    viewChange.__enteredAt = stillTicks;
    viewChange.__votedAt = longAgo;
    viewChange.__askedViewAt = longAgo;
    viewChange.__completed = { op: 0, at: stillTicks };
    normal.__resentAt.fill(longAgo);
    normal.__gapToldAt = longAgo;
    normal.__heartbeatAt = longAgo;
  }

  /** Numbers of writes and readings decide nothing but which answer belongs to which. */
  #normalise(): void {
    this.#forgetMoments();
    const { __core: core, __repair: repair } = this.#opened;
    if (repair.__readers.size > 0) throw new Error("what is read for others is read at once here");
    core.__lastToken = 0;
    core.effects = [];
    // What a view began with is of no use once its log is known.
    if (core.logView === core.view) this.#opened.__viewChange.__votes.clear();
    const number = new Map(this.queue.map(({ id }, index) => [id, index + 1]));
    const renamed = (id: number): number => number.get(id) ?? 0;
    this.queue = this.queue.map((effect) => ({ ...effect, id: renamed(effect.id) }));
    for (const [key, { letter, until }] of this.waiting) this.waiting.set(key, { letter, until: renamed(until) });
    core.__stateWrite = renamed(core.__stateWrite);
    const underWay = core.journal.__writes.__underWay;
    for (const [index, { id, op }] of underWay.entries()) underWay[index] = { id: renamed(id), op };
    core.__lastId = this.queue.length;
  }

  #step(input: Input): void {
    const effects: Effect[] = [];
    this.replica.step(input, effects);
    for (const effect of effects) this.#carryOut(effect);
  }

  #timer(): void {
    const { isPrimary, primary } = this.replica.inspect();
    // For one that waits for the next view to begin.
    this.#opened.__viewChange.__enteredAt = longAgo;
    this.#step(isPrimary ? { kind: "abdicate" } : { kind: "disconnected", peer: primary });
    this.#tick();
  }

  #crash(damages: boolean): void {
    const { disk } = this;
    this.queue = [];
    this.waiting.clear();
    this.leads = null;
    if (damages) {
      const newest = Math.max(0, ...[...disk.log.values()].map(({ header }) => header.op));
      for (const [address, { header }] of disk.log) if (header.op === newest) disk.log.delete(address);
      disk.lost.add(newest);
    }
    this.replica = this.#core();
    this.#standStill();
    this.#tick();
  }

  #propose(number: number): void {
    const { leads } = this;
    if (leads === null) throw new Error("who does not lead proposes nothing");
    const frame = new Uint8Array(headerBytes + bodyBytes).fill(0x41 + number, headerBytes);
    const { head } = leads;
    const next = nextSegmentStart(geometry, head.address);
    const address = head.address + paddedBytes(bodyBytes) > next ? next : head.address;
    const [op, timestamp] = [head.op + 1, head.timestamp + 1];
    this.#step({ kind: "propose", view: leads.view, op, frame, address, recordCount: 1, timestamp });
    const reading = readHeader(frame, new DataView(frame.buffer), 0, clusterId);
    if (reading.kind === "prepare" && this.leads !== null) {
      this.leads = { view: leads.view, head: positionBehind(reading.header) };
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "send": {
        const { to, message } = effect;
        if (unheard.has(message.kind) && this.#isWarm) return;
        const letter = {
          key: `${this.#index}>${to} ${message.kind} ${digest(message)}`,
          from: this.#index,
          to,
          message,
        };
        // Writes end in the order in which they began.
        const last = this.queue.findLast(({ id }) => effect.after.includes(id));
        if (last === undefined) this.#sent.push(letter);
        else if (!this.waiting.has(letter.key)) this.waiting.set(letter.key, { letter, until: last.id });
        return;
      }
      case "writePrepares":
      case "repair":
      case "truncate":
      case "writeState":
        this.queue.push(effect);
        return;
      case "readPrepare": {
        const found = this.disk.log.get(effect.header.address) ?? null;
        const isSame = found !== null && hex(found.header.identity) === hex(effect.header.identity);
        this.#step({ kind: "prepareRead", token: effect.token, prepare: isSame ? found : null });
        return;
      }
      case "readRun":
        this.#step({
          kind: "runRead",
          token: effect.token,
          prepares: readRun(this.disk, effect.from, effect.untilOp),
        });
        return;
      case "committed":
        this.#committed(effect.position);
        return;
      case "lead":
        this.leads = { view: effect.view, head: effect.head };
        return;
      case "follow":
        this.leads = null;
        return;
      case "halt":
        throw new Error(`replica ${this.#index} stops: ${effect.reason}`);
      default:
        return;
    }
  }

  #finishWrite(): void {
    const effect = this.queue.shift();
    if (effect === undefined) throw new Error("a disk with nothing to write finishes nothing");
    this.#write(effect);
    for (const [key, { letter, until }] of this.waiting) {
      if (until !== effect.id) continue;
      this.waiting.delete(key);
      this.#sent.push(letter);
    }
    this.#step({ kind: "written", id: effect.id });
  }

  #write(effect: DiskEffect): void {
    const { disk } = this;
    if (effect.kind === "writeState") {
      disk.state = effect.state;
      return;
    }
    if (effect.kind === "truncate") {
      for (const [address, { header }] of disk.log)
        if (address >= effect.before.address) {
          disk.log.delete(address);
          disk.lost.delete(header.op);
        }
      for (const op of [...disk.lost]) if (op > effect.before.op) disk.lost.delete(op);
      return;
    }
    for (const prepare of effect.kind === "repair" ? [effect.prepare] : effect.prepares) {
      disk.log.set(prepare.header.address, prepare);
      disk.lost.delete(prepare.header.op);
    }
  }

  #committed(position: LogPosition): void {
    const byOp = new Map([...this.disk.log.values()].map(({ header }) => [header.op, hex(header.identity)]));
    for (let op = 1; op <= position.op; op++) {
      const here = op === position.op ? hex(position.parent) : byOp.get(op);
      if (here === undefined) continue;
      const known = this.commits.get(op);
      if (known !== undefined && known !== here) throw new Error(`op ${op} is committed twice, as different prepares`);
      this.commits.set(op, here);
    }
  }
}
