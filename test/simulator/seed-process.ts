/** A process that runs the seeds it is given, one after the other: the other end of `seed-pool.ts`. */
import { cpuSecondsNow, marksNow, runTask, type SeedReport, type SeedTask } from "./seed-task.js";

export type ToProcess = { readonly kind: "run"; readonly task: SeedTask } | { readonly kind: "end" };

export type FromProcess =
  | { readonly kind: "ran"; readonly report: SeedReport }
  | { readonly kind: "ended"; readonly marks: Record<string, number>; readonly cpuSeconds: number };

const say = (message: FromProcess): void => void process.send?.(message);

process.on("message", (message: ToProcess) => {
  if (message.kind === "run") {
    void runTask(message.task).then((report) => say({ kind: "ran", report }));
    return;
  }
  say({ kind: "ended", marks: marksNow(), cpuSeconds: cpuSecondsNow() });
  process.disconnect();
});
