/** `kimberlite cluster handover`: leadership given to another node, before a node is taken away or to even out the load. */
import { z } from "zod";
import { defineCommand, wholeNumber } from "../../command.js";
import { movesShape } from "../../shapes.js";
import { formatDuration } from "../../units.js";
import { withNode } from "../../with-node.js";
import { addressesOf } from "./addresses.js";

export const clusterHandoverCommand = defineCommand({
  usage: "cluster handover",
  summary: "have another node lead",
  details:
    "Without --shard every shard that the asked node leads. What is under way is committed first; requests that come meanwhile wait and are " +
    "served by the next leader. Refused, with the reason, when the next node is not there. A node that is told to stop (SIGTERM) does this by " +
    "itself.",
  settings: ["connect", "cluster"],
  flags: [["--shard <n>", "this shard, wherever it leads; 0 is the system shard"]],
  shape: z.object({ shard: wholeNumber(0).optional() }),
  examples: [
    ["kimberlite cluster handover", "whatever the node on 127.0.0.1:7400 leads"],
    ["kimberlite cluster handover --shard 1", "shard 1 only"],
  ],
  run: (invocation) =>
    withNode(
      invocation,
      async (node) => {
        const { shard } = invocation.options;
        const moves = movesShape.parse(await node.admin("cluster.handover", shard === undefined ? {} : { shard }));
        await invocation.output.result(moves, () =>
          moves.length === 0
            ? "this node leads no shard"
            : moves
                .map(
                  (move) =>
                    `shard ${move.shard}: node ${move.to} leads instead of ${move.from}, after ${formatDuration(move.ms)}`,
                )
                .join("\n"),
        );
        return 0;
      },
      addressesOf(invocation),
    ),
});
