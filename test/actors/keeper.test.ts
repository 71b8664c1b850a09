/** What a keeper does about damage in full segments, driven by hand. */
import test from "ava";
import { keeperOn } from "../../actors/keeper/actor.js";
import type { KeeperMessage } from "../../actors/keeper/messages.js";
import { realMachine } from "../../actors/shard/machine.js";
import type { Actor } from "../../runtime/actor/definition.js";
import { headerBytes } from "../../runtime/storage/frame.js";
import { segmentPath } from "../../runtime/storage/log-geometry.js";
import type { MemoryDisk } from "../../runtime/storage/memory-disk.js";
import { append, closeAll, clusterId, geometry, newDisk, open, root, walk } from "../storage/log-fixture.js";
import { FakeContext } from "./fake-context.js";

/** 12 ops over three segments, of which two are full and not sealed. */
function filled(): { disk: MemoryDisk; end: number } {
  const disk = newDisk();
  const storage = open(disk);
  for (let op = 1; op <= 12; op++) append(storage.log, 12_000);
  const { end } = storage.log;
  closeAll(storage);
  return { disk, end };
}

function flip(disk: MemoryDisk, path: string, at: number): void {
  disk.damage(path, (bytes) => {
    bytes[at] = (bytes[at] ?? 0) ^ 0x04;
  });
}

interface Driven {
  readonly context: FakeContext;
  readonly tell: (message: KeeperMessage) => void;
  readonly keeper: Actor<KeeperMessage>;
}

function keeperOver(disk: MemoryDisk): Driven {
  const context = new FakeContext();
  context.wire("replica");
  const args = { directory: root, clusterId, replica: "replica", scrubBytesPerSecond: 10_000_000 };
  const keeper = keeperOn({ ...realMachine, disk, geometry }).create(context, args);
  if (keeper instanceof Promise) throw new Error("a keeper is made at once");
  const tell = (message: KeeperMessage): void => keeper.receive(message, context.envelope("replica"));
  return { context, tell, keeper };
}

const isSealed = (disk: MemoryDisk, segment: number): boolean =>
  disk.status(segmentPath(root, geometry, segment, "seal")) !== null;

test("a padding damaged in a full segment is zeroed by the scrubber's round, and the segment is sealed behind it", (t) => {
  const { disk, end } = filled();
  const sound = disk.contents(segmentPath(root, geometry, 0)).slice();
  flip(disk, segmentPath(root, geometry, 0), headerBytes + 12_000);
  const { context, tell, keeper } = keeperOver(disk);
  tell({ kind: "logOpened", complete: 2 });
  for (let works = 0; works < 4; works++) tell({ kind: "work" });
  t.false(isSealed(disk, 0), "damage is not sealed in");
  t.true(isSealed(disk, 1));
  t.is(context.errors.length, 1);

  tell({ kind: "scrub" });
  t.is(keeper.inspect?.()["scrubTours"], 1);
  t.deepEqual(disk.contents(segmentPath(root, geometry, 0)), sound);
  tell({ kind: "work" });
  t.true(isSealed(disk, 0));
  t.is(context.toldOf("damaged").length, 0, "nobody else is asked");
  t.is(walk(disk, end).length, 12);
});

test("a segment whose body is damaged is sealed when others have given what it lacked", (t) => {
  const { disk } = filled();
  const second = 12_288;
  flip(disk, segmentPath(root, geometry, 0), second + headerBytes + 100);
  const { context, tell } = keeperOver(disk);
  for (const segment of [0, 1]) tell({ kind: "sealSegment", segment });
  for (let rounds = 1; rounds <= 3; rounds++) {
    for (let works = 0; works < 2; works++) tell({ kind: "work" });
    t.false(isSealed(disk, 0));
    tell({ kind: "scrub" });
    t.is(context.toldOf("damaged").length, rounds);
    t.like(context.told.at(-1), { to: "replica", message: { from: { op: 1, address: second } } });
  }
  flip(disk, segmentPath(root, geometry, 0), second + headerBytes + 100);
  tell({ kind: "work" });
  t.true(isSealed(disk, 0));
});
