/**
 * The two questions that recovery asks of an op: what does its slot of the header ring say, and what lies where the op must begin.
 *
 * With several replicas a third party has a say: the superblock names the log's end as of its `logView`. A header of an older view
 * behind that end was discarded by the decision that stored it, whether or not the truncation that followed was finished. Such a
 * header names nothing: in the ring it counts as `reserved`, in the log as `bad`.
 */
import { sectorBytes } from "../types/limits.js";
import { headerBytes, identityBytes, type PrepareHeader, sameBytes } from "./frame.js";
import type { HeaderRing, SlotReading } from "./header-ring.js";
import { nextSegmentStart, paddedBytes, segmentOf } from "./log-geometry.js";
import type { LogPosition } from "./log-position.js";
import { inspectPrepare, type LogWindow, type PrepareFinding } from "./log-window.js";
import { mark } from "./marks.js";
import type { NamedHeader } from "./prepare.js";
import type { LogState, RingState } from "./recovery-table.js";

/** What was prepared before `view` and lies behind `op` was discarded. */
export interface Discarded {
  readonly op: number;
  readonly view: number;
}

const isDiscarded = (header: PrepareHeader, discarded: Discarded | null): boolean =>
  discarded !== null && header.op > discarded.op && header.view < discarded.view;

function discardedSlot(): SlotReading {
  mark("discardedInRing");
  return { kind: "reserved" };
}

/** The header ring as it was at start. */
export class RingReadings {
  readonly #readings: readonly SlotReading[];
  /** Newest op that a header names. */
  readonly newest: number;
  /** Address behind everything that a header names, discarded or not. */
  readonly end: number;
  /** A ring that knows less than the checkpoint was lost or replaced: its silence proves nothing then. */
  readonly speaks: boolean;

  constructor(ring: HeaderRing, checkpointOp: number, discarded: Discarded | null) {
    const all = Array.from({ length: ring.slots }, (_, slot) => ring.read(slot));
    let end = 0;
    for (const reading of all) {
      if (reading.kind !== "prepare") continue;
      end = Math.max(end, reading.header.address + paddedBytes(reading.header.bodyBytes));
    }
    const readings = all.map(
      (reading): SlotReading =>
        reading.kind === "prepare" && isDiscarded(reading.header, discarded) ? discardedSlot() : reading,
    );
    this.#readings = readings;
    this.newest = readings.reduce((newest, one) => Math.max(newest, one.kind === "prepare" ? one.header.op : 0), 0);
    this.end = end;
    this.speaks = this.newest >= checkpointOp;
    if (!this.speaks) mark("ringDoesNotSpeak");
  }

  slot(slot: number): SlotReading {
    return this.#readings[slot] ?? { kind: "bad" };
  }

