/** `kimberlite top` and `kimberlite status`: what the node and its actors are doing. */
import { z } from "zod";
import { defineCommand, readBy, type Subcommand } from "../command.js";
import { type ActorEntry, type StatusReport, statusShape, type TopReport, topShape } from "../shapes.js";
import { type Cell, renderPairs, renderTable } from "../table.js";
import { formatBytes, formatCount, formatDuration, parseDuration } from "../units.js";
import { withNode } from "../with-node.js";

const headings = ["actor", "thread", "state", "waiting", "age", "msgs/s", "refused", "busy", "restarts", "heap"];

/** The view as text: rates are differences to the look before, which the first look does not have. */
export function topView(now: TopReport, before: TopReport | null, elapsedMs: number): string {
  const earlier = new Map(before?.actors.map((actor) => [actor.path, actor]));
  const threads = new Map(now.threads.map((thread) => [thread.name, thread]));
  const row = (actor: ActorEntry): Cell[] => {
    const then = earlier.get(actor.path);
    const thread = threads.get(actor.thread ?? "");
    // A restarted actor counts from zero again.
    const processed = then === undefined ? null : Math.max(0, actor.processed - then.processed);
    return [
      actor.path,
      actor.thread,
      actor.state,
      actor.mailboxCount,
      formatDuration(actor.mailboxAgeMs),
      processed === null || elapsedMs <= 0 ? null : formatCount((processed / elapsedMs) * 1000),
      actor.refused,
      thread?.utilisation === undefined ? null : `${Math.round(thread.utilisation * 100)} %`,
      actor.restarts,
      thread?.heapBytes === undefined ? null : formatBytes(thread.heapBytes),
    ];
  };
  const memory = now.rssBytes === undefined ? "" : `  memory ${formatBytes(now.rssBytes)}`;
  const uptime = now.uptimeMs === undefined ? "" : `  up ${formatDuration(now.uptimeMs)}`;
  const waiting = now.actors.reduce((sum, actor) => sum + actor.mailboxCount, 0);
  const head = `${now.actors.length} actors on ${new Set(now.actors.map((actor) => actor.thread)).size} threads  ${waiting} waiting${memory}${uptime}`;
  return `${head}\n\n${renderTable(headings, now.actors.map(row))}`;
}

const top = defineCommand({
  usage: "top",
  summary: "live view of the node's actors",
  details:
    "For each actor its thread, what waits in its mailbox and for how long, messages per second, refused messages, how busy its thread's event " +
    "loop is, restarts, and the thread's heap. Redrawn in place until interrupted; with --json one line per look.",
  settings: ["connect"],
  flags: [
    ["--once", "two looks, an interval apart, then end"],
    ["--interval <duration>", "time between two looks (default: 1s)"],
  ],
  shape: z.object({
    once: z.boolean().default(false),
    interval: readBy(parseDuration).pipe(z.number().min(50).max(60_000)).default(1000),
  }),
  examples: [
    ["kimberlite top", "until Ctrl-C"],
    ["kimberlite top --once --json", "one look, for a script"],
  ],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const { options, output, surroundings } = invocation;
      const { interrupted, stdout, now } = surroundings;
      const redraws = stdout.isTTY === true && !output.json && !options.once;
      let before: TopReport | null = null;
      let beforeAt = now();
      for (let look = 0; !interrupted.aborted; look += 1) {
        const report = topShape.parse(await node.admin("node.top"));
        const at = now();
        const isLast = options.once && look === 1;
        if (output.json && (!options.once || isLast)) await output.jsonLine(report);
        else if (!output.json && (redraws || isLast || (!options.once && look > 0))) {
          const view = topView(report, before, at - beforeAt);
          await output.text(redraws ? `\u001b[H\u001b[2J${fitted(view, stdout.rows, stdout.columns)}\n` : `${view}\n`);
        }
        if (isLast) break;
        before = report;
        beforeAt = at;
        await pause(options.interval, interrupted);
      }
      return 0;
    }),
});

/** Cuts a view to the terminal, since a line that wraps would scroll it. */
const fitted = (view: string, rows: number | undefined, columns: number | undefined): string =>
  view
    .split("\n")
    // A terminal that does not know its size says zero.
    .slice(0, (rows || 24) - 1)
    .map((line) => line.slice(0, columns || 80))
    .join("\n");

function pause(ms: number, interrupted: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      interrupted.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    interrupted.addEventListener("abort", done);
  });
}

const status = defineCommand({
  usage: "status",
  summary: "show what the node is, how it is laid out and what it has done",
  settings: ["connect"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite status", "exit code 3 when there is no node"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const report = statusShape.parse(await node.admin("node.status"));
      await invocation.output.result(report, () => renderPairs(statusPairs(report)));
      return 0;
    }),
});

/** All that the report says, one line each; nested objects by their paths. */
export function statusPairs(report: StatusReport): (readonly [string, Cell])[] {
  const pairs: (readonly [string, Cell])[] = [];
  const waiting: (readonly [string, unknown])[] = Object.entries(report).reverse();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [name, value] = next;
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value).reverse()) waiting.push([`${name}.${key}`, inner]);
    } else if (typeof value === "number") pairs.push([name, formatted(name, value)]);
    else if (typeof value === "string" || typeof value === "boolean" || value === null) pairs.push([name, value]);
  }
  return pairs;
}

function formatted(name: string, value: number): string {
  if (/bytes$/i.test(name)) return formatBytes(value);
  if (name.endsWith("Ms")) return formatDuration(value);
  if (name.endsWith("Micros")) return formatDuration(value / 1000);
  return Number.isInteger(value) ? formatCount(value) : String(value);
}

export const topCommands: readonly Subcommand[] = [status, top];
