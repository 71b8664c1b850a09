/**
 * Supervision as in OTP, over a `Runner` that does the starting and stopping, so the same code runs with worker threads and, under a
 * virtual clock, with none.
 *
 *   - start is ordered: a child's `create` has finished and its ports are wired before the next begins; stop is the reverse.
 *     Only what the children run in is made ready for all of them at once
 *   - a failure is answered by the group's strategy, within the child's budget and after a back-off
 *   - a budget used up fails the group: its children are stopped and *its* parent decides; the root gives up and tells the owner
 *   - every incarnation has a larger epoch than any before it; news of an older incarnation is ignored
 *   - a stop beats every restart: what is under way is abandoned at its next step
 *
 * Failures in a group are handled one after another (in a one-for-one group for each child on its own, so that one child's
 * back-off does not delay its siblings).
 */
import { assert } from "../types/assert.js";
import { type ErrorRecord, KimberliteError, toErrorRecord } from "../types/errors.js";
import type { Epoch } from "../types/ids.js";
import type { Ended } from "./cell.js";
import type { Clock } from "./clock.js";
import type { Logger } from "./definition.js";
import { backoffDefault, backoffMs } from "./restart-policy.js";
import {
  type ChildNode,
  edgesOf,
  firstAffected,
  freshBudget,
  type GroupNode,
  type Incarnation,
  leavesOf,
  plant,
  rightToLeft,
  type TreeNode,
} from "./supervised-nodes.js";
import { type ChildSpec, checkTree, type GroupSpec, shutdownMsDefault, startMsMaxDefault } from "./tree-spec.js";
import { actorVitalsMemory } from "./vitals.js";
import { within } from "./within.js";

export interface Runner {
  /** Children that will be started soon, in their order: what needs no order (threads, their modules) may begin for all at once. */
  prepare(children: readonly ChildSpec<never>[]): void;
  /** Resolves when `create` has finished. */
  start(incarnation: Incarnation): Promise<void>;
  wire(a: Incarnation, b: Incarnation, epoch: Epoch): Promise<void>;
  /** Renews what is wired to the child from outside the tree. */
  wireOutside(incarnation: Incarnation, nextEpoch: () => Epoch): Promise<void>;
  drain(incarnation: Incarnation): Promise<void>;
  stop(incarnation: Incarnation): Promise<void>;
  /** Ends it whatever it does. Resolves when it can do nothing any more. */
  kill(incarnation: Incarnation): Promise<void>;
  /** The incarnation is over, by whatever way: its thread may go if nobody else lives there. */
  release(incarnation: Incarnation): Promise<void>;
}

export type TreeEvent =
  | { readonly event: "started"; readonly path: string; readonly epoch: Epoch; readonly worker: string }
  | {
      readonly event: "crashed";
      readonly path: string;
      readonly kind: string;
      readonly count: number;
      readonly error: ErrorRecord;
    }
  | { readonly event: "restarted"; readonly path: string; readonly epoch: Epoch; readonly restarts: number }
  | { readonly event: "escalated"; readonly path: string; readonly because: string }
  | { readonly event: "slow"; readonly path: string; readonly phase: "drain" | "stop"; readonly deadlineMs: number }
  | { readonly event: "poisoned"; readonly path: string; readonly kind: string; readonly identity: string }
  | { readonly event: "setAside"; readonly path: string; readonly kind: string; readonly identity: string }
  | { readonly event: "stopped"; readonly path: string };

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly runner: Runner;
  readonly log: Logger;
  /** The root's budget is used up: nothing runs any more and nobody will start it. */
  readonly onFailed: (error: KimberliteError) => void;
  /** Equal failures of an actor after which the message is set aside. */
  readonly poisonAfter?: number;
}

const failuresRememberedMax = 64;

export class Supervisor {
  readonly root: GroupNode;
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, ChildNode>();
  readonly #edges: readonly (readonly [ChildNode, ChildNode])[];
  readonly #listeners = new Set<(event: TreeEvent) => void>();
  readonly #sleepers = new Set<() => void>();
  #epoch = 0;
  #stopping = false;

