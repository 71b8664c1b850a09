/**
 * Who the nodes are changes under load: a standby is added, votes for a while and stands by again; one of the nodes goes for ever, killed or in order, and the standby takes its place with
 * the log that it has kept. The directory of the one that went is started once more, and has to be turned away.
 */
import { rmSync } from "node:fs";
import { pause } from "../node/node-child.js";
import { flowing, nodeName, note, others, pick, prove, type Scene } from "./scene.js";

/** A standby fetches the whole log. */
const inStepMs = 120_000;

export async function changeMembership(scene: Scene): Promise<void> {
  const { cluster, timeline, violations, random } = scene;
  if (!cluster.mayHaveGuest)
    throw new Error("a membership changes between proxies, with three or four nodes on this machine's disk");
  const at = performance.now();
  const guest = cluster.guestIndex;
  cluster.invite();
  violations.push(...(await cluster.reload()).map((words) => `membership: ${words}`));
  await cluster.spawn(guest).ready;
  await cluster.caughtUp(guest, inStepMs);
  prove(scene, "standbys added");
  timeline.say(`${nodeName(guest)} is added, stands by, and has fetched the log`);
  await flowing(scene, performance.now());
  for (const votes of [true, false]) await changesVoters(scene, votes);

  const victim = pick(scene, others(scene));
  const isKilled = random() < 0.5;
  if (isKilled) await cluster.kill(victim);
  else if ((await cluster.members[victim]?.stop()) !== true)
    violations.push(`membership: ${nodeName(victim)} did not end with 0`);
  timeline.say(`${nodeName(victim)} goes for ever (${isKilled ? "SIGKILL" : "SIGTERM"})`);
  await flowing(scene, performance.now());
  if ((await cluster.guest?.stop()) !== true) violations.push(`membership: ${nodeName(guest)} did not end with 0`);
  await promoted(scene, victim);
  note(scene, "membership", at, others(scene, victim));
}

/** A majority is counted with the guest, or without it again. What is not in step for a moment is asked for again. */
async function changesVoters(scene: Scene, votes: boolean): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const began = performance.now();
  let ran = await cluster.guestVotes(votes);
  while (ran.code !== 0 && performance.now() - began < inStepMs) {
    await pause(500);
    ran = await cluster.guestVotes(votes);
  }
  const what = votes ? "votes" : "votes no more";
  if (ran.code !== 0) {
    violations.push(`membership: that the guest ${what} ended with ${ran.code}: ${ran.said}`);
    return;
  }
  prove(scene, votes ? "voters added" : "voters removed");
  timeline.say(`${nodeName(cluster.guestIndex)} ${what}, after ${Math.round(performance.now() - began)} ms`);
  await flowing(scene, performance.now());
}

async function promoted(scene: Scene, victim: number): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const { code, said, former } = await cluster.promote(victim);
  if (code !== 0) {
    violations.push(`membership: promote ended with ${code}: ${said}`);
    await cluster.spawn(victim).ready;
    return;
  }
  violations.push(...(await cluster.reload()).map((words) => `membership: ${words}`));
  const back = performance.now();
  await cluster.spawn(victim).ready;
  await cluster.caughtUp(victim, inStepMs);
  prove(scene, "standbys promoted");
  timeline.say(`${nodeName(victim)} is the former standby, in step after ${Math.round(performance.now() - back)} ms`);
  await flowing(scene, performance.now());
  await cluster.kill(victim);
  await turnedAway(scene, victim, former);
  await cluster.spawn(victim).ready;
  await cluster.caughtUp(victim, inStepMs);
  rmSync(former, { recursive: true, force: true });
}

/** The directory of the one that went is started in its successor's place. */
async function turnedAway(scene: Scene, victim: number, former: string): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const old = cluster.spawn(victim, former);
  const words = await old.ready.then(
    () => "it serves",
    (error: unknown) => String(error),
  );
  await cluster.kill(victim);
  if (/must never come back/u.test(words)) prove(scene, "old directories turned away");
  else violations.push(`membership: the directory of ${nodeName(victim)}'s predecessor said ${words.slice(0, 300)}`);
  timeline.say(`${nodeName(victim)}'s former directory: ${words.slice(0, 120)}`);
  await pause(100);
}
