/**
 * Three cores of the shipping protocol with ideal disks, in which one thing happens at a time and every order is possible: a message
 * arrives (or never does), a disk finishes a write, a client proposes, a view timer fires, a replica crashes, with or without damage to
 * its newest entry. What a replica writes is on its disk once the write is reported; a crash takes what was not.
 */
import { headerBytes, readHeader } from "../../../runtime/storage/frame.js";
import { nextSegmentStart, paddedBytes } from "../../../runtime/storage/log-geometry.js";
import { type LogPosition, positionBehind } from "../../../runtime/storage/log-position.js";
import type { Message } from "../../../runtime/vsr/messages.js";
import type { Effect, Input } from "../../../runtime/vsr/ports.js";
import { Replica } from "../../../runtime/vsr/replica.js";
import { clusterId, type Disk, geometry, readRun, recover } from "../../vsr/cluster.js";
import { digest } from "./digest.js";

export interface Scope {
  readonly name: string;
  readonly ops: number;
  readonly timers: number;
  readonly crashes: number;
  /** Of the crashes, how many find the newest entry of the disk damaged. */
  readonly damages: number;
}

export type Choice =
  | { readonly kind: "deliver"; readonly message: string }
  | { readonly kind: "disk"; readonly replica: number }
  | { readonly kind: "propose"; readonly replica: number }
  | { readonly kind: "timer"; readonly replica: number }
  | { readonly kind: "crash"; readonly replica: number; readonly damages: boolean };

type DiskEffect = Effect & { readonly kind: "writePrepares" | "repair" | "truncate" | "writeState" };

interface Letter {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly message: Message;
}

interface Member {
  replica: Replica;
  disk: Disk;
  queue: DiskEffect[];
  waiting: { readonly letter: Letter; readonly after: Set<number> }[];
  leads: { readonly view: number; head: LogPosition } | null;
  ticks: number;
}