  constructor(spec: GroupSpec<never>, options: SupervisorOptions) {
    checkTree(spec);
    this.#options = options;
    this.root = plant(spec, this.#children);
    this.#edges = edgesOf(this.#children);
  }

  get children(): IterableIterator<ChildNode> {
    return this.#children.values();
  }

  /** By id or by path. */
  child(name: string): ChildNode | undefined {
    return this.#children.get(name.slice(name.lastIndexOf("/") + 1));
  }

  onEvent(listener: (event: TreeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #emit(event: TreeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  nextEpoch(): Epoch {
    this.#epoch++;
    return this.#epoch as Epoch;
  }

  // --- start ---

  /** Starts the whole tree in order. Rejects with what the first failing `create` threw, and nothing is left running then. */
  async start(): Promise<void> {
    assert(this.root.state === "stopped", "a tree is started once");
    this.#options.runner.prepare(leavesOf([this.root]));
    await this.#startNode(this.root);
  }

  async #startNode(node: TreeNode): Promise<void> {
    if (!node.isGroup) return await this.#startChild(node);
    assert(node.state !== "running", "a running group is not started");
    node.state = "starting";
    const generation = node.generation;
    this.#prepare(node);
    for (const child of node.children) {
      try {
        await this.#startNode(child);
      } catch (error) {
        await this.#stopChildren(node, 0);
        node.state = "failed";
        throw error;
      }
      if (node.generation !== generation) throw abandoned(node.path);
    }
    node.state = "running";
    // What failed while its siblings were still being started was left for now.
    for (const child of node.children) {
      if (child.isGroup ? child.state === "failed" : child.state === "dead")
        this.#enqueue(child, () => this.#recover(child));
    }
  }

  #prepare(group: GroupNode): void {
    group.shared = group.spec.prepare === undefined ? (group.parent?.shared ?? undefined) : group.spec.prepare();
    for (const child of group.children) child.budget = freshBudget(child);
  }

  async #startChild(child: ChildNode): Promise<void> {
    assert(child.state === "stopped" || child.state === "dead", "a child lives once at a time");
    const { parent, spec } = child;
    assert(parent !== null, "a child has a parent");
    child.state = "starting";
    const poison = [...child.failures].filter(([, count]) => count >= this.#poisonAfter).map(([identity]) => identity);
    const incarnation: Incarnation = {
      spec,
      path: child.path,
      epoch: this.nextEpoch(),
      args: spec.args(parent.shared as never),
      vitals: actorVitalsMemory(),
      poison,
    };
    child.incarnation = incarnation;
    const began = this.#options.clock.monotonic();
    try {
      await within(
        this.#options.clock,
        this.#options.runner.start(incarnation),
        spec.startMsMax ?? startMsMaxDefault,
        `start of ${child.path}`,
      );
    } catch (error) {
      if (child.incarnation === incarnation && child.state === "starting") child.state = "dead";
      await this.#options.runner.kill(incarnation);
      await this.#options.runner.release(incarnation);
      throw error;
    }
    // It may have died between the end of `create` and now; then its end is in the chain already.
    if (child.state !== "starting" || child.incarnation !== incarnation) throw abandoned(child.path);
    child.state = "running";
    await this.#wire(child, incarnation);
    child.starts++;
    const tookMs = Math.round(this.#options.clock.monotonic() - began);
    this.#options.log.debug("actor started", { path: child.path, tookMs });
    this.#emit({ event: "started", path: child.path, epoch: incarnation.epoch, worker: spec.worker });
    if (child.starts > 1) {
      this.#emit({ event: "restarted", path: child.path, epoch: incarnation.epoch, restarts: child.starts - 1 });
    }
  }

  async #wire(child: ChildNode, incarnation: Incarnation): Promise<void> {
    const { runner } = this.#options;
    const wirings: Promise<void>[] = [];
    for (const [a, b] of this.#edges) {
      if (a !== child && b !== child) continue;
      if (a.state !== "running" || b.state !== "running" || a.incarnation === null || b.incarnation === null) continue;
      wirings.push(runner.wire(a.incarnation, b.incarnation, this.nextEpoch()));
    }
    wirings.push(runner.wireOutside(incarnation, () => this.nextEpoch()));
    // A wiring fails only because one of the two died: its restart wires again.
    await Promise.allSettled(wirings);
  }

  // --- failure ---

