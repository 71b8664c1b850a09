/** How one case of the benchmark is run: connect, make what is needed, warm up, measure, stop, look whether it is all there. */
import { KimberliteError } from "../../../runtime/types/errors.js";
import { Connection, type CredentialsSource, socketConnector } from "../../client/index.js";
import type { NodeAccess } from "../node-access.js";
import { type Address, formatAddress } from "../units.js";
import { ClosedLoop, noCounts, type Operator } from "./measurement.js";
import { AppendOperator, Listener, ReadOperator, WriterMarks } from "./operators.js";
import { type CaseResult, type CaseSettings, caseResult, type NodeCounters } from "./report.js";
import { makeTargets, type Target, verifyTargets } from "./targets.js";

/** Events that a stream to be read holds. */
const readableEvents = 200_000;
const streamsMax = 16;

export interface BenchContext {
  readonly node: NodeAccess;
  readonly address: Address;
  readonly credentials: CredentialsSource;
  readonly counters: () => Promise<NodeCounters>;
  readonly warmUpMs: number;
  readonly measuredMs: number;
  readonly withKeys: boolean;
  readonly interrupted: AbortSignal;
  readonly random: () => number;
}

/** What a workload set up: who sends, who listens, and what to look for afterwards. */
interface Prepared {
  readonly operators: readonly Operator[];
  readonly listeners: readonly Listener[];
  readonly targets: readonly Target[];
  readonly writers: readonly WriterMarks[];
}

/** Throws `dataMissing` when something acknowledged is not there afterwards. */
export async function runCase(context: BenchContext, settings: CaseSettings, name: string): Promise<CaseResult> {
  const connections = await connectAll(context, settings.connections + 1);
  const [control, ...clients] = connections;
  if (control === undefined) throw new KimberliteError("internal", "a case has a connection");
  try {
    const counts = noCounts();
    let measured = false;
    const prepared = await prepare(
      context,
      settings,
      name,
      control,
      clients,
      (connection) => new Listener(connection, counts, () => measured),
    );
    const loop = new ClosedLoop(prepared.operators);
    loop.start();
    await pause(context.warmUpMs, context.interrupted);
    const before = await context.counters();
    const cpuBefore = process.cpuUsage();
    const started = performance.now();
    loop.measure();
    measured = true;
    await pause(context.measuredMs, context.interrupted);
    measured = false;
    const drained = loop.end();
    const seconds = (performance.now() - started) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const after = await context.counters();
    await drained;
    await allReceived(prepared);
    const verified =
      prepared.writers.length === 0 ? null : await verifyTargets(control, prepared.targets, prepared.writers);
    const measuredCounts = prepared.listeners.length > 0 ? counts : loop.counts;
    measuredCounts.storedBytes = loop.counts.storedBytes;
    for (const [code, count] of loop.counts.errors) measuredCounts.errors.set(code, count);
    return caseResult(settings, measuredCounts, seconds, cpu.user + cpu.system, before, after, verified);
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function prepare(
  context: BenchContext,
  settings: CaseSettings,
  name: string,
  control: Connection,
  clients: readonly Connection[],
  listener: (connection: Connection) => Listener,
): Promise<Prepared> {
  const { workload, inFlight, batch, eventBytes, tenants } = settings;
  const appendSettings = { batch, eventBytes, withKeys: context.withKeys };
  const each = <T>(list: readonly T[], make: (item: T, index: number) => Operator): Operator[] =>
    list.flatMap((item, index) => Array.from({ length: inFlight }, () => make(item, index)));
  switch (workload) {
    case "read": {
      const targets = await makeTargets(context.node, 1, 1, name);
      const target = first(targets);
      await fill(control, target, Math.max(readableEvents, batch), eventBytes);
      const operators = each(
        clients,
        (connection) => new ReadOperator(connection, target, readableEvents, batch, context.random),
      );
      return { operators, listeners: [], targets: [], writers: [] };
    }
    case "fanout": {
      const targets = await makeTargets(context.node, 1, 1, name);
      const marks = new WriterMarks(0);
      const listeners = clients.map((connection) => listener(connection));
      for (const one of listeners) one.subscribe(first(targets));
      const operators = each([control], (connection) => new AppendOperator(connection, targets, marks, appendSettings));
      return { operators, listeners, targets, writers: [marks] };
    }
    case "mixed": {
      const [readable] = await makeTargets(context.node, 1, 1, `${name}-read`);
      const target = first([readable].filter((found) => found !== undefined));
      await fill(control, target, readableEvents, eventBytes);
      const targets = await makeTargets(context.node, 1, streamsMax, name);
      const writers = clients.map((_, index) => new WriterMarks(index));
      // One operation in four reads.
      let turn = 0;
      const operators = each(clients, (connection, index) => {
        turn += 1;
        return turn % 4 === 0
          ? new ReadOperator(connection, target, readableEvents, 1, context.random)
          : new AppendOperator(
              connection,
              [targets[index % targets.length] ?? target],
              writers[index] ?? new WriterMarks(index),
              appendSettings,
            );
      });
      return { operators, listeners: [], targets, writers };
    }
    default: {
      const streams = tenants > 1 ? 1 : Math.min(streamsMax, clients.length);
      const targets = await makeTargets(context.node, tenants, streams, name);
      const writers = clients.map((_, index) => new WriterMarks(index));
      const operators = each(clients, (connection, index) => {
        const own = tenants > 1 ? targets : [targets[index % targets.length] ?? first(targets)];
        return new AppendOperator(connection, own, writers[index] ?? new WriterMarks(index), appendSettings);
      });
      return { operators, listeners: [], targets, writers };
    }
  }
}

function first(targets: readonly Target[]): Target {
  const [target] = targets;
  if (target === undefined) throw new KimberliteError("internal", "a case has a stream");
  return target;
}

/** Fills a stream with numbered events. */
function fill(connection: Connection, target: Target, events: number, eventBytes: number): Promise<void> {
  const batch = 1000;
  const marks = new WriterMarks(0);
  const operator = new AppendOperator(connection, [target], marks, { batch, eventBytes, withKeys: false });
  return new Promise((resolve, reject) => {
    const next = (): void =>
      operator.issue((error) => {
        if (error !== undefined) reject(error);
        else if (marks.sent >= events) resolve();
        else next();
      });
    next();
  });
}

const listenPatienceMs = 10_000;

/** Each subscriber got each event, in order. */
async function allReceived({ listeners, writers }: Prepared): Promise<void> {
  const sent = writers.reduce((sum, writer) => sum + writer.sent - writer.failed.size, 0);
  const deadline = performance.now() + listenPatienceMs;
  for (const listener of listeners) {
    while (listener.received < sent && listener.problem === undefined && performance.now() < deadline) await pause(20);
    if (listener.problem === undefined && listener.received >= sent) continue;
    throw new KimberliteError(
      "dataMissing",
      `a subscriber got ${listener.received} of ${sent} events: ${listener.problem ?? "no more came"}`,
    );
  }
}

async function connectAll({ address, credentials }: BenchContext, count: number): Promise<Connection[]> {
  const connect = socketConnector();
  return Promise.all(
    Array.from({ length: count }, async () =>
      Connection.open(await connect(formatAddress(address), 10_000), {
        clientName: "kimberlite bench",
        credentials,
        inFlightMax: 4096,
        keepAliveMs: 0,
      }),
    ),
  );
}

function pause(ms: number, interrupted?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      interrupted?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    interrupted?.addEventListener("abort", end);
  });
}
