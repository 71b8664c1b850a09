import test from "ava";
import fc from "fast-check";
import type { ColumnDefinition } from "../../../runtime/query/catalog/model.js";
import { behindPrefix, KeyCodec } from "../../../runtime/query/table/key-codec.js";
import { pending } from "../../../runtime/query/table/overlay.js";
import { RowCodec, withWriter } from "../../../runtime/query/table/row-codec.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import {
  compareDecimals,
  decimalCodec,
  decimalFromText,
  decimalOf,
  decimalText,
  digitCount,
  normalDecimal,
} from "../../../runtime/query/types/decimal.js";
import { noModifier, type Oid, typeOid } from "../../../runtime/query/types/sql-type.js";
import { isXidOfDraw, xidOfDraw, xidOfPosition } from "../../../runtime/query/types/xid.js";
import { keyBytesMax, TableKey } from "../../../runtime/store/table-trees.js";
import { AssertionFailed } from "../../../runtime/types/assert.js";
import { evaluationContext } from "../evaluation-context.js";
import { compareValues, valuesOf } from "./values.js";

for (const [name, type, values] of valuesOf) {
  test(`keys of ${name} are in SQL's order, NULLs where they are said to be, descending too`, (t) => {
    let pairs = 0;
    fc.assert(
      fc.property(
        fc.array(fc.option(values, { freq: 8 }), { minLength: 2, maxLength: 12 }),
        fc.boolean(),
        fc.boolean(),
        (data, isDescending, nullsFirst) => {
          const codec = new KeyCodec([{ type, isDescending, nullsFirst }]);
          const keys = data.map((value) => codec.encode([value]).slice());
          for (const [index, a] of data.entries()) {
            for (const [other, b] of data.entries()) {
              let expected: number;
              if (a === null || b === null) {
                expected = (Number(a === null) - Number(b === null)) * (nullsFirst ? -1 : 1);
              } else expected = compareValues(type, a, b) * (isDescending ? -1 : 1);
              const found = Buffer.compare(keys[index] ?? new Uint8Array(0), keys[other] ?? new Uint8Array(0));
              t.is(Math.sign(found), Math.sign(expected) + 0);
              pairs += 1;
            }
          }
        },
      ),
      { numRuns: 200 },
    );
    t.true(pairs > 1_000);
  });
}

for (const [name, type, values] of [
  ["smallint", typeOid.int2, [2 ** 31, -(2 ** 31) - 1, 2 ** 32]],
  ["integer", typeOid.int4, [2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2n ** 32n, 0.5, Number.NaN]],
  ["oid", typeOid.oid, [-1, 2 ** 32]],
  ["bigint", typeOid.int8, [2n ** 63n, -(2n ** 63n) - 1n, 2 ** 60, 0.5]],
] as const)
  test(`a key of ${name} takes no value that would look like another in its bytes`, (t) => {
    const codec = new KeyCodec([{ type, isDescending: false, nullsFirst: false }]);
    for (const value of values) t.throws(() => codec.encode([value]), { instanceOf: AssertionFailed }, String(value));
  });

test("a key of several columns has the order of its columns, and a prefix of columns bounds all keys that begin with it", (t) => {
  const column = { type: typeOid.text, isDescending: false, nullsFirst: false };
  const codec = new KeyCodec([column, { ...column, isDescending: true }, { ...column, type: typeOid.int4 }]);
  const word = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 3 });
  const row = fc.tuple(word, word, fc.integer({ min: -2, max: 2 }));
  fc.assert(
    fc.property(row, row, (a, b) => {
      const order = compareValues(typeOid.text, a[0], b[0]) || -compareValues(typeOid.text, a[1], b[1]) || a[2] - b[2];
      const keyA = codec.encode(a).slice();
      const keyB = codec.encode(b).slice();
      t.is(Math.sign(Buffer.compare(keyA, keyB)), Math.sign(order) + 0);
      const low = codec.encode([a[0]]).slice();
      const high = low.slice();
      const highLength = behindPrefix(high, high.length);
      const isWithin = Buffer.compare(keyB, low) >= 0 && Buffer.compare(keyB, high.subarray(0, highLength)) < 0;
      t.is(isWithin, a[0] === b[0]);
    }),
  );
});

test("a key that is too long is refused with 54000; as a bound it stands where it belongs", (t) => {
  const codec = new KeyCodec([{ type: typeOid.text, isDescending: false, nullsFirst: false }], "of_x");
  t.is(codec.encode(["x".repeat(keyBytesMax - 2)]).length, keyBytesMax);
  for (const length of [keyBytesMax - 1, keyBytesMax + 100, 50_000]) {
    const error = t.throws(() => codec.encode(["x".repeat(length)]));
    t.is((error as { sqlState?: string }).sqlState, "54000");
    t.is(error?.message, `index row size ${length + 2} exceeds btree version 4 maximum 2704 for index "of_x"`);
  }
  const bound = codec.encodeBound(["x".repeat(6_000)]).slice();
  t.true(Buffer.compare(bound, codec.encode(["x".repeat(400)])) > 0);
  t.true(Buffer.compare(bound, codec.encode(["x".repeat(keyBytesMax - 2)])) > 0);
  t.true(Buffer.compare(bound, codec.encode(["y"])) < 0);
});

