/**
 * What a supervised tree is to look like: plain data and the few functions that make arguments. Ids are unique in the whole tree,
 * since neighbours are named by id; a path is the ids from the root down.
 *
 *   one-for-one   a failed child is started again alone
 *   rest-for-one  and the children after it, which were started knowing it
 *   all-for-one   and all its siblings, with fresh shared memory from `prepare`
 */
import type { ResourceLimits } from "node:worker_threads";
import { assert } from "../types/assert.js";
import type { Backoff, RestartLimits } from "./restart-policy.js";

export type Strategy = "one-for-one" | "rest-for-one" | "all-for-one";
/** `permanent`: started again however it ended; `transient`: only after a failure; `temporary`: never. */
export type Restart = "permanent" | "transient" | "temporary";

export interface ChildSpec<Shared = unknown> {
  readonly id: string;
  /** Which definition of the registry. */
  readonly kind: string;
  /** Called at each start. Plain data; shared memory in it is passed by reference. */
  args(shared: Shared): unknown;
  /** Children with equal names share a thread. */
  readonly worker: string;
  readonly restart: Restart;
  /** How long `create` may take. Replaying a long log is part of it. Default 120 s. */
  readonly startMsMax?: number;
  /** How long drain and stop may take each before the actor is ended by force. Default 5 s. */
  readonly shutdownMs?: number;
  readonly limits?: RestartLimits;
  /** Ids of actors it gets ports to; they get ports to it. */
  readonly neighbours?: readonly string[];
  readonly resourceLimits?: ResourceLimits;
}

export interface GroupSpec<Shared = unknown> {
  readonly id: string;
  readonly strategy: Strategy;
  readonly children: readonly (ChildSpec<Shared> | GroupSpec<never>)[];
  /** Called before each start of the whole group. Without it children see what the group above shares. */
  prepare?(): Shared;
  /** How often the group itself may be started again by its parent. */
  readonly limits?: RestartLimits;
  readonly backoff?: Backoff;
}

export const isGroup = (spec: ChildSpec<never> | GroupSpec<never>): spec is GroupSpec<never> => "strategy" in spec;

export const startMsMaxDefault = 120_000;
export const shutdownMsDefault = 5_000;

/** Fails on a tree that cannot be started as written. */
export function checkTree(root: GroupSpec<never>): void {
  const ids = new Set<string>();
  const neighbours: [string, string][] = [];
  const open: (ChildSpec<never> | GroupSpec<never>)[] = [root];
  for (let spec = open.pop(); spec !== undefined; spec = open.pop()) {
    assert(spec.id !== "" && !spec.id.includes("/"), "an id in the tree is not empty and has no slash");
    assert(!ids.has(spec.id), "ids in the tree are unique");
    ids.add(spec.id);
    if (isGroup(spec)) open.push(...spec.children);
    else for (const neighbour of spec.neighbours ?? []) neighbours.push([spec.id, neighbour]);
  }
  for (const [id, neighbour] of neighbours) {
    assert(ids.has(neighbour), "a neighbour is an actor of the tree");
    assert(id !== neighbour, "an actor is not its own neighbour");
  }
}
