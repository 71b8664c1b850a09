/** Faults of worker threads of a node that runs on, and of native code, which ends the node. */
import { pause } from "../node/node-child.js";
import { flowing, nodeName, note, others, pick, prove, type Scene, within } from "./scene.js";

/** A thread that does not move is given up after ten seconds. */
const backMs = 30_000;

async function hurt(scene: Scene, kind: "terminate" | "exhaust" | "hang", words: string): Promise<void> {
  const { cluster, timeline } = scene;
  const victim = pick(scene, others(scene));
  const node = cluster.members[victim];
  const name = pick(scene, (await node?.look())?.workers ?? []);
  const at = performance.now();
  const said = node?.logged ?? 0;
  await node?.hurtWorker(kind, name);
  timeline.say(`${nodeName(victim)}: worker thread ${name} ${words}`);
  await flowing(scene, performance.now());
  // It says that the thread is gone, and has another one of that name.
  const isBack = await within(backMs, async () => {
    const after = (await node?.look())?.workers ?? [];
    return (node?.logged ?? 0) > said && after.includes(name);
  });
  if (isBack) prove(scene, `worker threads ${words}, and back`);
  else scene.violations.push(`${nodeName(victim)}: worker thread ${name} ${words} and did not come back`);
  await flowing(scene, performance.now());
  await cluster.caughtUp(victim);
  note(scene, kind === "terminate" ? "worker" : kind, at, others(scene, victim));
}

/** A worker thread ends between any two instructions. */
export const endWorker = (scene: Scene): Promise<void> => hurt(scene, "terminate", "ended");

/** A worker thread reaches the limit of its heap. */
export const exhaustWorker = (scene: Scene): Promise<void> => hurt(scene, "exhaust", "ran out of memory");

/** A worker thread stands still, with its process at work. */
export const hangWorker = (scene: Scene): Promise<void> => hurt(scene, "hang", "stood still");

/** Native code gives up: all threads of the node end at once. */
export async function abortNode(scene: Scene): Promise<void> {
  const { cluster, timeline } = scene;
  const victim = pick(scene, others(scene));
  const at = performance.now();
  await cluster.members[victim]?.kill("SIGABRT");
  if (cluster.members[victim]?.isRunning === false) prove(scene, "processes aborted");
  timeline.say(`${nodeName(victim)} aborted (SIGABRT)`);
  await flowing(scene, performance.now());
  note(scene, "abort", at, others(scene, victim));
  await pause(500);
  await cluster.spawn(victim).ready;
}
