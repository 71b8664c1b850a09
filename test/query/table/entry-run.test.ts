/** Entries in the order of their keys, against the plainest way to sort them. */
import test from "ava";
import { EntryRun } from "../../../runtime/query/write/definition/entry-run.js";
import { Random } from "../fuzz/expressions.js";

interface Entry {
  readonly key: Uint8Array;
  readonly content: Uint8Array;
}

/** Keys none of which begins another: bytes below 250, ended by 255, behind what they have in common. */
function randomEntries(random: Random, count: number, shared: number, length: number, letters: number): Entry[] {
  return Array.from({ length: count }, (_, number) => {
    const own = Array.from({ length: random.next(length + 1) }, () => random.next(letters));
    const key = Uint8Array.from([...Array.from({ length: shared }, () => 7), ...own, 255]);
    return { key, content: Uint8Array.from([number & 255, number >> 8]).subarray(0, 1 + (number % 2)) };
  });
}

const compare = (a: Entry, b: Entry): number => Buffer.compare(a.key, b.key);

const shown = ({ key, content }: Entry): string =>
  `${Buffer.from(key).toString("hex")} ${Buffer.from(content).toString("hex")}`;

test("entries of a run come in the order of their keys, and equal ones as they came", (t) => {
  const random = new Random(5);
  let entries = 0;
  for (let round = 0; round < 300; round += 1) {
    const count = random.pick([0, 1, 2, 11, 12, 13, 100, 700]);
    const wanted = randomEntries(
      random,
      count,
      random.next(11),
      random.pick([0, 1, 3, 4, 9, 40]),
      random.pick([1, 2, 250]),
    );
    if (round % 5 === 0) wanted.sort(compare);
    const run = new EntryRun();
    t.true(wanted.every(({ key, content }) => run.add(key, content)));
    const given = Array.from(run.sorted(), (name) =>
      shown({
        key: run.bytes.slice(run.keyOf(name), run.contentOf(name)),
        content: run.bytes.slice(run.contentOf(name), run.endOf(name)),
      }),
    );
    t.is(given.join("\n"), wanted.toSorted(compare).map(shown).join("\n"));
    entries += count;
  }
  t.true(entries > 20_000);
});

test("a run that is full takes no more, and is used again when it has been emptied", (t) => {
  const run = new EntryRun(512);
  const content = new Uint8Array(3);
  let added = 0;
  while (run.add(Uint8Array.from([added, 1, 2, 3, 4]), content)) added += 1;
  t.true(added > 20 && added < 64, `${added} entries`);
  t.is(run.sorted().length, added);
  run.clear();
  t.is(run.sorted().length, 0);
  t.true(run.add(Uint8Array.from([9]), content));
  t.deepEqual(
    Array.from(run.sorted(), (name) => run.bytes[run.keyOf(name)]),
    [9],
  );
});
