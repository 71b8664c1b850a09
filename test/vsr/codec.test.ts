import { readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { nodeProvider } from "../../runtime/crypto/node-provider.js";
import { headerBytes, readHeader, rootIdentity, writePrepareHeader } from "../../runtime/storage/frame.js";
import { isKimberliteError } from "../../runtime/types/errors.js";
import { decodeMessage, encodeMessage } from "../../runtime/vsr/codec.js";
import { commands, messageBytesMax, runBytesMax } from "../../runtime/vsr/message-frame.js";
import { type Message, type Prepare, replicaStatuses, type SuffixEntry } from "../../runtime/vsr/messages.js";

const clusterId = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const sender = { replica: 2, clusterId, epoch: 7, release: 3 };

function prepareAt(op: number, body: Uint8Array, parent = rootIdentity(clusterId)): Prepare {
  const frame = new Uint8Array(headerBytes + body.length);
  frame.set(body, headerBytes);
  const view = new DataView(frame.buffer);
  const fields = {
    clusterId,
    parent,
    bodyBytes: body.length,
    epoch: 5,
    view: 4,
    release: 3,
    replica: 1,
    op,
    commit: op - 1,
    timestamp: 1_700_000_000_000_000 + op,
    address: op * 8192,
    recordCount: 1,
    operation: 0,
  };
  writePrepareHeader(frame, view, 0, fields, new Uint8Array(32));
  const reading = readHeader(frame, view, 0, clusterId);
  if (reading.kind !== "prepare") throw new Error("a prepare that was just written is read");
  return { header: reading.header, frame };
}

const id = new Uint8Array(16).fill(0x1d);
const remembered = { member: id, view: 3, op: 2 };

/** A chain of prepares, oldest first. */
function chain(from: number, bodies: readonly Uint8Array[]): Prepare[] {
  const prepares: Prepare[] = [];
  for (const [index, body] of bodies.entries()) {
    prepares.push(prepareAt(from + index, body, prepares.at(-1)?.header.identity));
  }
  return prepares;
}

const entryOf = ({ header, frame }: Prepare, present: boolean, nack: boolean): SuffixEntry => ({
  op: header.op,
  header,
  headerBytes: frame.slice(0, headerBytes),
  present,
  nack,
});

const safe = fc.maxSafeNat();
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const identity = fc.uint8Array({ minLength: 32, maxLength: 32 });
const member = fc.uint8Array({ minLength: 16, maxLength: 16 });
const status = fc.constantFrom(...replicaStatuses);
const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 0, maxLength: 5 });
const firstOp = fc.integer({ min: 1, max: 2 ** 38 });

