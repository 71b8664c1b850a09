/** `kimberlite append`: events from standard input or a file, one a line, in order, exactly once. */
import { createHash } from "node:crypto";
import path from "node:path";
import { z } from "zod";
import { openForReading } from "../../../runtime/storage/host-files.js";
import { hasCode, KimberliteError } from "../../../runtime/types/errors.js";
import { appendBytesMax, appendEventsMax } from "../../../runtime/types/limits.js";
import { defineCommand, readBy, wholeNumber } from "../command.js";
import { type LineBatch, lineBatches } from "../json-lines.js";
import type { NodeAccess, TenantAccess } from "../node-access.js";
import { inBytes, inEvents, Progress } from "../progress.js";
import { formatCount, formatDuration, parseBytes } from "../units.js";
import { withNode } from "../with-node.js";

/** The idempotency key of a batch: the same prefix, stream and first line always give the same 16 bytes. */
export function batchKey(prefix: string, tenant: string, stream: string, firstLine: number): Uint8Array {
  const hash = createHash("sha256")
    .update(JSON.stringify(["kimberlite append", prefix, tenant, stream, firstLine]))
    .digest();
  return new Uint8Array(hash.subarray(0, 16));
}

export const appendCommand = defineCommand({
  usage: "append <stream>",
  summary: "append events from standard input or a file, one JSON value a line",
  details:
    "The lines are written in order, in batches, each batch whole or not at all; the next one leaves when the last one is durable. With " +
    "--key-prefix the command can be repeated after any failure with the same input, batch size and prefix: batches that were written " +
    "already are recognised and not written again. Ends at the first line that is no event and says which; what stands before it is written.",
  settings: ["connect", "tenant"],
  flags: [
    ["--file <path>", "read from this file instead of standard input"],
    ["--raw", "take each line as bytes instead of JSON"],
    ["--create", "create the tenant and the stream when they do not exist"],
    ["--batch <count>", "events in one batch (default: 1000)"],
    ["--batch-bytes <size>", "bytes in one batch (default: 1MiB)"],
    ["--key-prefix <text>", "makes the command repeatable: see above"],
    ["--expect <offset>", "refuse unless the first event gets this offset"],
  ],
  shape: z.object({
    file: z.string().min(1).optional(),
    raw: z.boolean().default(false),
    create: z.boolean().default(false),
    batch: wholeNumber(1, appendEventsMax).default(1000),
    batchBytes: readBy(parseBytes)
      .pipe(z.number().min(1).max(appendBytesMax, `must be at most ${appendBytesMax} bytes`))
      .default(1024 * 1024),
    keyPrefix: z.string().min(1).optional(),
    expect: wholeNumber(0).optional(),
  }),
  examples: [
    [
      `echo '{"item":"tea"}' | kimberlite append orders --create`,
      "one event; the stream is created when it is missing",
    ],
    [
      "kimberlite append orders --file orders.jsonl --key-prefix import-7",
      "a file, safe to run again until it succeeds",
    ],
  ],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const { options, output, surroundings, configuration } = invocation;
      const stream = invocation.arguments[0] ?? "";
      const tenantName = configuration.require("tenant");
      const input =
        options.file === undefined
          ? { stream: surroundings.stdin, bytes: null }
          : openForReading(path.resolve(surroundings.directory, options.file));
      const tenant = options.create ? await created(node, tenantName, stream) : await node.tenant(tenantName);

      const total = input.bytes !== null && input.bytes > 0 ? input.bytes : null;
      const progress = new Progress(
        surroundings,
        output.interactive,
        "appending",
        total,
        total === null ? inEvents : inBytes,
      );
      const written = {
        events: 0,
        batches: 0,
        replayedBatches: 0,
        firstOffset: null as number | null,
        position: null as number | null,
      };
      let expected = options.expect ?? null;
      let last: LineBatch | null = null;
      const batches = lineBatches(input.stream as AsyncIterable<Uint8Array>, {
        events: options.batch,
        bytes: options.batchBytes,
        format: options.raw ? "raw" : "json",
        endAt: options.keyPrefix === undefined && options.file === undefined ? "chunks" : "limits",
      });
      try {
        for await (const batch of batches) {
          if (surroundings.interrupted.aborted) break;
          const key =
            options.keyPrefix === undefined ? null : batchKey(options.keyPrefix, tenantName, stream, batch.firstLine);
          const outcome = await tenant.append(stream, { events: batch.events, isJson: !options.raw, expected, key });
          written.events += outcome.count;
          written.batches += 1;
          written.replayedBatches += outcome.replayed ? 1 : 0;
          written.firstOffset ??= outcome.firstOffset;
          written.position = outcome.position;
          if (expected !== null) expected = outcome.firstOffset + outcome.count;
          last = batch;
          progress.update(total === null ? written.events : batch.bytesRead, `${formatCount(written.events)} events`);
        }
      } catch (error) {
        progress.end();
        await output.note(`${formatCount(written.events)} events, up to line ${last?.lastLine ?? 0}, are written`);
        throw located(error, last, options.keyPrefix);
      }
      progress.end();
      const seconds = progress.elapsedMs / 1000;
      const rate = seconds > 0 ? Math.round(written.events / seconds) : 0;
      await output.result({ stream, tenant: tenantName, ...written, seconds, eventsPerSecond: rate }, () => {
        const again =
          written.replayedBatches === 0
            ? ""
            : ` (${written.replayedBatches} of ${written.batches} batches had been written before)`;
        const from =
          written.firstOffset === null ? "" : `, offsets from ${written.firstOffset}, position ${written.position}`;
        return `${formatCount(written.events)} events in ${formatDuration(progress.elapsedMs)}: ${formatCount(rate)} events/s${from}${again}`;
      });
      return surroundings.interrupted.aborted ? 130 : 0;
    }),
});

async function created(node: NodeAccess, tenantName: string, stream: string): Promise<TenantAccess> {
  await node.admin("tenant.create", { name: tenantName, ifNotExists: true });
  const tenant = await node.tenant(tenantName);
  await tenant.createStream(stream, true);
  return tenant;
}

/** Tells a failed append from a bad line, and says how to go on after it. */
function located(error: unknown, last: LineBatch | null, keyPrefix: string | undefined): unknown {
  if (!hasCode(error, "connectionLost") && !hasCode(error, "deadlineExceeded")) return error;
  const advice =
    keyPrefix === undefined
      ? "whether the lines after it were written is not known; with --key-prefix the command could simply be repeated"
      : "repeat the command with the same --key-prefix: nothing is written twice";
  const cause = error instanceof KimberliteError ? error : undefined;
  return new KimberliteError(
    cause?.code ?? "internal",
    `after line ${last?.lastLine ?? 0}: ${cause?.message ?? ""}; ${advice}`,
    {
      cause: error,
      ...(cause === undefined ? {} : { outcome: cause.outcome, detail: cause.detail }),
    },
  );
}
