/** A load that goes with its test: the writers give up when it ends, whatever became of it. */
import { type LoadOptions, startLoad } from "../faults/load.js";
import type { Writer } from "../faults/writer.js";

export async function loadFor(
  t: { teardown(work: () => Promise<void>): void },
  port: () => number,
  options: LoadOptions,
): Promise<Writer[]> {
  const writers = await startLoad(port, options);
  t.teardown(async () => {
    await Promise.all(writers.map((writer) => writer.abandon()));
  });
  return writers;
}
