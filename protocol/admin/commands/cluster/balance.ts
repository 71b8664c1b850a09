/** `kimberlite cluster balance`: tenants evened out over the shards by what they do, and leadership over the nodes, when an operator asks. */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { KimberliteError } from "../../../../runtime/types/errors.js";
import { defineCommand, readBy, wholeNumber } from "../../command.js";
import type { NodeAccess } from "../../node-access.js";
import { type ClusterReport, clusterShape, movesShape, type TenantEntry, tenantShape } from "../../shapes.js";
import { renderTable } from "../../table.js";
import { formatBytes, formatCount, parseDuration } from "../../units.js";
import { withNode } from "../../with-node.js";
import { addressesOf } from "./addresses.js";
import { type BalancePlan, planBalance, type TenantLoad } from "./balance-plan.js";

/** Tenants asked about at once. */
const asksAtOnce = 16;
/** Below so many commits a second in all, what is stored says more than what is done. */
const idleCommits = 10;

type Measure = "commits/s" | "stored bytes";

interface Leadership {
  readonly shard: number;
  readonly from: number;
  readonly to: number;
}

export const clusterBalanceCommand = defineCommand({
  usage: "cluster balance",
  summary: "even out tenants over shards, and leadership over nodes",
  details:
    "Watches for a while what each tenant commits (on an idle cluster: what it stores), and moves tenants from the busiest shard to the least busy one, online, one after the " +
    "other, until no shard is more than the tolerance above the mean. A tenant that is busier than all others together stays: it needs a shard " +
    "of its own, not another neighbour. Then shards led by a node that leads more than its share are handed over. With --dry-run it says what it would do.",
  settings: ["connect", "cluster"],
  flags: [
    ["--watch <duration>", "how long tenants are watched [5s]"],
    ["--tolerance <percent>", "how far above the mean a shard may be [20]"],
    ["--moves <n>", "tenants moved at most [16]"],
    ["--tenants-only", "leave leadership where it is"],
    ["--dry-run", "move nothing"],
  ],
  shape: z.object({
    watch: readBy(parseDuration).pipe(z.number().max(600_000)).default(5_000),
    tolerance: wholeNumber(0, 1_000).default(20),
    moves: wholeNumber(0, 10_000).default(16),
    tenantsOnly: z.boolean().default(false),
    dryRun: z.boolean().default(false),
  }),
  examples: [
    ["kimberlite cluster balance --dry-run", "what would move, and what the shards would carry then"],
    ["kimberlite cluster balance --watch 60s --moves 4", "the four moves that help most by the last minute"],
  ],
  run: (invocation) =>
    withNode(
      invocation,
      async (node) => {
        const { watch, tolerance, moves: movesMax, tenantsOnly, dryRun } = invocation.options;
        const report = clusterShape.parse(await node.admin("cluster.status"));
        const shards = report.shards.map(({ shard }) => shard).filter((shard) => shard > 0);
        const { tenants, measure } = await watchTenants(node, watch, invocation.surroundings.interrupted);
        const plan = planBalance(tenants, shards, { tolerance: tolerance / 100, movesMax });
        const moved: string[] = [];
        if (!dryRun)
          for (const { name, to } of plan.moves) {
            await node.admin("tenant.move", { name, shard: to });
            moved.push(name);
            await invocation.output.note(`tenant ${name} is served by shard ${to}`);
          }
        const leaders = tenantsOnly ? [] : await evenOutLeaders(node, report, dryRun);
        const result = {
          measure,
          dryRun,
          shards: shards.map((shard) => ({
            shard,
            before: plan.before.get(shard) ?? 0,
            after: plan.after.get(shard) ?? 0,
          })),
          moves: plan.moves,
          leaders,
        };
        await invocation.output.result(result, () => view(plan, shards, measure, leaders, dryRun));
        return 0;
      },
      addressesOf(invocation),
    ),
});

