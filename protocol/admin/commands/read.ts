/** `kimberlite read` and `kimberlite tail`: events of a stream, once or as they come. */
import { z } from "zod";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { defineCommand, type Subcommand, wholeNumber } from "../command.js";
import { type EventStyle, eventLine } from "../event-text.js";
import type { Consistency, StoredEvent } from "../node-access.js";
import type { Output } from "../output.js";
import { withTenant } from "../with-node.js";

/** Events asked for at once: enough to keep the node busy, little enough to hold in memory. */
const pageEvents = 5_000;
const rawFlag = ["--raw", "print the payloads only, one a line, as they were appended"] as const;
const newline = Uint8Array.of(10);

const styleOf = (output: Output, raw: boolean): EventStyle => (raw ? "raw" : output.json ? "json" : "text");

async function print(output: Output, events: readonly StoredEvent[], style: EventStyle): Promise<void> {
  if (events.length === 0) return;
  if (style === "raw") await output.text(Buffer.concat(events.flatMap((event) => [event.payload, newline])));
  else await output.text(`${events.map((event) => eventLine(event, style)).join("\n")}\n`);
}

const consistencyKinds = ["session", "linearizable", "stale"] as const;

const read = defineCommand({
  usage: "read <stream>",
  summary: "read events of a stream",
  details:
    "With --json one line per event: {offset, position, time, payload}, or bytes in base64 where an event is not JSON.",
  settings: ["connect", "tenant"],
  flags: [
    ["--from <offset>", "the first offset (default: the first event; backward: the last)"],
    ["-n, --limit <count>", "at most so many events (default: all there are)"],
    ["--backward", "from newer to older"],
    ["--at-position <position>", "as the tenant stood at this position"],
    ["--at-time <time>", "as the tenant stood at this time (ISO 8601)"],
    ["--consistency <kind>", "session (default), linearizable or stale"],
    rawFlag,
  ],
  shape: z.object({
    from: wholeNumber(0).optional(),
    limit: wholeNumber(1).optional(),
    backward: z.boolean().default(false),
    atPosition: wholeNumber(0).optional(),
    atTime: z.iso.datetime({ offset: true, message: "must be a time such as 2026-01-31T12:00:00Z" }).optional(),
    consistency: z.enum(consistencyKinds).optional(),
    raw: z.boolean().default(false),
  }),
  examples: [
    ["kimberlite read orders --limit 10", "the first ten events"],
    ["kimberlite read orders --backward -n 1 --json", "the newest event as JSON"],
    ["kimberlite read orders --raw | kimberlite append copy --create", "copy a stream"],
  ],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const { options, output, surroundings } = invocation;
      const stream = invocation.arguments[0] ?? "";
      const consistency = consistencyOf(options);
      const style = styleOf(output, options.raw);
      let left = options.limit ?? Number.MAX_SAFE_INTEGER;
      let from = options.from ?? (options.backward ? Number.MAX_SAFE_INTEGER : 0);
      while (left > 0 && !surroundings.interrupted.aborted) {
        const limit = Math.min(left, pageEvents);
        const { events, nextOffset } = await tenant.read(stream, {
          from,
          limit,
          backward: options.backward,
          consistency,
        });
        await print(output, events, style);
        const last = events.at(-1);
        if (last === undefined || (options.backward ? last.offset === 0 : last.offset + 1 >= nextOffset)) break;
        left -= events.length;
        from = last.offset + (options.backward ? -1 : 1);
      }
      return 0;
    }),
});

function consistencyOf(options: {
  readonly atPosition?: number | undefined;
  readonly atTime?: string | undefined;
  readonly consistency?: (typeof consistencyKinds)[number] | undefined;
}): Consistency {
  const given = [options.atPosition, options.atTime, options.consistency].filter((value) => value !== undefined);
  if (given.length > 1)
    throw new KimberliteError("invalidArgument", "choose one of --at-position, --at-time and --consistency");
  if (options.atPosition !== undefined) return { kind: "position", position: options.atPosition };
  if (options.atTime !== undefined) return { kind: "timestamp", micros: Date.parse(options.atTime) * 1000 };
  return { kind: options.consistency ?? "session" };
}

const tail = defineCommand({
  usage: "tail <stream>",
  summary: "show the newest events, and with -f those that come",
  details:
    "With -f it goes on until it is interrupted, over restarts of the node, and shows each event once and in order.",
  settings: ["connect", "tenant"],
  flags: [
    ["-n, --lines <count>", "events to begin with (default: 10)"],
    ["-f, --follow", "go on with new events as they are appended"],
    ["--from <offset>", "begin at this offset instead"],
    ["--until <offset>", "with -f: end once this offset was shown"],
    rawFlag,
  ],
  shape: z.object({
    lines: wholeNumber(0).default(10),
    follow: z.boolean().default(false),
    from: wholeNumber(0).optional(),
    until: wholeNumber(0).optional(),
    raw: z.boolean().default(false),
  }),
  examples: [
    ["kimberlite tail orders", "the last ten events"],
    ["kimberlite tail orders -f -n 0", "what is appended from now on"],
  ],
  run: (invocation) =>
    withTenant(invocation, async (tenant) => {
      const { options, output, surroundings } = invocation;
      const stream = invocation.arguments[0] ?? "";
      const style = styleOf(output, options.raw);
      const { nextOffset } = await tenant.stream(stream);
      const from = options.from ?? Math.max(0, nextOffset - options.lines);
      if (!options.follow) {
        for (let at = from; at < nextOffset && !surroundings.interrupted.aborted; ) {
          const limit = Math.min(pageEvents, nextOffset - at);
          const { events } = await tenant.read(stream, {
            from: at,
            limit,
            backward: false,
            consistency: { kind: "session" },
          });
          await print(output, events, style);
          if (events.length === 0) break;
          at = (events.at(-1)?.offset ?? at) + 1;
        }
        return 0;
      }
      const until = options.until ?? Number.MAX_SAFE_INTEGER;
      for await (const events of tenant.follow(stream, from, surroundings.interrupted)) {
        await print(
          output,
          events.filter((event) => event.offset <= until),
          style,
        );
        if ((events.at(-1)?.offset ?? 0) >= until) break;
      }
      return 0;
    }),
});

export const readCommands: readonly Subcommand[] = [read, tail];