const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constant("ping" as const),
    view: u32,
    status,
    commit: safe,
    release: fc.constant(3),
    monotonic: safe,
    member,
  }),
  fc.record({
    kind: fc.constant("pong" as const),
    view: u32,
    status,
    commit: safe,
    release: fc.constant(3),
    echoed: safe,
    wall: safe,
    remembered: fc.record({ member, view: u32, op: safe }),
  }),
  fc
    .tuple(firstOp, fc.uint8Array({ maxLength: 300 }))
    .map(([op, body]): Message => ({ kind: "prepare", prepare: prepareAt(op, body) })),
  fc.record({ kind: fc.constant("prepareOk" as const), view: u32, op: safe, identity }),
  fc.record({
    kind: fc.constant("commit" as const),
    view: u32,
    commit: fc.record({ op: safe, identity }),
    op: safe,
    round: safe,
  }),
  fc.record({ kind: fc.constant("commitOk" as const), view: u32, round: safe }),
  fc.record({ kind: fc.constant("startViewChange" as const), view: u32 }),
  fc
    .tuple(u32, u32, safe, safe, firstOp, bodies, fc.array(fc.nat(7), { minLength: 5, maxLength: 5 }))
    .map(([view, logView, commit, contiguous, op, from, marks]): Message => {
      const suffix = chain(op, from)
        .reverse()
        .map((prepare, index): SuffixEntry => {
          const mark = marks[index] ?? 0;
          const entry = entryOf(prepare, (mark & 1) !== 0, (mark & 2) !== 0);
          return (mark & 4) === 0 ? entry : { ...entry, header: null, headerBytes: null };
        });
      return { kind: "doViewChange", view, logView, commit, contiguous, suffix };
    }),
  fc.tuple(u32, safe, safe, firstOp, bodies).map(([view, commit, nonce, op, from]): Message => {
    const suffix = chain(op, from)
      .reverse()
      .map(({ header, frame }) => ({ header, headerBytes: frame.slice(0, headerBytes) }));
    return { kind: "startView", view, commit, suffix, nonce };
  }),
  fc.record({ kind: fc.constant("getView" as const), view: u32, nonce: safe }),
  fc.record({ kind: fc.constant("getPrepare" as const), view: u32, op: safe, identity }),
  fc.record({
    kind: fc.constant("getRun" as const),
    from: fc.record({ op: safe, address: safe, parent: identity, timestamp: safe }),
    until: fc.record({ op: safe, identity }),
    bytesMax: u32,
  }),
  fc.tuple(firstOp, bodies).map(([op, from]): Message => ({ kind: "run", prepares: chain(op, from) })),
  fc.record({ kind: fc.constant("getSeals" as const), segment: safe }),
  fc.record({
    kind: fc.constant("seals" as const),
    segment: safe,
    seals: fc.array(fc.uint8Array({ minLength: 256, maxLength: 256 }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("getSegmentPart" as const),
    segment: safe,
    contentHash: identity,
    offset: u32,
    length: u32,
  }),
  fc.record({
    kind: fc.constant("segmentPart" as const),
    segment: safe,
    contentHash: identity,
    offset: u32,
    bytes: fc.uint8Array({ maxLength: 300 }),
  }),
);

/** Changes a frame and makes its header checksum right again. */
function reseal(bytes: Uint8Array, change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy, new DataView(copy.buffer));
  copy.set(nodeProvider.sha256(copy, 16, headerBytes).subarray(0, 16), 0);
  return copy;
}

/** A frame whose body was changed with both checksums made right again. */
function rebody(bytes: Uint8Array, change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  return reseal(bytes, (copy, view) => {
    change(copy, view);
    view.setUint32(80, copy.length, true);
    copy.set(nodeProvider.sha256(copy, headerBytes, copy.length).subarray(0, 16), 16);
  });
}

const faultOf = (bytes: Uint8Array, cluster = clusterId): string | null => {
  const decoded = decodeMessage(bytes, cluster);
  return "fault" in decoded ? decoded.fault : null;
};

test("any message that is encoded is decoded equal, and every kind was", (t) => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(messages, (message) => {
      const decoded = decodeMessage(encodeMessage(message, sender), clusterId);
      if ("fault" in decoded) return t.fail(`${message.kind}: ${decoded.fault}`);
      t.deepEqual(decoded.message, message);
      t.is(decoded.from, message.kind === "prepare" ? null : sender.replica);
      t.is(decoded.epoch, message.kind === "prepare" ? 5 : sender.epoch);
      t.is(decoded.release, 3);
      seen.add(message.kind);
    }),
    { numRuns: 400 },
  );
  t.deepEqual([...seen].sort(), Object.keys(commands).sort());
});

test("a message with any bit changed is refused", (t) => {
  let flips = 0;
  fc.assert(
    fc.property(messages, fc.nat(), fc.nat(7), (message, at, bit) => {
      const bytes = encodeMessage(message, sender).slice();
      const place = at % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
      t.not(faultOf(bytes), null, `${message.kind} with bit ${bit} of byte ${place} changed`);
      flips += 1;
    }),
    { numRuns: 1_000 },
  );
  t.true(flips >= 1_000);
  const whole = encodeMessage({ kind: "getView", view: 3, nonce: 9 }, sender);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const bytes = whole.slice();
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.is(faultOf(bytes), "checksum");
  }
});

test("a message that was cut short or has bytes behind it is refused", (t) => {
  let cuts = 0;
  fc.assert(
    fc.property(messages, fc.nat(), (message, at) => {
      const bytes = encodeMessage(message, sender);
      t.not(faultOf(bytes.slice(0, at % bytes.length)), null);
      const longer = new Uint8Array(bytes.length + 1 + (at % 300));
      longer.set(bytes);
      t.not(faultOf(longer), null);
      cuts += 1;
    }),
  );
  t.true(cuts > 50);
});

