/** Walking the newest prepares in memory: what is there is not read from the disk, and what does not verify there is. */
import test from "ava";
import { headerBytes } from "../../runtime/storage/frame.js";
import { nextSegmentStart, segmentPath } from "../../runtime/storage/log-geometry.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import type { LogTail } from "../../runtime/storage/log-tail.js";
import type { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { PrepareCursor } from "../../runtime/storage/prepare-cursor.js";
import { bodyOf, clusterId, geometry, root, seeded } from "./log-fixture.js";
import { beginning, behind, chain, newPeerDisk, openPeer } from "./replicated-fixture.js";

interface Walked {
  readonly ops: readonly string[];
  readonly position: LogPosition;
}

/** Everything from `from` to `end`; each op with the identity that it has in the walk. */
function walk(disk: MemoryDisk, tail: LogTail | null, from: LogPosition, end: number): Walked {
  const cursor = PrepareCursor.open(disk, root, geometry, clusterId, from, tail);
  const ops: string[] = [];
  while (cursor.next(end)) {
    const { op, bodyBytes, identity } = cursor.header;
    const body = cursor.bytes.slice(cursor.bodyStart, cursor.bodyStart + bodyBytes);
    ops.push(`${op} ${Buffer.from(identity).toString("hex", 0, 4)} ${Buffer.compare(body, bodyOf(op, bodyBytes))}`);
  }
  const position = cursor.position();
  cursor.close();
  return { ops, position };
}

const flipOnDisk = (disk: MemoryDisk, at: number): void =>
  disk.damage(segmentPath(root, geometry, Math.floor(at / geometry.segmentBytes)), (bytes) => {
    const index = at % geometry.segmentBytes;
    bytes[index] = (bytes[index] ?? 0) ^ 1;
  });

test("what the tail has is not read from the disk", (t) => {
  const disk = newPeerDisk();
  const { log } = openPeer(disk);
  const prepares = chain(beginning, [100, 5000, 9]);
  log.writePrepares(prepares);
  const expected = walk(disk, null, beginning, log.end);
  t.is(expected.ops.length, 3);
  for (const { header } of prepares) flipOnDisk(disk, header.address + headerBytes);
  t.throws(() => walk(disk, null, beginning, log.end), { message: /the body of a prepare does not verify/ });
  t.deepEqual(walk(disk, log.tail, beginning, log.end), expected);
});

test("a bit that changed in memory costs a read of the disk, and no more", (t) => {
  const disk = newPeerDisk();
  const { log } = openPeer(disk);
  const prepares = chain(beginning, [100, 5000, 9, 3000]);
  log.writePrepares(prepares);
  const expected = walk(disk, null, beginning, log.end);
  for (const { header } of prepares) {
    for (const part of [0, 16, 130, 200, headerBytes, headerBytes + header.bodyBytes]) {
      const at = log.tail.offsetOf(header.address + part);
      log.tail.bytes[at] = (log.tail.bytes[at] ?? 0) ^ 0x10;
      t.deepEqual(walk(disk, log.tail, beginning, log.end), expected, `op ${header.op}, byte ${part}`);
      log.tail.bytes[at] = (log.tail.bytes[at] ?? 0) ^ 0x10;
    }
  }
});

test("damage on the disk where the tail has nothing is damage", (t) => {
  const disk = newPeerDisk();
  const { log } = openPeer(disk);
  const prepares = chain(beginning, [20_000, 20_000, 20_000, 20_000, 20_000]);
  log.writePrepares(prepares);
  t.true(log.tail.tailLow > 0, "the first of them have left the tail");
  t.is(walk(disk, log.tail, beginning, log.end).ops.length, 5);
  flipOnDisk(disk, (prepares[0]?.header.address ?? 0) + headerBytes + 1);
  t.throws(() => walk(disk, log.tail, beginning, log.end), { message: /the body of a prepare does not verify/ });
});

test("a discarded prepare is not met in the tail where its successor lies in another segment", (t) => {
  const disk = newPeerDisk();
  const { log } = openPeer(disk);
  // Three that fill most of a segment, then a short one of a log that is discarded: it fits behind them, what replaces it does not.
  const kept = chain(beginning, [19_000, 19_000, 10_000]);
  const at = behind(kept);
  const discarded = chain(at, [500], 1);
  log.writePrepares(kept);
  log.writePrepares(discarded);
  t.is(discarded[0]?.header.address, at.address);
  log.truncate(3, at.address, log.end);
  const other = chain(at, [19_000], 2);
  log.writePrepares(other);
  t.is(other[0]?.header.address, nextSegmentStart(geometry, at.address));
  const expected = walk(disk, null, beginning, log.end);
  t.deepEqual(walk(disk, log.tail, beginning, log.end), expected);
  t.deepEqual(expected.position, behind(other));
});

test("the tail says what the disk says, whatever is written, taken back and repaired", (t) => {
  let walks = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const disk = newPeerDisk();
    const { log } = openPeer(disk);
    let written = [] as ReturnType<typeof chain>;
    let committed = 0;
    for (let step = 0; step < 12; step++) {
      const what = random();
      if (what < 0.6 || written.length - committed < 2) {
        const sizes = Array.from({ length: 1 + Math.floor(random() * 4) }, () => 9 + Math.floor(random() * 12_000));
        const more = chain(written.length === 0 ? beginning : behind(written), sizes, step + 1);
        log.writePrepares(more);
        written = [...written, ...more];
      } else if (what < 0.8) {
        const keeps = committed + Math.floor(random() * (written.length - committed));
        const to = keeps === 0 ? beginning : behind(written.slice(0, keeps));
        log.truncate(keeps, to.address, log.end);
        written = written.slice(0, keeps);
      } else {
        const again = written[Math.floor(random() * written.length)];
        if (again !== undefined) log.repair(again);
      }
      if (written.length > committed && random() < 0.5) {
        committed += 1 + Math.floor(random() * (written.length - committed));
        log.publishCommitted(behind(written.slice(0, committed)));
      }
      if (written.length === 0) continue;
      const from = Math.floor(random() * written.length);
      const start = from === 0 ? beginning : behind(written.slice(0, from));
      t.deepEqual(walk(disk, log.tail, start, log.end), walk(disk, null, start, log.end), `seed ${seed}, step ${step}`);
      walks += 1;
    }
  }
  t.true(walks > 400, `${walks} walks`);
});
