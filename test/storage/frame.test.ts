import { readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { nodeProvider } from "../../runtime/crypto/node-provider.js";
import {
  headerBytes,
  type PrepareFields,
  readHeader,
  rootIdentity,
  writePrepareHeader,
  writeReservedHeader,
} from "../../runtime/storage/frame.js";

const clusterId = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const body = new TextEncoder().encode("a body of a few bytes");

function encode(
  fields: Partial<PrepareFields> = {},
  bodyOf: Uint8Array = body,
): { bytes: Uint8Array; identity: Uint8Array } {
  const bytes = new Uint8Array(headerBytes + bodyOf.length);
  bytes.set(bodyOf, headerBytes);
  const identity = new Uint8Array(32);
  const all: PrepareFields = {
    clusterId,
    parent: rootIdentity(clusterId),
    bodyBytes: bodyOf.length,
    epoch: 1,
    view: 2,
    release: 3,
    replica: 4,
    op: 5,
    commit: 4,
    timestamp: 1_700_000_000_000_000,
    address: 8192,
    recordCount: 6,
    operation: 0,
    ...fields,
  };
  writePrepareHeader(bytes, new DataView(bytes.buffer), 0, all, identity);
  return { bytes, identity };
}

const read = (bytes: Uint8Array, cluster = clusterId): ReturnType<typeof readHeader> =>
  readHeader(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, cluster);

/** Changes a header and makes its checksum right again. */
function reseal(bytes: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  copy.set(nodeProvider.sha256(copy, 16, headerBytes).subarray(0, 16), 0);
  return copy;
}

const golden = new URL("../../../test/storage/golden/prepare-v1.hex", import.meta.url);

test("the header's bytes are those of the golden file", (t) => {
  const { bytes, identity } = encode();
  const text = `${Buffer.from(bytes)
    .toString("hex")
    .replace(/(.{64})/g, "$1\n")}\n`;
  if (process.env["KIMBERLITE_WRITE_GOLDEN"] === "1") writeFileSync(golden, text);
  t.is(text, readFileSync(golden, "utf8"));
  const reading = read(bytes);
  t.is(reading.kind, "prepare");
  if (reading.kind !== "prepare") return;
  t.deepEqual(reading.header.identity, identity);
  t.deepEqual(reading.header.bodyChecksum, nodeProvider.sha256(body));
  t.like(reading.header, {
    op: 5,
    commit: 4,
    view: 2,
    epoch: 1,
    release: 3,
    replica: 4,
    address: 8192,
    recordCount: 6,
  });
});

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const safe = fc.maxSafeNat();

test("any header that is written is read back equal", (t) => {
  let runs = 0;
  const fieldsOf = fc.record({
    epoch: u32,
    view: u32,
    release: u32,
    replica: fc.nat(255),
    op: fc.integer({ min: 2, max: Number.MAX_SAFE_INTEGER }),
    commit: fc.nat(1),
    timestamp: safe,
    address: safe.map((value) => Math.floor(value / 4096) * 4096),
    recordCount: u32,
    operation: fc.nat(255),
    voters: fc.nat(255),
    parent: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    clusterId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  });
  fc.assert(
    fc.property(fieldsOf, fc.uint8Array({ maxLength: 500 }), (fields, bodyOf) => {
      const { bytes, identity } = encode({ ...fields, bodyBytes: bodyOf.length }, bodyOf);
      const reading = read(bytes, fields.clusterId);
      t.is(reading.kind, "prepare");
      if (reading.kind !== "prepare") return;
      const { identity: readIdentity, bodyChecksum, ...rest } = reading.header;
      t.deepEqual(rest, { ...fields, bodyBytes: bodyOf.length });
      t.deepEqual(readIdentity, identity);
      t.deepEqual(bodyChecksum, nodeProvider.sha256(bodyOf));
      runs++;
    }),
  );
  t.true(runs > 50);
});

test("any bytes at all are read as a header or as a fault, never as another error", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: headerBytes, maxLength: headerBytes }), (bytes) => {
      t.deepEqual(read(bytes), { kind: "invalid", fault: "checksum" });
    }),
  );
  const { bytes } = encode();
  fc.assert(
    fc.property(fc.nat(headerBytes - 17), fc.nat(255), (at, value) => {
      const changed = reseal(bytes, (copy) => copy.fill(value, at + 16, at + 17));
      try {
        t.true(["prepare", "reserved", "invalid"].includes(read(changed).kind));
      } catch (error) {
        t.like(error, { code: "formatUnsupported" });
      }
    }),
  );
});

test("every single flipped bit of a header is noticed", (t) => {
  const { bytes } = encode();
  for (let bit = 0; bit < headerBytes * 8; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.is(read(changed).kind, "invalid");
  }
});

test("a sound checksum does not excuse reserved bytes, foreign clusters, sizes or numbers out of range", (t) => {
  const { bytes } = encode();
  const fault = (change: (copy: Uint8Array) => void): unknown => {
    const reading = read(reseal(bytes, change));
    return reading.kind === "invalid" ? reading.fault : reading.kind;
  };
  for (const at of [32, 63, 100, 127, 214, 255])
    t.is(
      fault((copy) => copy.fill(1, at, at + 1)),
      "reserved bytes",
    );
  t.is(
    fault((copy) => copy.fill(9, 64, 65)),
    "cluster",
  );
  t.is(
    fault((copy) => copy.fill(0xff, 83, 84)),
    "size",
  );
  t.is(
    fault((copy) => copy.fill(0, 80, 84)),
    "size",
  );
  t.is(
    fault((copy) => copy.fill(0xff, 182, 184)),
    "number",
  );
  t.is(
    fault((copy) => copy.fill(0, 176, 184)),
    "number",
  );
  t.is(
    fault((copy) => copy.fill(5, 184, 185)),
    "number",
    "a prepare that commits itself",
  );
  t.is(
    fault((copy) => copy.fill(1, 200, 201)),
    "number",
    "an address off the sector",
  );
});

test("an unknown protocol or command under a sound checksum stops the reader", (t) => {
  const { bytes } = encode();
  const changed = (at: number, value: number): Uint8Array => reseal(bytes, (copy) => copy.fill(value, at, at + 1));
  t.throws(() => read(changed(96, 2)), { code: "formatUnsupported" });
  t.throws(() => read(changed(98, 9)), { code: "formatUnsupported" });
});

test("a reserved header carries its slot and nothing else", (t) => {
  const bytes = new Uint8Array(headerBytes);
  writeReservedHeader(bytes, new DataView(bytes.buffer), 0, clusterId, 77);
  t.deepEqual(read(bytes), { kind: "reserved", slot: 77 });
  for (const at of [20, 90, 99, 130, 165, 190, 205, 212]) {
    t.is(read(reseal(bytes, (copy) => copy.fill(1, at, at + 1))).kind, "invalid", `byte ${at}`);
  }
});

test("a prepare commits only what came before it", (t) => {
  t.throws(() => encode({ op: 4, commit: 4 }), { message: /a prepare commits only what came before it/ });
  t.throws(() => encode({ bodyBytes: 1000 }), { message: /a prepare's body lies behind its header/ });
});
