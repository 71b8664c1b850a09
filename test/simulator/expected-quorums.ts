/** The quorums as the specification has them: written down a second time, since an oracle that asks the product believes the product. */
import { assert } from "../../runtime/types/assert.js";

const replication = [0, 1, 2, 2, 2, 3, 3];
const viewChange = [0, 1, 2, 2, 3, 3, 4];

export function expectedQuorums(replicas: number): { readonly replication: number; readonly viewChange: number } {
  const [forPrepares, forViews] = [replication[replicas], viewChange[replicas]];
  assert(forPrepares !== undefined && forViews !== undefined, "a cluster has between one and six replicas");
  return { replication: forPrepares, viewChange: forViews };
}
