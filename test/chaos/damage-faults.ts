/**
 * Damage at rest, while nodes are down: arbitrary bytes on one node, every zone of every file on exactly one node, the same prepare on
 * several, files of the past, files that are gone.
 *
 * What the nodes have repaired by themselves is counted; what they could not, and did not have to, is put back at the end.
 */
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { headerSlots } from "../../runtime/storage/header-ring.js";
import { defaultGeometry, segmentOf, segmentPath } from "../../runtime/storage/log-geometry.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { Superblock } from "../../runtime/storage/superblock.js";
import { chooseCopy } from "../../runtime/storage/superblock-quorum.js";
import { verifyLog } from "../../runtime/storage/verify-log.js";
import { pause } from "../node/node-child.js";
import { copyDirectory, type DamagedPlace, damage, isHealed, putBack, shardFile, sizeOf } from "./node-files.js";
import { count, flowing, nodeName, note, others, pick, prove, type Scene, within } from "./scene.js";

const sector = 4_096;
/** More than may be under way at once. */
const endOps = 24;
/** From the start of the processes on, which may take them most of that. */
const silentMs = 120_000;
const healMs = 40_000;
const commonTries = 8;

/** A prepare that a node's log holds beyond its newest checkpoint. */
interface Held {
  readonly op: number;
  readonly file: string;
  /** Where its header begins in that file, and how long header and body are. */
  readonly at: number;
  readonly bytes: number;
}

/** What a stopped node holds beyond its checkpoint: what it will read again, and ask others for when it cannot. */
function beyondCheckpoint(data: string, shard: number): { readonly held: Held[]; readonly commit: number } {
  const directory = join(data, `shard-${shard}`);
  const disk = new RealDisk();
  const { content } = chooseCopy(Superblock.inspect(disk, directory), directory);
  const held: Held[] = [];
  const walk = verifyLog({
    disk,
    directory,
    geometry: defaultGeometry,
    visit: ({ header }) => {
      if (header.op <= content.checkpoint.op) return null;
      const file = segmentPath(directory, defaultGeometry, segmentOf(defaultGeometry, header.address));
      const at = header.address % defaultGeometry.segmentBytes;
      held.push({ op: header.op, file, at, bytes: 256 + header.bodyBytes });
      return null;
    },
  });
  while (walk.next().done !== true);
  return { held, commit: content.commitMax };
}

/** A place within a prepare's header and body. */
function damagePrepare(scene: Scene, { file, at, bytes }: Held): DamagedPlace {
  const length = Math.min(bytes, 1 + Math.floor(scene.random() * 600));
  return damage(file, at + Math.floor(scene.random() * (bytes - length + 1)), length, scene.random);
}

function damagePages(scene: Scene, data: string, share: (page: number) => boolean, places: number): DamagedPlace[] {
  const file = shardFile(data, scene.shard, "pages");
  const pageBytes = 8_192;
  const pages = Array.from({ length: Math.floor(sizeOf(file) / pageBytes) }, (_, page) => page).filter(share);
  return Array.from({ length: Math.min(places, pages.length) }, () =>
    damage(file, pick(scene, pages) * pageBytes + Math.floor(scene.random() * (pageBytes - 64)), 64, scene.random),
  );
}

/** Whole 256-byte slots: what no torn write does. */
function damageHeaders(scene: Scene, data: string, share: (slot: number) => boolean, places: number): DamagedPlace[] {
  const file = shardFile(data, scene.shard, "headers");
  const slots = Array.from({ length: sizeOf(file) / 256 }, (_, slot) => slot).filter(share);
  return Array.from({ length: places }, () => damage(file, pick(scene, slots) * 256, 256, scene.random));
}

/** Log damage has to be repaired; the page file is derived anew, and headers and superblock are written over. */
async function healedOrPutBack(scene: Scene, fault: string, inLog: readonly DamagedPlace[]): Promise<void> {
  const { cluster, timeline, violations } = scene;
  for (const index of others(scene)) await cluster.caughtUp(index);
  if (!(await within(healMs, () => inLog.every(isHealed)))) {
    const left = inLog.filter((place) => !isHealed(place));
    violations.push(
      `${fault}: ${left.length} of ${inLog.length} places are not repaired: ${left[0]?.file} ${left[0]?.at}`,
    );
    timeline.say(`${fault}: not repaired: ${left.map(({ file, at }) => `${file} ${at}`).join(", ")}`);
    left.forEach(putBack);
  }
  count(scene, "places in logs repaired from others", inLog.filter(isHealed).length);
}

