/** `kimberlite tenant …`: tenants and their place. */
import { z } from "zod";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { defineCommand, readBy, type Subcommand, wholeNumber } from "../command.js";
import { createdTenantShape, type TenantEntry, tenantShape } from "../shapes.js";
import type { Cell } from "../table.js";
import { formatBytes, formatTime, parseBytes } from "../units.js";
import { withNode } from "../with-node.js";

const headings = ["id", "name", "shard", "state", "created"];
const row = (tenant: TenantEntry): Cell[] => [
  tenant.id,
  tenant.name,
  tenant.shard,
  tenant.movingTo === null || tenant.movingTo === undefined
    ? tenant.state
    : `${tenant.state} to shard ${tenant.movingTo}`,
  formatTime(tenant.createdTime),
];

const shardFlag = ["--shard <n>", "the shard that serves it (default: the one with the fewest tenants)"] as const;

const quotaFlags = [
  ["--quota-bytes <size>", "stored bytes at most, for example 10GiB"],
  ["--quota-streams <count>", "streams at most"],
] as const;
const quotaShape = { quotaBytes: readBy(parseBytes).optional(), quotaStreams: wholeNumber(0).optional() };

/** Quotas as the node takes them; undefined when none was given. */
function quotasOf(options: { readonly quotaBytes?: number | undefined; readonly quotaStreams?: number | undefined }) {
  const { quotaBytes: bytesMax, quotaStreams: streamsMax } = options;
  if (bytesMax === undefined && streamsMax === undefined) return undefined;
  return { ...(bytesMax === undefined ? {} : { bytesMax }), ...(streamsMax === undefined ? {} : { streamsMax }) };
}

const create = defineCommand({
  usage: "tenant create <name>",
  summary: "create a tenant",
  settings: ["connect"],
  flags: [shardFlag, ["--if-not-exists", "succeed when there is one of that name already"], ...quotaFlags],
  shape: z.object({ shard: wholeNumber(0).optional(), ifNotExists: z.boolean().default(false), ...quotaShape }),
  examples: [["kimberlite tenant create acme", "a tenant named acme on the least used shard"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const { shard, ifNotExists } = invocation.options;
      const name = invocation.arguments[0];
      const quotas = quotasOf(invocation.options);
      const made = createdTenantShape.parse(
        await node.admin("tenant.create", {
          name,
          ifNotExists,
          ...(shard === undefined ? {} : { shard }),
          ...(quotas === undefined ? {} : { quotas }),
        }),
      );
      await invocation.output.result(made, () =>
        made.created
          ? `tenant ${made.name} (id ${made.id}) is served by shard ${made.shard}`
          : `tenant ${made.name} exists already (id ${made.id})`,
      );
      return 0;
    }),
});

const list = defineCommand({
  usage: "tenant list",
  summary: "list the tenants",
  settings: ["connect"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite tenant list --json", "the tenants as a JSON array"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const tenants: TenantEntry[] = [];
      for (let after = 0; ; ) {
        const page = z.array(tenantShape).parse(await node.admin("tenant.list", { after }));
        tenants.push(...page);
        const last = page.at(-1);
        if (last === undefined || last.id <= after) break;
        after = last.id;
      }
      await invocation.output.table(tenants, headings, tenants.map(row));
      return 0;
    }),
});

const get = defineCommand({
  usage: "tenant get <name>",
  summary: "show one tenant: its shard, position, size and quotas",
  settings: ["connect"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite tenant get main", "where main lives and how much it holds"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const tenant = tenantShape.parse(await node.admin("tenant.get", { name: invocation.arguments[0] }));
      const quota = (value: number | undefined, format: (value: number) => string): string =>
        value === undefined || value >= Number.MAX_SAFE_INTEGER ? "none" : format(value);
      await invocation.output.pairs(tenant, [
        ...headings.map((heading, column): [string, Cell] => [heading, row(tenant)[column]]),
        ["epoch", tenant.epoch],
        ["position", tenant.position],
        ["streams", tenant.streams],
        ["stored", tenant.storedBytes === undefined ? null : formatBytes(tenant.storedBytes)],
        ["quota of bytes", quota(tenant.quotas?.bytesMax, formatBytes)],
        ["quota of streams", quota(tenant.quotas?.streamsMax, String)],
      ]);
      return 0;
    }),
});

const drop = defineCommand({
  usage: "tenant drop <name>",
  summary: "drop a tenant and everything in it",
  details: "Asks first on a terminal; elsewhere it insists on --yes.",
  settings: ["connect"],
  flags: [["-y, --yes", "do not ask"]],
  shape: z.object({ yes: z.boolean().default(false) }),
  examples: [["kimberlite tenant drop acme --yes", "without asking"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const name = invocation.arguments[0] ?? "";
      const { stdin, stdout, interrupted } = invocation.surroundings;
      if (!invocation.options.yes) {
        if (stdin.isTTY !== true || stdout.isTTY !== true || invocation.output.json) {
          throw new KimberliteError("invalidArgument", `dropping ${name} deletes its data; say --yes to do it`);
        }
        const tenant = tenantShape.parse(await node.admin("tenant.get", { name }));
        const message = `Drop tenant ${name} with ${tenant.streams ?? 0} streams and ${formatBytes(tenant.storedBytes ?? 0)}?`;
        const { confirm, isCancel } = await import("@clack/prompts");
        const sure = await confirm({ message, initialValue: false, input: stdin, output: stdout, signal: interrupted });
        if (isCancel(sure) || !sure) {
          await invocation.output.note("nothing was dropped");
          return 1;
        }
      }
      const result = await node.admin("tenant.drop", { name });
      await invocation.output.result(result ?? { dropped: name }, () => `tenant ${name} is dropped`);
      return 0;
    }),
});

const move = defineCommand({
  usage: "tenant move <name>",
  summary: "move a tenant to another shard while it takes reads and writes",
  settings: ["connect"],
  flags: [["--shard <n>", "the shard that serves it from then on"]],
  shape: z.object({ shard: wholeNumber(0) }),
  examples: [["kimberlite tenant move acme --shard 2", "acme is served by shard 2"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const moved = tenantShape.parse(
        await node.admin("tenant.move", { name: invocation.arguments[0], shard: invocation.options.shard }),
      );
      await invocation.output.result(
        moved,
        () => `tenant ${moved.name} is served by shard ${moved.shard} (epoch ${moved.epoch})`,
      );
      return 0;
    }),
});

const quota = defineCommand({
  usage: "tenant quota <name>",
  summary: "change a tenant's quotas; what is left out stays as it is",
  settings: ["connect"],
  flags: quotaFlags,
  shape: z.object(quotaShape),
  examples: [["kimberlite tenant quota acme --quota-bytes 10GiB", "appends beyond it are refused with quotaExceeded"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const quotas = quotasOf(invocation.options);
      if (quotas === undefined)
        throw new KimberliteError("invalidArgument", "name a quota: --quota-bytes or --quota-streams");
      const name = invocation.arguments[0] ?? "";
      const result = await node.admin("tenant.setQuota", { name, quotas });
      await invocation.output.result(result ?? { name, quotas }, () => `the quotas of ${name} are changed`);
      return 0;
    }),
});

export const tenantCommands: readonly Subcommand[] = [create, list, get, move, quota, drop];
