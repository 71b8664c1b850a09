import test from "ava";
import { FaultDisk } from "../../runtime/storage/fault-disk.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { Superblock, superblockCopies } from "../../runtime/storage/superblock.js";
import {
  type CopyReading,
  decodeCopy,
  encodeCopy,
  type SuperblockContent,
} from "../../runtime/storage/superblock-codec.js";
import { chooseCopy } from "../../runtime/storage/superblock-quorum.js";
import { clusterId, identity, seeded } from "./log-fixture.js";

const sector = 4096;

function format(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.makeDirectory("/d");
  Superblock.format(disk, "/d", identity);
  disk.syncDirectory("/d");
  return disk;
}

const stateAt = (op: number) => ({
  standing: "member" as const,
  members: [],
  view: op,
  logView: op,
  commitMax: op,
  suffix: [],
  checkpoint: {
    op,
    address: op * sector,
    timestamp: op,
    parent: new Uint8Array(32).fill(op),
    root: new Uint8Array(op).fill(9),
  },
});

const contentAt = (sequence: number, parent: Uint8Array, op = sequence): SuperblockContent => ({
  ...identity,
  epoch: 0,
  ...stateAt(op),
  sequence,
  generation: 1,
  parent,
});

function copyOf(content: SuperblockContent): Extract<CopyReading, { kind: "sound" }> {
  const bytes = new Uint8Array(sector);
  encodeCopy(bytes, 0, 0, content);
  const reading = decodeCopy(bytes, 0, 0);
  if (reading.kind !== "sound") throw new Error("a written copy is sound");
  return reading;
}

test("what is written is found at the next open, one generation later", (t) => {
  const disk = format();
  const superblock = Superblock.open(disk, "/d");
  t.is(superblock.content.generation, 1);
  superblock.writeState(stateAt(5));
  superblock.writeCheckpoint(stateAt(5).checkpoint, 5);
  superblock.writeCheckpoint(stateAt(7).checkpoint, 7);
  superblock.writeState(stateAt(7));
  superblock.close();
  const again = Superblock.open(disk, "/d");
  t.like(again.content, { ...stateAt(7), generation: 2, replica: 0, replicaCount: 1 });
  t.deepEqual(again.content.clusterId, clusterId);
  t.is(again.repairedCopies, 0);
});

/** old: sequence 2; new: sequence 3; fork: another sequence 3; stale: sequence 1; foreign: sequence 3 of other parents. */
const states = ["old", "new", "fork", "stale", "orphan", "backwards", "bad"] as const;
type State = (typeof states)[number];

