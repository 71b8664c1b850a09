/** Faults of processes and threads, and the network between them. Each proves that it happened, and heals what it did. */
import { pause } from "../node/node-child.js";
import { count, flowing, leader, nodeName, note, others, pick, type Scene } from "./scene.js";

/** Longer than every timer between nodes. */
const pausedMs = 3_000;
const cutMs = 3_000;
const clockStepsMs = [3_600_000, -3_600_000, 60_000, -60_000];

async function kill(scene: Scene, victim: number, fault: string): Promise<void> {
  const { cluster, timeline, random } = scene;
  const at = performance.now();
  await cluster.kill(victim);
  if (cluster.members[victim]?.isRunning === false) count(scene, "processes killed");
  timeline.say(`${nodeName(victim)} killed (SIGKILL)`);
  await flowing(scene, performance.now());
  note(scene, fault, at, others(scene, victim));
  await pause(random() * 1_500);
  await cluster.spawn(victim).ready;
  timeline.say(`${nodeName(victim)} serves again`);
}

export const killLeader = async (scene: Scene): Promise<void> => kill(scene, await leader(scene), "kill-leader");

export const killAny = (scene: Scene): Promise<void> => kill(scene, pick(scene, others(scene)), "kill-any");

/** SIGSTOP of the leader: the others go on, and what it answers when it continues is held against what they said meanwhile. */
export async function pauseLeader(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const victim = await leader(scene);
  const at = performance.now();
  const node = cluster.members[victim];
  node?.pause();
  timeline.say(`${nodeName(victim)} stopped (SIGSTOP)`);
  await Promise.all([flowing(scene, performance.now() + 20), pause(pausedMs)]);
  if ((timeline.reads[victim]?.last ?? 0) < performance.now() - pausedMs + 500) count(scene, "processes stood still");
  note(scene, "pause-leader", at, others(scene, victim));
  node?.resume();
  timeline.say(`${nodeName(victim)} continued (SIGCONT)`);
  await pause(1_000);
}

/** Ends a worker thread of a node that runs on. */
export async function endWorker(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const victim = pick(scene, others(scene));
  const node = cluster.members[victim];
  const before = (await node?.look())?.workers ?? [];
  const name = pick(scene, before);
  const at = performance.now();
  const logged = node?.log.length ?? 0;
  await node?.terminateWorker(name);
  timeline.say(`${nodeName(victim)}: worker thread ${name} ended`);
  await flowing(scene, performance.now());
  await pause(1_500);
  const after = (await node?.look())?.workers ?? [];
  if (after.includes(name) && (node?.log.length ?? 0) > logged) count(scene, "worker threads ended and back");
  note(scene, "worker", at, others(scene, victim));
}

/** SIGTERM, end, start anew: one node after the other, as an upgrade does it. */
export async function upgrade(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const at = performance.now();
  for (const index of others(scene)) {
    const isGood = (await cluster.members[index]?.stop()) === true;
    if (!isGood) scene.violations.push(`${nodeName(index)} did not end with 0 on SIGTERM`);
    await cluster.spawn(index).ready;
    count(scene, "nodes restarted in turn");
    await flowing(scene, performance.now());
    await cluster.caughtUp(index);
  }
  timeline.say("each node was ended and started in turn");
  note(scene, "upgrade", at, []);
}

// ------------------------------------------------------------------ network

type Way = readonly [from: number, to: number];

/** Cuts ways for a time; proves that nothing came through. */
async function cut(scene: Scene, fault: string, ways: readonly Way[], untouched: readonly number[]): Promise<void> {
  const { cluster, timeline } = scene;
  const links = ways.map(([from, to]) => cluster.link(from, to));
  const at = performance.now();
  for (const link of links) link.isCut = true;
  const passed = links.reduce((sum, link) => sum + link.passed, 0);
  const held = links.reduce((sum, link) => sum + link.held, 0);
  timeline.say(`${fault}: ${ways.map(([from, to]) => `${from + 1} ↛ ${to + 1}`).join(", ")}`);
  await Promise.all([flowing(scene, performance.now() + 20), pause(cutMs + scene.random() * cutMs)]);
  const isWhole = links.reduce((sum, link) => sum + link.passed, 0) === passed;
  if (isWhole && links.reduce((sum, link) => sum + link.held, 0) > held) count(scene, "cuts that held bytes back");
  cluster.healNetwork();
  note(scene, fault, at, untouched);
  await pause(500);
}

export async function isolateLeader(scene: Scene): Promise<void> {
  const victim = await leader(scene);
  const rest = others(scene, victim);
  const ways = rest.flatMap((other): Way[] => [
    [victim, other],
    [other, victim],
  ]);
  await cut(scene, "isolate-leader", ways, rest);
}

/** The leader hears nobody, or nobody hears it. */
export async function oneWay(scene: Scene): Promise<void> {
  const victim = await leader(scene);
  const rest = others(scene, victim);
  const isDeaf = scene.random() < 0.5;
  await cut(
    scene,
    "one-way",
    rest.map((other): Way => (isDeaf ? [other, victim] : [victim, other])),
    rest,
  );
}

/** One link only: everyone still reaches everyone over a third. */
export async function cutLink(scene: Scene): Promise<void> {
  const victim = await leader(scene);
  const other = pick(scene, others(scene, victim));
  await cut(
    scene,
    "cut-link",
    [
      [victim, other],
      [other, victim],
    ],
    [],
  );
}

/** Every way takes longer, or one node's ways carry little. */
export async function slowNetwork(scene: Scene): Promise<void> {
  const { cluster, timeline, random } = scene;
  const isDelay = random() < 0.5;
  const victim = pick(scene, others(scene));
  const at = performance.now();
  const ways = others(scene).flatMap((from) => others(scene, from).map((to): Way => [from, to]));
  const links = ways.filter((way) => isDelay || way.includes(victim)).map(([from, to]) => cluster.link(from, to));
  const held = links.reduce((sum, link) => sum + link.held, 0);
  for (const link of links) Object.assign(link, isDelay ? { delayMs: 15 } : { bytesPerSecond: 64 * 1024 });
  timeline.say(isDelay ? "every way takes 15 ms longer" : `the ways of ${nodeName(victim)} carry 64 KiB/s`);
  await pause(cutMs);
  await flowing(scene, performance.now());
  if (links.reduce((sum, link) => sum + link.held, 0) > held) count(scene, "networks that held bytes back");
  cluster.healNetwork();
  await flowing(scene, performance.now());
  note(scene, "slow-network", at, []);
}

// ------------------------------------------------------------------ time

/** The wall clock of the leader, of another node, or of all, jumps; later it jumps back. */
export async function stepClock(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const first = await leader(scene);
  const victims = pick(scene, [[first], [pick(scene, others(scene, first))], others(scene)]);
  const step = pick(scene, clockStepsMs);
  const at = performance.now();
  for (const victim of victims) cluster.setClock(victim, step);
  timeline.say(`the clock of ${victims.map(nodeName).join(", ")} jumps by ${step / 1_000} s`);
  await pause(2_000);
  for (const victim of victims) {
    const now = (await cluster.members[victim]?.look())?.now ?? Number.NaN;
    if (Math.abs(now - Date.now() - step) < 5_000) count(scene, "clocks stepped");
  }
  await flowing(scene, performance.now());
  for (const victim of victims) cluster.setClock(victim, 0);
  await pause(1_000);
  await flowing(scene, performance.now());
  note(scene, "clock", at, []);
}
