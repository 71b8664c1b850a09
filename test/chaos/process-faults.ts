/** Faults of processes and their clocks. Each proves that it happened, and heals what it did. */
import { pause } from "../node/node-child.js";
import { flowing, leader, nodeName, note, others, pick, prove, type Scene } from "./scene.js";

/** Longer than every timer between nodes; now and then much longer. */
const pausesMs = [1_000, 3_000, 3_000, 8_000];
const clockStepsMs = [3_600_000, -3_600_000, 60_000, -60_000];

async function kill(scene: Scene, victim: number, fault: string): Promise<void> {
  const { cluster, timeline, random } = scene;
  const at = performance.now();
  await cluster.kill(victim);
  if (cluster.members[victim]?.isRunning === false) prove(scene, "processes killed");
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
  const pausedMs = pick(scene, pausesMs);
  await Promise.all([flowing(scene, performance.now() + 20), pause(pausedMs)]);
  if ((timeline.reads[victim]?.last ?? 0) < performance.now() - pausedMs + 500) prove(scene, "processes stood still");
  note(scene, "pause-leader", at, others(scene, victim));
  node?.resume();
  timeline.say(`${nodeName(victim)} continued (SIGCONT)`);
  await pause(1_000);
}

/** SIGTERM, end, start anew: one node after the other, as an upgrade does it. */
export async function upgrade(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const at = performance.now();
  for (const index of others(scene)) {
    const isGood = (await cluster.members[index]?.stop()) === true;
    if (!isGood) scene.violations.push(`${nodeName(index)} did not end with 0 on SIGTERM`);
    await cluster.spawn(index).ready;
    prove(scene, "nodes restarted in turn");
    await flowing(scene, performance.now());
    await cluster.caughtUp(index);
  }
  timeline.say("each node was ended and started in turn");
  note(scene, "upgrade", at, []);
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
    if (Math.abs(now - Date.now() - step) < 5_000) prove(scene, "clocks stepped");
  }
  await flowing(scene, performance.now());
  for (const victim of victims) cluster.setClock(victim, 0);
  await pause(1_000);
  await flowing(scene, performance.now());
  note(scene, "clock", at, []);
}
