/** Large answers on their way to a client: in the memory that they came in, and little of them in the socket at a time. */
import { Writable } from "node:stream";
import test from "ava";
import { BackendWriter } from "../../protocol/postgres/backend-writer.js";
import { Outgoing } from "../../protocol/postgres/outgoing.js";
import { kiB, miB } from "../../runtime/types/limits.js";

/** A socket whose other side takes a write when it is told to. */
class SlowSocket extends Writable {
  readonly taken: Buffer[] = [];
  #done: (() => void) | null = null;

  constructor() {
    super({ highWaterMark: 16 * kiB });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.taken.push(chunk);
    this.#done = done;
  }

  /** Takes all writes that wait, and those that come for it. */
  async takeAll(): Promise<void> {
    for (let done = this.#done; done !== null; done = this.#done) {
      this.#done = null;
      done();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const bytesOf = (length: number): Uint8Array => new Uint8Array(length).map((_, at) => at % 251);

test("a socket has a megabyte or two of what waits; all of it arrives, in order", async (t) => {
  const socket = new SlowSocket();
  const outgoing = new Outgoing(socket);
  socket.on("drain", () => outgoing.goOn());
  const [head, large, tail] = [bytesOf(10), bytesOf(8 * miB), bytesOf(77)];
  outgoing.write([head]);
  outgoing.write([large, tail]);
  t.is(outgoing.bytes, 10 + 8 * miB + 77);
  t.true(socket.writableLength <= 1.5 * miB, `${socket.writableLength} bytes are in the socket`);
  await socket.takeAll();
  t.is(outgoing.bytes, 0);
  t.true(Buffer.concat(socket.taken).equals(Buffer.concat([head, large, tail])));
  t.true(socket.taken.filter(({ buffer }) => buffer === large.buffer).length > 8, "the large one was not copied");
});

test("short pieces leave in one write, and the end of a connection waits for nothing", async (t) => {
  const socket = new SlowSocket();
  const outgoing = new Outgoing(socket);
  outgoing.write([bytesOf(3), bytesOf(4)]);
  t.deepEqual(
    socket.taken.map(({ length }) => length),
    [7],
  );
  outgoing.write([bytesOf(4 * miB)]);
  outgoing.finish();
  t.is(socket.writableLength, 7 + 4 * miB, "the socket has all");
  socket.end();
  await socket.takeAll();
  t.is(Buffer.concat(socket.taken).length, 7 + 4 * miB);
});

test("many rows are handed on where they are; few, and those that keep other memory, are copied", (t) => {
  const writer = new BackendWriter();
  const [many, few] = [bytesOf(300 * kiB), bytesOf(100)];
  const inLarger = bytesOf(2 * miB).subarray(5, 5 + 300 * kiB);
  writer.commandComplete("BEGIN");
  const before = writer.length;
  writer.handOn(few);
  writer.handOn(many);
  writer.handOn(inLarger);
  writer.rows(many);
  t.is(writer.length, before + 100 + 900 * kiB);
  const pieces = writer.take();
  t.deepEqual(
    pieces.map(({ buffer }) => buffer === many.buffer),
    [false, true, false],
  );
  t.false(pieces.some(({ buffer }) => buffer === inLarger.buffer || buffer === few.buffer));
  t.true(
    Buffer.concat(pieces)
      .subarray(before)
      .equals(Buffer.concat([few, many, inLarger, many])),
  );
  t.is(writer.length, 0);
  t.deepEqual(writer.take(), []);
});
