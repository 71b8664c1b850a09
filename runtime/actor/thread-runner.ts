/**
 * Runs children of a supervised tree in worker threads. Children with one worker name share a thread; it is made when they are
 * announced (`prepare`), all threads at once, since most of a thread's start is loading modules, and ends with the last who lives
 * there. When a thread dies, all who lived there have crashed.
 *
 * Hang: a thread's heartbeat is moved by a timer of its loop. When it stands still over many looks of this thread while a turn runs or
 * mail waits, the loop is stuck and the thread is ended; when nobody knows of any work there, after twice as many, since sockets may wait
 * there whose bytes are nobody's mail. Looks are counted, not time: after the whole process was stopped and
 * went on, nobody is blamed for the time it did not run. A thread in which an actor is being created is not judged; a
 * start has its own deadline.
 */
import { MessageChannel, type ResourceLimits } from "node:worker_threads";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";
import type { Ended } from "./cell.js";
import { type Clock, systemClock } from "./clock.js";
import type { Logger, TimerHandle } from "./definition.js";
import type { Incarnation } from "./supervised-nodes.js";
import type { Runner } from "./supervisor.js";
import { type ChildSpec, shutdownMsDefault, startMsMaxDefault } from "./tree-spec.js";
import { ActorVitals } from "./vitals.js";
import type { WorkerEvent } from "./worker-protocol.js";
import { type ThreadEnd, WorkerThread } from "./worker-thread.js";

export interface ThreadRunnerOptions {
  readonly registry: URL;
  readonly workerMain: URL;
  readonly log: Logger;
  readonly heartbeatMs: number;
  /** A loop that stands still this long with work waiting is hung; without, twice as long. */
  readonly hangMs: number;
  readonly onEnded: (path: string, epoch: Epoch, ended: Ended) => void;
  readonly onPoison: (path: string, kind: string, identity: string) => void;
  readonly wireOutside: (incarnation: Incarnation, thread: WorkerThread, nextEpoch: () => Epoch) => Promise<void>;
}

interface Resident {
  readonly incarnation: Incarnation;
  readonly vitals: ActorVitals;
  starting: boolean;
}

/** What is known of a thread before it is made, from all children that were ever announced for it. */
interface Plan {
  readonly kinds: Set<string>;
  resourceLimits: ResourceLimits | null;
}

interface Place {
  readonly thread: WorkerThread;
  readonly residents: Map<string, Resident>;
  /** Somebody lived here: when nobody does any more the thread goes. */
  isUsed: boolean;
  heartbeatSeen: number;
  looksWithoutBeat: number;
}

const controlMs = 10_000;

export class ThreadRunner implements Runner {
  readonly #options: ThreadRunnerOptions;
  readonly #clock: Clock = systemClock;
  readonly #plans = new Map<string, Plan>();
  readonly #places = new Map<string, Place>();
  /** Threads that end: a successor with the same name starts beside them. */
  readonly #ending = new Set<Promise<void>>();
  #look: TimerHandle | null = null;

  constructor(options: ThreadRunnerOptions) {
    assert(options.hangMs >= options.heartbeatMs * 2, "a hang is judged over several heartbeats");
    this.#options = options;
    this.#lookAgain();
  }

  thread(worker: string): WorkerThread | undefined {
    return this.#places.get(worker)?.thread;
  }

  threads(): WorkerThread[] {
    return [...this.#places.values()].map((place) => place.thread);
  }

  prepare(children: readonly ChildSpec<never>[]): void {
    for (const spec of children) this.#plan(spec);
    for (const { worker } of children) this.#placeFor(worker);
  }

  #plan(spec: ChildSpec<never>): Plan {
    const plan = this.#plans.get(spec.worker) ?? { kinds: new Set(), resourceLimits: null };
    this.#plans.set(spec.worker, plan);
    plan.kinds.add(spec.kind);
    plan.resourceLimits ??= spec.resourceLimits ?? null;
    return plan;
  }