/** Arbitrary bytes of one node: it serves again, from what the others hold. */
export async function corruptMinority(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const victim = pick(scene, others(scene));
  const at = performance.now();
  scene.isDamaged = true;
  await cluster.kill(victim);
  const data = cluster.dataOf(victim);
  const { held } = beyondCheckpoint(data, scene.shard);
  const inLog = held.filter(() => scene.random() < 0.3).map((prepare) => damagePrepare(scene, prepare));
  const rest = [
    ...damagePages(scene, data, () => true, 5),
    ...damageHeaders(scene, data, () => true, 20),
    ...[Math.floor(scene.random() * 4)].map((copy) =>
      damage(shardFile(data, scene.shard, "superblock"), copy * sector, 300, scene.random),
    ),
  ];
  prove(scene, "places damaged on one node", inLog.length + rest.length);
  timeline.say(`${nodeName(victim)} killed, and ${inLog.length + rest.length} places of its files damaged`);
  await flowing(scene, performance.now());
  await cluster.spawn(victim).ready;
  await healedOrPutBack(scene, "corrupt-minority", inLog);
  note(scene, "corrupt-minority", at, others(scene, victim));
}

/**
 * Each zone of each file is damaged on exactly one node: together they still hold everything. The end of the log, and the header slots
 * of what would come next, are one zone: a node that finds them damaged cannot tell where its log ended, and waits for a quorum of others.
 */
export async function corruptDisjoint(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const at = performance.now();
  scene.isDamaged = true;
  await cluster.killAll();
  const nodes = others(scene);
  const logs = nodes.map((node) => beyondCheckpoint(cluster.dataOf(node), scene.shard).held);
  const end = Math.min(...logs.map((held) => held.at(-1)?.op ?? endOps)) - endOps;
  const ofEnd = pick(scene, nodes);
  const inLog: DamagedPlace[] = [];
  let places = 0;
  for (const node of nodes) {
    const data = cluster.dataOf(node);
    const isMine = (zone: number): boolean => zone % nodes.length === node;
    const ownsOp = (op: number): boolean => (op > end ? node === ofEnd : isMine(op));
    const isEndSlot = (slot: number): boolean => (slot - (end % headerSlots) + headerSlots) % headerSlots < 3 * endOps;
    const mine = (logs[node] ?? []).filter(({ op }) => ownsOp(op) && scene.random() < 0.7);
    inLog.push(...mine.map((prepare) => damagePrepare(scene, prepare)));
    const copies = [0, 1, 2].filter(isMine);
    const rest = [
      ...damagePages(scene, data, isMine, 5),
      ...damageHeaders(scene, data, (slot) => isMine(slot) && (node === ofEnd || !isEndSlot(slot)), 60),
      ...copies.map((copy) => damage(shardFile(data, scene.shard, "superblock"), copy * sector, 200, scene.random)),
    ];
    places += rest.length + mine.length;
  }
  prove(scene, "places damaged on one node each", places);
  timeline.say(`all killed, and ${places} places damaged, each on one node (${inLog.length} prepares)`);
  await cluster.startAll();
  await flowing(scene, performance.now());
  await healedOrPutBack(scene, "corrupt-disjoint", inLog);
  note(scene, "corrupt-disjoint", at, []);
}

/** A committed prepare that every node holds beyond its checkpoint, node by node; null when checkpoints have just been taken. */
function heldByAll(scene: Scene): readonly Held[] | null {
  const logs = others(scene).map((node) => beyondCheckpoint(scene.cluster.dataOf(node), scene.shard));
  const commit = Math.max(...logs.map((log) => log.commit));
  const byOp = logs.map(({ held }) => new Map(held.map((one) => [one.op, one])));
  const common = [...(byOp[0]?.keys() ?? [])].filter((op) => byOp.every((ofNode) => ofNode.has(op)));
  const chosen = common.filter((op) => op <= commit).at(-1) ?? common[0];
  if (chosen === undefined) return null;
  return byOp.flatMap((ofNode) => ofNode.get(chosen) ?? []);
}

/**
 * One prepare that was committed, damaged on all nodes: nobody can tell what it was, so nothing is answered and the nodes say why. As
 * soon as one sound copy is back, they go on.
 */
