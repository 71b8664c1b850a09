/**
 * What a message costs: `node dist/benchmarks/actor.js [seconds]`. Asks and tells between actors of one thread, and between two
 * threads, with an empty message and with 16 KiB of bytes. Raw figures as JSON on the last line.
 */
import { cpus } from "node:os";
import type {
  ActorContext,
  ActorDefinition,
  ActorRegistry,
  AnyActorDefinition,
  Port,
} from "../runtime/actor/definition.js";
import type { Envelope } from "../runtime/actor/envelope.js";
import { startTree } from "../runtime/actor/tree.js";
import type { ChildSpec } from "../runtime/actor/tree-spec.js";

type BenchMessage =
  | { readonly kind: "ping"; readonly bytes: Uint8Array }
  | { readonly kind: "drop"; readonly bytes: Uint8Array }
  | { readonly kind: "more" }
  | { readonly kind: "asks" | "tells"; readonly to: string; readonly seconds: number; readonly bytes: number };

const bench: ActorDefinition<null, BenchMessage> = {
  kind: "bench",
  mailbox: { countMax: 4096, bytesMax: 256 * 1024 * 1024, overflow: "reject" },
  create(context: ActorContext) {
    let count = 0;
    let end = 0;
    let began = 0;
    let running: {
      readonly port: Port;
      readonly envelope: Envelope;
      readonly bytes: Uint8Array;
      readonly kind: string;
    } | null = null;
    const finish = (): void => {
      if (running !== null) context.reply(running.envelope, { count, seconds: (context.monotonic() - began) / 1000 });
      running = null;
    };
    const ask = (): void => {
      if (running === null) return;
      context.request(running.port, { kind: "ping", bytes: running.bytes }, { deadlineMs: 10_000 }, () => {
        count++;
        if (context.monotonic() < end) ask();
        else finish();
      });
    };
    const tell = (): void => {
      if (running === null) return;
      for (;;) {
        if (context.tell(running.port, { kind: "drop", bytes: running.bytes }) !== "accepted") break;
        count++;
      }
      if (context.monotonic() < end) context.after(0, { kind: "more" });
      else finish();
    };
    return {
      receive(message: BenchMessage, envelope) {
        if (message.kind === "ping") context.reply(envelope, null);
        else if (message.kind === "more") tell();
        else if (message.kind === "asks" || message.kind === "tells") {
          const port = context.port(message.to);
          if (port === null) {
            context.fail(envelope, new Error(`no port to ${message.to}`));
            return;
          }
          running = { port, envelope, bytes: new Uint8Array(message.bytes), kind: message.kind };
          count = 0;
          began = context.monotonic();
          end = began + message.seconds * 1000;
          if (message.kind === "asks") ask();
          else tell();
        }
      },
    };
  },
};

export const definitions: ActorRegistry = { bench: () => Promise.resolve(bench as AnyActorDefinition) };

async function main(seconds: number): Promise<void> {
  const child = (id: string, worker: string, neighbours: readonly string[]): ChildSpec<never> => ({
    id,
    kind: "bench",
    args: () => null,
    worker,
    restart: "permanent",
    neighbours,
  });
  const children = [child("a", "one", []), child("near", "one", ["a"]), child("far", "two", ["a"])];
  const tree = await startTree(
    { id: "bench", strategy: "one-for-one", children },
    { registry: new URL(import.meta.url), onFailed: (error) => console.error(error) },
  );
  console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${seconds} s each`);
  const figures: Record<string, number> = {};
  for (const round of ["warm-up", "measured"]) {
    for (const kind of ["asks", "tells"]) {
      for (const to of ["near", "far"]) {
        for (const bytes of [0, 16 * 1024]) {
          const message = { kind, to, seconds: round === "warm-up" ? 0.3 : seconds, bytes };
          const result = await tree.port("a").ask<{ count: number; seconds: number }>(message, { deadlineMs: 60_000 });
          const microseconds = (result.seconds * 1e6) / result.count;
          if (round === "warm-up") continue;
          figures[`${kind} ${to} ${bytes}`] = microseconds;
          console.log(
            `${kind} ${to === "near" ? "same thread " : "other thread"} ${String(bytes).padStart(6)} B  ${microseconds.toFixed(2)} µs`,
          );
        }
      }
    }
  }
  console.log(JSON.stringify({ microseconds: figures }));
  await tree.stop(1000);
}

const isEntry = process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].replace(/^.*\//, "/"));
if (isEntry && (await import("node:worker_threads")).isMainThread) await main(Number(process.argv[2] ?? 3));
