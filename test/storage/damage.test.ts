/** One damage in each zone of a replica's files: it heals, or it is refused with file, op and address; nothing wrong is ever served. */
import test from "ava";
import { FaultDisk } from "../../runtime/storage/fault-disk.js";
import { headerBytes, writeReservedHeader } from "../../runtime/storage/frame.js";
import { segmentPath } from "../../runtime/storage/log-geometry.js";
import { logBeginning } from "../../runtime/storage/log-position.js";
import type { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { PrepareCursor } from "../../runtime/storage/prepare-cursor.js";
import { recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { type FoundDamage, Scrubber } from "../../runtime/storage/scrubber.js";
import { decodeSeal, encodeSeal } from "../../runtime/storage/seal-codec.js";
import { computeSeal, readSeal, sealSegment } from "../../runtime/storage/segment-seal.js";
import { type VerifyReport, verifyLog } from "../../runtime/storage/verify-log.js";
import { append, closeAll, clusterId, geometry, newDisk, open, root, seeded, walk } from "./log-fixture.js";

const segment = (number: number): string => segmentPath(root, geometry, number);

/** 12 ops over three segments, the first two sealed. */
function filled(): { disk: MemoryDisk; addresses: number[]; end: number } {
  const disk = newDisk();
  const storage = open(disk);
  const addresses = Array.from({ length: 12 }, () => append(storage.log, 12_000));
  const { end } = storage.log;
  for (const sealed of [0, 1]) sealSegment(disk, root, geometry, clusterId, sealed, end);
  closeAll(storage);
  return { disk, addresses, end };
}

const base = filled();

function flip(disk: MemoryDisk, path: string, at: number): void {
  disk.damage(path, (bytes) => {
    bytes[at] = (bytes[at] ?? 0) ^ 0x04;
  });
}

function scrub(disk: MemoryDisk, end: number): FoundDamage[] {
  const scrubber = new Scrubber({ disk, directory: root, geometry, clusterId, end: () => end, random: () => 0.5 });
  const found: FoundDamage[] = [];
  for (let steps = 0; steps < 1000; steps++) {
    const step = scrubber.step(10_000);
    found.push(...step.damage);
    if (step.tourDone) return found;
  }
  throw new Error("a tour ends");
}

function verify(disk: MemoryDisk): VerifyReport {
  const run = verifyLog({ disk, directory: root, geometry });
  let done = 0;
  for (;;) {
    const step = run.next();
    if (step.done === true) return step.value;
    if (step.value.bytesDone < done) throw new Error("progress goes forward");
    done = step.value.bytesDone;
  }
}

test("an undamaged replica is found sound by scrubber and verify", (t) => {
  t.deepEqual(scrub(base.disk, base.end), []);
  const report = verify(base.disk);
  t.deepEqual(report.damage, []);
  t.like(report, { prepares: 12, records: 12, segments: 3, seals: 2, bytes: base.end });
  t.is(report.head?.op, 12);
});

for (const [zone, offset, fault] of [
  ["header", 100, "header"],
  ["header checksum", 3, "header"],
  ["body", headerBytes + 5000, "body"],
] as const) {
  test(`a flipped bit in the ${zone} of an acknowledged prepare is refused, with file, op and address`, (t) => {
    for (const op of [1, 5, 12]) {
      const disk = base.disk.clone();
      const address = base.addresses[op - 1] ?? 0;
      const file = segment(Math.floor(address / geometry.segmentBytes));
      flip(disk, file, (address % geometry.segmentBytes) + offset);
      t.like(
        t.throws(() => open(disk)),
        { code: "dataCorrupt", detail: { file, op, address, row: "known and damaged" } },
      );
      t.throws(() => walk(disk, base.end), { code: "dataCorrupt", message: new RegExp(`${file}.*${address}`) });
      const wanted = {
        zone: "segment",
        file,
        address,
        op: fault === "header" ? null : op,
        what: `${fault} does not verify`,
      };
      t.like(
        scrub(disk, base.end).find((damage) => damage.address === address),
        wanted,
      );
      const report = verify(disk);
      t.like(
        report.damage.find((damage) => damage.what === wanted.what),
        wanted,
      );
      t.is(report.prepares, 11, "verify goes on behind the damage");
    }
  });
}

test("a flipped bit in the padding of an acknowledged prepare is mended at start: nothing is lost with it", (t) => {
  for (const [index, address] of base.addresses.entries()) {
    const disk = base.disk.clone();
    const file = segment(Math.floor(address / geometry.segmentBytes));
    const before = disk.contents(file).slice();
    flip(disk, file, (address % geometry.segmentBytes) + headerBytes + 12_000);
    const wanted = { zone: "segment", file, address, op: index + 1, what: "padding does not verify" } as const;
    t.like(
      scrub(disk, base.end).find((damage) => damage.address === address),
      wanted,
    );
    t.like(
      verify(disk).damage.find((damage) => damage.address === address),
      wanted,
    );
    const storage = open(disk);
    t.is(storage.log.op, 12);
    t.like(storage.log.report, { mendedPaddings: 1, cutBytes: 0 });
    closeAll(storage);
    t.deepEqual(disk.contents(file), before);
    const again = open(disk);
    t.is(again.log.report.mendedPaddings, 0);
    t.is(append(again.log, 100), base.end);
    closeAll(again);
    t.is(walk(disk, again.log.end).length, 13);
  }
});

test("a lost header of the ring does not keep a padding from being mended", (t) => {
  for (const op of [1, 5, 11]) {
    const disk = base.disk.clone();
    const address = base.addresses[op - 1] ?? 0;
    flip(disk, `${root}/headers`, op * headerBytes + 77);
    flip(
      disk,
      segment(Math.floor(address / geometry.segmentBytes)),
      (address % geometry.segmentBytes) + headerBytes + 12_000,
    );
    const { log } = open(disk);
    t.is(log.op, 12);
    t.like(log.report, { mendedPaddings: 1, repairedSlots: 1 });
  }
});

test("a write that the ring does not know of is torn, though only its padding does not verify", (t) => {
  const disk = base.disk.clone();
  const address = base.addresses[11] ?? 0;
  disk.damage(`${root}/headers`, (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    writeReservedHeader(bytes, view, 12 * headerBytes, clusterId, 12);
  });
  flip(disk, segment(2), (address % geometry.segmentBytes) + headerBytes + 12_000);
  const { log } = open(disk);
  t.is(log.op, 11);
  t.like(log.report, { mendedPaddings: 0, cutBytes: 12_288 });
});

test("the scrubber tells from where to ask others for a write that was lost at a full segment's end", (t) => {
  const disk = base.disk.clone();
  const lost = Math.max(...base.addresses.filter((address) => address < geometry.segmentBytes));
  disk.damage(segment(0), (bytes) => bytes.fill(0, lost));
  const found = scrub(disk, base.end);
  t.is(found.length, 1);
  t.like(found[0], { zone: "seal", before: { address: lost, op: base.addresses.indexOf(lost) } });
});

test("damage before the checkpoint does not stop a start, and the scrubber finds it", (t) => {
  const disk = base.disk.clone();
  const storage = open(disk);
  recordCheckpoint(storage, { ...storage.log.position(), root: new Uint8Array(0) }, 12);
  closeAll(storage);
  flip(disk, segment(0), (base.addresses[1] ?? 0) + 4000);
  const again = open(disk);
  t.is(again.log.op, 12);
  closeAll(again);
  t.is(scrub(disk, base.end).length, 1);
});

test("bytes that are not zero behind a segment's last prepare are found", (t) => {
  const disk = newDisk();
  const storage = open(disk);
  for (const bytes of [20_000, 20_000, 12_000, 20_000]) append(storage.log, bytes);
  const { end } = storage.log;
  closeAll(storage);
  t.deepEqual(scrub(disk, end), []);
  flip(disk, segment(0), geometry.segmentBytes - 10);
  for (const damage of [scrub(disk, end), verify(disk).damage]) {
    t.is(damage.length, 1);
    t.true(damage.every(({ what, file }) => what.includes("behind the last prepare") && file === segment(0)));
  }
  t.throws(() => sealSegment(disk, root, geometry, clusterId, 0, end), {
    code: "dataCorrupt",
    message: /are not zero/,
  });
});

test("a flipped bit in the header ring heals at start", (t) => {
  for (const slot of [1, 7, 12, 13, 500]) {
    const disk = base.disk.clone();
    flip(disk, `${root}/headers`, slot * headerBytes + 77);
    const found = [...scrub(disk, base.end), ...verify(disk).damage];
    t.is(found.filter(({ zone, what }) => zone === "headers" && what === `slot ${slot} does not verify`).length, 2);
    const storage = open(disk);
    t.is(storage.log.op, 12);
    t.is(storage.log.report.repairedSlots, 1);
    closeAll(storage);
    t.deepEqual(scrub(disk, base.end), []);
  }
});

test("a header ring that was lost whole is written again from the log", (t) => {
  const disk = base.disk.clone();
  disk.damage(`${root}/headers`, (bytes) => bytes.fill(0));
  const storage = open(disk);
  t.is(storage.log.op, 12);
  t.is(storage.log.report.repairedSlots, 1024);
  closeAll(storage);
  const again = open(disk);
  t.deepEqual(again.log.report.rows, { sound: 12, "clean end": 1 });
});

test("a lost header and a damaged prepare at once are never taken for a torn write", (t) => {
  const disk = base.disk.clone();
  flip(disk, `${root}/headers`, 12 * headerBytes + 77);
  flip(disk, segment(2), ((base.addresses[11] ?? 0) % geometry.segmentBytes) + 300);
  t.like(
    t.throws(() => open(disk)),
    { code: "dataCorrupt", detail: { op: 12, row: "both lost" } },
  );
});

test("an emptied ring behind a checkpoint proves nothing: a damaged head is refused, not cut", (t) => {
  const disk = newDisk();
  const storage = open(disk);
  for (let count = 0; count < 5; count++) append(storage.log, 5000);
  recordCheckpoint(storage, { ...storage.log.position(), root: new Uint8Array(0) }, 5);
  const address = append(storage.log, 5000);
  closeAll(storage);
  disk.damage(`${root}/headers`, (bytes) => bytes.set(newDisk().contents(`${root}/headers`)));
  flip(disk, segment(0), address + 3000);
  t.like(
    t.throws(() => open(disk)),
    { code: "dataCorrupt", detail: { op: 6, row: "both lost" } },
  );
});

test("a torn write after a whole turn of the ring is cut, and what it left is zeroed", (t) => {
  const disk = newDisk();
  const storage = open(disk);
  for (let count = 0; count < 1030; count++) append(storage.log, 3000);
  const { end } = storage.log;
  closeAll(storage);
  const faulty = new FaultDisk(disk);
  const second = open(faulty);
  faulty.plan({ kind: "tornWrite", pathEnd: ".seg", nth: 1 });
  t.throws(() => append(second.log, 9000), { code: "storageFailed" });
  t.is(faulty.struck.tornWrite, 1);
  const again = open(disk);
  t.is(again.log.report.rows["torn write"], 1);
  t.true(again.log.report.cutBytes > 0);
  t.is(again.log.op, 1030);
  const rest = disk.contents(segment(Math.floor(end / geometry.segmentBytes))).subarray(end % geometry.segmentBytes);
  t.true(rest.every((byte) => byte === 0));
  append(again.log, 3000);
  t.is(walk(disk, again.log.end).length, 1031);
});

test("a bit that flips on its way to the disk is refused at the next start", (t) => {
  const inner = newDisk();
  const disk = new FaultDisk(inner, [{ kind: "bitFlip", pathEnd: ".seg", nth: 2, argument: 5000 * 8 }]);
  const { log } = open(disk);
  append(log, 8000);
  append(log, 8000);
  t.is(disk.struck.bitFlip, 1);
  t.like(
    t.throws(() => open(inner)),
    { code: "dataCorrupt", detail: { op: 2, row: "known and damaged" } },
  );
});

test("a misdirected write is refused at the next start, be it into the void or over another prepare", (t) => {
  for (const [argument, op, row] of [
    [12_288, 3, "known and never written"],
    [-12_288, 2, "known and damaged"],
  ] as const) {
    const inner = newDisk();
    const disk = new FaultDisk(inner, [{ kind: "misdirectedWrite", pathEnd: ".seg", nth: 3, argument }]);
    const { log } = open(disk);
    for (let count = 0; count < 3; count++) append(log, 8000);
    t.is(disk.struck.misdirectedWrite, 1);
    const error = t.throws(() => open(inner), { code: "dataCorrupt" });
    t.regex(error?.message ?? "", new RegExp(`op (${op}|2) at address`));
    t.true(
      [row, "stranger", "known and damaged"].includes(
        String((error as unknown as { detail: { row: string } }).detail.row),
      ),
    );
  }
});

test("two replicas' segments swapped are refused as strangers", (t) => {
  const disk = base.disk.clone();
  const other = disk.contents(segment(1));
  disk.damage(segment(0), (bytes) => bytes.set(other));
  t.like(
    t.throws(() => open(disk)),
    { code: "dataCorrupt", detail: { op: 1, row: "stranger" } },
  );
});

test("missing and shortened files are refused by name", (t) => {
  for (const [file, message] of [
    [segment(0), /0000000000000000\.seg/],
    [segment(1), /0000000000010000\.seg/],
    [segment(2), /0000000000020000\.seg/],
    [`${root}/headers`, /headers/],
    [`${root}/superblock`, /superblock/],
  ] as const) {
    const disk = base.disk.clone();
    disk.remove(file);
    t.throws(() => open(disk), { code: "dataMissing", message });
    if (file.endsWith(".seg")) t.true(verify(disk).damage.length > 0);
  }
  for (const file of [segment(0), segment(1), `${root}/headers`]) {
    const disk = base.disk.clone();
    const open_ = disk.open(file, "dsync");
    open_.truncate(8192);
    open_.close();
    t.throws(() => open(disk), { code: "dataCorrupt", message: new RegExp(file) });
  }
});

test("a missing old segment is refused although recovery reads from the checkpoint on", (t) => {
  const disk = base.disk.clone();
  const storage = open(disk);
  recordCheckpoint(storage, { ...storage.log.position(), root: new Uint8Array(0) }, 12);
  closeAll(storage);
  disk.remove(segment(0));
  t.like(
    t.throws(() => open(disk)),
    { code: "dataMissing", detail: { file: segment(0) } },
  );
});

test("a seal names ops, identities and content of its segment, and is found wrong when either changes", (t) => {
  const disk = base.disk.clone();
  const seal = readSeal(disk, root, geometry, 0);
  t.like(seal, { firstOp: 1, lastOp: 5, records: 5, usedBytes: 5 * 12_288 });
  t.deepEqual(seal, computeSeal(disk, root, geometry, clusterId, 0, base.end));
  if (seal === null) return;
  t.deepEqual(decodeSeal(geometry, 0, encodeSeal(geometry, seal), "x"), seal);
  const file = segmentPath(root, geometry, 0, "seal");
  for (const at of [0, 60, 130, 230, 4000]) {
    const copy = base.disk.clone();
    flip(copy, file, at);
    t.throws(() => readSeal(copy, root, geometry, 0), { code: "dataCorrupt", message: /its checksum does not fit/ });
    t.is(scrub(copy, base.end).filter(({ zone }) => zone === "seal").length, 1);
    t.is(open(copy).log.op, 12, "a seal can be made again: it does not stop a start");
  }
  const forged = base.disk.clone();
  const bytes = encodeSeal(geometry, { ...seal, lastIdentity: new Uint8Array(32) });
  forged.damage(file, (old) => old.set(bytes));
  t.is(scrub(forged, base.end).length, 1);
  t.regex(verify(forged).damage[0]?.what ?? "", /does not describe its segment/);
});

test("durability: only a segment that the log has left is sealed", (t) => {
  t.throws(() => sealSegment(base.disk.clone(), root, geometry, clusterId, 2, base.end), {
    message: /durability: only a segment that the log has left is sealed/,
  });
});

test("the scrubber works within its budget, from any origin, and goes on from a saved cursor", (t) => {
  const disk = base.disk.clone();
  flip(disk, segment(1), 20_000);
  for (const seed of [1, 2, 3, 4]) {
    const options = { disk, directory: root, geometry, clusterId, end: () => base.end, random: seeded(seed) };
    let scrubber = new Scrubber(options);
    const found: FoundDamage[] = [];
    let bytes = 0;
    let tours = 0;
    for (let steps = 0; tours < 2 && steps < 500; steps++) {
      const step = scrubber.step(4096);
      t.true(step.bytes <= 400_000);
      bytes += step.bytes;
      found.push(...step.damage);
      if (step.tourDone) tours++;
      const { cursor } = scrubber;
      scrubber.close();
      scrubber = new Scrubber({ ...options, cursor });
    }
    t.is(tours, 2);
    t.is(found.filter(({ file }) => file === segment(1)).length, 2, "once a tour");
    t.true(bytes >= 2 * base.end);
  }
});

test("the scrubber says where the log stands before a damaged prepare, wherever that is known", (t) => {
  const beginning = logBeginning(clusterId);
  const cursor = PrepareCursor.open(base.disk, root, geometry, clusterId, beginning);
  const positions = [beginning];
  while (cursor.next(base.end)) positions.push(cursor.position());
  cursor.close();
  for (const [op, address] of base.addresses.entries()) {
    const disk = base.disk.clone();
    flip(disk, segment(Math.floor(address / geometry.segmentBytes)), (address % geometry.segmentBytes) + 3_000);
    const [damage, ...more] = scrub(disk, base.end);
    t.is(damage?.address, address);
    t.deepEqual(more, []);
    const isFirst = address % geometry.segmentBytes === 0;
    const isSealed = address < 2 * geometry.segmentBytes;
    if (isFirst && !isSealed) t.is(damage?.before, null, "no seal says what comes before the segment");
    else {
      t.is(damage?.before?.op, op);
      t.deepEqual(damage?.before?.parent, positions[op]?.parent);
    }
  }
});

test("verify lets the caller look into each prepare and reports what it says", (t) => {
  const run = verifyLog({
    disk: base.disk,
    directory: root,
    geometry,
    visit: ({ header, view, bodyStart }) => {
      if (view.getUint32(bodyStart, true) !== header.bodyBytes - 8) return "wrong length";
      return header.op === 7 ? "a record is odd" : null;
    },
  });
  let step = run.next();
  while (step.done !== true) step = run.next();
  t.like(step.value.damage, [{ op: 7, what: "a record is odd", address: base.addresses[6] ?? 0 }]);
  t.is(step.value.damage.length, 1);
});