test("any bytes at all are a message or a fault, never an error", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_000 }), (bytes) => {
      t.not(faultOf(bytes), null);
    }),
  );
});

test("bytes under checksums that hold are a message or a fault, whatever they say", (t) => {
  const outcomes = new Map<string, number>();
  const wild = fc.tuple(
    fc.constantFrom(...Object.values(commands).filter((command) => command !== commands.prepare)),
    fc.uint8Array({ minLength: 128, maxLength: 128 }),
    fc.uint8Array({ maxLength: 600 }),
    fc.boolean(),
  );
  const blank = encodeMessage({ kind: "startViewChange", view: 0 }, sender);
  fc.assert(
    fc.property(wild, ([command, fields, body, isSmall]) => {
      const bytes = new Uint8Array(headerBytes + body.length);
      bytes.set(blank);
      bytes.set(body, headerBytes);
      const sealed = rebody(bytes, (copy, view) => {
        copy.set(isSmall ? fields.map((value) => value & 1) : fields, 128);
        if (isSmall) copy.fill(0, 144, 256);
        view.setUint8(98, command);
      });
      const fault = faultOf(sealed) ?? "message";
      outcomes.set(fault, (outcomes.get(fault) ?? 0) + 1);
    }),
    { numRuns: 2_000 },
  );
  t.true((outcomes.get("reserved bytes") ?? 0) > 0 && (outcomes.get("size") ?? 0) > 0, JSON.stringify([...outcomes]));
});

test("bytes that must be zero and are not are refused, in every message", (t) => {
  const samples: readonly [Message, readonly number[]][] = [
    [{ kind: "startViewChange", view: 1 }, [32, 63, 100, 127, 128, 255]],
    [{ kind: "commitOk", view: 1, round: 1 }, [136, 255]],
    [
      { kind: "ping", view: 1, status: "normal", commit: 1, release: 3, monotonic: 1, member: id },
      [145, 151, 168, 255],
    ],
    [
      { kind: "pong", view: 1, status: "normal", commit: 1, release: 3, echoed: 1, wall: 1, remembered },
      [153, 159, 180, 192, 255],
    ],
    [{ kind: "prepareOk", view: 1, op: 1, identity: new Uint8Array(32) }, [168]],
    [{ kind: "commit", view: 1, commit: { op: 1, identity: new Uint8Array(32) }, op: 1, round: 1 }, [184]],
    [{ kind: "startView", view: 1, commit: 0, suffix: [], nonce: 0 }, [132, 135, 152]],
    [{ kind: "doViewChange", view: 1, logView: 0, commit: 0, contiguous: 0, suffix: [] }, [152]],
    [{ kind: "run", prepares: [] }, [88, 132]],
  ];
  for (const [message, places] of samples) {
    const bytes = encodeMessage(message, sender);
    for (const place of places) {
      const changed = reseal(bytes, (copy) => {
        copy[place] = 1;
      });
      t.is(faultOf(changed), "reserved bytes", `${message.kind} at ${place}`);
    }
  }
  const entry = encodeMessage(
    {
      kind: "doViewChange",
      view: 1,
      logView: 0,
      commit: 0,
      contiguous: 0,
      suffix: [{ op: 3, header: null, headerBytes: null, present: false, nack: true }],
    },
    sender,
  );
  for (const place of [9, 15]) {
    const changed = rebody(entry, (copy) => {
      copy[headerBytes + place] = 1;
    });
    t.is(faultOf(changed), "reserved bytes");
  }
  const flagged = rebody(entry, (copy) => {
    copy[headerBytes + 8] = 8;
  });
  t.is(faultOf(flagged), "reserved bytes");
});

