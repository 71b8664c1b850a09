/** Actors for the tests with real worker threads. */
import type {
  ActorContext,
  ActorDefinition,
  ActorRegistry,
  AnyActorDefinition,
  Port,
} from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export type ProbeMessage =
  | { readonly kind: "echo"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "forward"; readonly to: string; readonly text: string }
  | { readonly kind: "awaitForward"; readonly to: string; readonly text: string }
  | { readonly kind: "silence" }
  | { readonly kind: "events" }
  | { readonly kind: "spin"; readonly ms: number }
  | { readonly kind: "spinForEver" }
  | { readonly kind: "hangOutsideOfTurns" }
  | { readonly kind: "fillHeap" }
  | { readonly kind: "fail"; readonly text: string }
  | { readonly kind: "reject" }
  | { readonly kind: "stray" }
  | { readonly kind: "count" }
  | { readonly kind: "watch"; readonly neighbour: string }
  | { readonly kind: "flood"; readonly to: string; readonly count: number; readonly bytes: number }
  | { readonly kind: "exit" };

export interface ProbeArgs {
  readonly failStartWhen?: SharedArrayBuffer;
  readonly shared?: SharedArrayBuffer;
  readonly slowDrainMs?: number;
  readonly slowStopMs?: number;
}

/** How long a thread takes to load an actor of kind `slowToLoad`. */
export const slowLoadMs = 600;

const probe: ActorDefinition<ProbeArgs, ProbeMessage> = {
  kind: "probe",
  mailbox: { countMax: 64, bytesMax: 1024 * 1024, overflow: "reject" },
  create(context: ActorContext, args: ProbeArgs) {
    if (args.failStartWhen !== undefined) {
      const cells = new Int32Array(args.failStartWhen);
      Atomics.add(cells, 1, 1);
      if (Atomics.load(cells, 0) !== 0) throw new Error("the constructor throws");
    }
    let count = 0;
    const events: string[] = [];
    const hoard: unknown[] = [];
    const portTo = (neighbour: string): Port => {
      const port = context.port(neighbour);
      if (port === null) throw new Error(`no port to ${neighbour}`);
      return port;
    };
    const forward = async (
      message: { readonly to: string; readonly text: string },
      envelope: Envelope,
    ): Promise<void> => {
      const before = count;
      const text = await context.ask<string>(
        portTo(message.to),
        { kind: "echo", text: message.text },
        {
          deadlineMs: 1000,
        },
      );
      context.reply(envelope, { text, before, after: count });
    };
    return {
      receive(message: ProbeMessage, envelope: Envelope) {
        count++;
        if (message.kind !== "flood" && "to" in message && context.port(message.to) === null) {
          context.fail(envelope, new KimberliteError("shardUnavailable", `no port to ${message.to}`));
          return;
        }
        switch (message.kind) {
          case "echo":
            context.reply(envelope, message.text);
            return;
          case "bytes":
            context.reply(envelope, message.bytes.length);
            return;
          case "forward":
            context.request<string>(
              portTo(message.to),
              { kind: "echo", text: message.text },
              { deadlineMs: 1000 },
              (outcome) => {
                if (outcome.ok) context.reply(envelope, outcome.value);
                else context.fail(envelope, outcome.error);
              },
            );
            return;
          case "awaitForward":
            void forward(message, envelope);
            return;
          case "silence":
            return;
          case "events":
            context.reply(envelope, [...events]);
            return;
          case "spin":
          case "spinForEver": {
            const until = message.kind === "spin" ? performance.now() + message.ms : Number.POSITIVE_INFINITY;
            while (performance.now() < until);
            context.reply(envelope, null);
            return;
          }
          case "hangOutsideOfTurns":
            // As a handler of a socket would: no turn runs, and no mail waits.
            setImmediate(() => {
              for (;;);
            });
            context.reply(envelope, null);
            return;
          case "fillHeap":
            for (;;) hoard.push(new Array(1000).fill(hoard.length));
          case "fail":
            throw new Error(message.text);
          case "reject":
            void Promise.reject(new Error("a promise nobody looks after"));
            return;
          case "stray":
            setTimeout(() => {
              throw new Error("an error outside every turn");
            }, 1);
            return;
          case "count":
            context.reply(envelope, {
              count,
              epoch: context.epoch,
              neighbours: context.neighbours(),
              shared: args.shared ?? null,
            });
            return;
          case "watch":
            context.monitor(message.neighbour, (down) => events.push(`down ${down.target} ${down.reason}`));
            context.reply(envelope, null);
            return;
          case "flood": {
            let busy = 0;
            for (let at = 0; at < message.count; at++) {
              const bytes = new Uint8Array(message.bytes);
              if (context.tell(portTo(message.to), { kind: "bytes", bytes }) === "busy") busy++;
            }
            context.reply(envelope, busy);
            return;
          }
          case "exit":
            context.exit();
            return;
        }
      },
      wired: (neighbour, _port, epoch) => void events.push(`wired ${neighbour} ${epoch}`),
      unwired: (neighbour, down) => void events.push(`unwired ${neighbour} ${down.reason}`),
      async drain() {
        if (args.slowDrainMs !== undefined) await new Promise((resolve) => setTimeout(resolve, args.slowDrainMs));
      },
      async stop() {
        if (args.slowStopMs !== undefined) await new Promise((resolve) => setTimeout(resolve, args.slowStopMs));
      },
      inspect: () => ({ count }),
    };
  },
};

export const definitions: ActorRegistry = {
  probe: () => Promise.resolve(probe as AnyActorDefinition),
  slowToLoad: async () => {
    await new Promise((resolve) => setTimeout(resolve, slowLoadMs));
    return probe as AnyActorDefinition;
  },
};