  /** The op's header when its slot holds it. */
  header(op: number): PrepareHeader | null {
    const reading = this.slot(op % this.#readings.length);
    return reading.kind === "prepare" && reading.header.op === op ? reading.header : null;
  }

  state(op: number): RingState {
    const slot = this.slot(op % this.#readings.length);
    if (slot.kind === "bad") return "bad";
    if (slot.kind === "reserved") return this.speaks ? "reserved" : "bad";
    if (slot.header.op === op) return "same";
    if (slot.header.op > op) return "later";
    return this.speaks ? "earlier" : "bad";
  }
}

export interface Place {
  readonly state: LogState;
  readonly address: number;
  readonly finding: PrepareFinding;
  /** The sound header of a damaged prepare that fits here. */
  readonly damaged?: NamedHeader;
}

export interface LogRange {
  readonly address: number;
  readonly bytes: number;
}

export class LogPlaces {
  readonly #window: LogWindow;
  readonly #clusterId: Uint8Array;
  readonly #discarded: Discarded | null;
  /** Sectors that are not zero behind the place last asked for, where nothing sound lies. */
  readonly leftovers: LogRange[] = [];

  constructor(window: LogWindow, clusterId: Uint8Array, discarded: Discarded | null = null) {
    this.#window = window;
    this.#clusterId = clusterId;
    this.#discarded = discarded;
  }

  /** The op where it must begin: behind the op before it, or at the next segment's start when nothing is there. */
  behind(before: LogPosition, op: number, known: PrepareHeader | null): Place {
    const { geometry } = this.#window.files;
    const next = nextSegmentStart(geometry, before.address);
    const here = this.at(before.address, op, before.parent);
    if (here.state !== "unwritten") {
      if (here.state === "bad") this.#findLeftovers(before.address);
      return here;
    }
    const there = this.at(next, op, before.parent);
    if (there.state === "expected" || there.state === "stranger") {
      mark("placeInNextSegment");
      return there;
    }
    const count = this.leftovers.length;
    this.#findLeftovers(before.address);
    this.#findLeftovers(next);
    const place = there.state === "bad" || known?.address === next ? there : here;
    return this.leftovers.length > count ? { ...place, state: "bad" } : place;
  }

  /** The op at that address. A null parent is not compared. */
  at(address: number, op: number, parent: Uint8Array | null): Place {
    const { files } = this.#window;
    const unwritten: Place = { state: "unwritten", address, finding: { kind: "unwritten" } };
    if (!files.exists(segmentOf(files.geometry, address))) return unwritten;
    const finding = inspectPrepare(this.#window, this.#clusterId, address, nextSegmentStart(files.geometry, address));
    if (finding.kind === "unwritten") return unwritten;
    const { header } = finding;
    if (header !== null && isDiscarded(header, this.#discarded)) mark("discardedInLog");
    if (header === null || isDiscarded(header, this.#discarded)) return { state: "bad", address, finding };
    const isChild = parent === null || sameBytes(header.parent, 0, parent, 0, identityBytes);
    if (finding.kind === "misplaced" || header.op !== op || !isChild) return { state: "stranger", address, finding };
    if (finding.kind === "sound") return { state: "expected", address, finding };
    const offset = this.#window.load(address, sectorBytes, nextSegmentStart(files.geometry, address));
    const damaged = { header, headerBytes: this.#window.bytes.slice(offset, offset + headerBytes) };
    return { state: "bad", address, finding, damaged };
  }

  /** What was noted lay in the padding of a prepare that is kept. */
  forgetLeftovers(): void {
    this.leftovers.length = 0;
  }

  /** The header's bytes where a prepare was just found sound. */
  headerBytesOf(finding: PrepareFinding & { kind: "sound" }): Uint8Array {
    return this.#window.bytes.slice(finding.offset, finding.offset + headerBytes);
  }

  /** Notes the sectors that are not zero where one interrupted write from `address` on could have reached. */
  #findLeftovers(address: number): void {
    const { files } = this.#window;
    const { geometry } = files;
    if (!files.exists(segmentOf(geometry, address))) return;
    const end = Math.min(nextSegmentStart(geometry, address), address + paddedBytes(geometry.bodyBytesMax));
    for (let at = address; at < end; at += sectorBytes) {
      const offset = this.#window.load(at, sectorBytes, end);
      if (this.#window.isZero(offset, sectorBytes)) continue;
      mark("leftoverSector");
      const last = this.leftovers.at(-1);
      if (at > address && last !== undefined && last.address + last.bytes === at) {
        this.leftovers[this.leftovers.length - 1] = { address: last.address, bytes: last.bytes + sectorBytes };
      } else {
        this.leftovers.push({ address: at, bytes: sectorBytes });
      }
    }
  }
}

/** The newest headers of a chain that is walked from old to new. */
export class RecentHeaders {
  readonly #ring: HeaderRing;
  #headers: NamedHeader[] = [];

  constructor(ring: HeaderRing) {
    this.#ring = ring;
  }

  push(named: NamedHeader): void {
    const { slots } = this.#ring;
    this.#headers.push(named);
    if (this.#headers.length >= 2 * slots) this.#headers = this.#headers.slice(-slots);
  }

  /** The newest ones, oldest first; what was not walked is taken from the ring as far as it chains. */
  list(from: LogPosition): readonly NamedHeader[] {
    const ring = this.#ring;
    const walked = this.#headers.slice(-ring.slots);
    const older: NamedHeader[] = [];
    let child = walked[0]?.header.parent ?? from.parent;
    let op = (walked[0]?.header.op ?? from.op + 1) - 1;
    for (; op > 0 && walked.length + older.length < ring.slots; op--) {
      const header = ring.find(op);
      if (header === null || !sameBytes(header.identity, 0, child, 0, identityBytes)) break;
      older.push({ header, headerBytes: ring.bytesOf(op % ring.slots) });
      child = header.parent;
    }
    return [...older.reverse(), ...walked];
  }
}