test("numbers beyond 2^53 - 1, an unknown status and another cluster are refused", (t) => {
  const ping = encodeMessage(
    { kind: "ping", view: 1, status: "normal", commit: 1, release: 3, monotonic: 1, member: id },
    sender,
  );
  t.is(faultOf(reseal(ping, (_copy, view) => view.setUint32(132, 0x20_0000, true))), "number");
  t.is(faultOf(reseal(ping, (_copy, view) => view.setUint8(144, replicaStatuses.length))), "number");
  t.is(faultOf(ping, new Uint8Array(16)), "cluster");
  const prepare = encodeMessage({ kind: "prepare", prepare: prepareAt(1, new Uint8Array(10)) }, sender);
  t.is(faultOf(prepare, new Uint8Array(16)), "cluster");
});

test("a sound frame of an unknown command or protocol is formatUnsupported", (t) => {
  const bytes = encodeMessage({ kind: "startViewChange", view: 1 }, sender);
  const changes: readonly ((copy: Uint8Array, view: DataView) => void)[] = [
    (_copy, view) => view.setUint8(98, 200),
    (_copy, view) => view.setUint8(98, 0),
    (_copy, view) => view.setUint16(96, 2, true),
  ];
  for (const change of changes) {
    const error = t.throws(() => decodeMessage(reseal(bytes, change), clusterId));
    t.true(isKimberliteError(error) && error.code === "formatUnsupported");
  }
});

test("a suffix or a run whose operations do not follow one another is refused", (t) => {
  const [one, two, three] = chain(1, [new Uint8Array(8), new Uint8Array(300), new Uint8Array(0)]);
  if (one === undefined || two === undefined || three === undefined) return t.fail();
  const run = (prepares: Prepare[]): string | null => faultOf(encodeMessage({ kind: "run", prepares }, sender));
  t.is(run([one, two, three]), null);
  t.is(run([one, three]), "body");
  t.is(run([two, one]), "body");
  t.is(run([one, prepareAt(2, new Uint8Array(1), new Uint8Array(32))]), "body");
  const suffix = [entryOf(three, true, false), entryOf(one, true, false)];
  const vote: Message = { kind: "doViewChange", view: 1, logView: 1, commit: 0, contiguous: 3, suffix };
  t.is(faultOf(encodeMessage(vote, sender)), "body");
  const other = { ...entryOf(two, true, false), op: 9 };
  t.is(faultOf(encodeMessage({ ...vote, suffix: [other] }, sender)), "body");
  const headers = [three, one].map(({ header, frame }) => ({ header, headerBytes: frame.slice(0, headerBytes) }));
  t.is(faultOf(encodeMessage({ kind: "startView", view: 1, commit: 0, suffix: headers, nonce: 0 }, sender)), "body");
});

test("damage inside a run or a suffix is found even where the message's own checksums hold", (t) => {
  const run = encodeMessage({ kind: "run", prepares: chain(1, [new Uint8Array(40), new Uint8Array(40)]) }, sender);
  const spoil = (place: number): string | null =>
    faultOf(
      rebody(run, (copy) => {
        copy[place] = (copy[place] ?? 0) ^ 1;
      }),
    );
  t.is(spoil(headerBytes + 130), "checksum");
  t.is(spoil(headerBytes * 2 + 5), "body checksum");
  const [prepare] = chain(4, [new Uint8Array(3)]);
  if (prepare === undefined) return t.fail();
  const suffix = [entryOf(prepare, true, true)];
  const vote = encodeMessage({ kind: "doViewChange", view: 1, logView: 1, commit: 3, contiguous: 4, suffix }, sender);
  const changed = rebody(vote, (copy) => {
    copy[headerBytes + 16 + 200] = (copy[headerBytes + 16 + 200] ?? 0) ^ 1;
  });
  t.is(faultOf(changed), "checksum");
  const miscounted = reseal(run, (_copy, view) => view.setUint32(128, 3, true));
  t.is(faultOf(miscounted), "size");
  t.is(faultOf(reseal(run, (_copy, view) => view.setUint32(128, 1, true))), "size");
});

