/**
 * Recovery of one log at start when there is one replica: find the log's end, decide with `recovery-table.ts` about every op since the
 * checkpoint, and repair what may be repaired. The examiner only reads (so `verify` can use it on a node that is down), `repairLog`
 * writes. `replicated-recovery.ts` does the same where there are peers to ask.
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
import type { HeaderRing } from "./header-ring.js";
import { segmentOf, segmentPath } from "./log-geometry.js";
import { LogPlaces, type LogRange, type Place, RecentHeaders, RingReadings } from "./log-places.js";
import { type LogPosition, positionBehind } from "./log-position.js";
import type { LogWindow } from "./log-window.js";
import { mark } from "./marks.js";
import { paddingOf, zeroPadding } from "./padding.js";
import type { NamedHeader } from "./prepare.js";
import type { RecoveredLog } from "./recovered-log.js";
import { judge, type RecoveryRow } from "./recovery-table.js";
import { listSegments } from "./segments.js";

/** What a slot of the header ring is to hold: a header's bytes, null for a reserved one, or nothing that verifies. */
export type SlotRepair = Uint8Array | null | "invalid";

export interface LogExamination {
  readonly log: RecoveredLog;
  /** Sound prepares since the checkpoint. */
  readonly prepares: number;
  /** How often each row of the recovery table applied, by label. */
  readonly rows: Readonly<Record<string, number>>;
  /** Slots of the header ring to write again. */
  readonly slots: ReadonlyMap<number, SlotRepair>;
  /** Sectors behind the head that a torn write left, to be zeroed. */
  readonly leftovers: readonly LogRange[];
  /** Damaged paddings of prepares that are otherwise whole, to be zeroed. */
  readonly paddings: readonly LogRange[];
}

/** The prepare that belongs here, when nothing but its padding is damaged: header and body verify, so nothing is lost. */
const wholeButForPadding = ({ finding, damaged }: Place): NamedHeader | null =>
  finding.kind === "damaged" && finding.fault === "padding" ? (damaged ?? null) : null;

export class LogExaminer {
  readonly #disk: Disk;
  readonly #window: LogWindow;
  readonly #ring: HeaderRing;
  readonly #places: LogPlaces;
  readonly #rows: Record<string, number> = {};
  readonly #slots = new Map<number, SlotRepair>();
  readonly #recent: RecentHeaders;
  readonly #paddings: LogRange[] = [];
  #commit = 0;

  constructor(disk: Disk, window: LogWindow, ring: HeaderRing, clusterId: Uint8Array) {
    this.#disk = disk;
    this.#window = window;
    this.#ring = ring;
    this.#places = new LogPlaces(window, clusterId);
    this.#recent = new RecentHeaders(ring);
  }

  /** Throws `dataCorrupt` or `dataMissing` with file, op and address for what one replica cannot repair. */
  examine(from: LogPosition): LogExamination {
    assert(from.address % sectorBytes === 0, "a checkpoint lies on a sector");
    assert(from.parent.length === identityBytes, "a checkpoint names its newest prepare");
    const readings = new RingReadings(this.#ring, from.op, null);
    this.#commit = from.op;
    let sound: LogPosition = { op: from.op, address: from.address, parent: from.parent, timestamp: from.timestamp };
    for (;;) {
      const after = this.#judgeNext(sound, readings);
      if (after === null) break;
      sound = after;
    }
    this.#checkNoSegmentBeyond(sound);
    this.#repairOtherSlots(readings);
    return {
      log: {
        from: { op: from.op, address: from.address, parent: from.parent, timestamp: from.timestamp },
        sound,
        headers: this.#recent.list(from),
        beyond: [],
        headIsCertain: true,
        commit: this.#commit,
        end: sound.address,
      },
      prepares: sound.op - from.op,
      rows: this.#rows,
      slots: this.#slots,
      leftovers: this.#places.leftovers,
      paddings: this.#paddings,
    };
  }

  /** The position behind the next op, or null where the log ends. */
  #judgeNext(head: LogPosition, readings: RingReadings): LogPosition | null {
    const op = head.op + 1;
    const known = readings.header(op);
    const beyond = readings.newest < op;
    const place = this.#places.behind(head, op, known);
    // Beyond what the ring knows the same sight is a torn write, which was never acknowledged.
    const whole = beyond ? null : wholeButForPadding(place);
    const found = place.finding.kind === "sound" ? place.finding.header : (whole?.header ?? null);
    const row = judge({
      ring: readings.state(op),
      log: whole === null ? place.state : "expected",
      sameChecksum: known !== null && found !== null && sameBytes(known.identity, 0, found.identity, 0, identityBytes),
      beyond,
    });
    this.#rows[row.label] = (this.#rows[row.label] ?? 0) + 1;
    if (row.alone === "corrupt") this.#refuse(row, op, place, known);
    if (row.alone === "endRepair") this.#slots.set(op % this.#ring.slots, null);
    if (row.alone !== "fine" && row.alone !== "repair") return null;
    const named = whole ?? this.#named(place);
    if (whole !== null) this.#mendPadding(whole);
    if (row.alone === "repair") this.#slots.set(op % this.#ring.slots, named.headerBytes);
    this.#recent.push(named);
    this.#commit = Math.max(this.#commit, named.header.commit);
    return positionBehind(named.header);
  }

  #named({ finding }: Place): NamedHeader {
    assert(finding.kind === "sound", "what recovery keeps was read whole");
    return { header: finding.header, headerBytes: this.#places.headerBytesOf(finding) };
  }

  #mendPadding({ header }: NamedHeader): void {
    this.#paddings.push(paddingOf(header));
    this.#places.forgetLeftovers();
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
  #repairOtherSlots(readings: RingReadings): void {
    for (let slot = 0; slot < this.#ring.slots; slot++) {
      if (!this.#slots.has(slot) && readings.slot(slot).kind === "bad") this.#slots.set(slot, null);
    }
  }
}

/** Carries out what `examine` decided: zeroes leftovers and paddings first, then writes the ring's slots. Durable when it returns. */
export function repairLog(
  disk: Disk,
  window: LogWindow,
  ring: HeaderRing,
  found: LogExamination,
  mode: WriteMode,
): void {
  const { directory, geometry } = window.files;
  assert(
    found.leftovers.every((range) => range.address >= found.log.sound.address),
    "durability: recovery zeroes nothing before the end of the log",
  );
  for (const range of found.leftovers) {
    const file = disk.open(segmentPath(directory, geometry, segmentOf(geometry, range.address)), mode);
    try {
      mark("tornWriteZeroed");
      window.drop();
      window.bytes.fill(0, 0, Math.min(range.bytes, window.bytes.length));
      assert(range.bytes <= window.bytes.length, "what one write left fits the window");
      file.write(window.bytes, 0, range.bytes, range.address % geometry.segmentBytes);
      file.sync();
    } finally {
      file.close();
    }
  }
  window.drop();
  for (const padding of found.paddings) zeroPadding(disk, directory, geometry, padding);
  for (const [slot, repair] of found.slots) {
    mark(repair === "invalid" ? "slotMadeInvalid" : "slotRepaired");
    if (repair === "invalid") ring.invalidate(slot);
    else ring.repair(slot, repair);
    ring.writeSector(slot * headerBytes);
  }
}
