/** Power cuts: what was not synced may be gone. */
import { pause } from "../node/node-child.js";
import { count, flowing, note, prove, type Scene } from "./scene.js";

/** With syncs that do nothing, what a page cache would not have written back yet. */
const unwrittenMs = 600;

/** All nodes at once, with the loss of what no sync had made durable. */
export async function power(scene: Scene): Promise<void> {
  const { cluster, timeline, random } = scene;
  const at = performance.now();
  const loss = cluster.options.liesAboutSync
    ? ({ kind: "since", ms: performance.timeOrigin + at - unwrittenMs } as const)
    : ({ kind: "scattered" } as const);
  const { pending, lost, torn } = await cluster.cutPower(loss, random);
  prove(scene, "power cuts");
  count(scene, "changes not synced", pending);
  count(scene, "changes lost", lost);
  count(scene, "writes torn", torn);
  timeline.say(`power cut: of ${pending} changes that no sync covered, ${lost} lost and ${torn} torn`);
  await cluster.startAll();
  await flowing(scene, performance.now());
  note(scene, "power", at, []);
  await pause(200);
}