export async function corruptSame(scene: Scene): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const at = performance.now();
  const nodes = others(scene);
  scene.isDamaged = true;
  await cluster.killAll();
  let copies = heldByAll(scene);
  for (let tries = 0; copies === null && tries < commonTries; tries++) {
    await cluster.startAll();
    await flowing(scene, performance.now());
    await pause(scene.random() * 1_000);
    await cluster.killAll();
    copies = heldByAll(scene);
  }
  const op = copies?.[0]?.op;
  if (copies === null || op === undefined) throw new Error("no prepare lies beyond the checkpoints of all nodes");
  const places = copies.map(({ file, at: from, bytes }) => damage(file, from, Math.min(bytes, 700), scene.random));
  prove(scene, "prepares damaged on all nodes");
  timeline.say(`all killed, and prepare ${op} damaged on each`);
  for (const node of nodes) cluster.spawn(node);
  await pause(1_500);
  const answered = scene.timeline.writes.count;
  const saysWhy = await within(silentMs, async () => {
    const statuses = await Promise.all(nodes.map((node) => cluster.status(node).catch(() => null)));
    const shards = statuses.flatMap((status) => status?.replication ?? []);
    return shards.some(({ shard, stuckAt }) => shard === scene.shard && stuckAt === op);
  });
  await pause(3_000);
  if (scene.timeline.writes.count !== answered)
    violations.push(`corrupt-same: writes were answered without prepare ${op}`);
  if (saysWhy) count(scene, "standstills with their reason");
  else violations.push(`corrupt-same: no node says that it cannot find prepare ${op}`);
  await cluster.killAll();
  const [sound] = places;
  if (sound !== undefined) putBack(sound);
  timeline.say("one copy is sound again");
  await cluster.startAll();
  await flowing(scene, performance.now());
  await healedOrPutBack(scene, "corrupt-same", places);
  note(scene, "corrupt-same", at, []);
}

/** One node comes back with the files of some time ago, as from a backup of its disk. */
export async function rollback(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const victim = pick(scene, others(scene));
  const at = performance.now();
  scene.isDamaged = true;
  await cluster.kill(victim);
  copyDirectory(cluster.dataOf(victim), cluster.snapshotOf(victim));
  const then = scene.timeline.writes.count;
  await cluster.spawn(victim).ready;
  await flowing(scene, performance.now());
  await pause(4_000);
  await cluster.caughtUp(victim);
  await cluster.kill(victim);
  copyDirectory(cluster.snapshotOf(victim), cluster.dataOf(victim));
  cluster.forgetChanges(victim);
  const behind = scene.timeline.writes.count - then;
  prove(scene, "writes that files of the past lacked", behind);
  timeline.say(`${nodeName(victim)} comes back with files of ${behind} writes ago`);
  await cluster.spawn(victim).ready;
  await flowing(scene, performance.now());
  await cluster.caughtUp(victim);
  note(scene, "rollback", at, others(scene, victim));
}

/** A file of a node is gone: it does not start, says which, and starts once it is back. */
export async function loseFile(scene: Scene): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const victim = pick(scene, others(scene));
  const at = performance.now();
  const name = pick(scene, ["superblock", "headers", "log", "kimberlite.json"]);
  const data = cluster.dataOf(victim);
  const file = name === "kimberlite.json" ? join(data, name) : shardFile(data, scene.shard, name);
  await cluster.kill(victim);
  renameSync(file, `${file}.lost`);
  const node = cluster.spawn(victim);
  const words = await node.ready.then(
    () => "it started",
    (error: unknown) => String(error),
  );
  await node.exited;
  if (/dataMissing|dataCorrupt|is gone|missing/.test(words) && node.exitCode !== 0)
    prove(scene, "starts refused for a lost file");
  else violations.push(`lost-file: without ${name} ${nodeName(victim)} said ${words}`);
  if (existsSync(file) && name !== "log") violations.push(`lost-file: ${name} was made anew`);
  timeline.say(`${nodeName(victim)} without ${name}: ${words.slice(0, 160)}`);
  renameSync(`${file}.lost`, file);
  await flowing(scene, performance.now());
  await cluster.spawn(victim).ready;
  await cluster.caughtUp(victim);
  note(scene, "lost-file", at, others(scene, victim));
}

/** A node's disk is gone. An empty one in its place is turned away; `cluster recover` brings the node back, under load. */
export async function loseDisk(scene: Scene): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const victim = pick(scene, others(scene));
  const at = performance.now();
  const data = cluster.dataOf(victim);
  const wipe = (): void => {
    for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
    cluster.forgetChanges(victim);
  };
  scene.isDamaged = true;
  await cluster.kill(victim);
  wipe();
  timeline.say(`${nodeName(victim)} killed, and its disk emptied`);
  const empty = cluster.spawn(victim);
  const words = await empty.ready.then(
    () => "it serves",
    (error: unknown) => String(error),
  );
  if (/dataMissing|cluster recover/.test(words)) prove(scene, "empty disks turned away");
  else violations.push(`lost-disk: ${nodeName(victim)} with an empty disk said ${words.slice(0, 300)}`);
  await cluster.kill(victim);
  wipe();
  const recovered = await cluster.command(victim, "recover");
  if (recovered.code === 0) prove(scene, "disks recovered");
  else violations.push(`lost-disk: recover ended with ${recovered.code}: ${recovered.said}`);
  const back = performance.now();
  await cluster.spawn(victim).ready;
  await cluster.caughtUp(victim, 120_000);
  timeline.say(`${nodeName(victim)} has fetched everything after ${Math.round(performance.now() - back)} ms`);
  await flowing(scene, performance.now());
  note(scene, "lost-disk", at, others(scene, victim));
}
