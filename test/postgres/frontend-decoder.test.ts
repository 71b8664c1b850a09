import test from "ava";
import fc from "fast-check";
import { FrontendDecoder, shortBytesMax } from "../../protocol/postgres/frontend-decoder.js";
import { SqlError } from "../../runtime/query/error.js";

interface Message {
  readonly type: number;
  readonly body: Uint8Array;
}

function encoded({ type, body }: Message): Uint8Array {
  const head = new DataView(new ArrayBuffer(4));
  head.setInt32(0, body.length + 4);
  return Buffer.concat(
    [type === 0 ? [] : [type], new Uint8Array(head.buffer), body].map((part) => Uint8Array.from(part)),
  );
}

const message = fc.record({
  type: fc.constantFrom(..."QPBd".split("").map((letter) => letter.charCodeAt(0))),
  body: fc.uint8Array({ maxLength: 300 }),
});

test("messages come out whole and in order wherever the network cut them, and stay what they are", (t) => {
  let straddled = 0;
  fc.assert(
    fc.property(fc.array(message, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 400 })), (given, cuts) => {
      const startup = { type: 0, body: new Uint8Array(12).fill(7) };
      const all = Buffer.concat([startup, ...given].map(encoded));
      const found: Message[] = [];
      const decoder = new FrontendDecoder((type, body, followed) => {
        found.push({ type, body });
        t.true(followed >= 0 && followed < 400);
        if (type !== 0) return;
        decoder.startupDone();
        decoder.authenticated();
      });
      let at = 0;
      for (let piece = 0; at < all.length; piece++) {
        const to = Math.min(all.length, at + (cuts[piece % Math.max(1, cuts.length)] ?? 7));
        const before = found.length;
        // Memory of its own, as a socket's chunks have, which is what bodies may be views of.
        decoder.push(Uint8Array.from(all.subarray(at, to)));
        if (found.length === before) straddled += 1;
        at = to;
      }
      const plain = (messages: readonly Message[]): unknown =>
        messages.map(({ type, body }) => [type, Buffer.from(body).toString("hex")]);
      t.deepEqual(plain(found), plain([startup, ...given]));
    }),
    { numRuns: 300 },
  );
  t.true(straddled > 50, `${straddled} pieces without the end of a message`);
});

test("a message that is too long is refused by its length, however that was cut, and nothing comes out behind it", (t) => {
  for (const cut of [1, 4, 5, 9]) {
    const found: number[] = [];
    const decoder = new FrontendDecoder((type) => {
      found.push(type);
      if (type !== 0) return;
      decoder.startupDone();
      decoder.authenticated();
    });
    decoder.push(encoded({ type: 0, body: new Uint8Array(12) }));
    const sync = "S".charCodeAt(0);
    const tooLong = encoded({ type: sync, body: new Uint8Array(shortBytesMax) });
    const push = (): void => {
      decoder.push(tooLong.subarray(0, cut));
      decoder.push(tooLong.subarray(cut));
    };
    const error = t.throws(push, { instanceOf: SqlError });
    t.is(error?.sqlState, "08P01");
    decoder.stop();
    decoder.push(encoded({ type: sync, body: new Uint8Array(0) }));
    t.deepEqual(found, [0]);
  }
});
