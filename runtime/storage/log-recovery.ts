/**
 * Recovery of one log at start: find its end, decide with `recovery-table.ts` about every op since the checkpoint, and repair what
 * may be repaired. `examineLog` only reads (so `verify` can use it on a node that is down), `repairLog` writes.
 *
 * What is read is bounded: the header ring (256 KiB), the log from the checkpoint's address on, and the stretch behind the end that
 * one interrupted write could have touched. Everything before the checkpoint is left to readers' checksums and the scrubber.
 *
 * The stretch behind the end matters: sectors of one write reach the disk in any order, so a torn prepare may have left its middle
 * without its first sector. Left there, it would lie behind a shorter prepare and look like the log's next one. So all of it is checked to
 * be zero, counts as `bad` when it is not, and a cut zeroes it.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { sectorBytes } from "../types/limits.js";
import type { Disk, WriteMode } from "./disk.js";
import { headerBytes, identityBytes, type PrepareHeader, sameBytes } from "./frame.js";
import { type HeaderRing, headerSlots, type SlotReading } from "./header-ring.js";
import { nextSegmentStart, paddedBytes, segmentOf, segmentPath } from "./log-geometry.js";
import type { LogPosition } from "./log-position.js";
import { inspectPrepare, type LogWindow, type PrepareFinding } from "./log-window.js";
import { judge, type LogState, type RecoveryRow, type RingState } from "./recovery-table.js";
import { listSegments } from "./segments.js";

export interface LogExamination {
  readonly head: LogPosition;
  /** Prepares since the checkpoint. */
  readonly prepares: number;
  /** How often each row of the recovery table applied, by label. */
  readonly rows: Readonly<Record<string, number>>;
  /** Slots of the header ring to write again: a header's bytes, or null for a reserved one. */
  readonly slots: ReadonlyMap<number, Uint8Array | null>;
  /** Sectors behind the head that a torn write left. */
  readonly leftovers: readonly LogRange[];
}

export interface LogRange {
  readonly address: number;
  readonly bytes: number;
}

interface Place {
  readonly state: LogState;
  readonly address: number;
  readonly finding: PrepareFinding;
}

export class LogExaminer {
  readonly #disk: Disk;
  readonly #window: LogWindow;
  readonly #readings: readonly SlotReading[];
  readonly #clusterId: Uint8Array;
  readonly #rows: Record<string, number> = {};
  readonly #slots = new Map<number, Uint8Array | null>();
  readonly #leftovers: LogRange[] = [];
  /** Behind the op last found sound. */
  #after: LogPosition = { op: 0, address: 0, parent: new Uint8Array(identityBytes), timestamp: 0 };

  constructor(disk: Disk, window: LogWindow, ring: HeaderRing, clusterId: Uint8Array) {
    this.#disk = disk;
    this.#window = window;
    this.#readings = Array.from({ length: headerSlots }, (_, slot) => ring.read(slot));
    this.#clusterId = clusterId;
  }

