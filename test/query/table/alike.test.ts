/** How many entries of an index agree in their first columns, told from a few pages; and where the columns of a key end. */
import test from "ava";
import fc from "fast-check";
import { entriesAlike } from "../../../runtime/query/table/alike.js";
import { KeyCodec, type KeyColumn } from "../../../runtime/query/table/key-codec.js";
import { columnEnds } from "../../../runtime/query/table/key-ends.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { Decimal } from "../../../runtime/query/types/decimal.js";
import { typeOid } from "../../../runtime/query/types/sql-type.js";
import { ModelTree } from "../../store/model-tree.js";
import { makeStore, u64 } from "../../store/small-store.js";

const valuesOf: readonly (readonly [oid: number, values: fc.Arbitrary<Datum>])[] = [
  [typeOid.int4, fc.integer()],
  [typeOid.int2, fc.integer({ min: -32768, max: 32767 })],
  [typeOid.int8, fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer())],
  [typeOid.bool, fc.boolean()],
  [typeOid.float8, fc.double()],
  [typeOid.date, fc.integer({ min: -1_000_000, max: 1_000_000 })],
  [typeOid.timestamptz, fc.integer()],
  [typeOid.uuid, fc.uuid()],
  [typeOid.text, fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", ""))],
  [typeOid.bpchar, fc.string({ unit: "grapheme-ascii" })],
  [
    typeOid.numeric,
    fc.oneof(
      fc
        .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(20))
        .map(([n, scale]) => new Decimal(n, scale)),
      fc
        .constantFrom("NaN" as const, "Infinity" as const, "-Infinity" as const)
        .map((special) => new Decimal(0n, 0, special)),
    ),
  ],
];

const column = fc.record({
  which: fc.nat(valuesOf.length - 1),
  isDescending: fc.boolean(),
  nullsFirst: fc.boolean(),
});

test("the ends of a key's columns are told by its bytes", (t) => {
  fc.assert(
    fc.property(
      fc
        .array(column, { minLength: 1, maxLength: 4 })
        .chain((columns) =>
          fc.tuple(
            fc.constant(columns),
            fc.tuple(...columns.map(({ which }) => fc.option(valuesOf[which]?.[1] ?? fc.constant(null), { freq: 6 }))),
          ),
        ),
      fc.nat(5),
      ([columns, values], from) => {
        const given = columns.map(({ which, ...rest }): KeyColumn => ({ type: valuesOf[which]?.[0] ?? 0, ...rest }));
        const codec = new KeyCodec(given);
        const lengths = values.map((_, at) => from + codec.encode(values.slice(0, at + 1)).length);
        const key = codec.encode(values, new Uint8Array([1, 0, 255]));
        const bytes = new Uint8Array(from + key.length);
        bytes.set(key, from);
        const ends = new Int32Array(columns.length);
        t.is(columnEnds(given, bytes, from, bytes.length, ends), columns.length);
        t.deepEqual([...ends], lengths);
      },
    ),
    { numRuns: 400 },
  );
  const cut = new KeyCodec([{ type: typeOid.text, isDescending: false, nullsFirst: false }])
    .encode(["abc"])
    .slice(0, 3);
  const text = [{ type: typeOid.text, isDescending: false, nullsFirst: false }];
  t.is(columnEnds(text, cut, 0, cut.length, new Int32Array(1)), 0, "what has no end is not told");
});

test("entries that agree in their first columns are told from a few pages, within a half of the truth", (t) => {
  const columns = [typeOid.int4, typeOid.int4].map(
    (type): KeyColumn => ({ type, isDescending: false, nullsFirst: false }),
  );
  const codec = new KeyCodec(columns);
  const [low, high] = [new Uint8Array([7]), new Uint8Array([8])];
  const alikeOf = (entries: number, valuesOfEntry: (index: number) => readonly number[]): readonly number[] | null => {
    const { store } = makeStore(8192);
    for (let index = 0; index < entries; index++) {
      const at = (index * 7_919) % entries;
      const key = codec.encode(valuesOfEntry(at), u64(at));
      store.put(0, Buffer.concat([low, key]), new Uint8Array(8));
    }
    // What lies behind it in the tree is not of it.
    store.put(0, high, new Uint8Array(8));
    return entriesAlike(store.cursor(0), low, high, entries, columns);
  };
  const near = (told: readonly number[] | null, ...truth: readonly number[]): void => {
    t.is(told?.length, truth.length);
    for (const [at, want] of truth.entries()) {
      const is = told?.[at] ?? 0;
      t.true(is > want * 0.5 && is < want * 1.5, `${is} where there are ${want}`);
    }
  };
  near(
    alikeOf(30_000, (index) => [index, 0]),
    1,
    1,
  );
  near(
    alikeOf(30_000, (index) => [Math.floor(index / 20), index % 20]),
    20,
    1,
  );
  near(
    alikeOf(30_000, (index) => [index % 5, index % 3_000]),
    6_000,
    10,
  );
  near(
    alikeOf(30_000, () => [1, 2]),
    30_000,
    30_000,
  );
  near(
    alikeOf(50, (index) => [index % 10, index]),
    5,
    1,
  );
  t.is(entriesAlike(new ModelTree().cursor(0), low, high, 10, columns), null, "a cursor that cannot tell says so");
});
