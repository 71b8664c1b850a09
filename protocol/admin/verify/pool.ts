/**
 * Verifies replicas side by side in a pool of threads: hashing is CPU work without state, and replicas share nothing. The pool is
 * piscina's; a thread lives for one task at a time and ends with the command.
 */
import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { entryModule } from "../../server/entry-modules.js";
import type { ReplicaReport, VerifyWatcher } from "./data-directory.js";
import type { VerifyNews, VerifyTask } from "./replica-task.js";

/** Reports in the order of the places. Throws `cancelled` when interrupted. */
export async function verifyInPool(places: readonly string[], watcher: VerifyWatcher): Promise<ReplicaReport[]> {
  const pool = new Piscina<VerifyTask, ReplicaReport>({
    filename: entryModule("replica-task").href,
    name: "verifyTask",
    maxThreads: Math.max(1, Math.min(availableParallelism(), places.length)),
    minThreads: 1,
    concurrentTasksPerWorker: 1,
  });
  const done = new Float64Array(places.length);
  const total = new Float64Array(places.length);
  const sum = (numbers: Float64Array): number => numbers.reduce((a, b) => a + b, 0);
  try {
    return await Promise.all(
      places.map(async (directory, index) => {
        const { port1, port2 } = new MessageChannel();
        let end = (): void => {};
        const ended = new Promise<void>((resolve) => {
          end = resolve;
        });
        port1.on("message", (data: VerifyNews) => {
          if (data.kind === "found") watcher.found(data.finding);
          else if (data.kind === "end") end();
          else {
            done[index] = data.done;
            total[index] = data.total;
            watcher.progress(sum(done), sum(total));
          }
        });
        try {
          const report = await pool.run(
            { directory, port: port2 },
            { transferList: [port2], signal: watcher.interrupted },
          );
          // The result overtakes the findings, which travel on another port: the list is complete at their end.
          await ended;
          return report;
        } finally {
          port1.close();
        }
      }),
    );
  } catch (error) {
    if (watcher.interrupted.aborted) throw new KimberliteError("cancelled", "the walk was interrupted");
    throw error;
  } finally {
    await pool.destroy();
  }
}