test("a bound that has no room stands where it belongs, whichever column it is of and whichever way that goes", (t) => {
  const texts = fc.tuple(fc.constantFrom("x", "y", "é"), fc.constantFrom(0, 1, 200, 800, 1_300, 2_690, 6_000));
  const values = fc.tuple(texts, texts).map((both) => both.map(([letter, count]) => letter.repeat(count)));
  let cut = 0;
  for (const isDescending of [false, true])
    for (const of of [typeOid.text, typeOid.bytea]) {
      const codec = new KeyCodec([
        { type: typeOid.text, isDescending: false, nullsFirst: false },
        { type: of, isDescending, nullsFirst: false },
      ]);
      const of2 = ([a = "", b = ""]: string[]): Datum[] => [a, of === typeOid.text ? b : new TextEncoder().encode(b)];
      fc.assert(
        fc.property(values, values, (key, bound) => {
          let encoded: Uint8Array;
          try {
            encoded = codec.encode(of2(key)).slice();
          } catch {
            return;
          }
          const at = codec.encodeBound(of2(bound)).slice();
          const whole = bound.reduce((bytes, text) => bytes + Buffer.byteLength(text) + 3, 0);
          if (at.length < whole - 6) cut += 1;
          const order =
            Buffer.compare(Buffer.from(key[0] ?? ""), Buffer.from(bound[0] ?? "")) ||
            Buffer.compare(Buffer.from(key[1] ?? ""), Buffer.from(bound[1] ?? "")) * (isDescending ? -1 : 1);
          t.is(Math.sign(Buffer.compare(encoded, at)), Math.sign(order) + 0);
        }),
      );
    }
  t.true(cut > 20, `${cut} bounds were cut`);
});

test("keys that are only compared with each other are not cut", (t) => {
  const codec = new KeyCodec(
    [{ type: typeOid.text, isDescending: false, nullsFirst: false }],
    "",
    Number.MAX_SAFE_INTEGER,
  );
  const one = codec.encodeBound([`${"x".repeat(100_000)}a`]).slice();
  t.is(one.length, 100_003);
  t.true(Buffer.compare(one, codec.encodeBound([`${"x".repeat(100_000)}b`])) < 0);
});

test("a key in the trees is that of its item, whatever tenant, object and length the one before was of", (t) => {
  const codec = new KeyCodec([{ type: typeOid.text, isDescending: false, nullsFirst: false }]);
  const other = new TableKey();
  const tenant = fc.constantFrom(1, 7, 2 ** 32 + 7, Number.MAX_SAFE_INTEGER);
  const steps = fc.array(fc.tuple(tenant, fc.constantFrom(0, 1, 2 ** 32 - 1), fc.string({ maxLength: 6 })));
  fc.assert(
    fc.property(steps, (keys) => {
      for (const [of, object, text] of keys) {
        const item = codec.encode([text.replaceAll("\0", "")]);
        t.deepEqual(codec.treeKey(of, object), other.item(of, object, item));
      }
    }),
  );
});

const column = (number: number, type: Oid, missingValue: Datum = null): ColumnDefinition => ({
  number,
  name: `c${number}`,
  type: { oid: type, modifier: noModifier },
  isNotNull: false,
  default: null,
  identity: null,
  generated: null,
  sequence: 0,
  isDropped: false,
  missingValue,
});
test("rows of every type come back as they were, each column alone, at any place, of any table", (t) => {
  const shape = fc.array(fc.constantFrom(...valuesOf), { minLength: 1, maxLength: 20 });
  let values = 0;
  fc.assert(
    fc.property(
      shape.chain((types) =>
        fc.tuple(
          fc.constant(types.map(([, type]) => type)),
          fc.tuple(...types.map(([, , arbitrary]) => fc.option(arbitrary, { freq: 4 }))),
          fc.nat(40),
        ),
      ),
      ([types, row, at]) => {
        const codec = new RowCodec(types.map((type, index) => column(index + 1, type)));
        const encoded = codec.encode(row);
        const bytes = new Uint8Array(at + encoded.length + 3).fill(0xee);
        bytes.set(encoded, at);
        const view = new DataView(bytes.buffer);
        for (const [index, place] of codec.places.entries()) {
          t.deepEqual(codec.read(bytes, view, at, place), row[index] ?? null);
          values += 1;
        }
      },
    ),
    { numRuns: 400 },
  );
  t.true(values > 2_000);
});

