/** Full disks: of one node, of a majority, of all. Reads go on; writes go on while a quorum has space, and by themselves once it has. */
import { pause } from "../node/node-child.js";
import { fillDisk, freeDisk } from "./node-files.js";
import { flowing, leader, nodeName, note, others, prove, type Scene, within } from "./scene.js";

const fullMs = 180_000;
const stayMs = 3_000;
/** Without a write for that long, writes have stopped. */
const standstillMs = 1_500;
const readGapMsMax = 10_000;

/** What a replica says when it has no room for its log: that checkpoints are put off comes long before. */
const hasNoRoom = /the disk is full: this replica/;

async function fill(scene: Scene, fault: string, victims: readonly number[], leavesQuorum: boolean): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const at = performance.now();
  const free = victims.map((victim) => fillDisk(cluster.dataOf(victim)));
  timeline.say(`${fault}: ${victims.map(nodeName).join(", ")} have ${Math.max(...free)} bytes left`);
  // What was made ready before is still written to; then the next piece of log finds no space.
  const isFull = (victim: number): boolean =>
    cluster.members[victim]?.log.some(
      ({ msg, time }) => hasNoRoom.test(msg) && Number(time) > performance.timeOrigin + at,
    ) === true;
  if (await within(fullMs, () => victims.every(isFull))) prove(scene, "full disks met", victims.length);
  else
    violations.push(
      `${fault}: ${victims.map((v) => `${nodeName(v)} ${isFull(v)}`).join(", ")}: not every node met the full disk`,
    );
  const since = performance.now();
  timeline.say(`${fault}: after ${Math.round(since - at)} ms none of them has room for its log`);
  if (leavesQuorum) await flowing(scene, since);
  else if (await within(fullMs, () => timeline.writes.last < performance.now() - standstillMs))
    prove(scene, "standstills without space on a quorum");
  else violations.push(`${fault}: writes go on although no quorum has space`);
  await pause(stayMs);
  for (const node of others(scene)) {
    const gap = timeline.reads[node]?.longestGap(since, performance.now()) ?? Number.POSITIVE_INFINITY;
    if (gap > readGapMsMax) violations.push(`${fault}: ${nodeName(node)} answered no read for ${Math.round(gap)} ms`);
  }
  for (const victim of victims) freeDisk(cluster.dataOf(victim));
  const freed = performance.now();
  await flowing(scene, freed);
  timeline.say(`${fault}: space again, writes after ${Math.round(performance.now() - freed)} ms`);
  for (const victim of victims) await cluster.caughtUp(victim);
  timeline.say(`${fault}: all in step after ${Math.round(performance.now() - freed)} ms`);
  note(scene, fault, at, leavesQuorum ? others(scene, ...victims) : []);
}

export async function fullFollower(scene: Scene): Promise<void> {
  const at = await leader(scene);
  await fill(scene, "full-follower", others(scene, at).slice(0, 1), true);
}

export const fullLeader = async (scene: Scene): Promise<void> =>
  fill(scene, "full-leader", [await leader(scene)], true);

export const fullMajority = (scene: Scene): Promise<void> =>
  fill(scene, "full-majority", others(scene).slice(0, Math.floor(others(scene).length / 2) + 1), false);

export const fullAll = (scene: Scene): Promise<void> => fill(scene, "full-all", others(scene), false);
