/**
 * Cuts the power at every disk operation of batches, truncations, repairs and state writes, keeps any subset of what was not synced, and asks
 * of the restarted replica: is everything there that was durable, is nothing half there, does it know what it does not know. Then again
 * with a second cut during recovery's own repairs.
 */
import test, { type ExecutionContext } from "ava";
import { segmentPath } from "../../runtime/storage/log-geometry.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import type { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import type { Prepare } from "../../runtime/storage/prepare.js";
import { type ReplicaStorage, recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { closeAll, geometry, root, seeded } from "./log-fixture.js";
import { beginning, behind, chain, newPeerDisk, openPeer, sameHeader, stored, story } from "./replicated-fixture.js";

const first = chain(beginning, [100, 9000, 3000, 20_000, 200, 6000, 20_000, 4000, 12_000], 1);
const kept = first.slice(0, 4);
const stale = first.slice(4);
const second = chain(behind(kept), [20_000, 20_000, 700, 700, 5000, 20_000], 2);

type Step = "first" | "more" | "state" | "truncate" | "second" | "more again" | "repair";

interface Scene {
  readonly name: string;
  readonly steps: readonly { readonly step: Step; readonly run: (storage: ReplicaStorage, disk: MemoryDisk) => void }[];
}

const write = (step: Step, prepares: readonly Prepare[]): Scene["steps"][number] => ({
  step,
  run: ({ log }) => log.writePrepares(prepares),
});
const truncate = (to: LogPosition): Scene["steps"][number] => ({
  step: "truncate",
  run: ({ log }) => log.truncate(to.op, to.address, log.end),
});
const newView: Scene["steps"][number] = {
  step: "state",
  run: ({ superblock }) => {
    const suffix = [...kept].reverse().map((one) => stored(one));
    superblock.writeState({ view: 2, logView: 2, commitMax: 2, suffix });
  },
};
const damaged = first[5];
if (damaged === undefined) throw new Error("the log has nine ops");

const viewChange: Scene = {
  name: "a view change that drops ops",
  steps: [
    write("first", first.slice(0, 6)),
    write("more", first.slice(6)),
    newView,
    truncate(behind(kept)),
    write("second", second.slice(0, 3)),
    write("more again", second.slice(3)),
  ],
};
const withoutState: Scene = {
  name: "a truncation of which the superblock does not know",
  steps: [write("first", first.slice(0, 6)), write("more", first.slice(6)), truncate(behind(kept))],
};
const repair: Scene = {
  name: "a repair in place",
  steps: [
    write("first", first),
    {
      step: "repair",
      run: ({ log }) => log.repair(damaged),
    },
  ],
};

interface Outcome {
  /** Steps that ended. */
  readonly done: ReadonlySet<Step>;
  /** The step within which the power went. */
  readonly during: Step | null;
}

function play(scene: Scene, disk: MemoryDisk, mode: "direct" | "fdatasync"): Outcome {
  const done = new Set<Step>();
  let during: Step | null = null;
  try {
    const storage = openPeer(disk, mode);
    for (const { step, run } of scene.steps) {
      during = step;
      run(storage, disk);
      done.add(step);
      during = null;
    }
    closeAll(storage);
  } catch (error) {
    if (!disk.isCut) throw error;
  }
  return { done, during };
}

/** The recovered log up to its newest op, with what is known of each. */
function check(t: ExecutionContext, storage: ReplicaStorage, { done, during }: Outcome, told: string): string {
  const { recovered } = storage.log;
  const text = `${told}: ${story(recovered)}`;
  const headers = new Map(recovered.headers.map(({ header }) => [header.op, header]));
  for (const { op, header, state } of recovered.beyond) {
    t.not(header, null, `${text}: a crash leaves nothing without a name`);
    if (header !== null && state === "sound") headers.set(op, header);
  }
  const holds = (prepares: readonly Prepare[]): boolean =>
    prepares.every(({ header }) => sameHeader(headers.get(header.op)?.identity, header.identity));
  const isNew = done.has("truncate") || (during === "truncate" && storage.superblock.content.logView === 2);
  if (!isNew && during !== "truncate" && !done.has("state") && during !== "state") {
    if (done.has("first")) t.true(holds(first.slice(0, 6)), `${text}: acknowledged prepares are there`);
    if (done.has("more")) t.true(holds(first), `${text}: acknowledged prepares are there`);
  }
  if (done.has("more")) t.true(holds(kept), `${text}: what was not truncated is there`);
  if (done.has("second")) t.true(holds(second.slice(0, 3)), text);
  if (done.has("more again")) t.true(holds(second), text);
  if (isNew && !done.has("second") && during !== "second") t.is(story(recovered), "..4 certain", text);
  // Every op is of one of the two logs, and of the one log only.
  for (const header of headers.values()) {
    const isOf = (log: readonly Prepare[]): boolean =>
      log.some((one) => sameHeader(one.header.identity, header.identity));
    const isOfSecond = isOf(second);
    t.true(isOfSecond ? done.has("truncate") : isOf(first), `${text}: op ${header.op}`);
    t.false(!isOfSecond && header.op > 4 && done.has("truncate"), `${text}: op ${header.op} was truncated`);
  }
  if (during !== "truncate") {
    t.true(recovered.headIsCertain, `${text}: a crash does not cast doubt on the head`);
    t.true(recovered.beyond.length === 0 || during === "repair", text);
  }
  return story(recovered);
}

/** Goes on where the crash came, as the protocol would, and looks at the whole log once more. */
function finish(t: ExecutionContext, disk: MemoryDisk, told: string): void {
  const storage = openPeer(disk);
  const { log } = storage;
  const { recovered } = log;
  const base = recovered.headers.findLast(({ header }) => header.op <= 4)?.header;
  const to = behind(first.slice(0, base?.op ?? 0));
  if (recovered.end > to.address) log.truncate(to.op, to.address, recovered.end);
  log.writePrepares(chain(to, [20_000, 300, 20_000, 20_000, 20_000], 5));
  closeAll(storage);
  const again = openPeer(disk);
  t.is(story(again.log.recovered), `..${to.op + 5} certain`, told);
  t.is(again.log.recovered.end, again.log.end, told);
  closeAll(again);
}

const chances = (seed: number): (() => number)[] => [() => 0, seeded(seed), () => 0.999];

for (const scene of [viewChange, withoutState, repair]) {
  for (const mode of ["direct", "fdatasync"] as const) {
    test(`${mode}: a cut at any operation of ${scene.name}`, (t) => {
      const measured = newPeerDisk();
      const start = measured.operations;
      play(scene, measured, mode);
      const operations = measured.operations - start;
      const stories = new Map<string, number>();
      let cuts = 0;
      let secondCuts = 0;
      for (let operation = 1; operation <= operations; operation++) {
        for (const [variant, chance] of chances(operation).entries()) {
          const told = `operation ${operation}, variant ${variant}`;
          const disk = newPeerDisk();
          disk.cutPowerAt(disk.operations + operation, seeded(operation * 10 + variant));
          const outcome = play(scene, disk, mode);
          t.true(disk.isCut);
          cuts++;
          disk.restart(chance);
          const twin = disk.clone();
          const storage = openPeer(disk, mode);
          const told_ = check(t, storage, outcome, told);
          stories.set(told_, (stories.get(told_) ?? 0) + 1);
          closeAll(storage);
          const again = openPeer(disk, mode);
          t.is(check(t, again, outcome, `${told}, again`), told_, told);
          closeAll(again);
          finish(t, disk, told);
          secondCuts += cutRecovery(t, twin, mode, outcome, told);
        }
      }
      t.true(cuts > 80, `${cuts} cuts`);
      t.log(
        `${cuts} cuts, ${secondCuts} during recovery; ${[...stories].map(([what, n]) => `${n}× ${what}`).join(", ")}`,
      );
    });
  }
}

/** A second cut, at one of the operations with which recovery repairs the ring. */
function cutRecovery(
  t: ExecutionContext,
  disk: MemoryDisk,
  mode: "direct" | "fdatasync",
  outcome: Outcome,
  told: string,
): number {
  const probe = disk.clone();
  const before = probe.operations;
  closeAll(openPeer(probe, mode));
  const operations = probe.operations - before;
  let cuts = 0;
  // The last operations of an open are the ring's repairs; those before it make memory and the superblock's new generation.
  for (let operation = Math.max(1, operations - 3); operation <= operations; operation++) {
    const twin = disk.clone();
    twin.cutPowerAt(twin.operations + operation, seeded(operation));
    t.throws(() => openPeer(twin, mode), { code: "storageFailed" });
    cuts++;
    twin.restart(seeded(operation + 7));
    const storage = openPeer(twin, mode);
    check(t, storage, outcome, `${told}, then operation ${operation} of the recovery`);
    closeAll(storage);
  }
  return cuts;
}

test("a repair in place that is cut leaves the op faulty under its name, or whole, and its neighbours alone", (t) => {
  let faulty = 0;
  let whole = 0;
  for (let seed = 0; seed < 60; seed++) {
    const disk = newPeerDisk();
    const storage = openPeer(disk);
    storage.log.writePrepares(first);
    closeAll(storage);
    const { address } = damaged.header;
    disk.damage(segmentPath(root, geometry, Math.floor(address / geometry.segmentBytes)), (bytes) => {
      bytes.fill(0x5a, (address % geometry.segmentBytes) + 512, (address % geometry.segmentBytes) + 1500);
    });
    const hurt = openPeer(disk);
    t.is(story(hurt.log.recovered), "..5 6! 7 8 9 certain");
    disk.cutPowerAt(disk.operations + 1 + (seed % 2), seeded(seed));
    t.throws(() => hurt.log.repair(damaged), { code: "storageFailed" });
    t.true(hurt.log.isDead);
    disk.restart(seeded(seed + 3));
    const again = openPeer(disk);
    const text = story(again.log.recovered);
    t.true(text === "..5 6! 7 8 9 certain" || text === "..9 certain", text);
    if (text === "..9 certain") whole++;
    else faulty++;
    if (text !== "..9 certain") again.log.repair(damaged);
    closeAll(again);
    t.is(story(openPeer(disk).log.recovered), "..9 certain");
  }
  t.true(faulty > 10 && whole > 10, `${faulty} faulty, ${whole} whole`);
  t.is(stale.length, 5);
});

interface Life {
  /** What is durable for certain. */
  sure: Prepare[];
  /** What may be there as well: the rest of a batch under way, or ops that are being truncated. */
  maybe: Prepare[];
  committed: number;
  view: number;
}

/** Random batches, commits, checkpoints and view changes that drop uncommitted ops, until the power goes. */
function live(disk: MemoryDisk, mode: "direct" | "fdatasync", life: Life, random: () => number): void {
  const storage = openPeer(disk, mode);
  const { log, superblock } = storage;
  life.sure = life.sure.concat(life.maybe).filter(({ header }) => header.op <= log.recovered.sound.op);
  life.maybe = [];
  const end = behind(life.sure);
  if (log.recovered.end > end.address) log.truncate(end.op, end.address, log.recovered.end);
  for (;;) {
    const drawn = random();
    const last = behind(life.sure);
    if (drawn < 0.6) {
      const sizes = Array.from({ length: 1 + Math.floor(random() * 4) }, () => 9 + Math.floor(random() ** 3 * 20_000));
      life.maybe = chain(last, sizes, life.view, life.committed);
      log.writePrepares(life.maybe);
      life.sure.push(...life.maybe);
      life.maybe = [];
    } else if (drawn < 0.8) {
      life.committed += Math.floor(random() * (last.op - life.committed + 1));
      log.publishCommitted(behind(life.sure.slice(0, life.committed)));
      if (random() < 0.3) recordCheckpoint(storage, { ...log.committed, root: new Uint8Array(0) }, life.committed);
    } else {
      const stays = life.committed + Math.floor(random() * (last.op - life.committed + 1));
      life.view += 1;
      life.maybe = life.sure.slice(stays);
      life.sure = life.sure.slice(0, stays);
      const suffix = life.sure
        .slice(-9)
        .reverse()
        .map((one) => stored(one));
      superblock.writeState({ view: life.view, logView: life.view, commitMax: life.committed, suffix });
      const end = behind(life.sure);
      log.truncate(stays, end.address, log.end);
      life.maybe = [];
    }
  }
}

test("random lives of a replica, cut short again and again, keep what was durable and nothing half", (t) => {
  let cuts = 0;
  let newest = 0;
  for (let seed = 0; seed < 50; seed++) {
    const random = seeded(seed * 7919 + 1);
    const disk = newPeerDisk();
    const mode = random() < 0.5 ? "direct" : "fdatasync";
    const life: Life = { sure: [], maybe: [], committed: 0, view: 1 };
    for (let lives = 0; lives < 6; lives++) {
      disk.cutPowerAt(disk.operations + 1 + Math.floor(random() * 120), random);
      try {
        live(disk, mode, life, random);
      } catch (error) {
        if (!disk.isCut) throw error;
        cuts++;
      }
      disk.restart(random);
      const storage = openPeer(disk.clone(), mode);
      const { recovered } = storage.log;
      const told = `seed ${seed}, life ${lives}: ${story(recovered)} of ${life.sure.length} + ${life.maybe.length}`;
      t.true(recovered.sound.op >= life.sure.length, told);
      const all = life.sure.concat(life.maybe);
      t.true(recovered.sound.op <= all.length, told);
      for (const { header } of recovered.headers)
        t.true(sameHeader(header.identity, all[header.op - 1]?.header.identity), `${told}: op ${header.op}`);
      t.true(recovered.headIsCertain && recovered.beyond.length === 0, told);
      t.true(recovered.commit <= Math.max(life.committed, recovered.sound.op), told);
      newest = Math.max(newest, recovered.sound.op);
      closeAll(storage);
    }
  }
  t.true(cuts > 250 && newest > 50, `${cuts} cuts, newest op ${newest}`);
});
