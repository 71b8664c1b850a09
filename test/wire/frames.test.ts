import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { frameAt, frameBodyBytesMax, frameHeaderBytes } from "../../protocol/wire/frame.js";
import { FrameDecoder } from "../../protocol/wire/frame-decoder.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { crc32c } from "../../runtime/crypto/crc32c.js";
import { AssertionFailed } from "../../runtime/types/assert.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";

interface Frame {
  readonly kind: number;
  readonly requestId: number;
  readonly timeoutMs: number;
  readonly body: Uint8Array;
}

const frames = fc.array(
  fc.record({
    kind: fc.integer({ min: 0, max: 255 }),
    requestId: fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER)),
    timeoutMs: fc.integer({ min: 0, max: 0xffff_ffff }),
    body: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 9_000, size: "max" })),
  }),
  { maxLength: 12 },
);

function encode(list: readonly Frame[]): Uint8Array {
  const writer = new FrameWriter();
  for (const frame of list) writer.frame(frame.kind, frame.requestId, frame.timeoutMs, frame.body);
  return writer.take();
}

function decodeInto(into: Frame[], bodyBytesMax = frameBodyBytesMax): FrameDecoder {
  return new FrameDecoder((kind, requestId, timeoutMs, bytes, from, to, view) => {
    if (view.byteLength !== bytes.length || view.byteOffset !== bytes.byteOffset)
      throw new Error("view is over other bytes");
    into.push({ kind, requestId, timeoutMs, body: bytes.slice(from, to) });
  }, bodyBytesMax);
}

