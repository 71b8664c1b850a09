/**
 * Replicas of one shard in memory, with an ideal disk: what was reported as written is there after a crash, what was not may be or not. Network
 * and crashes are drawn from a seed. For tests of the core alone; the simulator runs the shipping storage as well.
 */
import { nodeProvider } from "../../runtime/crypto/node-provider.js";
import { headerBytes, type PrepareHeader, prepareOperations, readHeader } from "../../runtime/storage/frame.js";
import { type LogGeometry, nextSegmentStart, paddedBytes } from "../../runtime/storage/log-geometry.js";
import { type LogPosition, logBeginning, positionBehind } from "../../runtime/storage/log-position.js";
import type { RecoveredSlot } from "../../runtime/storage/recovered-log.js";
import { encodeSeal, type SegmentSeal, sealBytes } from "../../runtime/storage/seal-codec.js";
import type { Message, Prepare, SuffixHeader } from "../../runtime/vsr/messages.js";
import type { DurableState, Effect, Input, RecoveredLog } from "../../runtime/vsr/ports.js";
import { Random } from "../../runtime/vsr/random.js";
import { Replica } from "../../runtime/vsr/replica.js";
import { partBytes } from "../../runtime/vsr/segment-sync.js";

export const clusterId = new Uint8Array(16).fill(7);
export const geometry: LogGeometry = { segmentBytes: 1024 * 1024, bodyBytesMax: 256 * 1024 };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export interface Disk {
  state: DurableState;
  /** By address. */
  log: Map<number, Prepare>;
  /** Operations of which neither prepare nor header can be read any more. */
  lost: Set<number>;
}

type DiskEffect = Effect & { kind: "writePrepares" | "repair" | "truncate" | "writeState" | "installSegment" };

export class Member {
  replica: Replica | null = null;
  disk: Disk = { state: { view: 0, logView: 0, commitMax: 0, suffix: [] }, log: new Map(), lost: new Set() };
  queue: DiskEffect[] = [];
  delayed: { to: number; message: Message; after: Set<number> }[] = [];
  written = new Set<number>();
  leads: { view: number; head: LogPosition } | null = null;
  committed: LogPosition | null = null;
  confirmed: { token: number; isPrimary: boolean; commit: number }[] = [];
  halted: string | null = null;
  /** The newest release that its program knows. */
  release = 1;
  /** Its next prepare is an upgrade. */
  isUpgrading = false;
  /** µs by which its wall clock is ahead. */
  wallAhead = 0;
  /** By segment: what gathers of it. Lost at a crash. */
  readonly fetching = new Map<number, Uint8Array[]>();
  /** By segment: what is whole, as a file beside the log. */
  readonly images = new Map<number, Uint8Array>();
  /** What is to be told at the next millisecond. */
  inputs: Input[] = [];
}

interface Packet {
  at: number;
  from: number;
  to: number;
  message: Message;
}

export class Cluster {
  /** First those that vote, then the standbys. */
  readonly members: Member[];
  readonly voters: number;
  readonly random: Random;
  readonly packets: Packet[] = [];
  now = 0;
  loss = 0;
  /** Replicas that are heard, but what they give of the log never arrives. */
  readonly stingy = new Set<number>();
  /** Pairs that do not hear each other, as "from>to". */
  readonly cut = new Set<string>();
  /** op → identity as first committed anywhere. */
  readonly commits = new Map<number, string>();
  proposals = 0;
  #token = 0;

  /** @param standing `fresh`: as a new cluster starts, whose replicas have ids and do not know one another */
  constructor(count: number, seed: number, standing: "member" | "fresh" = "member", standbys = 0) {
    this.random = new Random(seed);
    this.voters = count;
    this.members = Array.from({ length: count + standbys }, () => new Member());
    if (standing === "fresh") {
      for (let index = 0; index < this.members.length; index++)
        this.format(index, index < count ? "fresh" : "member", 0);
    }
    for (let index = 0; index < count + standbys; index++) this.start(index);
  }

