/** `kimberlite bench`: how fast is it here, and is everything that it acknowledged there afterwards? */
import path from "node:path";
import { z } from "zod";
import { writeTextFile } from "../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { release } from "../../server/release.js";
import { casesOf, type Workload, workloads } from "../bench/cases.js";
import { describeMachine } from "../bench/machine.js";
import { startOwnNode } from "../bench/own-node.js";
import { payloadBytesMin } from "../bench/payload.js";
import { type CaseResult, type CaseSettings, type NodeCounters, resultTable } from "../bench/report.js";
import type { BenchContext } from "../bench/run-case.js";
import { defineCommand, readBy } from "../command.js";
import type { NodeAccess } from "../node-access.js";
import { statusShape } from "../shapes.js";
import { type Address, formatAddress, parseAddress, parseDuration } from "../units.js";

/** "1,16,64" → [1, 16, 64]. */
const list = (min: number, max: number) =>
  readBy((text) =>
    text.split(",").map((part) => {
      const value = Number(part);
      if (/^\s*\d+\s*$/.test(part) && value >= min && value <= max) return value;
      throw new KimberliteError("invalidArgument", `${JSON.stringify(part)} is no whole number from ${min} to ${max}`);
    }),
  );

export const benchCommand = defineCommand({
  usage: "bench [workloads...]",
  summary: "measure this machine and node",
  details:
    `Workloads: ${workloads.join(", ")} (default: all). Each case runs for a fixed time after a warm-up; then everything it acknowledged is read ` +
    "back, and the command fails if something is missing. Without --connect a node of its own is started over a temporary directory. Client and node " +
    "share the machine, so the figures are lower bounds.",
  settings: ["shards", "projections", "gateways", "layout", "cache-bytes", "replicas", "user", "password-file"],
  flags: [
    ["--connect <host:port>", "measure this node instead of one of its own; it keeps the streams written"],
    ["--seconds <duration>", "time measured per case (default: 5s)"],
    ["--warm-up <duration>", "time before that (default: 2s)"],
    ["--connections <list>", "for example 1,16,64,256"],
    ["--in-flight <list>", "requests in flight on each connection"],
    ["--batch <list>", "events in one append, or in one page read"],
    ["--tenants <list>", "tenants written to in turn"],
    ["--event-bytes <count>", "size of an event (default: 128)"],
    ["--no-keys", "append without idempotency keys"],
    ["--data-root <dir>", "where the temporary data directory is made (default: the system's)"],
    ["--out <file>", "also write the raw results as JSON"],
  ],
  shape: z.object({
    connect: readBy(parseAddress).optional(),
    seconds: readBy(parseDuration).pipe(z.number().min(100)).default(5000),
    warmUp: readBy(parseDuration).default(2000),
    connections: list(1, 4096).optional(),
    inFlight: list(1, 4096).optional(),
    batch: list(1, 10_000).optional(),
    tenants: list(1, 100_000).optional(),
    eventBytes: list(payloadBytesMin, 1_000_000).optional(),
    keys: z.boolean().default(true),
    dataRoot: z.string().optional(),
    out: z.string().optional(),
  }),
  examples: [
    ["kimberlite bench single --connections 64 --in-flight 1,16", "durable single-event appends over 64 connections"],
    ["kimberlite bench batch --out results.json", "batches, with the raw results in a file"],
  ],
  async run({ arguments: words, options, configuration, output, surroundings }) {
    const chosen = words.length === 0 ? workloads : words.map(parseWorkload);
    const nodeFlags = (["shards", "projections", "gateways", "layout", "cache-bytes", "replicas"] as const)
      .filter((name) => configuration.isSet(name))
      .flatMap((name) => [`--${name}`, String(configuration.get(name))]);
    const wishes = {
      connections: options.connections ?? null,
      inFlight: options.inFlight ?? null,
      batches: options.batch ?? null,
      tenants: options.tenants ?? null,
      eventBytes: options.eventBytes?.[0] ?? 128,
    };
    // The client is loaded only by commands that connect.
    const { runCase } = await import("../bench/run-case.js");
    const { connectNode } = await import("../connect.js");
    const { credentialsOf } = await import("../credentials.js");
    const credentials = credentialsOf({ configuration, surroundings });
    const cases = chosen.flatMap((workload) => casesOf(workload, wishes));
    const own = options.connect === undefined ? await startOwnNode(nodeFlags, options.dataRoot) : null;
    const address: Address = options.connect ?? own?.address ?? { host: "", port: 0 };
    const results: CaseResult[] = [];
    let status: unknown;
    try {
      const node = await connectNode([address], credentials);
      try {
        status = await node.admin("node.status");
        const context = {
          node,
          address,
          credentials,
          counters: () => counters(node),
          warmUpMs: options.warmUp,
          measuredMs: options.seconds,
        };
        const rest = { withKeys: options.keys, interrupted: surroundings.interrupted, random: Math.random };
        for (const [index, settings] of cases.entries()) {
          if (surroundings.interrupted.aborted) break;
          await output.note(`${index + 1}/${cases.length}  ${describe(settings)} …`);
          results.push(
            await runCase({ ...context, ...rest } satisfies BenchContext, settings, `bench-${Date.now()}-${index}`),
          );
        }
      } finally {
        await node.close();
      }
      await own?.stop();
    } finally {
      // After a failure too it ends before its directory goes.
      await own?.stop().catch(() => {});
      own?.remove();
    }
    const machine = describeMachine();
    const settings = {
      release,
      address: formatAddress(address),
      ownNode: own !== null,
      warmUpMs: options.warmUp,
      measuredMs: options.seconds,
      idempotencyKeys: options.keys,
    };
    const report = { machine, settings, node: status, results };
    if (options.out !== undefined)
      writeTextFile(path.resolve(surroundings.directory, options.out), `${JSON.stringify(report, null, 2)}\n`);
    await output.result(report, () =>
      [
        `${machine.cpu}, ${machine.cores} cores; Node ${machine.node}; ${machine.system}; Kimberlite ${release}`,
        `${JSON.stringify(settings)}`,
        "",
        resultTable(results),
        "",
        "Everything acknowledged was read back afterwards.",
      ].join("\n"),
    );
    return surroundings.interrupted.aborted ? 130 : 0;
  },
});

function parseWorkload(word: string): Workload {
  const found = workloads.find((workload) => workload === word);
  if (found !== undefined) return found;
  throw new KimberliteError(
    "invalidArgument",
    `${JSON.stringify(word)} is no workload; they are ${workloads.join(", ")}`,
  );
}

const describe = ({ workload, connections, inFlight, batch, tenants }: CaseSettings): string =>
  `${workload}: ${connections} connections × ${inFlight} in flight, batch ${batch}${tenants > 1 ? `, ${tenants} tenants` : ""}`;

async function counters(node: NodeAccess): Promise<NodeCounters> {
  const status = statusShape.parse(await node.admin("node.status"));
  return {
    cpuMicros: status.cpuMicros ?? null,
    logBytes: status.logBytesWritten ?? null,
    fsyncs: status.fsyncs ?? null,
    rssBytes: status.rssBytes ?? null,
  };
}
