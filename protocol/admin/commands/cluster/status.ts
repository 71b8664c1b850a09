/** `kimberlite cluster status`: every replica of every shard, what is wrong now, and how much more may fail. */
import { z } from "zod";
import { hasCode } from "../../../../runtime/types/errors.js";
import { defineCommand, type Invocation, readBy } from "../../command.js";
import { exitCodes } from "../../exit-codes.js";
import { type ClusterReport, clusterShape } from "../../shapes.js";
import { renderTable } from "../../table.js";
import { formatCount, parseDuration } from "../../units.js";
import { withNode } from "../../with-node.js";
import { addressesOf } from "./addresses.js";

const pollMs = 200;
const waitMsMax = 24 * 3_600_000;

const nodeHeadings = ["node", "name", "machine", "answers", "leads shards"];
const replicaHeadings = ["shard", "view", "node", "role", "status", "head", "committed", "durable", "lag", "fault"];

/** The report as text. */
export function clusterView(report: ClusterReport): string {
  const nodes = report.nodes.map(({ node, name, machine, reachable, leads }) => [
    node,
    node === report.asked ? `${name} (asked)` : name,
    machine,
    reachable ? "yes" : "no",
    leads.length === 0 ? "–" : leads.join(", "),
  ]);
  const replicas = report.shards.flatMap(({ shard, replicas: each }) =>
    each.map((replica) => [
      shard === 0 ? "0 (system)" : shard,
      replica.view,
      replica.node,
      replica.leads ? "primary" : replica.standby ? "standby" : "backup",
      replica.status ?? "unreachable",
      counted(replica.op),
      counted(replica.commit),
      counted(replica.durable),
      counted(replica.lag),
      replica.fault,
    ]),
  );
  const faults = report.faults.length === 0 ? ["faults now: none"] : ["faults now:", ...report.faults.map(indented)];
  return [
    `cluster ${report.clusterId}, epoch ${report.epoch}, voting nodes: ${votersText(report)}`,
    "",
    renderTable(nodeHeadings, nodes),
    "",
    renderTable(replicaHeadings, replicas),
    "",
    ...faults,
    tolerance(report),
  ].join("\n");
}

/** While their number changes the shards come to it one after the other. */
function votersText({ shards }: ClusterReport): string {
  const counts = [...new Set(shards.map(({ voters }) => voters))].sort((left, right) => left - right);
  const changes = Math.max(0, ...shards.map(({ configuration }) => configuration));
  const configured = changes === 0 ? "" : `, configuration ${changes}`;
  return `${counts.join(" to ")}${configured}`;
}

const counted = (value: number | null): string | null => (value === null ? null : formatCount(value));
const indented = (text: string): string => `  ${text}`;
const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function tolerance({ nodes, machines, ...report }: ClusterReport): string {
  const { nodeFailuresTolerated, machineFailuresTolerated, machineFailuresTolerable } = report;
  const voters = nodes.filter(({ standby }) => !standby).length;
  const sound =
    machineFailuresTolerable === machineFailuresTolerated ? "" : `; ${machineFailuresTolerable} when all is sound`;
  return (
    `tolerates from now on: ${several(nodeFailuresTolerated, "node failure")}, ` +
    `${several(machineFailuresTolerated, "machine failure")} (${several(voters, "node")} on ${several(machines, "machine")}${sound})`
  );
}

/** What is wrong as far as one node goes: what its service manager asks. */
export function faultsOfNode(report: ClusterReport, node: number): string[] {
  return report.shards.flatMap(({ shard, leader, replicas }) => {
    const fault = replicas.find((replica) => replica.node === node)?.fault ?? null;
    return [
      ...(leader === null ? [`shard ${shard} has no leader`] : []),
      ...(fault === null ? [] : [`shard ${shard}: its replica ${fault}`]),
    ];
  });
}

interface StatusOptions {
  readonly wait?: number | undefined;
  readonly self: boolean;
}

export const clusterStatusCommand = defineCommand({
  usage: "cluster status",
  summary: "show each replica, what is wrong, and how many more failures are tolerated",
  details:
    "Asks one node, which asks the others; it works while nodes are down. Without --connect, and with a cluster file, the nodes of the " +
    "file are tried one after the other. With --wait it ends with 0 as soon as nothing is wrong, and with 8 when that takes longer: the step " +
    "between two nodes of a rolling restart. With --self only the asked node counts: a readiness check.",
  settings: ["connect", "cluster"],
  flags: [
    ["--wait <duration>", "until nothing is wrong, for at most so long"],
    ["--self", "only what concerns the asked node counts as wrong"],
  ],
  shape: z.object({
    wait: readBy(parseDuration).pipe(z.number().max(waitMsMax)).optional(),
    self: z.boolean().default(false),
  }),
  examples: [
    ["kimberlite cluster status", "as the node on 127.0.0.1:7400 sees it"],
    ["kimberlite cluster status --cluster cluster.toml --json", "as the first node of the file that answers sees it"],
    ["kimberlite cluster status --wait 60s", "exit code 0 once every replica keeps up, 8 after a minute"],
  ],
  async run(invocation) {
    const { options, output, surroundings } = invocation;
    const began = surroundings.now();
    const isLast = (): boolean => surroundings.now() - began >= (options.wait ?? 0) || surroundings.interrupted.aborted;
    for (;;) {
      const report = await look(invocation, isLast());
      const isSound = report !== null && faultsThatCount(report, options).length === 0;
      if (report !== null && (isSound || isLast())) {
        await output.result(report, () => clusterView(report));
        return isSound || options.wait === undefined ? exitCodes.ok.code : exitCodes.later.code;
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  },
});

const faultsThatCount = (report: ClusterReport, { self }: StatusOptions): readonly string[] =>
  self ? faultsOfNode(report, report.asked) : report.faults;

/** Null when no node answers and there is time to ask again. */
async function look(invocation: Invocation<StatusOptions>, isLast: boolean): Promise<ClusterReport | null> {
  try {
    return await withNode(
      invocation,
      async (node) => clusterShape.parse(await node.admin("cluster.status")),
      addressesOf(invocation),
    );
  } catch (error) {
    if (!isLast && hasCode(error, "connectionRefused")) return null;
    throw error;
  }
}
