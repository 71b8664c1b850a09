/**
 * Cuts the power at every operation of a workload, tears what was in flight, and asks of the restarted log: is every acknowledged
 * prepare there and equal, does the chain hold, is the log writable. The negative control skips the sync and must lose some.
 */
import test, { type ExecutionContext } from "ava";
import type { WriteMode } from "../../runtime/storage/disk.js";
import { FaultDisk } from "../../runtime/storage/fault-disk.js";
import type { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { prepareNextSegment } from "../../runtime/storage/segments.js";
import { append, closeAll, geometry, newDisk, open, root, seeded, walk } from "./log-fixture.js";

interface Acknowledged {
  /** Number of the newest acknowledged op. */
  op: number;
  checkpointOp: number;
}

/** Appends of random sizes over several segments, a segment made ahead, two checkpoints, a restart in between. */
function workload(disk: Parameters<typeof open>[0], mode: WriteMode, seed: number, acknowledged: Acknowledged): void {
  const random = seeded(seed);
  for (let life = 0; life < 2; life++) {
    const storage = open(disk, mode);
    for (let count = 0; count < 9; count++) {
      append(storage.log, 9 + Math.floor(random() ** 2 * 20_000));
      acknowledged.op = storage.log.op;
      if (count === 3)
        prepareNextSegment(disk, root, geometry, Math.floor(storage.log.end / geometry.segmentBytes) + 1);
      if (count === 6) {
        const checkpoint = { ...storage.log.position(), root: Uint8Array.from([life]) };
        recordCheckpoint(storage, checkpoint, storage.log.op);
        acknowledged.checkpointOp = checkpoint.op;
      }
    }
    closeAll(storage);
  }
}

function checkAfterCut(
  t: ExecutionContext,
  disk: MemoryDisk,
  mode: WriteMode,
  acknowledged: Acknowledged,
  name: string,
): void {
  const storage = open(disk, mode);
  const { log, superblock } = storage;
  t.true(log.op === acknowledged.op || log.op === acknowledged.op + 1, `${name}: op ${log.op} of ${acknowledged.op}`);
  t.true(superblock.content.checkpoint.op >= acknowledged.checkpointOp, name);
  t.deepEqual(
    walk(disk, log.end).map(({ op }) => op),
    Array.from({ length: log.op }, (_, index) => index + 1),
    name,
  );
  const { op } = log;
  append(log, 5000);
  append(log, 15_000);
  closeAll(storage);
  const again = open(disk, mode);
  t.is(again.log.op, op + 2, name);
  t.is(walk(disk, again.log.end).length, op + 2, name);
  closeAll(again);
}

for (const mode of ["direct", "fdatasync"] as const) {
  test(`${mode}: a power cut at any operation loses nothing acknowledged`, (t) => {
    const measured = newDisk();
    const start = measured.operations;
    workload(measured, mode, 1, { op: 0, checkpointOp: 0 });
    const operations = measured.operations - start;
    let cuts = 0;
    let lost = 0;
    let cutBytes = 0;
    const rows = new Set<string>();
    for (let operation = 1; operation <= operations; operation++) {
      for (let variant = 0; variant < 3; variant++) {
        const seed = operation * 10 + variant;
        const disk = newDisk();
        disk.cutPowerAt(disk.operations + operation, seeded(seed));
        const acknowledged = { op: 0, checkpointOp: 0 };
        t.throws(() => workload(disk, mode, 1, acknowledged), { code: "storageFailed" });
        cuts++;
        const chance = [() => 0, seeded(seed + 1), () => 0.999][variant] ?? seeded(seed);
        disk.restart(chance);
        lost += disk.lost;
        const probe = open(disk.clone(), mode).log.report;
        cutBytes += probe.cutBytes;
        for (const row of Object.keys(probe.rows)) rows.add(row);
        checkAfterCut(t, disk, mode, acknowledged, `operation ${operation}, variant ${variant}`);
      }
    }
    t.true(cuts > 200 && lost > 0 && cutBytes > 0, `${cuts} cuts, ${lost} lost, ${cutBytes} bytes cut`);
    for (const row of ["sound", "clean end", "torn first write", "crash between the two writes"])
      t.true(rows.has(row), row);
    t.log(`${cuts} cuts at ${operations} operations, ${lost} sectors and names lost, rows: ${[...rows].join(", ")}`);
  });
}

test("random workloads with random cuts, several in a row, lose nothing acknowledged", (t) => {
  let cuts = 0;
  for (let seed = 0; seed < 60; seed++) {
    const random = seeded(seed * 977);
    const disk = newDisk();
    const mode = random() < 0.5 ? "direct" : "fdatasync";
    const acknowledged = { op: 0, checkpointOp: 0 };
    for (let life = 0; life < 4; life++) {
      disk.cutPowerAt(disk.operations + 1 + Math.floor(random() * 40), random);
      try {
        const storage = open(disk, mode);
        acknowledged.op = storage.log.op;
        for (;;) {
          append(storage.log, 9 + Math.floor(random() * 20_000));
          acknowledged.op = storage.log.op;
        }
      } catch (error) {
        if (!disk.isCut) throw error;
        cuts++;
      }
      disk.restart(random);
      checkAfterCut(t, disk.clone(), mode, acknowledged, `seed ${seed}, life ${life}`);
    }
  }
  t.is(cuts, 240);
});

test("a cut during recovery's own repairs is recovered in turn", (t) => {
  let cuts = 0;
  for (let seed = 0; seed < 40; seed++) {
    const disk = newDisk();
    const acknowledged = { op: 0, checkpointOp: 0 };
    const storage = open(disk);
    for (let count = 0; count < 3; count++) append(storage.log, 15_000);
    acknowledged.op = 3;
    disk.cutPowerAt(disk.operations + 1, seeded(seed));
    t.throws(() => append(storage.log, 20_000), { code: "storageFailed" });
    disk.restart(seeded(seed));
    for (let operation = 1; operation < 30; operation++) {
      const copy = disk.clone();
      copy.cutPowerAt(copy.operations + operation, seeded(seed + operation));
      try {
        closeAll(open(copy));
      } catch {
        cuts++;
      }
      copy.restart(seeded(seed - operation));
      checkAfterCut(t, copy, "direct", acknowledged, `seed ${seed}, operation ${operation}`);
    }
  }
  t.true(cuts > 100);
});

test("negative control: with syncs that lie, acknowledged prepares are lost and this suite sees it", (t) => {
  let losses = 0;
  let falseSyncs = 0;
  for (let seed = 0; seed < 30; seed++) {
    const inner = newDisk();
    const disk = new FaultDisk(inner, [
      { kind: "falseSync", pathEnd: ".seg", nth: 1, forever: true },
      { kind: "falseSync", pathEnd: "headers", nth: 1, forever: true },
    ]);
    const storage = open(disk, "fdatasync");
    for (let count = 0; count < 4; count++) append(storage.log, 3000);
    falseSyncs += disk.struck.falseSync;
    inner.restart(seeded(seed));
    try {
      if (open(inner, "fdatasync").log.op < 4) losses++;
    } catch {
      losses++; // refused as damaged: noticed too
    }
  }
  t.true(falseSyncs > 100);
  t.true(losses > 20, `${losses} of 30`);
});