  #placeFor(worker: string): Place {
    const plan = this.#plans.get(worker);
    assert(plan !== undefined, "a thread is made for children that were announced");
    const standing = this.#places.get(worker);
    if (standing?.thread.isAlive === true) return standing;
    const thread = new WorkerThread({
      name: worker,
      registry: this.#options.registry,
      workerMain: this.#options.workerMain,
      kinds: [...plan.kinds],
      heartbeatMs: this.#options.heartbeatMs,
      resourceLimits: plan.resourceLimits,
      onEvent: (event) => this.#onEvent(place, event),
      onEnd: (_thread, end) => this.#onThreadEnd(worker, place, end),
    });
    const place: Place = { thread, residents: new Map(), isUsed: false, heartbeatSeen: -1, looksWithoutBeat: 0 };
    this.#places.set(worker, place);
    return place;
  }

  #onEvent(place: Place, event: WorkerEvent): void {
    if (event.event === "ended") {
      place.residents.delete(event.ended.path);
      this.#options.onEnded(event.ended.path, event.ended.epoch, event.ended);
    } else if (event.event === "ready") {
      // The thread notes it for itself.
    } else if (event.event === "poison") {
      this.#options.onPoison(event.path, event.kind, event.identity);
    } else {
      this.#options.log[event.level](event.message, { path: event.path, ...event.fields });
    }
  }

  #onThreadEnd(worker: string, place: Place, end: ThreadEnd): void {
    if (this.#places.get(worker) === place) this.#places.delete(worker);
    const residents = [...place.residents.values()];
    place.residents.clear();
    for (const { incarnation } of residents) {
      const { path, epoch } = incarnation;
      const { error, kind, stack } = end;
      this.#options.onEnded(path, epoch, { path, epoch, reason: "crashed", error, stack, kind, identity: null });
    }
  }

  async start(incarnation: Incarnation): Promise<void> {
    const { path, epoch, args, vitals, poison, spec } = incarnation;
    const place = this.#placeFor(spec.worker);
    assert(!place.residents.has(path), "a path lives once in a thread");
    const resident: Resident = { incarnation, vitals: new ActorVitals(vitals), starting: true };
    place.residents.set(path, resident);
    place.isUsed = true;
    const deadlineMs = (spec.startMsMax ?? startMsMaxDefault) + controlMs;
    try {
      const request = { path, id: spec.id, kind: spec.kind, epoch, args, vitals, poison };
      await place.thread.control.call("start", [request], { deadlineMs });
    } catch (error) {
      if (place.residents.get(path) === resident) place.residents.delete(path);
      throw error;
    } finally {
      resident.starting = false;
    }
  }

  async wire(a: Incarnation, b: Incarnation, epoch: Epoch): Promise<void> {
    const placeA = this.#places.get(a.spec.worker);
    const placeB = this.#places.get(b.spec.worker);
    if (placeA === undefined || placeB === undefined) return;
    const deadlineMs = controlMs;
    if (placeA === placeB) {
      await placeA.thread.control.call("wireLocal", [a.path, b.path, epoch], { deadlineMs });
      return;
    }
    const { port1, port2 } = new MessageChannel();
    await Promise.all([
      placeA.thread.control.call("wire", [a.path, b.spec.id, b.path, epoch, port1, b.vitals], {
        deadlineMs,
        transfer: [port1],
      }),
      placeB.thread.control.call("wire", [b.path, a.spec.id, a.path, epoch, port2, a.vitals], {
        deadlineMs,
        transfer: [port2],
      }),
    ]);
  }

  async wireOutside(incarnation: Incarnation, nextEpoch: () => Epoch): Promise<void> {
    const thread = this.thread(incarnation.spec.worker);
    if (thread !== undefined) await this.#options.wireOutside(incarnation, thread, nextEpoch);
  }

  #livingPlace(incarnation: Incarnation): Place | null {
    const place = this.#places.get(incarnation.spec.worker);
    return place?.residents.get(incarnation.path)?.incarnation === incarnation ? place : null;
  }

  async drain(incarnation: Incarnation): Promise<void> {
    const place = this.#livingPlace(incarnation);
    if (place === null) return;
    const deadlineMs = (incarnation.spec.shutdownMs ?? shutdownMsDefault) + controlMs;
    await place.thread.control.call("drain", [incarnation.path], { deadlineMs });
  }

  async stop(incarnation: Incarnation): Promise<void> {
    const place = this.#livingPlace(incarnation);
    if (place === null) return;
    const deadlineMs = (incarnation.spec.shutdownMs ?? shutdownMsDefault) + controlMs;
    await place.thread.control.call("stop", [incarnation.path], { deadlineMs });
    if (place.residents.get(incarnation.path)?.incarnation === incarnation) place.residents.delete(incarnation.path);
  }

  /** In a shared thread the others are spared if the thread still listens; otherwise the thread goes, and they with it. */
  async kill(incarnation: Incarnation): Promise<void> {
    const place = this.#livingPlace(incarnation);
    if (place === null) return;
    place.residents.delete(incarnation.path);
    if (place.residents.size > 0) {
      try {
        await place.thread.control.call("kill", [incarnation.path], { deadlineMs: 1000 });
        return;
      } catch (error) {
        this.#options.log.warn("a thread does not listen and is ended", {
          worker: place.thread.name,
          error: String(error),
        });
      }
    }
    await this.#endThread(place, `${incarnation.path} was ended by force`);
  }

  async release(incarnation: Incarnation): Promise<void> {
    const place = this.#places.get(incarnation.spec.worker);
    if (place === undefined) return;
    if (place.residents.get(incarnation.path)?.incarnation === incarnation) place.residents.delete(incarnation.path);
    if (place.residents.size === 0 && place.isUsed) await this.#endThread(place, "nobody lives in the thread any more");
  }

  async #endThread(place: Place, why: string): Promise<void> {
    const { name } = place.thread;
    if (this.#places.get(name) === place) this.#places.delete(name);
    const ending = place.thread.terminate("(terminated)", why);
    this.#ending.add(ending);
    await ending;
    this.#ending.delete(ending);
  }

  /** For tests of what follows: ends a thread as a fault would. */
  async terminate(worker: string): Promise<void> {
    const place = this.#places.get(worker);
    if (place === undefined) {
      throw new KimberliteError("invalidArgument", `no thread ${worker} runs`, { detail: { worker } });
    }
    await place.thread.terminate("(terminated)", `thread ${worker} was terminated on request`);
  }

  #lookAgain(): void {
    this.#look = this.#clock.after(this.#options.heartbeatMs, () => {
      for (const place of [...this.#places.values()]) this.#lookAt(place);
      if (this.#look !== null) this.#lookAgain();
    });
  }

  #lookAt(place: Place): void {
    const { thread } = place;
    const { heartbeat } = thread.vitals;
    if (heartbeat !== place.heartbeatSeen) {
      place.heartbeatSeen = heartbeat;
      place.looksWithoutBeat = 0;
      return;
    }
    let starting = false;
    let waiting = 0;
    for (const resident of place.residents.values()) {
      starting ||= resident.starting;
      waiting += resident.vitals.count;
    }
    if (starting) {
      place.looksWithoutBeat = 0;
      return;
    }
    place.looksWithoutBeat++;
    const isAtWork = waiting > 0 || thread.vitals.inTurn;
    const hangMs = isAtWork ? this.#options.hangMs : 2 * this.#options.hangMs;
    if (place.looksWithoutBeat * this.#options.heartbeatMs < hangMs) return;
    this.#options.log.error("a thread hangs", { worker: thread.name, hangMs, waiting });
    void thread.terminate("(hang)", `thread ${thread.name} did not move for ${hangMs} ms`);
  }

  async close(): Promise<void> {
    this.#look?.cancel();
    this.#look = null;
    const places = [...this.#places.values()];
    for (const place of places) place.residents.clear();
    await Promise.all(places.map((place) => this.#endThread(place, "the tree has stopped")));
    await Promise.all(this.#ending);
    assert(this.#places.size === 0, "a closed runner has no threads");
  }
}