/** What every tenant did meanwhile; tenants that came, went or moved in between are left where they are. */
async function watchTenants(
  node: NodeAccess,
  ms: number,
  interrupted: AbortSignal,
): Promise<{ readonly tenants: TenantLoad[]; readonly measure: Measure }> {
  const before = new Map((await lookAtTenants(node)).map((tenant) => [tenant.id, tenant]));
  const began = performance.now();
  await pause(ms, undefined, { signal: interrupted });
  const seconds = (performance.now() - began) / 1_000;
  const now = (await lookAtTenants(node)).filter(({ id, state, epoch, shard }) => {
    const known = before.get(id);
    return state === "active" && known?.epoch === epoch && known.shard === shard;
  });
  const commits = now.map(({ id, position = 0 }) => Math.max(0, position - (before.get(id)?.position ?? position)));
  const total = commits.reduce((sum, count) => sum + count, 0);
  const measure: Measure = total / Math.max(seconds, 0.001) >= idleCommits ? "commits/s" : "stored bytes";
  const tenants = now.map(({ name, shard, storedBytes = 0 }, index): TenantLoad => {
    const load = measure === "commits/s" ? (commits[index] ?? 0) / seconds : storedBytes;
    return { name, shard, load };
  });
  return { tenants, measure };
}

async function lookAtTenants(node: NodeAccess): Promise<TenantEntry[]> {
  const names: string[] = [];
  for (let after = 0; ; ) {
    const page = z.array(tenantShape).parse(await node.admin("tenant.list", { after }));
    names.push(...page.map(({ name }) => name));
    const last = page.at(-1);
    if (last === undefined || last.id <= after) break;
    after = last.id;
  }
  const found: TenantEntry[] = [];
  for (let from = 0; from < names.length; from += asksAtOnce) {
    const asked = names.slice(from, from + asksAtOnce).map((name) => node.admin("tenant.get", { name }));
    for (const answer of await Promise.allSettled(asked)) {
      if (answer.status === "fulfilled") found.push(tenantShape.parse(answer.value));
      // Dropped since it was listed.
      else if (!(answer.reason instanceof KimberliteError && answer.reason.code === "tenantUnknown"))
        throw answer.reason;
    }
  }
  return found;
}

/**
 * Hands over what a node leads beyond its share. A handover goes to the next replica of the shard, so it is repeated until a node has
 * it that leads too little, once around at most.
 */
async function evenOutLeaders(node: NodeAccess, report: ClusterReport, dryRun: boolean): Promise<Leadership[]> {
  const led = new Map(
    report.nodes.filter(({ reachable, standby }) => reachable && !standby).map((one) => [one.node, 0]),
  );
  if (led.size < 2) return [];
  const leaders = report.shards.flatMap(({ shard, leader }) =>
    shard === 0 || leader === null ? [] : [{ shard, leader }],
  );
  for (const { leader } of leaders) led.set(leader, (led.get(leader) ?? 0) + 1);
  const share = Math.ceil(leaders.length / led.size);
  const changes: Leadership[] = [];
  for (const { shard, leader } of leaders) {
    if ((led.get(leader) ?? 0) <= share) continue;
    const idle = [...led].filter(([, count]) => count < share).map(([one]) => one);
    if (idle.length === 0) break;
    let at = leader;
    if (dryRun) at = idle[0] ?? leader;
    for (let turn = 1; !dryRun && turn < led.size && !idle.includes(at); turn++)
      at = movesShape.parse(await node.admin("cluster.handover", { shard }))[0]?.to ?? at;
    led.set(leader, (led.get(leader) ?? 0) - 1);
    led.set(at, (led.get(at) ?? 0) + 1);
    if (at !== leader) changes.push({ shard, from: leader, to: at });
  }
  return changes;
}

function view(
  plan: BalancePlan,
  shards: readonly number[],
  measure: Measure,
  leaders: readonly Leadership[],
  dryRun: boolean,
): string {
  const shown = (load: number): string =>
    measure === "commits/s" ? formatCount(Math.round(load)) : formatBytes(Math.round(load));
  const rows = shards.map((shard) => [shard, shown(plan.before.get(shard) ?? 0), shown(plan.after.get(shard) ?? 0)]);
  const would = dryRun ? "would move" : "moved";
  const moves = plan.moves.map(
    ({ name, from, to, load }) => `${would} ${name} from shard ${from} to ${to} (${shown(load)})`,
  );
  const handed = leaders.map(({ shard, from, to }) =>
    dryRun
      ? `would have another node than ${from} lead shard ${shard}`
      : `node ${to} leads shard ${shard} instead of ${from}`,
  );
  const said = [...moves, ...handed];
  return [
    renderTable(["shard", `${measure} before`, "after"], rows),
    "",
    ...(said.length === 0 ? ["nothing to move"] : said),
  ].join("\n");
}