  start(index: number): void {
    const member = this.members[index];
    const voters = member.disk.state.replicaCount ?? this.voters;
    member.leads = null;
    member.replica = new Replica(
      {
        replica: index,
        replicaCount: voters,
        standbys: this.members.length - voters,
        clusterId,
        geometry,
        release: member.release,
        seed: this.random.next(),
      },
      member.disk.state,
      recover(member.disk),
    );
  }

  /** An empty disk with a new id. */
  format(index: number, standing: "member" | "fresh" | "replaced", view: number): void {
    const member = this.members[index];
    const members = Array.from({ length: Math.max(this.voters, index + 1) }, () => new Uint8Array(16));
    const own = members[index];
    // Nobody is asked for a standby's before it votes: that they have one changes nothing of what a seed draws.
    own.fill(standing === "member" ? 100 + index : 1 + this.random.below(255));
    new DataView(own.buffer).setUint32(0, view, false);
    member.disk = {
      state: { view, logView: 0, commitMax: 0, suffix: [], standing, members },
      log: new Map(),
      lost: new Set(),
    };
    member.committed = null;
    member.halted = null;
  }

  /** A standby that is down takes the place of one that votes and is down for ever, and keeps its log; an empty one stands by after it. */
  promote(standby: number, place: number, view: number): void {
    const [from, to] = [this.members[standby], this.members[place]];
    this.format(place, "replaced", view);
    const { members = [] } = to.disk.state;
    to.disk = { ...from.disk, state: { ...from.disk.state, standing: "replaced", view, members } };
    to.committed = from.committed;
    from.disk = { state: { view: 0, logView: 0, commitMax: 0, suffix: [] }, log: new Map(), lost: new Set() };
    from.committed = null;
  }

  /** What lies on a disk now. */
  snapshot(index: number): Disk {
    const { state, log, lost } = this.members[index].disk;
    return { state, log: new Map(log), lost: new Set(lost) };
  }

  /** Loses memory and a part of what was on its way to disk. */
  crash(index: number): void {
    const member = this.members[index];
    member.replica = null;
    const kept = this.random.below(member.queue.length + 1);
    for (const effect of member.queue.slice(0, kept)) this.#write(member, effect);
    member.queue = [];
    member.delayed = [];
    member.written.clear();
    member.leads = null;
    member.fetching.clear();
    member.inputs = [];
  }

  step(index: number, input: Input): void {
    const member = this.members[index];
    if (member.replica === null || member.halted !== null) return;
    const effects: Effect[] = [];
    member.replica.step(input, effects);
    for (const effect of effects) this.#carryOut(index, member, effect);
  }