test("a prepare in shared memory or inside a run is copied, one alone in its memory is sent as it lies", (t) => {
  const prepare = prepareAt(1, new Uint8Array(100).fill(7));
  t.is(encodeMessage({ kind: "prepare", prepare }, sender), prepare.frame);
  const shared = new Uint8Array(new SharedArrayBuffer(8192)).subarray(4096, 4096 + prepare.frame.length);
  shared.set(prepare.frame);
  const bytes = encodeMessage({ kind: "prepare", prepare: { header: prepare.header, frame: shared } }, sender);
  t.deepEqual(bytes, prepare.frame);
  t.true(bytes.buffer instanceof ArrayBuffer);
  t.is(bytes.byteLength, bytes.buffer.byteLength);
  const run = decodeMessage(encodeMessage({ kind: "run", prepares: [prepare] }, sender), clusterId);
  if ("fault" in run || run.message.kind !== "run") return t.fail();
  const [inside] = run.message.prepares;
  if (inside === undefined) return t.fail();
  const copied = encodeMessage({ kind: "prepare", prepare: inside }, sender);
  t.deepEqual(copied, prepare.frame);
  t.is(copied.byteLength, copied.buffer.byteLength);
});

test("a message's limit has room for what a run may hold", (t) => {
  t.is(messageBytesMax, headerBytes + runBytesMax);
});

const goldenUrl = new URL("../../../test/vsr/golden/messages-v1.json", import.meta.url);

test("the bytes of each message are those of the golden file", (t) => {
  const [one, two] = chain(1, [new TextEncoder().encode("first"), new TextEncoder().encode("second")]);
  if (one === undefined || two === undefined) return t.fail();
  const named = { op: 2, identity: two.header.identity };
  const blank: SuffixEntry = { op: 1, header: null, headerBytes: null, present: false, nack: false };
  const from = { op: 0, address: 0, parent: rootIdentity(clusterId), timestamp: 0 };
  const samples: readonly Message[] = [
    { kind: "ping", view: 4, status: "viewChange", commit: 1, release: 3, monotonic: 123_456_789, member: id },
    {
      kind: "pong",
      view: 4,
      status: "normal",
      commit: 1,
      release: 3,
      echoed: 123_456_789,
      wall: 1_700_000_000_000_000,
      remembered,
    },
    { kind: "prepare", prepare: two },
    { kind: "prepareOk", view: 4, ...named },
    { kind: "commit", view: 4, commit: named, op: 3, round: 17 },
    { kind: "commitOk", view: 4, round: 17 },
    { kind: "startViewChange", view: 4 },
    { kind: "doViewChange", view: 5, logView: 4, commit: 1, contiguous: 2, suffix: [entryOf(two, true, true), blank] },
    {
      kind: "startView",
      view: 5,
      commit: 1,
      suffix: [two, one].map(({ header, frame }) => ({ header, headerBytes: frame.slice(0, headerBytes) })),
      nonce: 99,
    },
    { kind: "getView", view: 5, nonce: 99 },
    { kind: "getPrepare", view: 5, ...named },
    { kind: "getRun", from, until: named, bytesMax: 1_048_576 },
    { kind: "run", prepares: [one, two] },
    { kind: "getSeals", segment: 7 },
    { kind: "seals", segment: 7, seals: [new Uint8Array(256).fill(0xaa)] },
    { kind: "getSegmentPart", segment: 7, contentHash: two.header.identity, offset: 262_144, length: 4_096 },
    {
      kind: "segmentPart",
      segment: 7,
      contentHash: two.header.identity,
      offset: 262_144,
      bytes: Uint8Array.of(1, 2, 3),
    },
  ];
  t.deepEqual(samples.map(({ kind }) => kind).sort(), Object.keys(commands).sort());
  const bytes = Object.fromEntries(
    samples.map((message) => [message.kind, Buffer.from(encodeMessage(message, sender)).toString("hex")]),
  );
  const text = `${JSON.stringify(bytes, null, 2)}\n`;
  if (process.env["KIMBERLITE_WRITE_GOLDEN"] === "1") writeFileSync(goldenUrl, text);
  t.is(text, readFileSync(goldenUrl, "utf8"));
});

test("the page on the protocol names every command with its number", (t) => {
  const page = readFileSync(new URL("../../../docs/replication-protocol.md", import.meta.url), "utf8");
  for (const [kind, command] of Object.entries(commands)) t.true(page.includes(`| ${command} | \`${kind}\` |`), kind);
});