export const replicas = 3;
const replication = 2;
const bodyBytes = 16;
/** Acquaintance and heartbeats change nothing that a vote or an acknowledgement does not: they are lost here. */
const unheard = new Set<Message["kind"]>(["ping", "pong", "commitOk"]);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export class SmallWorld {
  readonly scope: Scope;
  readonly members: Member[] = [];
  letters: Letter[] = [];
  readonly commits = new Map<number, string>();
  #isWarm = false;
  #ops = 0;
  #timers = 0;
  #crashes = 0;
  #damages = 0;

  constructor(scope: Scope) {
    this.scope = scope;
    for (let index = 0; index < replicas; index++) {
      const disk: Disk = {
        state: { view: 0, logView: 0, commitMax: 0, suffix: [] },
        log: new Map(),
        lost: new Set(),
      };
      this.members.push({ replica: this.#core(index, disk), disk, queue: [], waiting: [], leads: null, ticks: 0 });
    }
    this.#warmUp();
  }

  #core(index: number, disk: Disk): Replica {
    const config = { replica: index, replicaCount: replicas, clusterId, geometry, release: 1, seed: 7 + index };
    return new Replica(config, disk.state, recover(disk));
  }

  #member(index: number): Member {
    const member = this.members[index];
    if (member === undefined) throw new Error(`there is no replica ${index}`);
    return member;
  }

  /** Until somebody leads view 1 and nothing is under way: the first view of every cluster, in one order. */
  #warmUp(): void {
    for (let round = 0; round < 400; round++) {
      for (let index = 0; index < replicas; index++) {
        this.#tick(index);
        while (this.#member(index).queue.length > 0) this.#disk(index);
      }
      for (const letter of this.letters.splice(0)) this.#deliver(letter);
      const leads = this.members.some(({ leads }) => leads !== null);
      const inView = this.members.every(
        ({ replica }) => replica.inspect().view === 1 && replica.inspect().status === "normal",
      );
      if (leads && inView && this.members.every(({ queue }) => queue.length === 0)) break;
    }
    this.letters = [];
    this.#isWarm = true;
    if (this.#leader() < 0) throw new Error("a small cluster begins with a primary");
  }

  #leader(): number {
    return this.members.findIndex(({ leads }) => leads !== null);
  }

  // ------------------------------------------------------------------ choices

  choices(): Choice[] {
    const { scope } = this;
    const found: Choice[] = [];
    for (const { key } of this.letters) found.push({ kind: "deliver", message: key });
    for (let replica = 0; replica < replicas; replica++) {
      const member = this.#member(replica);
      if (member.queue.length > 0) found.push({ kind: "disk", replica });
      if (member.leads !== null && this.#ops < scope.ops && member.queue.length === 0)
        found.push({ kind: "propose", replica });
      if (this.#timers < scope.timers) found.push({ kind: "timer", replica });
      if (this.#crashes < scope.crashes) found.push({ kind: "crash", replica, damages: false });
      if (this.#crashes < scope.crashes && this.#damages < scope.damages && member.disk.log.size > 0)
        found.push({ kind: "crash", replica, damages: true });
    }
    return found;
  }

  apply(choice: Choice): void {
    switch (choice.kind) {
      case "deliver": {
        const index = this.letters.findIndex(({ key }) => key === choice.message);
        const [letter] = this.letters.splice(index, 1);
        if (index >= 0 && letter !== undefined) this.#deliver(letter);
        return;
      }
      case "disk":
        this.#disk(choice.replica);
        return;
      case "propose":
        this.#ops += 1;
        this.#propose(choice.replica);
        return;
      case "timer":
        this.#timers += 1;
        this.#timer(choice.replica);
        return;
      case "crash":
        this.#crashes += 1;
        if (choice.damages) this.#damages += 1;
        this.#crash(choice.replica, choice.damages);
        return;
    }
  }

  /** Two worlds with the same key go on in the same ways. */
  key(): string {
    const disks = this.members.map(({ disk }) => [
      disk.state,
      [...disk.log.values()].map(({ header }) => header.identity),
      [...disk.lost],
    ]);
    const queues = this.members.map(({ queue, waiting, leads }) => [
      queue.map(({ kind, id }) => `${kind}${id}`),
      waiting.map(({ letter, after }) => [letter.key, [...after]]),
      leads,
    ]);
    const letters = this.letters.map(({ key }) => key).sort();
    const budget = [this.#ops, this.#timers, this.#crashes, this.#damages];
    return digest(
      this.members.map(({ replica }) => replica),
      disks,
      queues,
      letters,
      budget,
    );
  }

  // ------------------------------------------------------------------ what happens

  #step(index: number, input: Input): void {
    const effects: Effect[] = [];
    const member = this.#member(index);
    member.replica.step(input, effects);
    for (const effect of effects) this.#carryOut(index, member, effect);
  }

  #deliver({ from, to, message }: Letter): void {
    this.#step(to, { kind: "message", from, message });
  }

  #tick(index: number): void {
    const member = this.#member(index);
    member.ticks += 1;
    this.#step(index, { kind: "tick", monotonic: member.ticks * 10_000, wall: member.ticks * 10_000 });
  }

  #timer(index: number): void {
    const { isPrimary, primary } = this.#member(index).replica.inspect();
    if (isPrimary) this.#step(index, { kind: "abdicate" });
    else this.#step(index, { kind: "disconnected", peer: primary });
    this.#tick(index);
  }

  #crash(index: number, damages: boolean): void {
    const member = this.#member(index);
    member.queue = [];
    member.waiting = [];
    member.leads = null;
    if (damages) {
      const newest = [...member.disk.log.values()].reduce((op, { header }) => Math.max(op, header.op), 0);
      const entry = [...member.disk.log].find(([, { header }]) => header.op === newest);
      if (entry !== undefined) member.disk.log.delete(entry[0]);
      member.disk.lost.add(newest);
    }
    member.replica = this.#core(index, member.disk);
    member.ticks = 0;
    this.#tick(index);
  }

  #propose(index: number): void {
    const member = this.#member(index);
    const { leads } = member;
    if (leads === null) return;
    const frame = new Uint8Array(headerBytes + bodyBytes).fill(0x41 + this.#ops, headerBytes);
    const { head } = leads;
    const next = nextSegmentStart(geometry, head.address);
    const address = head.address + paddedBytes(bodyBytes) > next ? next : head.address;
    this.#step(index, {
      kind: "propose",
      view: leads.view,
      op: head.op + 1,
      frame,
      address,
      recordCount: 1,
      timestamp: head.timestamp + 1,
    });
    const reading = readHeader(frame, new DataView(frame.buffer), 0, clusterId);
    if (reading.kind === "prepare" && member.leads !== null) member.leads.head = positionBehind(reading.header);
  }

  #carryOut(index: number, member: Member, effect: Effect): void {
    switch (effect.kind) {
      case "send": {
        if (unheard.has(effect.message.kind) && this.#isWarm) return;
        const { to, message } = effect;
        const letter = { key: `${index}>${to} ${message.kind} ${digest(message)}`, from: index, to, message };
        const pending = new Set(member.queue.map(({ id }) => id));
        const after = new Set(effect.after.filter((id) => pending.has(id)));
        if (after.size > 0) member.waiting.push({ letter, after });
        else this.#post(letter);
        return;
      }
      case "writePrepares":
      case "repair":
      case "truncate":
      case "writeState":
        member.queue.push(effect);
        return;
      case "readPrepare": {
        const found = member.disk.log.get(effect.header.address) ?? null;
        const isSame = found !== null && hex(found.header.identity) === hex(effect.header.identity);
        this.#step(index, { kind: "prepareRead", token: effect.token, prepare: isSame ? found : null });
        return;
      }
      case "readRun": {
        const prepares = readRun(member.disk, effect.from, effect.untilOp);
        this.#step(index, { kind: "runRead", token: effect.token, prepares });
        return;
      }
      case "committed":
        this.#committed(index, effect.position);
        return;
      case "lead":
        member.leads = { view: effect.view, head: effect.head };
        return;
      case "follow":
        member.leads = null;
        return;
      case "halt":
        throw new Error(`replica ${index} stops: ${effect.reason}`);
      default:
        return;
    }
  }

  /** The network is a set: a message that is under way is not under way twice. */
  #post(letter: Letter): void {
    if (!this.letters.some(({ key }) => key === letter.key)) this.letters.push(letter);
  }

  #disk(index: number): void {
    const member = this.#member(index);
    const effect = member.queue.shift();
    if (effect === undefined) return;
    this.#write(member.disk, effect);
    for (const waiting of [...member.waiting]) {
      waiting.after.delete(effect.id);
      if (waiting.after.size > 0) continue;
      member.waiting.splice(member.waiting.indexOf(waiting), 1);
      this.#post(waiting.letter);
    }
    this.#step(index, { kind: "written", id: effect.id });
  }

  #write(disk: Disk, effect: DiskEffect): void {
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

  // ------------------------------------------------------------------ what must hold

  #committed(index: number, position: LogPosition): void {
    const byOp = new Map(
      [...this.#member(index).disk.log.values()].map(({ header }) => [header.op, hex(header.identity)]),
    );
    for (let op = 1; op <= position.op; op++) {
      const here = op === position.op ? hex(position.parent) : byOp.get(op);
      if (here === undefined) continue;
      const known = this.commits.get(op);
      if (known !== undefined && known !== here) throw new Error(`op ${op} is committed twice, as different prepares`);
      this.commits.set(op, here);
    }
  }

  /** Everything committed lies on a replication quorum of disks, damaged copies included. */
  check(): void {
    for (const [op, identity] of this.commits) {
      const copies = this.members.filter(
        ({ disk }) =>
          disk.lost.has(op) ||
          [...disk.log.values()].some(({ header }) => header.op === op && hex(header.identity) === identity),
      ).length;
      if (copies < replication) throw new Error(`op ${op} is committed and lies on ${copies} disks`);
    }
  }
}

/** A path as a person reads it. */
export const pathText = (path: readonly Choice[]): string =>
  path
    .map((choice) =>
      choice.kind === "deliver" ? choice.message.split(" ").slice(0, 2).join(" ") : `${choice.kind} ${choice.replica}`,
    )
    .join(", ");
