/** `kimberlite group …`: consumer groups of a stream. */
import { z } from "zod";
import { offset } from "../../../runtime/types/ids.js";
import { defineCommand, readBy, type Subcommand, wholeNumber } from "../command.js";
import { eventLine } from "../event-text.js";
import type { GroupEntry } from "../node-access.js";
import { renderPairs, renderTable } from "../table.js";
import { formatDuration, formatTime, parseDuration } from "../units.js";
import { withTenant } from "../with-node.js";

const headings = ["name", "floor", "settled", "retrying", "parked", "timeout", "attempts", "created"];
const row = (group: GroupEntry) => [
  group.name,
  group.floor,
  group.settled,
  group.retrying,
  group.parked,
  formatDuration(group.timeoutMs),
  group.attemptsMax,
  formatTime(group.createdTime),
];

const create = defineCommand({
  usage: "group create <stream> <group>",
  summary: "create a consumer group",
  settings: ["connect", "tenant"],
  flags: [
    ["--from <offset>", "the first offset that the group reads (default: 0)"],
    ["--timeout <duration>", "an event not acknowledged for this long comes again (default: 30s)"],
    ["--attempts <count>", "after so many attempts an event is parked (default: 5)"],
  ],
  shape: z.object({
    from: wholeNumber(0).default(0),
    timeout: readBy(parseDuration).default(30_000),
    attempts: wholeNumber(1, 65_535).default(5),
  }),
  examples: [
    ["kimberlite group create orders billing --attempts 3", "a group that parks an event after three attempts"],
  ],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const [stream = "", group = ""] = invocation.arguments;
      const { from, timeout, attempts } = invocation.options;
      await tenant.createGroup(stream, group, { from, timeoutMs: timeout, attemptsMax: attempts });
      await invocation.output.result(
        { stream, group, from, timeoutMs: timeout, attemptsMax: attempts },
        () => `group ${group} reads ${stream} from offset ${from}`,
      );
      return 0;
    }),
});

const list = defineCommand({
  usage: "group list <stream>",
  summary: "list the consumer groups of a stream",
  settings: ["connect", "tenant"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite group list orders", "who reads orders, and how far they are"]],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const groups = await tenant.groups(invocation.arguments[0] ?? "");
      await invocation.output.table(groups, headings, groups.map(row));
      return 0;
    }),
});

const get = defineCommand({
  usage: "group get <stream> <group>",
  summary: "show a consumer group and the events it set aside",
  settings: ["connect", "tenant"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite group get orders billing", "how far billing is, and what it parked"]],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const [stream = "", name = ""] = invocation.arguments;
      const found = await tenant.group(stream, name);
      await invocation.output.result(found, () => {
        const cells = row(found.group);
        const pairs = renderPairs(headings.map((heading, column) => [heading, cells[column]] as const));
        if (found.parked.length === 0) return pairs;
        const parked = found.parked.map(({ offset, position, time, attempts, reason }) => [
          offset,
          position,
          formatTime(time),
          attempts,
          reason,
        ]);
        return `${pairs}\n\n${renderTable(["parked offset", "position", "time", "attempts", "reason"], parked)}`;
      });
      return 0;
    }),
});

const remove = defineCommand({
  usage: "group delete <stream> <group>",
  summary: "delete a consumer group; the stream keeps its events",
  settings: ["connect", "tenant"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite group delete orders billing", "the group and its place are gone"]],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const [stream = "", group = ""] = invocation.arguments;
      await tenant.deleteGroup(stream, group);
      await invocation.output.result({ stream, group, deleted: true }, () => `group ${group} of ${stream} is deleted`);
      return 0;
    }),
});

const settle = (verdict: "replay" | "discard", summary: string, done: string): Subcommand =>
  defineCommand({
    usage: `group ${verdict} <stream> <group> [offsets...]`,
    summary,
    details: "Without offsets, all that the group has parked.",
    settings: ["connect", "tenant"],
    flags: [],
    shape: z.object({}),
    examples: [[`kimberlite group ${verdict} orders billing 17 18`, "these two events"]],
    run: (invocation) =>
      withTenant(invocation, async (tenant) => {
        const [stream = "", group = "", ...words] = invocation.arguments;
        const offsets = words.map((word) => offset(Number(/^\d+$/.test(word) ? word : Number.NaN)));
        const count = await tenant.settleParked(stream, group, offsets.length === 0 ? "all" : offsets, verdict);
        await invocation.output.result({ stream, group, count }, () => `${count} parked events ${done}`);
        return 0;
      }),
  });

const replay = settle("replay", "hand out parked events again", "are handed out again");
const discard = settle("discard", "count parked events as done with", "are done with");

const consume = defineCommand({
  usage: "group consume <stream> <group>",
  summary: "print a group's events and acknowledge each once it is printed",
  details:
    "Goes on until it is interrupted or has printed --limit events. Several may run at once: each event goes to one of them.",
  settings: ["connect", "tenant"],
  flags: [
    ["-n, --limit <count>", "end after so many events"],
    ["--peek", "do not acknowledge: the events come again"],
  ],
  shape: z.object({ limit: wholeNumber(1).optional(), peek: z.boolean().default(false) }),
  examples: [["kimberlite group consume orders billing -n 10", "take ten events"]],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const { options, output, surroundings } = invocation;
      const [stream = "", group = ""] = invocation.arguments;
      let left = options.limit ?? Number.MAX_SAFE_INTEGER;
      for await (const { event, acknowledge } of tenant.consume(stream, group, surroundings.interrupted)) {
        await output.line(String(eventLine(event, output.json ? "json" : "text")));
        if (!options.peek) await acknowledge();
        left -= 1;
        if (left === 0) break;
      }
      return 0;
    }),
});

export const groupCommands: readonly Subcommand[] = [create, list, get, consume, replay, discard, remove];
