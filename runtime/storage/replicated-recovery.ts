/**
 * Recovery of one log at start where there are peers: the same table as alone, column `replicated`, and the walk goes on behind damage.
 * Nothing is refused and nothing is cut away here: what is not readable is named, and the protocol decides with the others.
 *
 *   before the checkpoint   not looked at
 *   up to `sound`           every op whole, chained to the one before
 *   beyond                  one entry for each op up to the newest that the header ring names. Behind damage the place of an op is
 *                           known from its header in the ring, or from the header of the op before it
 *   behind that             bytes of writes that were under way, or of a truncation that did not finish: `end` lies behind them
 *
 * An op whose header is not in the ring although a later op's is, while its prepare is whole, is kept when its child names it as its
 * parent: the lost header cannot have named another one then. Without such a child it is faulty, since the lost header may have named a
 * newer prepare of the op.
 *
 * A faulty op's header is given only where it is certain: from the ring, or from the log where the ring's slot soundly holds another
 * turn. Two copies that disagree name nothing.
 *
 * Faulty ops stay faulty over another crash: a slot of the ring that could make one look unwritten gets its name, or is made invalid on
 * purpose where the name is not known, until the op is written again or the log truncated before it.
 */
import { assert } from "../types/assert.js";
import { sectorBytes } from "../types/limits.js";
import type { Disk } from "./disk.js";
import { identityBytes, type PrepareHeader, sameBytes } from "./frame.js";
import type { HeaderRing } from "./header-ring.js";
import { nextSegmentStart, segmentOf, segmentStart } from "./log-geometry.js";
import { type Discarded, LogPlaces, type Place, RecentHeaders, RingReadings } from "./log-places.js";
import { type LogPosition, positionBehind } from "./log-position.js";
import type { LogExamination, SlotRepair } from "./log-recovery.js";
import type { LogWindow } from "./log-window.js";
import { mark } from "./marks.js";
import type { NamedHeader } from "./prepare.js";
import type { RecoveredSlot } from "./recovered-log.js";
import { judge, type RecoveryRow } from "./recovery-table.js";
import { listSegments } from "./segments.js";

interface Judged {
  readonly op: number;
  readonly row: RecoveryRow;
  readonly isKept: boolean;
  /** Known for certain; of a kept op always. */
  readonly named: NamedHeader | null;
}

const same = (left: Uint8Array, right: Uint8Array): boolean => sameBytes(left, 0, right, 0, identityBytes);

export class ReplicatedExaminer {
  readonly #disk: Disk;
  readonly #window: LogWindow;
  readonly #ring: HeaderRing;
  readonly #places: LogPlaces;
  readonly #discarded: Discarded | null;
  readonly #rows: Record<string, number> = {};
  readonly #slots = new Map<number, SlotRepair>();
  readonly #recent: RecentHeaders;
  /** From the first op on that is not simply sound. */
  #behind: Judged[] = [];

  constructor(
    disk: Disk,
    window: LogWindow,
    ring: HeaderRing,
    clusterId: Uint8Array,
    discarded: Discarded | null = null,
  ) {
    this.#disk = disk;
    this.#window = window;
    this.#ring = ring;
    this.#places = new LogPlaces(window, clusterId, discarded);
    this.#recent = new RecentHeaders(ring);
    this.#discarded = discarded;
  }

