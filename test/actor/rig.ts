/** A host in this thread with actors written in place, under a virtual or the real clock. */
import type { Cell, Ended } from "../../runtime/actor/cell.js";
import { type Clock, VirtualClock } from "../../runtime/actor/clock.js";
import type {
  Actor,
  ActorContext,
  ActorDefinition,
  AnyActorDefinition,
  Logger,
  MailboxPolicy,
} from "../../runtime/actor/definition.js";
import type { MessageBase } from "../../runtime/actor/envelope.js";
import { ActorHost } from "../../runtime/actor/host.js";
import { actorVitalsMemory } from "../../runtime/actor/vitals.js";
import type { Epoch } from "../../runtime/types/ids.js";

/** A message of any shape, for tests. */
export interface Note extends MessageBase {
  readonly number?: number;
  readonly text?: string;
  readonly bytes?: Uint8Array;
  readonly epoch?: number;
}

export type Script = (context: ActorContext) => Actor<Note> | Promise<Actor<Note>>;

export const defaultMailbox: MailboxPolicy<Note> = { countMax: 1024, bytesMax: 1024 * 1024, overflow: "reject" };

export const silentLog: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export class Rig<C extends Clock = VirtualClock> {
  readonly clock: C;
  readonly host: ActorHost;
  readonly ended: Ended[] = [];
  readonly poisoned: string[] = [];
  readonly contexts = new Map<string, ActorContext>();
  readonly #definitions: Record<string, AnyActorDefinition> = {};
  #epoch = 0;

  constructor(clock: C, scheduler: { turnsMax?: number; passMsMax?: number } = {}) {
    this.clock = clock;
    this.host = new ActorHost({
      clock,
      definitions: this.#definitions,
      threadVitals: null,
      logFor: () => silentLog,
      onEnded: (ended) => this.ended.push(ended),
      onPoison: (path, kind) => this.poisoned.push(`${path} ${kind}`),
      clone: true,
      scheduler,
    });
  }

  nextEpoch(): Epoch {
    return ++this.#epoch as Epoch;
  }

  async start(
    id: string,
    script: Script,
    options: { mailbox?: MailboxPolicy<Note>; poison?: readonly string[]; identify?: (note: Note) => string } = {},
  ): Promise<void> {
    const definition: ActorDefinition<unknown, Note> = {
      kind: id,
      mailbox: options.mailbox ?? defaultMailbox,
      create: (context) => {
        this.contexts.set(id, context);
        return script(context);
      },
      ...(options.identify === undefined ? {} : { identify: options.identify }),
    };
    this.#definitions[id] = definition as AnyActorDefinition;
    await this.host.start({
      path: `test/${id}`,
      id,
      kind: id,
      epoch: this.nextEpoch(),
      args: null,
      vitals: actorVitalsMemory(),
      poison: options.poison ?? [],
    });
  }

  cell(id: string): Cell {
    const cell = this.host.cell(`test/${id}`);
    if (cell === undefined) throw new Error(`no actor ${id}`);
    return cell;
  }

  context(id: string): ActorContext {
    const context = this.contexts.get(id);
    if (context === undefined) throw new Error(`no context ${id}`);
    return context;
  }

  wire(a: string, b: string): void {
    this.host.wireLocal(`test/${a}`, `test/${b}`, this.nextEpoch());
  }

  /** Runs something as a turn of an actor. */
  act(id: string, run: (context: ActorContext) => void): void {
    const context = this.context(id);
    context.enter(() => run(context));
  }

  tell(from: string, to: string, note: Note): string {
    let result = "";
    this.act(from, (context) => {
      const port = context.port(to);
      result = port === null ? "unwired" : context.tell(port, note);
    });
    return result;
  }
}

export const virtualRig = (): Rig => new Rig(new VirtualClock());

/** Waits for what real threads and sockets do in their own time. */
export async function until(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const limit = performance.now() + limitMs;
  while (!condition() && performance.now() < limit) await new Promise((resolve) => setTimeout(resolve, 2));
}