/** Cuts bytes at the given fractions of their length; equal fractions make empty chunks. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = places.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b);
  const borders = [0, ...at, bytes.length];
  return borders.slice(1).map((border, i) => bytes.slice(borders[i], border));
}

test("the checksum is CRC-32C and chains over its parts", (t) => {
  const digits = new TextEncoder().encode("123456789");
  t.is(crc32c(digits, 0, 9), 0xe306_9283);
  t.is(crc32c(new Uint8Array(32), 0, 32), 0x8a91_36aa);
  t.is(crc32c(new Uint8Array(32).fill(0xff), 0, 32), 0x62a8_ab43);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (bytes, at) => {
      const middle = Math.min(at, bytes.length);
      return crc32c(bytes, middle, bytes.length, crc32c(bytes, 0, middle)) === crc32c(bytes, 0, bytes.length);
    }),
  );
});

test("frames come out as they went in, whatever the chunking", (t) => {
  let seen = 0;
  fc.assert(
    fc.property(frames, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }), (list, places) => {
      const got: Frame[] = [];
      const decoder = decodeInto(got);
      for (const chunk of cut(encode(list), places)) decoder.push(chunk);
      t.deepEqual(got, list);
      t.is(decoder.pendingBytes, 0);
      seen += got.length;
    }),
  );
  t.true(seen > 100);
});

test("frames come out as they went in, byte by byte", (t) => {
  const list = [1, 2, 3].map((n) => ({ kind: n, requestId: n, timeoutMs: 0, body: new Uint8Array(n * 10).fill(n) }));
  const got: Frame[] = [];
  const decoder = decodeInto(got);
  for (const byte of encode(list)) decoder.push(Uint8Array.of(byte));
  t.deepEqual(got, list);
});

test("any bytes are frames, an incomplete frame or frameInvalid, and hold no more memory than arrived", (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), fc.boolean(), (chunks, hasMagic) => {
        const decoder = decodeInto([]);
        let arrived = 0;
        try {
          if (hasMagic) decoder.push(Uint8Array.of(0x4b, 0x4d, 0x42, 0x31, 1));
          for (const chunk of chunks) {
            decoder.push(chunk);
            arrived += chunk.length;
          }
        } catch (error) {
          return hasCode(error, "frameInvalid");
        }
        return decoder.heldBytes <= Math.max(4096, 2 * (arrived + 5));
      }),
      { numRuns: 500 },
    ),
  );
});

test("each flipped bit of a frame is refused, or leaves it incomplete when the length grew", (t) => {
  const bytes = encode([{ kind: 16, requestId: 77, timeoutMs: 9, body: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9) }]);
  let refused = 0;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const got: Frame[] = [];
    const decoder = decodeInto(got);
    try {
      decoder.push(damaged);
      t.true(bit >> 3 >= frameAt.bodyLength && bit >> 3 < frameAt.checksum, `bit ${bit} went unnoticed`);
    } catch (error) {
      t.true(hasCode(error, "frameInvalid"));
      refused++;
    }
    t.is(got.length, 0);
  }
  t.true(refused > bytes.length * 7);
});

test("a giant length is refused once twelve bytes are there, before memory is set aside", (t) => {
  const header = encode([{ kind: 16, requestId: 1, timeoutMs: 0, body: new Uint8Array(0) }]).slice(0, 12);
  new DataView(header.buffer).setUint32(frameAt.bodyLength, frameBodyBytesMax + 1, true);
  const decoder = decodeInto([]);
  const error = t.throws(() => decoder.push(header), { instanceOf: KimberliteError });
  t.is(error.code, "frameInvalid");
  t.is(decoder.heldBytes, 0);
});

test("an announced body that never comes costs one small buffer", (t) => {
  const header = encode([{ kind: 16, requestId: 1, timeoutMs: 0, body: new Uint8Array(0) }]);
  new DataView(header.buffer, header.byteOffset).setUint32(frameAt.bodyLength, frameBodyBytesMax, true);
  const decoder = decodeInto([]);
  decoder.push(header.slice());
  t.is(decoder.heldBytes, 4096);
  decoder.push(new Uint8Array(10_000));
  t.true(decoder.heldBytes <= 2 * (10_000 + frameHeaderBytes));
});

test("a frame of the largest size passes in small chunks and its buffer is given back", (t) => {
  const body = new Uint8Array(frameBodyBytesMax).map((_, i) => i);
  const bytes = encode([{ kind: 129, requestId: 5, timeoutMs: 0, body }]);
  const got: Frame[] = [];
  const decoder = decodeInto(got);
  for (let at = 0; at < bytes.length; at += 65_536) decoder.push(bytes.slice(at, at + 65_536));
  t.is(got.length, 1);
  t.is(Buffer.compare(got[0]?.body ?? new Uint8Array(0), body), 0);
  t.is(decoder.heldBytes, 0);
});

test("a stranger is turned away at the first bytes with the reason", (t) => {
  for (const greeting of ["GET / HTTP/1.1\r\n", "\u0016\u0003\u0001\u0000", "\0\0\0\u0008\u0004\u00d2\u0016\u002f"]) {
    const error = t.throws(() => decodeInto([]).push(Buffer.from(greeting, "latin1")), { instanceOf: KimberliteError });
    t.is(error.code, "frameInvalid");
    t.regex(error.message, /port of another protocol/);
  }
});

test("nothing comes out after an invalid frame, after a handler's throw and after stop", (t) => {
  const good = encode([{ kind: 2, requestId: 1, timeoutMs: 0, body: new Uint8Array(0) }]);
  const got: Frame[] = [];
  const broken = decodeInto(got);
  t.throws(() => broken.push(new Uint8Array(40)));
  broken.push(good);
  t.is(got.length, 0);

  let calls = 0;
  const thrower = new FrameDecoder(() => {
    calls++;
    throw new Error("a handler's defect");
  });
  t.throws(() => thrower.push(good), { message: "a handler's defect" });
  thrower.push(good);
  t.is(calls, 1);

  let delivered = 0;
  const stopper: FrameDecoder = new FrameDecoder(() => {
    delivered++;
    if (delivered === 2) stopper.stop();
  });
  const four = Buffer.concat([good, good, good, good]);
  stopper.push(four.subarray(0, 40));
  stopper.push(four.subarray(40));
  t.is(delivered, 2);
});

test("bytes that were taken from a writer stay as they are until recycled, and then are used again", (t) => {
  const writer = new FrameWriter();
  writer.frame(16, 1, 0, Uint8Array.of(1, 2, 3));
  const first = writer.take();
  const copy = first.slice();
  writer.frame(16, 2, 0, new Uint8Array(100).fill(9));
  t.deepEqual(first, copy);
  const second = writer.take();
  writer.recycle(first);
  writer.recycle(second);
  writer.frame(16, 3, 0, Uint8Array.of(7));
  const third = writer.take();
  t.true(third.buffer === first.buffer || third.buffer === second.buffer);
});

test("an abandoned frame leaves no trace and a frame can not be begun in a frame", (t) => {
  const writer = new FrameWriter();
  writer.frame(2, 1, 0, Uint8Array.of(1));
  writer.begin(16, 2, 0).u64(5).string("lost");
  t.throws(() => writer.begin(2, 3, 0), { instanceOf: AssertionFailed });
  writer.abandon();
  writer.begin(2, 3, 0).u8(255).u16(65_535).u32(0xffff_ffff).u64(Number.MAX_SAFE_INTEGER).string("é€😀").end();
  const got: Frame[] = [];
  decodeInto(got).push(writer.take());
  t.deepEqual(
    got.map((frame) => frame.requestId),
    [1, 3],
  );
  const body = Buffer.from(got[1]?.body ?? []);
  t.is(body.toString("hex"), "ffffffffffffffffffffffffff1f000900c3a9e282acf09f9880");
});

test("golden frames decode to what they say and are written byte for byte", (t) => {
  const file = new URL("../../../test/wire/golden-frames.json", import.meta.url);
  const golden = JSON.parse(readFileSync(file, "utf8")) as (Omit<Frame, "body"> & { body: string; frame: string })[];
  t.true(golden.length >= 5);
  for (const entry of golden) {
    const frame = { ...entry, body: new Uint8Array(Buffer.from(entry.body, "hex")) };
    t.is(Buffer.from(encode([frame])).toString("hex"), entry.frame);
    const got: Frame[] = [];
    decodeInto(got).push(Buffer.from(entry.frame, "hex"));
    t.deepEqual(got, [{ kind: frame.kind, requestId: frame.requestId, timeoutMs: frame.timeoutMs, body: frame.body }]);
  }
});