  examine(from: LogPosition): LogExamination {
    assert(from.address % sectorBytes === 0, "a checkpoint lies on a sector");
    assert(from.parent.length === identityBytes, "a checkpoint names its newest prepare");
    const readings = new RingReadings(this.#ring, from.op, this.#discarded);
    const start: LogPosition = { op: from.op, address: from.address, parent: from.parent, timestamp: from.timestamp };
    const { sound: simply, commit: statedBefore } = this.#walk(start, readings);
    this.#settle();
    let sound = simply;
    let kept = 0;
    for (; this.#behind[kept]?.isKept === true; kept++) {
      const named = this.#behind[kept]?.named;
      assert(named !== undefined && named !== null, "what recovery keeps has a header");
      this.#recent.push(named);
      sound = positionBehind(named.header);
    }
    const commit = this.#commitBehind(simply, Math.max(statedBefore, from.op));
    this.#repairSlots(readings);
    const beyond = this.#behind.slice(kept).map(slotOf);
    if (beyond.at(-1)?.state === "faulty") mark("recoveryHeadFaulty");
    if (beyond.some(({ state }) => state === "sound")) mark("recoverySoundBeyond");
    if (kept > 0) mark("recoverySettles");
    assert(beyond[0] === undefined || beyond[0].state === "faulty", "what lies beyond begins with a fault");
    return {
      log: {
        from: start,
        sound,
        headers: this.#recent.list(from),
        beyond,
        headIsCertain: beyond.at(-1)?.state !== "faulty",
        commit,
        end: this.#end(sound, readings),
      },
      prepares: sound.op - from.op,
      rows: this.#rows,
      slots: this.#slots,
      leftovers: [],
      paddings: [],
    };
  }

  /** Judges op after op. Gives back how far everything was simply sound, and what is behind that in `#behind`. */
  #walk(from: LogPosition, readings: RingReadings): { sound: LogPosition; commit: number } {
    let sound = from;
    let commit = 0;
    let before: LogPosition | null = from;
    let isSound = true;
    for (let op = from.op + 1; ; op++) {
      // Behind a newest op of unknown length there may be more: it is faulty, so the head is not certain.
      if (before === null && readings.newest < op) break;
      const known = readings.header(op);
      // Two headers of the ring, or the ring and a log copy that it does not confirm, contradict each other: the newer is believed.
      if (before !== null && known !== null && !isSound && !same(known.parent, before.parent)) {
        mark("recoveryContradiction");
        before = null;
      }
      const place = this.#place(before, op, known);
      const row = this.#judge(op, readings, known, place);
      const decision = row.replicated;
      if (decision === "end" || decision === "cut") break;
      const judged = this.#judged(op, row, place, before, known);
      if (this.#behind.length === 0 && judged.isKept && decision !== "proved" && judged.named !== null) {
        this.#recent.push(judged.named);
        sound = positionBehind(judged.named.header);
        commit = Math.max(commit, judged.named.header.commit);
      } else {
        this.#behind.push(judged);
      }
      if (decision === "repair" && judged.named !== null)
        this.#slots.set(op % this.#ring.slots, judged.named.headerBytes);
      if (readings.newest < op && !judged.isKept) break;
      isSound = decision === "fine" || decision === "repair";
      before = judged.named === null ? null : positionBehind(judged.named.header);
    }
    return { sound, commit };
  }

  #place(before: LogPosition | null, op: number, known: PrepareHeader | null): Place {
    if (known !== null && (before === null || this.#follows(known, before)))
      return this.#places.at(known.address, op, before === null ? null : before.parent);
    if (before !== null) return this.#places.behind(before, op, known);
    // Behind an op of unknown length: there are bytes, but where is not known.
    mark("recoveryPlaceUnknown");
    return { state: "bad", address: -1, finding: { kind: "damaged", fault: "header", header: null } };
  }

  #follows(header: PrepareHeader, before: LogPosition): boolean {
    const { geometry } = this.#window.files;
    const isPlaced = header.address === before.address || header.address === nextSegmentStart(geometry, before.address);
    return isPlaced && same(header.parent, before.parent);
  }

