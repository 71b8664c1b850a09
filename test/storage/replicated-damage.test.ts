/**
 * Every single fault, and every pair, at every place of a peer's log: of each op the recovered log says what was written or that it is
 * faulty, never something else, and never that it was not there unless the two copies together look exactly as a crash leaves them.
 */
import test, { type ExecutionContext } from "ava";
import { headerBytes, writeReservedHeader } from "../../runtime/storage/frame.js";
import { headerRingPath, headerSlots } from "../../runtime/storage/header-ring.js";
import { paddedBytes, segmentPath } from "../../runtime/storage/log-geometry.js";
import type { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import type { Prepare } from "../../runtime/storage/prepare.js";
import type { RecoveredLog } from "../../runtime/storage/recovered-log.js";
import { recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { closeAll, clusterId, geometry, root } from "./log-fixture.js";
import { beginning, behind, chain, newPeerDisk, openPeer, sameHeader, story } from "./replicated-fixture.js";

const ringFaults = ["bad", "reserved", "turn before", "other view"] as const;
const logFaults = [
  "first sector",
  "body",
  "padding",
  "unwritten",
  "no first sector",
  "misplaced",
  "other view",
] as const;
type RingFault = (typeof ringFaults)[number];
type LogFault = (typeof logFaults)[number];
interface Fault {
  readonly op: number;
  readonly ring: RingFault | null;
  readonly log: LogFault | null;
}

interface Shadow {
  readonly disk: MemoryDisk;
  readonly prepares: readonly Prepare[];
  /** Of the other view, at the same places. */
  readonly others: readonly Prepare[];
  readonly checkpoint: number;
}

function shadowOf(sizes: readonly number[], checkpoint: number): Shadow {
  const disk = newPeerDisk();
  const storage = openPeer(disk);
  const prepares = chain(beginning, sizes, 1);
  storage.log.writePrepares(prepares);
  if (checkpoint > 0) {
    const position = behind(prepares.slice(0, checkpoint));
    storage.log.publishCommitted(position);
    recordCheckpoint(storage, { ...position, root: new Uint8Array(0) }, checkpoint);
  }
  closeAll(storage);
  const others = prepares.map((_, index) => {
    const [other] = chain(behind(prepares.slice(0, index)), [sizes[index] ?? 0], 0);
    if (other === undefined) throw new Error("one prepare was asked for");
    return other;
  });
  return { disk, prepares, others, checkpoint };
}

const young = shadowOf([100, 5000, 9, 20_000, 20_000, 3000, 4000], 0);
const old = shadowOf(new Array<number>(headerSlots + 9).fill(10), headerSlots + 3);

function damage(disk: MemoryDisk, { prepares, others }: Shadow, { op, ring, log }: Fault): void {
  const prepare = prepares[op - 1];
  const other = others[op - 1];
  if (prepare === undefined || other === undefined) throw new Error("a fault strikes an op of the log");
  if (ring !== null) {
    const at = (op % headerSlots) * headerBytes;
    disk.damage(headerRingPath(root), (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (ring === "bad") bytes[at + 50] = 1;
      if (ring === "reserved") writeReservedHeader(bytes, view, at, clusterId, op % headerSlots);
      if (ring === "other view") bytes.set(other.frame.subarray(0, headerBytes), at);
      if (ring !== "turn before") return;
      const before = prepares[op - 1 - headerSlots];
      if (before === undefined) writeReservedHeader(bytes, view, at, clusterId, op % headerSlots);
      else bytes.set(before.frame.subarray(0, headerBytes), at);
    });
  }
  if (log === null) return;
  const { address, bodyBytes } = prepare.header;
  const from = address % geometry.segmentBytes;
  const padded = paddedBytes(bodyBytes);
  disk.damage(segmentPath(root, geometry, Math.floor(address / geometry.segmentBytes)), (bytes) => {
    if (log === "first sector") bytes[from + 20] = (bytes[from + 20] ?? 0) ^ 8;
    if (log === "body") bytes[from + headerBytes + 5] = (bytes[from + headerBytes + 5] ?? 0) ^ 8;
    if (log === "padding") bytes[from + padded - 1] = 1;
    if (log === "unwritten") bytes.fill(0, from, from + padded);
    if (log === "no first sector") bytes.fill(0, from, from + 4096);
    if (log === "misplaced") bytes.set((prepares[0] ?? prepare).frame, from);
    if (log === "other view") bytes.set(other.frame, from);
  });
}

/** What recovery says of an op. */
function verdict(log: RecoveredLog, op: number): { state: "sound" | "faulty" | "absent"; identity: Uint8Array | null } {
  if (op <= log.sound.op) {
    const named = log.headers.find(({ header }) => header.op === op);
    return { state: "sound", identity: named?.header.identity ?? null };
  }
  const slot = log.beyond.find((one) => one.op === op);
  return slot === undefined
    ? { state: "absent", identity: null }
    : { state: slot.state, identity: slot.header?.identity ?? null };
}

const isSilent = ({ ring, log }: Fault): boolean =>
  (ring === "reserved" || ring === "turn before") && log !== null && log !== "misplaced" && log !== "other view";

interface Tally {
  cases: number;
  faulty: number;
  absent: number;
  healed: number;
  uncertain: number;
}

function check(t: ExecutionContext, shadow: Shadow, faults: readonly Fault[], tally: Tally): void {
  const { prepares, checkpoint } = shadow;
  const disk = shadow.disk.clone();
  for (const fault of faults) damage(disk, shadow, fault);
  const name = faults.map(({ op, ring, log }) => `op ${op}: ring ${ring}, log ${log}`).join("; ");
  const first = openPeer(disk);
  const found = first.log.recovered;
  closeAll(first);
  const told = `${name}: ${story(found)}`;
  tally.cases++;
  if (!found.headIsCertain) tally.uncertain++;
  for (let op = checkpoint + 1; op <= prepares.length; op++) {
    const { state, identity } = verdict(found, op);
    const own = faults.filter((fault) => fault.op === op);
    const isWhole = sameHeader(identity ?? undefined, prepares[op - 1]?.header.identity);
    const ring = own.find((fault) => fault.ring !== null)?.ring ?? null;
    const log = own.find((fault) => fault.log !== null)?.log ?? null;
    // Where both copies were replaced by another view's there is nothing left to tell: it is given as what it is, to be judged by peers.
    const isReplaced = log === "other view" && ring !== null;
    if (state === "sound") t.true(isWhole || isReplaced, `${told}: op ${op} is another`);
    if (state === "faulty") {
      tally.faulty++;
      // A header that survives in the ring from another view names what was there before; it is still only a name.
      t.true(identity === null || isWhole || ring === "other view", `${told}: op ${op} has another name`);
      const isOrphan = faults.some((fault) => fault.op === op - 1 && fault.log === "other view" && fault.ring !== null);
      t.true(own.length > 0 || isOrphan, `${told}: op ${op} was not touched`);
    }
    if (state === "absent" && found.headIsCertain) {
      tally.absent++;
      const isLast = prepares.slice(op).every(({ header }) => verdict(found, header.op).state === "absent");
      t.true(isSilent({ op, ring, log }) && isLast, `${told}: op ${op} is absent`);
    }
  }
  t.true(
    found.beyond.every(({ op, state }) => op <= prepares.length || state === "faulty"),
    `${told}: too much`,
  );
  // Another crash before anything was repaired.
  const second = openPeer(disk);
  t.is(story(second.log.recovered), story(found), `${told}: the second time`);
  heal(t, disk, shadow, second.log.recovered, told, () => closeAll(second), tally);
}

/** As the protocol would with healthy peers: faulty ops are written again; behind an uncertain end it truncates and writes the rest. */
function heal(
  t: ExecutionContext,
  disk: MemoryDisk,
  { disk: pristine, prepares }: Shadow,
  found: RecoveredLog,
  told: string,
  close: () => void,
  tally: Tally,
): void {
  close();
  const { log, superblock } = openPeer(disk);
  const head = Math.min(found.beyond.at(-1)?.op ?? found.sound.op, prepares.length);
  const stale = found.headers.find(
    ({ header }) => !sameHeader(header.identity, prepares[header.op - 1]?.header.identity),
  );
  let reached = stale === undefined ? found.sound.op : stale.header.op - 1;
  for (; stale === undefined && reached < head; reached++) {
    const slot = found.beyond.find(({ op }) => op === reached + 1);
    const prepare = prepares[reached];
    if (prepare === undefined || slot === undefined) return t.fail(told);
    if (slot.state === "sound") continue;
    const isNamed = sameHeader(slot.header?.identity, prepare.header.identity);
    const follower = prepares[reached + 1];
    if (
      !isNamed &&
      follower === undefined &&
      found.end > prepare.header.address + paddedBytes(prepare.header.bodyBytes)
    )
      break;
    log.repair(prepare);
  }
  const kept = behind(prepares.slice(0, reached));
  if (found.end > kept.address) log.truncate(reached, kept.address, found.end);
  if (reached < prepares.length) log.writePrepares(prepares.slice(reached));
  closeAll({ log, superblock });
  const again = openPeer(disk);
  t.is(story(again.log.recovered), `..${prepares.length} certain`, `${told}: healed`);
  closeAll(again);
  for (let segment = 0; disk.status(segmentPath(root, geometry, segment)) !== null; segment++) {
    const path = segmentPath(root, geometry, segment);
    if (pristine.status(path) === null) continue;
    t.is(Buffer.compare(disk.contents(path), pristine.contents(path)), 0, `${told}: bytes of segment ${segment}`);
  }
  tally.healed++;
}

function* faultsAt(ops: readonly number[]): Generator<Fault> {
  for (const op of ops) {
    for (const ring of [null, ...ringFaults]) {
      for (const log of [null, ...logFaults]) if (ring !== null || log !== null) yield { op, ring, log };
    }
  }
}

const newTally = (): Tally => ({ cases: 0, faulty: 0, absent: 0, healed: 0, uncertain: 0 });
const told = (tally: Tally): string =>
  Object.entries(tally)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ");

for (const [name, shadow] of [
  ["young", young],
  ["that went round its header ring", old],
] as const) {
  const last = shadow.prepares.length;
  test(`a log ${name}: every fault of one op, in one copy of its header or in both`, (t) => {
    const tally = newTally();
    for (const fault of faultsAt([last, last - 1, last - 3, last - 5])) check(t, shadow, [fault], tally);
    t.is(tally.healed, tally.cases);
    t.true(tally.cases > 150 && tally.faulty > 60 && tally.absent > 5 && tally.uncertain > 10, told(tally));
    t.log(told(tally));
  });
}

test("a young log: every pair of faults in two ops", (t) => {
  const tally = newTally();
  const singles = [...faultsAt([7, 6, 4])].filter(({ ring, log }) => ring === null || log === null);
  for (const left of singles) {
    for (const right of singles) if (left.op < right.op) check(t, young, [left, right], tally);
  }
  t.is(tally.healed, tally.cases);
  t.true(tally.cases > 300 && tally.faulty > 300, told(tally));
  t.log(told(tally));
});

test("damage more than a turn of the header ring ago costs the names of what follows, up to where the ring knows again", (t) => {
  const shadow = shadowOf(new Array<number>(headerSlots + 9).fill(10), 0);
  const tally = newTally();
  for (const log of logFaults) {
    const disk = shadow.disk.clone();
    damage(disk, shadow, { op: 5, ring: null, log });
    const found = openPeer(disk).log.recovered;
    const faulty = found.beyond.filter(({ state }) => state === "faulty");
    // A prepare of another view is found out by its child, which is then the one that does not fit.
    const first = log === "other view" ? 6 : 5;
    t.is(found.sound.op, first - 1, log);
    t.true(found.headIsCertain && found.beyond.length === shadow.prepares.length - first + 1, log);
    t.true(
      faulty.every(({ op }) => op <= 9),
      `${log}: the ring names op 10 and later ones`,
    );
    const hasHeader = log === "body" || log === "padding";
    t.is(faulty.length, hasHeader ? 1 : 10 - first, log);
    for (const { op, header } of found.beyond) {
      if (header !== null) t.true(sameHeader(header.identity, shadow.prepares[op - 1]?.header.identity));
    }
    tally.cases++;
  }
  t.is(tally.cases, logFaults.length);
});

test("a whole sector of the header ring is lost: the log proves itself, but for its head", (t) => {
  const disk = young.disk.clone();
  disk.damage(headerRingPath(root), (bytes) => bytes.fill(0xff, 0, 4096));
  const storage = openPeer(disk);
  t.is(story(storage.log.recovered), "..7 8? uncertain", "op 8 may have been there");
  storage.log.truncate(7, storage.log.end, storage.log.recovered.end);
  closeAll(storage);
  t.is(story(openPeer(disk).log.recovered), "..7 certain");
});

test("a header ring that was lost whole is written again, and its owner does not trust its head", (t) => {
  for (const shadow of [young, old]) {
    const disk = shadow.disk.clone();
    disk.damage(headerRingPath(root), (bytes) => bytes.fill(3));
    const last = shadow.prepares.length;
    t.is(story(openPeer(disk).log.recovered), `..${last} ${last + 1}? uncertain`);
    t.is(story(openPeer(disk).log.recovered), `..${last} ${last + 1}? uncertain`, "the second time");
  }
});
