/** What the commit oracle believes when disks hold more than one log. */
import test from "ava";
import {
  headerBytes,
  identityBytes,
  prepareOperations,
  rootIdentity,
  writePrepareHeader,
} from "../../runtime/storage/frame.js";
import { logDirectoryOf, paddedBytes, segmentPath } from "../../runtime/storage/log-geometry.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { CommitOracle } from "./commit-oracle.js";
import { hexOf, LogImage } from "./log-image.js";
import { SimDisk } from "./sim-disk.js";
import { Stream } from "./streams.js";

const directory = "/replica";
const geometry = { segmentBytes: 131_072, bodyBytesMax: 6_000, headerSlots: 16 };
const clusterId = new Uint8Array(16).fill(7);
const bodyBytes = 8;
const path = segmentPath(directory, geometry, 0);

interface Chain {
  readonly segment: Uint8Array;
  /** By op - 1. */
  readonly identities: readonly Uint8Array[];
}

/** A log that one view has written from the beginning on. */
function chainOf(view: number, ops: number): Chain {
  const segment = new Uint8Array(geometry.segmentBytes);
  const at = new DataView(segment.buffer);
  const identities: Uint8Array[] = [];
  for (let op = 1; op <= ops; op++) {
    const address = (op - 1) * paddedBytes(bodyBytes);
    const identity = new Uint8Array(identityBytes);
    const parent = identities.at(-1) ?? rootIdentity(clusterId);
    const counts = { epoch: 0, release: 1, replica: 0, commit: op - 1, timestamp: op, recordCount: 0 };
    const fields = {
      ...counts,
      clusterId,
      parent,
      bodyBytes,
      view,
      op,
      address,
      operation: prepareOperations.commands,
    };
    segment.fill(view, address + headerBytes, address + headerBytes + bodyBytes);
    writePrepareHeader(segment, at, address, fields, identity);
    identities.push(identity);
  }
  return { segment, identities };
}

function behind({ identities }: Chain, op: number): LogPosition {
  const parent = identities[op - 1] ?? rootIdentity(clusterId);
  return { op, address: op * paddedBytes(bodyBytes), parent, timestamp: op };
}

function diskWith({ segment }: Chain, name: string): SimDisk {
  const disk = new SimDisk(new Stream(1, name), "direct", { readMicros: 1, writeMicros: 1, syncMicros: 1 });
  disk.putBack({ directories: [logDirectoryOf(directory)], files: [[path, segment]] });
  return disk;
}

test("a log that was discarded is not taken for the committed one while both copies of a prepare are damaged", (t) => {
  const [discarded, chosen] = [chainOf(1, 2), chainOf(2, 3)];
  const disks = [diskWith(chosen, "0"), diskWith(discarded, "1"), diskWith(chosen, "2")];
  for (const disk of [disks[0], disks[2]]) t.true(disk?.damage(path, 0, (sector) => sector.fill(0)));
  const heard: number[] = [];
  const holders = disks.map((disk) => ({ image: new LogImage(disk, directory, geometry) }));
  const oracle = new CommitOracle(holders, disks.length, clusterId, ({ op }) => heard.push(op));

  oracle.committed(2, behind(chosen, 3));
  t.true(oracle.isBlind);
  t.is(oracle.newest, 0, "nothing of the discarded log is believed");
  t.deepEqual(heard, []);
  oracle.committed(1, { op: 0, address: 0, parent: rootIdentity(clusterId), timestamp: 0 });
  t.true(oracle.isBlind, "one that is behind says nothing of what is hidden (seed 60024816)");

  disks[2]?.putBack({ directories: [logDirectoryOf(directory)], files: [[path, chosen.segment]] });
  oracle.committed(2, behind(chosen, 3));
  t.false(oracle.isBlind);
  t.deepEqual(heard, [1, 2, 3]);
  t.deepEqual(
    oracle.commits.map(({ identity }) => identity),
    chosen.identities.map(hexOf),
  );
});

test("a prepare with a bit too many in its padding is hidden: a replica does not take it for whole", (t) => {
  const chosen = chainOf(1, 1);
  const disk = diskWith(chosen, "0");
  t.true(disk.damage(path, paddedBytes(bodyBytes) - 1, (sector) => sector.fill(1)));
  const oracle = new CommitOracle([{ image: new LogImage(disk, directory, geometry) }], 1, clusterId, () => {
    t.fail("nothing can be looked at");
  });
  oracle.committed(0, behind(chosen, 1));
  t.true(oracle.isBlind);
  t.is(oracle.newest, 0);
});