  get #poisonAfter(): number {
    return this.#options.poisonAfter ?? 2;
  }

  /** News from the runner: an incarnation ended by itself or with its thread. */
  ended(path: string, epoch: Epoch, ended: Pick<Ended, "reason" | "error" | "kind" | "identity" | "stack">): void {
    const child = this.child(path);
    assert(child !== undefined, "an actor that ends belongs to the tree");
    if (child.incarnation?.epoch !== epoch || (child.state !== "running" && child.state !== "starting")) return;
    // A failure during the start is told by the start's own rejection.
    if (child.state === "starting" && ended.reason === "crashed" && ended.kind === "start") return;
    const wasStarting = child.state === "starting";
    child.state = "dead";
    if (wasStarting) return;
    const { incarnation } = child;
    if (ended.reason === "crashed") this.#reportCrash(child, ended.error, ended.kind, ended.identity, ended.stack);
    else this.#emit({ event: "stopped", path: child.path });
    const failed = ended.reason === "crashed";
    this.#enqueue(child, async () => {
      await this.#options.runner.release(incarnation);
      if (child.incarnation !== incarnation || child.state !== "dead") return;
      const { restart } = child.spec;
      if (restart === "temporary" || (restart === "transient" && !failed)) {
        child.state = "stopped";
        return;
      }
      await this.#recover(child);
    });
  }

  poisonSetAside(path: string, kind: string, identity: string): void {
    this.#options.log.error("a poison message was set aside", { path, kind, identity });
    this.#emit({ event: "setAside", path, kind, identity });
  }

  /** The one place where a crash is logged. */
  #reportCrash(
    child: ChildNode,
    error: ErrorRecord | null,
    kind: string,
    identity: string | null,
    stack: string | null,
  ): void {
    child.crashes++;
    const record = error ?? toErrorRecord(new KimberliteError("internal", "the actor ended without a reason"));
    this.#options.log.error("actor crashed", {
      path: child.path,
      kind,
      count: child.crashes,
      code: record.code,
      error: record.message,
      stack,
    });
    this.#emit({ event: "crashed", path: child.path, kind, count: child.crashes, error: record });
    if (identity === null) return;
    const failures = (child.failures.get(identity) ?? 0) + 1;
    child.failures.delete(identity);
    child.failures.set(identity, failures);
    const [oldest] = child.failures.keys();
    if (child.failures.size > failuresRememberedMax && oldest !== undefined) child.failures.delete(oldest);
    if (failures === this.#poisonAfter) {
      this.#options.log.error("a message made its actor fail repeatedly and will be set aside", {
        path: child.path,
        kind,
        identity,
      });
      this.#emit({ event: "poisoned", path: child.path, kind, identity });
    }
  }

  #enqueue(node: TreeNode, operation: () => Promise<void>): void {
    const { parent } = node;
    const owner = parent === null || parent.spec.strategy === "one-for-one" ? node : parent;
    owner.chain = owner.chain.then(operation).catch((error: unknown) => {
      if (!isAbandoned(error)) this.#options.log.error("supervision failed", { path: node.path, error: String(error) });
    });
  }

  /** Answers a failure of `node` by its group's strategy until the group stands again or its budget is used up. */
  async #recover(node: TreeNode): Promise<void> {
    const group = node.parent;
    if (group === null || this.#stopping || group.state !== "running") return;
    const { generation } = group;
    const goOn = (): boolean => !this.#stopping && group.generation === generation && group.state === "running";
    let failed: TreeNode = node;
    while (goOn()) {
      const attempt = failed.budget.record(this.#options.clock.monotonic());
      if (attempt === null) {
        this.#escalate(group, failed.path);
        return;
      }
      const first = firstAffected(group, failed);
      const affected = group.spec.strategy === "one-for-one" ? [failed] : group.children.slice(first);
      for (const sibling of [...affected].reverse()) await this.#stopNode(sibling);
      await this.#sleep(backoffMs(attempt, this.#options.clock.random(), group.spec.backoff ?? backoffDefault));
      if (!goOn()) return;
      if (group.spec.strategy === "all-for-one" && group.spec.prepare !== undefined)
        group.shared = group.spec.prepare();
      this.#options.runner.prepare(leavesOf(affected));
      const failure = await this.#startInOrder(affected, goOn);
      if (failure === null) return;
      failed = failure;
    }
  }

  async #startInOrder(nodes: readonly TreeNode[], goOn: () => boolean): Promise<TreeNode | null> {
    for (const node of nodes) {
      if (!goOn()) return null;
      if (node.state === "running") continue;
      try {
        await this.#startNode(node);
      } catch (error) {
        if (!goOn()) return null;
        if (!node.isGroup)
          this.#reportCrash(
            node,
            toErrorRecord(error),
            "start",
            null,
            error instanceof Error ? (error.stack ?? null) : null,
          );
        return node;
      }
    }
    return null;
  }

  /** The group gives up: it stops, and its parent decides. */
  #escalate(group: GroupNode, because: string): void {
    this.#options.log.error("restarts are used up", { path: group.path, because });
    this.#emit({ event: "escalated", path: group.path, because });
    group.state = "failed";
    group.generation++;
    const { parent } = group;
    if (parent !== null) {
      this.#enqueue(group, async () => {
        await this.#stopChildren(group, 0);
        if (group.state === "failed") await this.#recover(group);
      });
      return;
    }
    const error = new KimberliteError("internal", `${because} failed too often and no supervisor is left to decide`, {
      detail: { path: because },
    });
    this.#stopping = true;
    void this.#stopChildren(group, 0).finally(() => this.#options.onFailed(error));
  }

  // --- stop ---

  /** Asks the actors, right to left, to finish what they do. Slow ones are named and left behind at the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    const deadline = this.#options.clock.monotonic() + deadlineMs;
    for (const child of rightToLeft(this.root)) {
      const { incarnation } = child;
      if (child.state !== "running" || incarnation === null) continue;
      const leftMs = Math.max(1, deadline - this.#options.clock.monotonic());
      const allowedMs = Math.min(leftMs, child.spec.shutdownMs ?? shutdownMsDefault);
      await this.#timed(child, "drain", this.#options.runner.drain(incarnation), allowedMs);
    }
  }

  /** Stops everything right to left. Resolves when nothing runs; actors that were too slow were ended by force and named. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.root.generation++;
    this.#wakeSleepers();
    const deadline = this.#options.clock.monotonic() + deadlineMs;
    await this.#stopNode(this.root, deadline);
  }

  async #stopChildren(group: GroupNode, from: number, deadline: number | null = null): Promise<void> {
    for (const child of group.children.slice(from).reverse()) await this.#stopNode(child, deadline);
  }

  async #stopNode(node: TreeNode, deadline: number | null = null): Promise<void> {
    if (node.isGroup) {
      node.generation++;
      await this.#stopChildren(node, 0, deadline);
      node.state = "stopped";
      return;
    }
    const { incarnation } = node;
    const wasAlive = node.state === "running" || node.state === "starting";
    const wasStarting = node.state === "starting";
    node.state = "stopped";
    if (incarnation === null || !wasAlive) return;
    const leftMs =
      deadline === null ? Number.POSITIVE_INFINITY : Math.max(1, deadline - this.#options.clock.monotonic());
    const allowedMs = Math.min(leftMs, node.spec.shutdownMs ?? shutdownMsDefault);
    const inTime = !wasStarting && (await this.#timed(node, "stop", this.#options.runner.stop(incarnation), allowedMs));
    if (!inTime) await this.#options.runner.kill(incarnation);
    await this.#options.runner.release(incarnation);
    assert(node.state === "stopped", "a stop beats every restart");
    this.#emit({ event: "stopped", path: node.path });
  }

  async #timed(child: ChildNode, phase: "drain" | "stop", work: Promise<void>, deadlineMs: number): Promise<boolean> {
    try {
      await within(this.#options.clock, work, deadlineMs, `${phase} of ${child.path}`);
      return true;
    } catch (error) {
      if (error instanceof KimberliteError && error.code === "deadlineExceeded") {
        this.#options.log.warn("an actor is slow", { path: child.path, phase, deadlineMs });
        this.#emit({ event: "slow", path: child.path, phase, deadlineMs });
      }
      return false;
    }
  }

  /** Ended early by a stop. */
  async #sleep(ms: number): Promise<void> {
    if (this.#stopping) return;
    let wake = (): void => {};
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(ms, resolve);
      wake = () => {
        timer.cancel();
        resolve();
      };
      this.#sleepers.add(wake);
    });
    this.#sleepers.delete(wake);
  }

  #wakeSleepers(): void {
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const wake of sleepers) wake();
  }
}

const abandonedMessage = "abandoned";
const abandoned = (path: string): KimberliteError =>
  new KimberliteError("actorGone", `${abandonedMessage}: ${path} is being stopped or died as it started`, {
    outcome: "notCommitted",
  });
const isAbandoned = (error: unknown): boolean =>
  error instanceof KimberliteError && error.message.includes(abandonedMessage);
