/** Rows of COPY on their way into the shard: what is written is what is read, whatever of it is NULL where the block's memory grows. */
import test from "ava";
import fc from "fast-check";
import { LoadBlockReader, LoadBlockWriter } from "../../actors/messages/load-block.js";

const value = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3_000 }) },
);

test("rows of a block are read as they were written, NULLs and memory that grows included", (t) => {
  let grown = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(value, { minLength: 1, maxLength: 50 }), (width, pattern) => {
      const writer = new LoadBlockWriter();
      const written: (Uint8Array | null)[] = [];
      while (writer.length < 200_000) {
        for (let column = 0; column < width; column++) {
          const length = pattern[written.length % pattern.length];
          const bytes = length === null || length === undefined ? null : new Uint8Array(length).fill(written.length);
          if (bytes === null) writer.null();
          else writer.value(bytes);
          written.push(bytes);
        }
        writer.endRow();
      }
      const bytes = writer.take();
      grown += bytes.length;
      const reader = new LoadBlockReader(bytes, width);
      for (let at = 0; at < written.length; at += width) {
        t.true(reader.next());
        for (let column = 0; column < width; column++) {
          const read = reader.value(column);
          const expected = written[at + column] ?? null;
          if (read === null || expected === null) t.is(read, expected);
          else t.is(Buffer.compare(read, expected), 0);
        }
      }
      t.false(reader.next());
    }),
    { numRuns: 20 },
  );
  t.true(grown > 20 * 64 * 1024);
});
