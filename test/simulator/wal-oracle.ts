/**
 * A replica's log after a crash against the pristine shadow of what it wrote: each operation that recovery calls sound is one that was
 * written there; each that was reported as written, and not taken back since, is sound, or faulty if a fault of the disk has damaged
 * it. Never absent without a word, never silently another.
 */
import { nodeProvider } from "../../runtime/crypto/node-provider.js";
import { headerBytes } from "../../runtime/storage/frame.js";
import { HeaderRing } from "../../runtime/storage/header-ring.js";
import { headerSlotsOf } from "../../runtime/storage/log-geometry.js";
import { LogExaminer } from "../../runtime/storage/log-recovery.js";
import { LogWindow, windowBytes } from "../../runtime/storage/log-window.js";
import type { RecoveredLog } from "../../runtime/storage/recovered-log.js";
import { discardedBy } from "../../runtime/storage/replica-storage.js";
import { ReplicatedExaminer } from "../../runtime/storage/replicated-recovery.js";
import { SegmentFiles } from "../../runtime/storage/segments.js";
import { Superblock, type SuperblockContent } from "../../runtime/storage/superblock.js";
import { chooseCopy } from "../../runtime/storage/superblock-quorum.js";
import { isKimberliteError } from "../../runtime/types/errors.js";
import { sectorBytes } from "../../runtime/types/limits.js";
import { zoneOf } from "./disk-zones.js";
import { expect } from "./failure.js";
import { LivePrepares, type Written } from "./live-prepares.js";
import { hexOf, rawHeader } from "./log-image.js";
import { clusterId, directory, type SimNode } from "./node.js";
import type { DiskWatcher } from "./sim-disk.js";

export interface FoundLog {
  readonly superblock: SuperblockContent;
  readonly log: RecoveredLog;
}

/** What recovery would find, without changing anything; null where it refuses. */
export function examineLog(node: SimNode): FoundLog | null {
  const { disk, geometry } = node;
  try {
    const readings = Superblock.inspect(disk, directory);
    const superblock = chooseCopy(readings, "superblock").content;
    const slots = headerSlotsOf(geometry);
    const ring = HeaderRing.open(disk, directory, clusterId, "fdatasync", {
      access: "read",
      toleratesUnreadable: true,
      slots,
    });
    const files = new SegmentFiles(disk, directory, geometry);
    const window = new LogWindow(files, new Uint8Array(windowBytes(geometry)), true);
    const examiner =
      superblock.replicaCount === 1
        ? new LogExaminer(disk, window, ring, clusterId)
        : new ReplicatedExaminer(disk, window, ring, clusterId, discardedBy(superblock));
    const { log } = examiner.examine(superblock.checkpoint);
    ring.close();
    files.close();
    return { superblock, log };
  } catch (error) {
    if (isKimberliteError(error)) return null;
    throw error;
  } finally {
    disk.takeElapsed();
  }
}

export class WalOracle implements DiskWatcher {
  readonly #node: SimNode;
  /** Every prepare that this replica ever wrote, by op. */
  readonly #history = new Map<number, Set<string>>();
  /** What lies in the log now. */
  readonly #live = new LivePrepares();
  examined = 0;
  faultySeen = 0;

  constructor(node: SimNode) {
    this.#node = node;
  }

