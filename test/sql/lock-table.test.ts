/** The table of locks against one that asks every owner, by PostgreSQL's matrix of row locks. */
import test from "ava";
import fc from "fast-check";
import { excludes, type LockMode } from "../../actors/shard/sql/lock-modes.js";
import { type LockOwner, LockTable } from "../../actors/shard/sql/lock-table.js";
import { tableLockModes } from "../../runtime/query/catalog/lock-facts.js";
import type { LockStrength } from "../../runtime/query/write/ports.js";

const strengths: readonly LockStrength[] = ["keyShare", "share", "noKeyUpdate", "update"];
const matrix: Readonly<Record<LockStrength, readonly LockStrength[]>> = {
  keyShare: ["update"],
  share: ["noKeyUpdate", "update"],
  noKeyUpdate: ["share", "noKeyUpdate", "update"],
  update: strengths,
};

test("two strengths exclude one another as PostgreSQL says", (t) => {
  for (const one of strengths) {
    for (const other of strengths) t.is(excludes(one, other), matrix[one].includes(other), `${one} beside ${other}`);
  }
});

test("who writes a row excludes what those exclude who lock it as strongly", (t) => {
  for (const [writing, locking] of [
    ["noKeyWrite", "noKeyUpdate"],
    ["write", "update"],
  ] as const) {
    for (const other of strengths) {
      t.is(excludes(writing, other), excludes(locking, other));
      t.is(excludes(other, writing), excludes(other, locking));
    }
    t.true(excludes(writing, writing));
  }
});

/** PostgreSQL's matrix (its manual, table 13.2), in the order of `tableLockModes`. */
const tableMatrix: readonly string[] = [
  ".......x",
  "......xx",
  "....xxxx",
  "...xxxxx",
  "..xx.xxx",
  "..xxxxxx",
  ".xxxxxxx",
  "xxxxxxxx",
];

test("two modes of a table's lock exclude one another as PostgreSQL says", (t) => {
  for (const [row, one] of tableLockModes.entries()) {
    for (const [column, other] of tableLockModes.entries())
      t.is(excludes(one, other), tableMatrix[row]?.[column] === "x", `${one} beside ${other}`);
  }
});

test("an owner has a table in each mode that it took, until a savepoint gives some of them back", (t) => {
  const locks = new LockTable();
  const free = (mode: LockMode): boolean => locks.inTheWay("t", mode, 2).length === 0;
  locks.take("t", "SHARE", 1);
  const mark = locks.mark(1);
  locks.take("t", "ROW EXCLUSIVE", 1);
  locks.take("t", "SHARE", 1);
  t.is(locks.mark(1), mark + 1, "a mode is taken once");
  t.deepEqual([free("SHARE"), free("ROW EXCLUSIVE"), free("ROW SHARE")], [false, false, true]);
  locks.releaseTo(1, mark);
  t.deepEqual([free("SHARE"), free("ROW EXCLUSIVE")], [true, false]);
  locks.releaseAll(1);
  t.true(locks.isEmpty);
});

interface Step {
  readonly kind: "take" | "releaseTo" | "releaseAll" | "release";
  readonly owner: LockOwner;
  readonly name: string;
  readonly strength: LockStrength;
  readonly back: number;
}

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("take", "take", "take", "take", "releaseTo", "releaseAll", "release"),
  owner: fc.integer({ min: 1, max: 5 }),
  name: fc.constantFrom("a", "b", "c"),
  strength: fc.constantFrom(...strengths),
  back: fc.nat(3),
});

/** What each owner has taken, in order; what was taken again and is no stronger is not in it. */
type Model = Map<LockOwner, { readonly name: string; readonly strength: LockStrength }[]>;

function heldIn(model: Model, owner: LockOwner, name: string): LockStrength | null {
  const taken = model.get(owner) ?? [];
  return taken.findLast((one) => one.name === name)?.strength ?? null;
}

function inTheWay(model: Model, name: string, strength: LockStrength, self: LockOwner): readonly LockOwner[] {
  return [...model.keys()].filter((owner) => {
    const held = heldIn(model, owner, name);
    return owner !== self && held !== null && matrix[strength].includes(held);
  });
}

test("who is in the way of a lock is who holds one that excludes it", (t) => {
  const seen = { taken: 0, met: 0, released: 0 };
  fc.assert(
    fc.property(fc.array(stepArbitrary, { minLength: 20, maxLength: 80 }), (steps) => {
      const table = new LockTable();
      const model: Model = new Map();
      for (const { kind, owner, name, strength, back } of steps) {
        const own = model.get(owner) ?? [];
        model.set(owner, own);
        if (kind === "take") {
          const expected = inTheWay(model, name, strength, owner);
          t.deepEqual([...table.inTheWay(name, strength, owner)].sort(), [...expected].sort());
          if (expected.length > 0) seen.met += 1;
          else {
            seen.taken += 1;
            table.take(name, strength, owner);
            const held = heldIn(model, owner, name);
            const isStronger = held === null || strengths.indexOf(held) < strengths.indexOf(strength);
            if (isStronger) own.push({ name, strength });
          }
        } else if (kind === "release") {
          const at = own.findLastIndex((one) => one.name === name);
          // What was taken in two strengths is given back from the last on: advisory locks have one.
          if (own.filter((one) => one.name === name).length > 1) continue;
          t.is(table.release(name, owner), at >= 0);
          if (at >= 0) own.splice(at, 1);
        } else {
          const mark = kind === "releaseAll" ? 0 : Math.max(0, own.length - back);
          table.releaseTo(owner, mark);
          seen.released += own.length - mark;
          own.length = mark;
        }
        t.is(table.mark(owner), own.length);
        t.is(table.count, new Set([...model.values()].flat().map((one) => one.name)).size);
      }
    }),
    { numRuns: 400 },
  );
  t.true(seen.taken > 1_000 && seen.met > 1_000 && seen.released > 500, JSON.stringify(seen));
});
