/** `kimberlite stream …`: the streams of a tenant. */
import { z } from "zod";
import { defineCommand, type Subcommand } from "../command.js";
import type { StreamEntry } from "../node-access.js";
import { renderTable } from "../table.js";
import { formatBytes, formatCount, formatTime } from "../units.js";
import { withTenant } from "../with-node.js";

const headings = ["id", "name", "events", "bytes", "created"];
const row = (stream: StreamEntry) => [
  stream.id,
  stream.name,
  formatCount(stream.nextOffset),
  formatBytes(stream.bytes),
  formatTime(stream.createdTime),
];

const create = defineCommand({
  usage: "stream create <name>",
  summary: "create a stream",
  settings: ["connect", "tenant"],
  flags: [["--if-not-exists", "succeed when there is one of that name already"]],
  shape: z.object({ ifNotExists: z.boolean().default(false) }),
  examples: [["kimberlite stream create orders", "a stream named orders in the tenant main"]],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const stream = await tenant.createStream(invocation.arguments[0] ?? "", invocation.options.ifNotExists);
      await invocation.output.result(stream, () => `stream ${stream.name} has id ${stream.id}`);
      return 0;
    }),
});

const list = defineCommand({
  usage: "stream list",
  summary: "list the streams of a tenant by name",
  details: "With --json one line per stream.",
  settings: ["connect", "tenant"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite stream list --tenant acme", "the streams of acme"]],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const { output } = invocation;
      const rows: StreamEntry[] = [];
      for await (const stream of tenant.streams()) {
        if (output.json) await output.jsonLine(stream);
        else rows.push(stream);
      }
      if (!output.json) await output.line(renderTable(headings, rows.map(row)));
      return 0;
    }),
});

const get = defineCommand({
  usage: "stream get <name>",
  summary: "show one stream: how many events and bytes it holds",
  settings: ["connect", "tenant"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite stream get orders --json", "as a JSON object"]],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const stream = await tenant.stream(invocation.arguments[0] ?? "");
      const cells = row(stream);
      await invocation.output.pairs(stream, [
        ...headings.map((heading, column) => [heading, cells[column]] as const),
        ["next offset", stream.nextOffset],
        ["created at position", stream.createdPosition],
      ]);
      return 0;
    }),
});

export const streamCommands: readonly Subcommand[] = [create, list, get];