  #addressOf(path: string, at: number): number {
    const name = path.slice(path.lastIndexOf("/") + 1, -4);
    return Number.parseInt(name, 16) + at;
  }

  writeBegins(path: string, at: number, bytes: Uint8Array): void {
    if (zoneOf(path) !== "log") return;
    const address = this.#addressOf(path, at);
    this.#live.overwrite(address, address + bytes.length);
    for (const written of this.#prepares(address, bytes)) {
      const known = this.#history.get(written.header.op) ?? new Set();
      known.add(written.identity);
      this.#history.set(written.header.op, known);
      this.#live.add(written);
    }
  }

  durable(path: string): void {
    const zone = zoneOf(path);
    if (zone === "headers") this.#live.named();
    if (zone !== "log") return;
    const from = this.#addressOf(path, 0);
    this.#live.prepared(from, from + this.#node.geometry.segmentBytes);
  }

  /** The disk is as it was a while ago: what lies there was written once, and which of it nobody knows here. */
  putBack(): void {
    this.#live.clear();
  }

  /** An empty disk has taken the place of this one. */
  replaced(): void {
    this.#history.clear();
    this.#live.clear();
  }

  /** A founder: its log is a copy of another's, cut at its end. */
  founds(survivor: WalOracle): void {
    const history = [...survivor.#history].map(([op, identities]) => [op, new Set(identities)] as const);
    this.replaced();
    for (const [op, identities] of history) this.#history.set(op, identities);
  }

  /** What another disk holds has taken the place of this one. */
  takes(other: WalOracle): void {
    this.founds(other);
    this.#live.takes(other.#live);
    other.replaced();
  }

  /** A segment that was fetched whole takes the place of what was there. */
  renamed(path: string, bytes: Uint8Array): void {
    if (zoneOf(path) !== "log") return;
    this.writeBegins(path, 0, bytes);
    this.durable(path);
  }

  *#prepares(address: number, bytes: Uint8Array): Generator<Written> {
    for (let at = 0; at + headerBytes <= bytes.length; at += sectorBytes) {
      if (bytes[at + 98] !== 8) continue;
      const header = rawHeader(bytes, at);
      if (header.address !== address + at) continue;
      yield {
        header,
        identity: hexOf(nodeProvider.sha256(bytes, at + 16, at + headerBytes)),
        isDurable: false,
        isDone: false,
      };
    }
  }

  /** After a crash and before the start: recovery's view of the log against the shadow. Null where it refuses. */
  examine(): FoundLog | null {
    const found = examineLog(this.#node);
    if (found === null) return null;
    this.examined += 1;
    const { log } = found;
    const named = new Map<number, { identity: string | null; state: "sound" | "faulty" }>();
    for (const { header } of log.headers) named.set(header.op, { identity: hexOf(header.identity), state: "sound" });
    for (const { op, state, header } of log.beyond)
      named.set(op, { identity: header === null ? null : hexOf(header.identity), state });
    for (const [op, { identity, state }] of named) {
      if (state === "faulty") this.faultySeen += 1;
      expect(
        identity === null || this.#history.get(op)?.has(identity) === true,
        "WAL",
        () => `replica ${this.#node.replica} recovers op ${op} as a prepare that it never wrote`,
      );
    }
    this.#checkPresent(found, named);
    return found;
  }

  #checkPresent(
    { log, superblock }: FoundLog,
    named: ReadonlyMap<number, { identity: string | null; state: "sound" | "faulty" }>,
  ): void {
    const { disk, image, replica } = this.#node;
    const discarded = discardedBy(superblock);
    const ringIsDamaged = disk.hasDamage("headers");
    const kept = new Set<Written>();
    for (const written of this.#live.all()) {
      const { header, identity } = written;
      const { op, address } = header;
      const isDiscarded = discarded !== null && op > discarded.op && header.view < discarded.view;
      const isOld = op <= superblock.checkpoint.op || (log.headers[0] !== undefined && op < log.headers[0].header.op);
      if (isOld) {
        kept.add(written);
        continue;
      }
      const state = named.get(op);
      if (state !== undefined && (state.identity === identity || state.state === "faulty")) kept.add(written);
      if (!written.isDone || isDiscarded) continue;
      const isDamaged = ringIsDamaged || image.isDamaged(address, header.end);
      if (state === undefined) {
        expect(
          isDamaged && !log.headIsCertain,
          "WAL",
          () => `replica ${replica} wrote op ${op}, recovers without it, and is certain of its head`,
        );
        continue;
      }
      if (state.state === "sound")
        expect(
          state.identity === identity,
          "WAL",
          () => `replica ${replica} recovers op ${op} as another prepare than the one written last`,
        );
    }
    this.#live.keep(kept);
  }
}