  #slot(slot: number): SlotReading {
    return this.#readings[slot] ?? { kind: "bad" };
  }

  /** Throws `dataCorrupt` or `dataMissing` with file, op and address for what one replica cannot repair. */
  examine(from: LogPosition): LogExamination {
    assert(from.address % sectorBytes === 0, "a checkpoint lies on a sector");
    assert(from.parent.length === identityBytes, "a checkpoint names its newest prepare");
    const newest = this.#newestInRing();
    // A ring that knows less than the checkpoint was lost or replaced: its silence proves nothing then.
    const ringSpeaks = newest >= from.op;
    let head: LogPosition = { op: from.op, address: from.address, parent: from.parent, timestamp: from.timestamp };
    for (;;) {
      const row = this.#judgeNext(head, newest, ringSpeaks);
      this.#rows[row.label] = (this.#rows[row.label] ?? 0) + 1;
      if (row.alone !== "fine" && row.alone !== "repair") break;
      head = this.#after;
    }
    this.#checkNoSegmentBeyond(head);
    this.#repairOtherSlots();
    return {
      head,
      prepares: head.op - from.op,
      rows: this.#rows,
      slots: this.#slots,
      leftovers: this.#leftovers,
    };
  }

  #newestInRing(): number {
    let newest = 0;
    for (const reading of this.#readings) {
      if (reading.kind === "prepare") newest = Math.max(newest, reading.header.op);
    }
    return newest;
  }

  #judgeNext(head: LogPosition, newest: number, ringSpeaks: boolean): RecoveryRow {
    const op = head.op + 1;
    const slot = this.#slot(op % headerSlots);
    const known = slot.kind === "prepare" && slot.header.op === op ? slot.header : null;
    const place = this.#place(head, op, known);
    const found = place.finding.kind === "sound" ? place.finding.header : null;
    const row = judge({
      ring: ringState(slot.kind === "prepare" ? slot.header : slot.kind, op, ringSpeaks),
      log: place.state,
      sameChecksum: known !== null && found !== null && sameBytes(known.identity, 0, found.identity, 0, identityBytes),
      sameView: known !== null && found !== null && known.view === found.view,
      beyond: newest < op,
    });
    if (row.alone === "corrupt") this.#refuse(row, op, place, known);
    if (row.alone === "endRepair") this.#slots.set(op % headerSlots, null);
    if (place.finding.kind === "sound" && place.state === "expected") {
      const { header, offset } = place.finding;
      if (row.alone === "repair")
        this.#slots.set(op % headerSlots, this.#window.bytes.slice(offset, offset + headerBytes));
      this.#after = {
        op,
        address: header.address + paddedBytes(header.bodyBytes),
        parent: header.identity,
        timestamp: header.timestamp,
      };
    }
    return row;
  }

  /** Looks for the op where it must begin: behind the op before it, or at the next segment's start when nothing is there. */
  #place(head: LogPosition, op: number, known: PrepareHeader | null): Place {
    const { geometry } = this.#window.files;
    const next = nextSegmentStart(geometry, head.address);
    const here = this.#look(head, op, head.address);
    if (here.state !== "unwritten") {
      if (here.state === "bad") this.#findLeftovers(head.address);
      return here;
    }
    const there = this.#look(head, op, next);
    if (there.state === "expected" || there.state === "stranger") return there;
    const before = this.#leftovers.length;
    this.#findLeftovers(head.address);
    this.#findLeftovers(next);
    const place = there.state === "bad" || known?.address === next ? there : here;
    return this.#leftovers.length > before ? { ...place, state: "bad" } : place;
  }

  #look(head: LogPosition, op: number, address: number): Place {
    const { files } = this.#window;
    const unwritten: Place = { state: "unwritten", address, finding: { kind: "unwritten" } };
    if (!files.exists(segmentOf(files.geometry, address))) return unwritten;
    const finding = inspectPrepare(this.#window, this.#clusterId, address, nextSegmentStart(files.geometry, address));
    if (finding.kind === "unwritten") return unwritten;
    const header = finding.header;
    if (header === null) return { state: "bad", address, finding };
    const fits =
      finding.kind !== "misplaced" && header.op === op && sameBytes(header.parent, 0, head.parent, 0, identityBytes);
    if (!fits) return { state: "stranger", address, finding };
    return { state: finding.kind === "sound" ? "expected" : "bad", address, finding };
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
      const last = this.#leftovers.at(-1);
      if (at > address && last !== undefined && last.address + last.bytes === at) {
        this.#leftovers[this.#leftovers.length - 1] = { address: last.address, bytes: last.bytes + sectorBytes };
      } else {
        this.#leftovers.push({ address: at, bytes: sectorBytes });
      }
    }
  }

  #refuse(row: RecoveryRow, op: number, place: Place, known: PrepareHeader | null): never {
    const { files } = this.#window;
    const address = known?.address ?? place.address;
    const file = files.path(address);
    const detail = { file, op, address, row: row.label };
    if (!files.exists(segmentOf(files.geometry, address))) {
      throw new KimberliteError("dataMissing", `${file} holds op ${op} of the log; restore it before starting`, {
        detail,
      });
    }
    const fault = place.finding.kind === "damaged" ? `its ${place.finding.fault} does not verify` : row.why;
    throw new KimberliteError(
      "dataCorrupt",
      `op ${op} at address ${address} in ${file} (${row.label}): ${fault}. Nothing was changed; restore this file from a backup`,
      { detail },
    );
  }

  /** One interrupted write can have begun one segment; files of later ones mean that we do not see the log's true end. */
  #checkNoSegmentBeyond(head: LogPosition): void {
    const { files } = this.#window;
    const allowed = segmentOf(files.geometry, head.address) + 1;
    const last = listSegments(this.#disk, files.directory, files.geometry).inUse.at(-1) ?? 0;
    if (last <= allowed) return;
    const file = segmentPath(files.directory, files.geometry, last);
    throw new KimberliteError(
      "dataCorrupt",
      `${file} lies beyond the end of the log at address ${head.address} (op ${head.op})`,
      {
        detail: { file, op: head.op, address: head.address },
      },
    );
  }

  /** Slots of ops before the checkpoint whose header is lost become reserved: nothing asks for them again. */
  #repairOtherSlots(): void {
    for (let slot = 0; slot < headerSlots; slot++) {
      if (!this.#slots.has(slot) && this.#slot(slot).kind === "bad") this.#slots.set(slot, null);
    }
  }
}

function ringState(slot: PrepareHeader | "bad" | "reserved", op: number, ringSpeaks: boolean): RingState {
  if (slot === "bad") return "bad";
  if (slot === "reserved") return ringSpeaks ? "reserved" : "bad";
  if (slot.op === op) return "same";
  if (slot.op > op) return "later";
  return ringSpeaks ? "earlier" : "bad";
}

/** Carries out what `examine` decided: zeroes leftovers first, then makes the ring's slots sound. Durable when it returns. */
export function repairLog(
  disk: Disk,
  window: LogWindow,
  ring: HeaderRing,
  found: LogExamination,
  mode: WriteMode,
): void {
  const { directory, geometry } = window.files;
  assert(
    found.leftovers.every((range) => range.address >= found.head.address),
    "durability: recovery zeroes nothing before the end of the log",
  );
  for (const range of found.leftovers) {
    const file = disk.open(segmentPath(directory, geometry, segmentOf(geometry, range.address)), mode);
    try {
      window.drop();
      window.bytes.fill(0, 0, Math.min(range.bytes, window.bytes.length));
      assert(range.bytes <= window.bytes.length, "what one write left fits the window");
      file.write(window.bytes, 0, range.bytes, range.address % geometry.segmentBytes);
      file.sync();
    } finally {
      file.close();
    }
  }
  for (const [slot, header] of found.slots) {
    ring.repair(slot, header);
    ring.writeSector(slot * headerBytes);
  }
}
