/** `kimberlite cluster reload`: a running node reads its cluster file again: standbys come and go, and one may be another's successor. */
import { z } from "zod";
import { defineCommand } from "../../command.js";
import { membershipShape } from "../../shapes.js";
import { withNode } from "../../with-node.js";

const listed = (nodes: readonly number[]): string => (nodes.length === 0 ? "none" : nodes.join(", "));

export const clusterReloadCommand = defineCommand({
  usage: "cluster reload",
  summary: "have a running node read its cluster file again",
  details:
    "The node reads the file that it was started with, where it runs. Standbys may have come or gone, and one may have taken the place of a node " +
    "that is down (`cluster promote`); whatever else differs is refused, and the node goes on as before. Run it against each node after " +
    "`cluster add`, `cluster promote` or `cluster remove`; nothing is interrupted by it.",
  settings: ["connect"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite cluster reload", "the node on 127.0.0.1:7400"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const change = membershipShape.parse(await node.admin("cluster.reload"));
      await invocation.output.result(
        change,
        () =>
          `nodes that stand by: ${listed(change.standbys)} (added: ${listed(change.added)}; removed: ${listed(change.removed)})${change.replaced.length === 0 ? "" : `; elsewhere from now on: ${listed(change.replaced)}`}`,
      );
      return 0;
    }),
});