test("the longest numerics go through the protocol and the store without the square of their length", (t) => {
  const codec = new RowCodec([column(1, typeOid.numeric)]);
  const context = evaluationContext();
  const begun = performance.now();
  for (const text of [
    `1${"0".repeat(131_071)}`,
    `-${"7".repeat(131_072)}.${"0".repeat(16_383)}`,
    `${"9".repeat(131_072)}.${"9".repeat(16_383)}`,
    `0.${"0".repeat(16_382)}1`,
  ]) {
    const value = decimalFromText(text);
    t.is(decimalText(decimalOf(decimalCodec.receive(decimalCodec.send(value, context), noModifier, context))), text);
    t.is(compareDecimals(normalDecimal(value), value), 0);
    t.is(digitCount(value.coefficient), text.replace(/^-?(?:0\.0*)?/u, "").replace(".", "").length);
    const bytes = codec.encode([value]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const place of codec.places) t.deepEqual(codec.read(bytes, view, 0, place), value);
  }
  // By the square it was eleven seconds for the first of them alone.
  t.true(performance.now() - begun < 10_000);
});

test("the number of a row's writer stands behind it, whatever its width, and is not there where nobody has told it", (t) => {
  const column = (number: number, oid: Oid): Pick<ColumnDefinition, "number" | "type" | "missingValue"> => ({
    number,
    type: { oid, modifier: noModifier },
    missingValue: null,
  });
  const types: readonly (readonly [types: readonly Oid[], values: readonly Datum[]])[] = [
    [[], []],
    [[typeOid.int4], [7]],
    [
      [typeOid.int4, typeOid.int8],
      [7, null],
    ],
    [[typeOid.text], ["a"]],
    [
      [typeOid.text, typeOid.int4, typeOid.text],
      [null, 7, null],
    ],
    [
      [typeOid.text, typeOid.int4, typeOid.text],
      ["a", 7, "x".repeat(70_000)],
    ],
  ];
  for (const [oids, values] of types) {
    const codec = new RowCodec(oids.map((oid, index) => column(index + 1, oid)));
    const row = pending(codec.encode(values));
    const view = new DataView(row.buffer);
    t.is(codec.writer(view, 8, row.length - 8), 0);
    const written = withWriter(row, 2 ** 32 - 1);
    t.is(codec.writer(new DataView(written.buffer), 8, written.length - 8), 2 ** 32 - 1);
    t.deepEqual(codec.decode(written, new DataView(written.buffer), 8), [...values]);
    // As a row of a table that was given a column since.
    const later = new RowCodec([...oids, typeOid.text].map((oid, index) => column(index + 1, oid)));
    t.is(later.writer(new DataView(written.buffer), 8, written.length - 8), 2 ** 32 - 1);
    t.throws(() => codec.writer(view, 8, row.length - 7), { instanceOf: AssertionFailed });
  }
});

test("numbers of what wrote rows are never those that mean something else, and positions share none with draws", (t) => {
  const half = 2 ** 31;
  const positions = [0, 1, 2, 3, 4, half - 1, half, half + 1, half + 2, half + 3, Number.MAX_SAFE_INTEGER];
  for (const position of positions) {
    const xid = xidOfPosition(position);
    t.true(xid > 2 && xid < half && !isXidOfDraw(xid), `${position}`);
  }
  t.is(xidOfPosition(3), 3);
  t.is(new Set([1, 2, 3, 4, half - 4].map(xidOfPosition)).size, 5);
  for (const draw of [1, half - 1, half, Number.MAX_SAFE_INTEGER]) t.true(isXidOfDraw(xidOfDraw(draw)), `${draw}`);
  t.not(xidOfDraw(1), xidOfDraw(2));
  t.throws(() => xidOfPosition(-1), { instanceOf: AssertionFailed });
});

test("a wide row, a row from before a column was added, and one from before others", (t) => {
  const types = [typeOid.text, typeOid.int4, typeOid.text];
  const before = new RowCodec(types.map((type, index) => column(index + 1, type)));
  const long = "ü".repeat(50_000);
  const row = before.encode([long, 7, "tail"]);
  const later = new RowCodec([
    ...types.map((type, index) => column(index + 1, type)),
    column(4, typeOid.int4, 42),
    column(5, typeOid.text, "new"),
  ]);
  t.deepEqual(later.decode(row, new DataView(row.buffer), 0), [long, 7, "tail", 42, "new"]);
  const numbers = new Float64Array(1);
  const place = later.places[3];
  if (place === undefined) return t.fail();
  t.false(later.readNumber(row, new DataView(row.buffer), 0, place, numbers, 0));
  t.is(numbers[0], 42);
});