  #judge(op: number, readings: RingReadings, known: PrepareHeader | null, place: Place): RecoveryRow {
    const found = place.finding.kind === "sound" ? place.finding.header : null;
    const row = judge({
      ring: readings.state(op),
      log: place.state,
      sameChecksum: known !== null && found !== null && same(known.identity, found.identity),
      beyond: readings.newest < op,
    });
    this.#rows[row.label] = (this.#rows[row.label] ?? 0) + 1;
    return row;
  }

  #judged(op: number, row: RecoveryRow, place: Place, before: LogPosition | null, known: PrepareHeader | null): Judged {
    if (row.replicated !== "faulty") {
      // Kept as far as this op goes; `#settle` has the last word where the table says `proved`.
      assert(place.finding.kind === "sound", "what recovery keeps was read whole");
      const { header } = place.finding;
      return { op, row, isKept: true, named: { header, headerBytes: this.#places.headerBytesOf(place.finding) } };
    }
    if (known === null) {
      mark("recoveryFaultyUnknown");
      const isTold = before !== null && row.ring.every((state) => state !== "bad");
      return { op, row, isKept: false, named: isTold ? (place.damaged ?? null) : null };
    }
    mark("recoveryFaultyKnown");
    const isDisputed = place.state === "expected" || (before !== null && !this.#follows(known, before));
    const headerBytes = this.#ring.bytesOf(op % this.#ring.slots);
    return { op, row, isKept: false, named: isDisputed ? null : { header: known, headerBytes } };
  }

  /**
   * Backwards: an op that only its child can prove is kept when the child's header is known and names it. The name of a faulty op is
   * dropped when its child, whole in both copies, names another parent.
   */
  #settle(): void {
    let child: Judged | null = null;
    for (let index = this.#behind.length - 1; index >= 0; index--) {
      let judged = this.#behind[index];
      if (judged === undefined) continue;
      const { op, row, named } = judged;
      const wanted: Uint8Array | null = child?.named?.header.parent ?? null;
      const isNamed = named !== null && wanted !== null && same(wanted, named.header.identity);
      if (row.replicated === "proved" && named !== null) {
        mark(isNamed ? "recoveryProvedByChild" : "recoveryUnproved");
        if (isNamed) this.#slots.set(op % this.#ring.slots, named.headerBytes);
        else judged = { op, row, isKept: false, named: null };
      } else if (!judged.isKept && child !== null && child.isKept && !isNamed) {
        mark("recoveryForgetsName");
        judged = { op, row, isKept: false, named: null };
      }
      this.#behind[index] = judged;
      child = judged;
    }
  }

  /** A header states a fact about its own past, so only those count that hang together with what is sound. */
  #commitBehind(sound: LogPosition, stated: number): number {
    let commit = stated;
    let parent = sound.parent;
    for (const { named } of this.#behind) {
      if (named === null || !same(named.header.parent, parent)) break;
      commit = Math.max(commit, named.header.commit);
      parent = named.header.identity;
    }
    return commit;
  }

  #repairSlots(readings: RingReadings): void {
    for (const { op, isKept, named } of this.#behind) {
      if (isKept || readings.header(op) !== null || readings.state(op) === "later") continue;
      this.#slots.set(op % this.#ring.slots, named === null ? "invalid" : named.headerBytes);
    }
    // The slots of all other ops: nothing will ask for them again before they are written.
    for (let slot = 0; slot < this.#ring.slots; slot++) {
      if (!this.#slots.has(slot) && readings.slot(slot).kind === "bad") this.#slots.set(slot, null);
    }
  }

  /** Behind the last sector that is not zero, and behind where an op may have been whose place holds zeros. */
  #end(sound: LogPosition, readings: RingReadings): number {
    const { files } = this.#window;
    const { geometry } = files;
    let end = Math.max(sound.address, readings.end);
    for (const { named } of this.#behind) {
      if (named !== null) end = Math.max(end, positionBehind(named.header).address);
    }
    const last = this.#behind.at(-1);
    if (last !== undefined && !last.isKept && last.named === null) end += sectorBytes;
    const inUse = listSegments(this.#disk, files.directory, geometry).inUse;
    for (const segment of [...inUse].reverse()) {
      if (segment < segmentOf(geometry, end)) break;
      const from = Math.max(segmentStart(geometry, segment), end);
      const written = this.#lastWritten(from, segmentStart(geometry, segment + 1));
      if (written > from) {
        mark("recoveryEndsInLeftovers");
        return written;
      }
    }
    return end;
  }

  /** Address behind the last sector of `[from, to)` that is not zero; `from` when all are. */
  #lastWritten(from: number, to: number): number {
    let written = from;
    for (let at = from; at < to; at += sectorBytes) {
      const offset = this.#window.load(at, sectorBytes, to);
      if (!this.#window.isZero(offset, sectorBytes)) written = at + sectorBytes;
    }
    return written;
  }
}

function slotOf({ op, isKept, named }: Judged): RecoveredSlot {
  const header = named?.header ?? null;
  return { op, state: isKept ? "sound" : "faulty", header, headerBytes: named?.headerBytes ?? null };
}