  #carryOut(index: number, member: Member, effect: Effect): void {
    switch (effect.kind) {
      case "send": {
        const after = new Set(effect.after.filter((id) => !member.written.has(id)));
        if (after.size > 0) member.delayed.push({ to: effect.to, message: effect.message, after });
        else this.#send(index, effect.to, effect.message);
        return;
      }
      case "writePrepares":
      case "repair":
      case "truncate":
      case "writeState":
      case "installSegment":
        member.queue.push(effect);
        return;
      case "readSeals":
        this.step(index, {
          kind: "sealsRead",
          token: effect.token,
          segment: effect.segment,
          seals: sealsOf(member, effect.segment, effect.countMax),
        });
        return;
      case "readSegmentPart": {
        const image = segmentImage(member, effect.segment);
        const isSame = image !== null && hex(image.seal.contentHash) === hex(effect.contentHash);
        const bytes = isSame ? image.bytes.slice(effect.offset, effect.offset + effect.length) : null;
        this.step(index, { kind: "segmentPartRead", token: effect.token, bytes });
        return;
      }
      case "storePart":
        this.#storePart(member, effect);
        return;
      case "dropSegment":
        member.fetching.delete(effect.segment);
        return;
      case "readPrepare": {
        const prepare = member.disk.log.get(effect.header.address) ?? null;
        const isSame = prepare !== null && hex(prepare.header.identity) === hex(effect.header.identity);
        this.step(index, { kind: "prepareRead", token: effect.token, prepare: isSame ? prepare : null });
        return;
      }
      case "readRun":
        this.step(index, {
          kind: "runRead",
          token: effect.token,
          prepares: readRun(member.disk, effect.from, effect.untilOp),
        });
        return;
      case "committed":
        this.#committed(index, member, effect.position);
        return;
      case "lead":
        member.leads = { view: effect.view, head: effect.head };
        return;
      case "follow":
        member.leads = null;
        return;
      case "confirmed":
        member.confirmed.push(effect);
        return;
      case "upgrade":
        member.isUpgrading = true;
        return;
      case "configured":
        return;
      case "renewView":
        member.inputs.push({ kind: "abdicate" });
        return;
      case "halt":
        member.halted = effect.reason;
        if (effect.because !== "broken") return;
        throw new Error(`replica ${index} halted: ${effect.reason}`);
    }
  }

  #storePart(member: Member, { seal, offset, bytes }: Effect & { kind: "storePart" }): void {
    const { segment } = seal;
    const parts = member.fetching.get(segment) ?? [];
    member.fetching.set(segment, parts);
    parts[offset / partBytes] = bytes.slice();
    member.inputs.push({ kind: "partStored", segment, offset, isKept: true });
    const stored = parts.reduce((sum, part) => sum + part.length, 0);
    if (stored < seal.usedBytes) return;
    member.fetching.delete(segment);
    const whole = new Uint8Array(Buffer.concat(parts));
    if (hex(nodeProvider.sha256(whole, 0, whole.length)) !== hex(seal.contentHash)) {
      member.inputs.push({ kind: "partStored", segment, offset, isKept: false });
      return;
    }
    const { position, headers } = walkImage(whole, segment);
    member.inputs.push({ kind: "segmentFetched", fetched: { seal, position, headers } });
    member.images.set(segment, whole);
  }

  #committed(index: number, member: Member, position: LogPosition): void {
    const from = member.committed?.op ?? 0;
    for (const prepare of member.disk.log.values()) {
      const { op } = prepare.header;
      if (op > position.op || op <= from) continue;
      const identity = hex(prepare.header.identity);
      const known = this.commits.get(op);
      if (known !== undefined && known !== identity)
        throw new Error(`op ${op} is committed twice, at replica ${index}`);
      this.commits.set(op, identity);
    }
    if (position.op > from) member.committed = position;
  }

  #send(from: number, to: number, message: Message): void {
    if (this.loss > 0 && this.random.below(100) < this.loss) return;
    if (this.cut.has(`${from}>${to}`)) return;
    if (this.stingy.has(from) && ["run", "seals", "segmentPart"].includes(message.kind)) return;
    this.packets.push({ at: this.now + 1 + this.random.below(30), from, to, message: clone(message) });
  }

  #write(member: Member, effect: DiskEffect): void {
    const { disk } = member;
    if (effect.kind === "writeState") {
      disk.state = effect.state;
      return;
    }
    if (effect.kind === "truncate") {
      for (const address of disk.log.keys()) if (address >= effect.before.address) disk.log.delete(address);
      return;
    }
    if (effect.kind === "installSegment") {
      const { segment } = effect.fetched.seal;
      const image = member.images.get(segment);
      if (image === undefined) throw new Error("a segment is installed that was not fetched");
      const { prepares } = walkImage(image, segment);
      const end = effect.fetched.position.address;
      for (const [address, { header }] of disk.log) {
        const isGap = header.op > effect.fetched.seal.firstOp - 1;
        if (address < end && (address >= segment * geometry.segmentBytes || isGap)) disk.log.delete(address);
      }
      for (const prepare of prepares) disk.log.set(prepare.header.address, prepare);
      return;
    }
    const prepares = effect.kind === "repair" ? [effect.prepare] : effect.prepares;
    for (const prepare of prepares) {
      if (effect.kind === "writePrepares") {
        for (const address of disk.log.keys()) {
          if (address >= prepare.header.address) throw new Error("a write lands on bytes that were not truncated");
        }
      }
      disk.log.set(prepare.header.address, { header: prepare.header, frame: prepare.frame.slice() });
      disk.lost.delete(prepare.header.op);
    }
  }

  /** Takes prepares from the disk of a replica that is down, with everything that named them. */
  damage(index: number, isLost: (op: number) => boolean): void {
    const { disk } = this.members[index];
    for (const [address, { header }] of [...disk.log]) {
      if (!isLost(header.op)) continue;
      disk.log.delete(address);
      disk.lost.add(header.op);
    }
  }

  /** One millisecond: disks, network, every tenth a tick. */
  advance(): void {
    this.now += 1;
    for (let index = 0; index < this.members.length; index++) {
      const member = this.members[index];
      if (member.replica === null) continue;
      for (const input of member.inputs.splice(0)) this.step(index, input);
      const effect = this.random.below(3) > 0 ? member.queue.shift() : undefined;
      if (effect !== undefined) {
        this.#write(member, effect);
        member.written.add(effect.id);
        for (const delayed of [...member.delayed]) {
          delayed.after.delete(effect.id);
          if (delayed.after.size > 0) continue;
          member.delayed.splice(member.delayed.indexOf(delayed), 1);
          this.#send(index, delayed.to, delayed.message);
        }
        this.step(index, { kind: "written", id: effect.id });
      }
    }
    const due = this.packets.filter((packet) => packet.at <= this.now);
    for (const packet of due) {
      this.packets.splice(this.packets.indexOf(packet), 1);
      this.step(packet.to, { kind: "message", from: packet.from, message: packet.message });
    }
    if (this.now % 10 !== 0) return;
    for (let index = 0; index < this.members.length; index++) {
      const wall = this.now * 1000 + (this.members[index]?.wallAhead ?? 0);
      this.step(index, { kind: "tick", monotonic: this.now * 1000, wall });
    }
  }

  run(milliseconds: number): void {
    for (let elapsed = 0; elapsed < milliseconds; elapsed++) this.advance();
  }

  get primary(): number {
    return this.members.findIndex(({ replica }) => replica?.inspect().isPrimary === true);
  }

  /** Proposes one prepare at a replica that believes it leads. False when it does not, or has enough under way. */
  propose(index: number, voters = 0): boolean {
    const member = this.members[index];
    const at = member.replica?.inspect();
    if (member.leads === null || at === undefined || !at.isPrimary || at.op - at.commit >= 8) return false;
    const head = member.leads.head;
    const bodyBytes = 16 + this.random.below(6000);
    const frame = new Uint8Array(headerBytes + bodyBytes);
    for (let byte = headerBytes; byte < frame.length; byte += 97) frame[byte] = this.random.below(256);
    const padded = paddedBytes(bodyBytes);
    const next = nextSegmentStart(geometry, head.address);
    const address = head.address + padded > next ? next : head.address;
    this.proposals += 1;
    const before = at.op;
    const ordinary = member.isUpgrading ? prepareOperations.upgrade : prepareOperations.commands;
    this.step(index, {
      kind: "propose",
      view: member.leads.view,
      op: head.op + 1,
      frame,
      address,
      recordCount: 1,
      timestamp: head.timestamp + 1,
      ...(voters === 0 ? { operation: ordinary } : { operation: prepareOperations.reconfiguration, voters }),
    });
    member.isUpgrading &&= voters > 0;
    if (member.leads === null || member.replica?.inspect().op === before) return false;
    const reading = readHeader(frame, new DataView(frame.buffer), 0, clusterId);
    if (reading.kind !== "prepare") throw new Error("a proposed prepare has no header");
    member.leads.head = positionBehind(reading.header);
    return true;
  }

  confirm(index: number): number {
    this.#token += 1;
    this.step(index, { kind: "confirm", token: this.#token });
    return this.#token;
  }
}

interface SegmentImage {
  readonly seal: SegmentSeal;
  readonly bytes: Uint8Array;
}

/** A complete, committed segment as the bytes of its file; null for one that is not. */
function segmentImage({ disk, committed }: Member, segment: number): SegmentImage | null {
  const [start, end] = [segment * geometry.segmentBytes, (segment + 1) * geometry.segmentBytes];
  if (committed === null || committed.address <= end) return null;
  const prepares = [...disk.log.values()].filter(({ header }) => header.address >= start && header.address < end);
  prepares.sort((left, right) => left.header.op - right.header.op);
  const [first, last] = [prepares[0], prepares.at(-1)];
  if (first === undefined || last === undefined) return null;
  // One that was damaged fits no seal.
  if (last.header.op - first.header.op + 1 !== prepares.length) return null;
  const bytes = new Uint8Array(positionBehind(last.header).address - start);
  for (const { header, frame } of prepares) bytes.set(frame, header.address - start);
  const seal: SegmentSeal = {
    segment,
    usedBytes: bytes.length,
    clusterId,
    records: prepares.length,
    firstOp: first.header.op,
    lastOp: last.header.op,
    firstTimestamp: first.header.timestamp,
    lastTimestamp: last.header.timestamp,
    firstIdentity: first.header.identity,
    lastIdentity: last.header.identity,
    firstParent: first.header.parent,
    contentHash: nodeProvider.sha256(bytes, 0, bytes.length),
  };
  return { seal, bytes };
}

function sealsOf(member: Member, segment: number, countMax: number): Uint8Array[] {
  const seals: Uint8Array[] = [];
  for (let at = segment; seals.length < countMax; at++) {
    const image = segmentImage(member, at);
    if (image === null) break;
    seals.push(encodeSeal(geometry, image.seal).slice(0, sealBytes));
  }
  return seals;
}

function walkImage(bytes: Uint8Array, segment: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const prepares: Prepare[] = [];
  for (let at = 0; at < bytes.length; ) {
    const reading = readHeader(bytes, view, at, clusterId);
    if (reading.kind !== "prepare" || reading.header.address !== segment * geometry.segmentBytes + at) {
      throw new Error(`segment ${segment} holds no prepare at ${at}`);
    }
    const { header } = reading;
    prepares.push({ header, frame: bytes.slice(at, at + headerBytes + header.bodyBytes) });
    at += paddedBytes(header.bodyBytes);
  }
  const last = prepares.at(-1);
  if (last === undefined) throw new Error("a segment holds prepares");
  const headers = prepares.map(({ header, frame }) => ({ header, headerBytes: frame.slice(0, headerBytes) }));
  return { prepares, position: positionBehind(last.header), headers };
}

function clone(message: Message): Message {
  return structuredClone(message);
}

export function readRun(disk: Disk, from: LogPosition, untilOp: number): Prepare[] {
  const run: Prepare[] = [];
  let { address, parent, op } = from;
  while (op < untilOp && run.length < 16) {
    const found = disk.log.get(address) ?? disk.log.get(nextSegmentStart(geometry, address));
    if (found === undefined || found.header.op !== op + 1 || hex(found.header.parent) !== hex(parent)) break;
    run.push(found);
    op += 1;
    parent = found.header.identity;
    address = positionBehind(found.header).address;
  }
  return run;
}

export function recover(disk: Disk): RecoveredLog {
  let sound = logBeginning(clusterId);
  const headers: SuffixHeader[] = [];
  let commit = 0;
  for (;;) {
    const found: Prepare | undefined =
      disk.log.get(sound.address) ?? disk.log.get(nextSegmentStart(geometry, sound.address));
    const header: PrepareHeader | undefined = found?.header;
    if (found === undefined || header === undefined || header.op !== sound.op + 1) break;
    if (hex(header.parent) !== hex(sound.parent)) break;
    headers.push({ header, headerBytes: found.frame.slice(0, headerBytes) });
    sound = positionBehind(header);
    commit = Math.max(commit, header.commit);
  }
  let end = sound.address;
  for (const prepare of disk.log.values()) end = Math.max(end, positionBehind(prepare.header).address);
  const beyond: RecoveredSlot[] = [];
  if (disk.lost.has(sound.op + 1)) {
    const behind = [...disk.log.values()].filter(({ header }) => header.op > sound.op);
    const last = Math.max(...behind.map(({ header }) => header.op), ...disk.lost);
    for (let op = sound.op + 1; op <= last; op++) {
      const kept = behind.find(({ header }) => header.op === op);
      const bytes = kept?.frame.slice(0, headerBytes) ?? null;
      beyond.push({ op, state: kept ? "sound" : "faulty", header: kept?.header ?? null, headerBytes: bytes });
    }
  }
  const headIsCertain = beyond.at(-1)?.state !== "faulty";
  return { from: logBeginning(clusterId), sound, headers: headers.slice(-1024), beyond, headIsCertain, commit, end };
}