test("each of the 2,401 states of the four copies opens rightly or is refused with its own reason", (t) => {
  const stale = copyOf(contentAt(1, new Uint8Array(32)));
  const old = copyOf(contentAt(2, stale.checksum));
  const readings: Readonly<Record<State, CopyReading>> = {
    stale,
    old,
    new: copyOf(contentAt(3, old.checksum)),
    fork: copyOf(contentAt(3, old.checksum, 4)),
    orphan: copyOf(contentAt(3, new Uint8Array(32).fill(1), 5)),
    backwards: copyOf(contentAt(3, old.checksum, 1)),
    bad: { kind: "damaged", fault: "checksum" },
  };
  const outcomes = new Map<string, number>();
  for (let number = 0; number < states.length ** 4; number++) {
    const copies = [0, 1, 2, 3].map(
      (copy) => states[Math.floor(number / states.length ** copy) % states.length] ?? "bad",
    );
    let outcome: string;
    try {
      const chosen = chooseCopy(
        copies.map((state) => readings[state]),
        "/d/superblock",
      );
      outcome = states.find((state) => readings[state] === chosen) ?? "?";
    } catch (error) {
      outcome = String((error as { detail: { fault: string } }).detail.fault);
    }
    const kinds = new Set<State>(copies.filter((state) => state !== "bad"));
    const threes = ["new", "fork", "orphan", "backwards"].filter((state) => kinds.has(state as State));
    const count = (state: string): number => copies.filter((copy) => copy === state).length;
    const faults = new Set<string>();
    if (threes.length > 1) faults.add("fork");
    if (kinds.has("stale") && threes.length > 0) faults.add("parent skipped");
    if (kinds.has("orphan") && kinds.has("old")) faults.add("parent not connected");
    if (kinds.has("backwards") && kinds.has("old")) faults.add("state not monotonic");
    if (faults.size > 0) t.true(faults.has(outcome), `${copies.join()}: ${outcome}`);
    else {
      const best = (["new", "fork", "orphan", "backwards", "old", "stale"] as const).find((state) => count(state) >= 2);
      t.is(outcome, best ?? "quorum lost", `${copies.join()}`);
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  for (const fault of [
    "fork",
    "parent skipped",
    "parent not connected",
    "state not monotonic",
    "quorum lost",
    "new",
    "old",
    "stale",
  ]) {
    t.true((outcomes.get(fault) ?? 0) > 0, fault);
  }
});

test("one or two damaged copies heal at open, three are refused", (t) => {
  for (let mask = 0; mask < 16; mask++) {
    const disk = format();
    const first = Superblock.open(disk, "/d");
    first.writeCheckpoint(stateAt(3).checkpoint, 3);
    first.close();
    const damaged = [0, 1, 2, 3].filter((copy) => (mask & (1 << copy)) !== 0);
    for (const copy of damaged) {
      disk.damage("/d/superblock", (bytes) => {
        const at = copy * sector + ([0, 32, 40, 500][copy] ?? 0);
        bytes[at] = (bytes[at] ?? 0) ^ 0x40;
      });
    }
    if (damaged.length > 2) {
      t.throws(() => Superblock.open(disk, "/d"), {
        code: "dataCorrupt",
        message: /fewer than two of its four copies agree/,
      });
      continue;
    }
    const again = Superblock.open(disk, "/d");
    t.is(again.repairedCopies, damaged.length);
    t.is(again.content.checkpoint.op, 3);
    t.true(Superblock.inspect(disk, "/d").every((reading) => reading.kind === "sound"));
  }
});

test("a copy in another's place is misplaced, one of a later version stops the reader", (t) => {
  const bytes = new Uint8Array(2 * sector);
  encodeCopy(bytes, 0, 0, contentAt(1, new Uint8Array(32)));
  t.deepEqual(decodeCopy(bytes, 0, 1), { kind: "damaged", fault: "misplaced" });
  t.deepEqual(decodeCopy(bytes, sector, 1), { kind: "damaged", fault: "checksum" });
});

test("a power cut at any operation of open and write leaves the old or the new state", (t) => {
  let cuts = 0;
  const seen = new Set<number>();
  for (const mode of ["direct", "fdatasync"] as const) {
    for (let operation = 1; operation < 60; operation++) {
      for (let variant = 0; variant < 3; variant++) {
        const disk = format();
        disk.cutPowerAt(disk.operations + operation, seeded(operation * 3 + variant));
        let acknowledged = 0;
        try {
          const superblock = Superblock.open(disk, "/d", mode);
          for (const op of [4, 8]) {
            superblock.writeCheckpoint(stateAt(op).checkpoint, op);
            acknowledged = op;
          }
        } catch {
          cuts++;
        }
        disk.restart(seeded(operation * 5 + variant));
        const { op } = Superblock.open(disk, "/d", mode).content.checkpoint;
        t.true(op >= acknowledged && op <= acknowledged + 4, `${mode} ${operation}: ${op} after ${acknowledged}`);
        seen.add(op);
      }
    }
  }
  t.true(cuts > 60);
  t.deepEqual([...seen].sort(), [0, 4, 8]);
});

test("a write that fails or does not read back ends the superblock", (t) => {
  for (const kind of ["writeError", "syncError", "bitFlip", "falseSync"] as const) {
    const disk = new FaultDisk(format());
    const superblock = Superblock.open(disk, "/d", "fdatasync");
    disk.plan({ kind, pathEnd: "superblock", nth: 1, forever: true, argument: 70 * 8 });
    if (kind === "falseSync") {
      superblock.writeCheckpoint(stateAt(1).checkpoint, 1); // a lie cannot be noticed while the page cache answers
      t.true(disk.struck[kind] > 0);
      continue;
    }
    t.throws(() => superblock.writeCheckpoint(stateAt(1).checkpoint, 1), { code: "storageFailed" }, kind);
    t.true(disk.struck[kind] > 0);
    disk.heal();
    t.throws(() => superblock.writeCheckpoint(stateAt(1).checkpoint, 1), {
      code: "storageFailed",
      message: /failed before/,
    });
  }
});

test("one bad copy out of four does not stop a write", (t) => {
  const disk = new FaultDisk(format());
  const superblock = Superblock.open(disk, "/d", "fdatasync");
  disk.plan({ kind: "bitFlip", pathEnd: "superblock", nth: 2, argument: 70 * 8 });
  superblock.writeCheckpoint(stateAt(1).checkpoint, 1);
  t.is(disk.struck.bitFlip, 1);
  t.is(Superblock.open(disk, "/d").content.checkpoint.op, 1);
});

test("a copy that did not read back is written again: a cut within the next write finds no copy two sequences behind", (t) => {
  for (const kind of ["bitFlip", "misdirectedWrite"] as const) {
    const inner = format();
    const disk = new FaultDisk(inner);
    const superblock = Superblock.open(disk, "/d", "fdatasync");
    disk.plan({ kind, pathEnd: "superblock", nth: 2, argument: 70 * 8 });
    superblock.writeCheckpoint(stateAt(1).checkpoint, 1);
    t.is(disk.struck[kind], 1);
    const copies = Superblock.inspect(inner, "/d").map((copy) => (copy.kind === "sound" ? copy.content.sequence : 0));
    t.deepEqual(copies, new Array<number>(4).fill(superblock.content.sequence));
    inner.cutPowerAt(inner.operations + 2, () => 0.999);
    t.throws(() => superblock.writeCheckpoint(stateAt(2).checkpoint, 2));
    inner.restart(() => 0.999);
    t.true(Superblock.open(inner, "/d").content.checkpoint.op >= 1);
  }
});

test("a superblock that another node wrote since is not written over", (t) => {
  const disk = format();
  const first = Superblock.open(disk, "/d");
  const second = Superblock.open(disk, "/d");
  t.throws(() => first.writeCheckpoint(stateAt(1).checkpoint, 1), {
    code: "directoryLocked",
    message: /written by another node/,
  });
  second.writeCheckpoint(stateAt(1).checkpoint, 1);
  t.is(second.content.generation, 2);
});

test("durability: a superblock's view, commit and checkpoint never go back", (t) => {
  const superblock = Superblock.open(format(), "/d");
  superblock.writeCheckpoint(stateAt(5).checkpoint, 5);
  t.throws(() => superblock.writeCheckpoint(stateAt(4).checkpoint, 4), {
    message: /durability: a superblock's view, commit and checkpoint never go back/,
  });
});

test("a shortened superblock counts as damaged copies", (t) => {
  const disk = format();
  const file = disk.open("/d/superblock", "dsync");
  file.truncate(2 * sector);
  file.close();
  t.is(Superblock.open(disk, "/d").repairedCopies, superblockCopies - 2);
});
