import test from "ava";
import { allocateAligned, bytesOf } from "../../runtime/storage/aligned-memory.js";
import { FaultDisk, type FaultKind, faultKinds } from "../../runtime/storage/fault-disk.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { diskContract } from "./disk-contract.js";
import { removeTemporary, temporary } from "./temporary.js";

test.after.always(removeTemporary);

function memory(options = {}): { disk: MemoryDisk; root: string } {
  const disk = new MemoryDisk(options);
  disk.makeDirectory("/d");
  return { disk, root: "/d" };
}

diskContract(test, "real", () => ({ disk: new RealDisk(), root: temporary() }));
diskContract(test, "memory", () => memory());
diskContract(test, "memory without direct files", () => memory({ direct: false }));
diskContract(test, "faultless fault", () => ({ disk: new FaultDisk(new RealDisk()), root: temporary() }));

test("where direct files are refused the next mode is taken, and memory is aligned where they are not", (t) => {
  t.is(allocateAligned(memory({ direct: false }).disk, "/d", 4096).mode, "dsync");
  t.is(allocateAligned(memory().disk, "/d", 4096).mode, "direct");
  t.is(allocateAligned(memory().disk, "/d", 4096, "fdatasync").mode, "fdatasync");
  const real = allocateAligned(new RealDisk(), temporary(), 1 << 20);
  t.true(["direct", "dsync", "fdatasync"].includes(real.mode));
  t.is(bytesOf(real).length, 1 << 20);
});

test("on a full disk the mode that takes any memory is taken, and a start does not end there", (t) => {
  const { disk } = memory({ capacityBytes: 0 });
  t.is(allocateAligned(disk, "/d", 4096).mode, "fdatasync");
  t.is(allocateAligned(disk, "/d", 4096, "dsync").mode, "fdatasync");
  t.deepEqual(disk.list("/d"), [], "nothing of the trial is left");
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  t.is(allocateAligned(disk, "/d", 4096).mode, "direct");
});

test("a power cut takes back what was not synced, and only that", (t) => {
  const outcomes = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const { disk } = memory();
    const random = seeded(round);
    const file = disk.create("/d/file", "fdatasync");
    file.write(new Uint8Array(2048).fill(1), 0, 2048, 0);
    file.sync();
    disk.syncDirectory("/d");
    file.write(new Uint8Array(2048).fill(2), 0, 2048, 0);
    disk.create("/d/other", "fdatasync");
    disk.restart(random);
    const contents = disk.contents("/d/file");
    t.is(contents.length, 2048);
    for (let sector = 0; sector < 4; sector++) {
      const part = contents.slice(sector * 512, (sector + 1) * 512);
      t.true(
        part.every((byte) => byte === part[0]),
        "a sector is old or new as a whole",
      );
    }
    outcomes.add(`${[0, 512, 1024, 1536].map((at) => contents[at]).join()} ${disk.list("/d").join()}`);
    t.throws(
      () => file.write(new Uint8Array(1), 0, 1, 0),
      { code: "storageFailed" },
      "a file from before the cut is dead",
    );
  }
  t.true(outcomes.size > 10, "many different subsets were seen");
});

test("a power cut within a direct write tears it at sectors", (t) => {
  const torn = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const { disk } = memory();
    const file = disk.create("/d/file", "direct");
    file.write(new Uint8Array(2048).fill(1), 0, 2048, 0);
    disk.syncDirectory("/d");
    disk.cutPowerAt(disk.operations + 1, seeded(round));
    t.throws(() => file.write(new Uint8Array(2048).fill(2), 0, 2048, 0), { code: "storageFailed" });
    t.true(disk.isCut);
    t.throws(() => disk.open("/d/file", "read"), { code: "storageFailed" });
    disk.restart();
    torn.add([0, 512, 1024, 1536].map((at) => disk.contents("/d/file")[at]).join());
  }
  t.true(torn.size > 8);
});

function seeded(seed: number): () => number {
  let state = seed + 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("each planned fault happens once, at the operation it names, and is counted", (t) => {
  const expected: Readonly<Record<FaultKind, string>> = {
    readError: "throws storageFailed",
    writeError: "throws storageFailed, file 1111",
    noSpace: "throws diskFull, file 1111",
    shortWrite: "throws storageFailed, file 2211",
    tornWrite: "throws storageFailed, file 2121",
    syncError: "throws storageFailed",
    falseSync: "passes",
    bitFlip: "passes, file 3222",
    misdirectedWrite: "passes, file 1112",
  };
  for (const kind of faultKinds) {
    const disk = new FaultDisk(memory().disk);
    const file = disk.create("/d/file", "fdatasync");
    file.write(new Uint8Array(2048).fill(1), 0, 2048, 0);
    disk.plan({ kind, pathEnd: "file", nth: 1, argument: kind === "misdirectedWrite" ? 1536 : 0 });
    let outcome = "passes";
    const target = new Uint8Array(2048);
    try {
      if (kind === "readError") file.read(target, 0, 2048, 0);
      else if (kind === "syncError" || kind === "falseSync") file.sync();
      else file.write(new Uint8Array(2048).fill(2), 0, 2048, 0);
    } catch (error) {
      outcome = `throws ${String((error as { code?: string }).code)}`;
    }
    t.is(disk.struck[kind], 1);
    file.read(target, 0, 2048, 0);
    const state = [0, 512, 1024, 1536].map((at) => target[at]).join("");
    t.is(expected[kind].includes("file") ? `${outcome}, file ${state}` : outcome, expected[kind], kind);
    file.write(target, 0, 2048, 0);
    file.sync();
    t.is(disk.struck[kind], 1, "a fault strikes once");
  }
});

test("a sync that lies loses at the next power cut what it called durable", (t) => {
  const inner = memory().disk;
  const disk = new FaultDisk(inner, [{ kind: "falseSync", pathEnd: "/file", nth: 1, forever: true }]);
  const file = disk.create("/d/file", "fdatasync");
  disk.syncDirectory("/d");
  file.write(new Uint8Array(8192).fill(2), 0, 8192, 0);
  file.sync();
  inner.restart(() => 0);
  t.true(inner.lost > 0);
  t.true(disk.struck.falseSync > 0);
});
