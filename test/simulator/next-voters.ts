/** How many would vote behind a reconfiguration. */
import { reconfigurableMin, replicasMax } from "../../runtime/vsr/quorums.js";
import type { SimNode } from "./node.js";
import type { Simulation } from "./simulation.js";

/** So many as the node knows of, and `by` more; null where there is none to take or to let go. */
export function nextVoters({ nodes }: Simulation, node: SimNode, by: number): number | null {
  const numbers = node.numbers();
  if (numbers === null) return null;
  const voters = numbers.voters + by;
  return voters < reconfigurableMin || voters > Math.min(nodes.length, replicasMax) ? null : voters;
}
