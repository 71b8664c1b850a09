/**
 * A supervised tree as its supervisor keeps it: a node for each child and group of the specification, with what changes over its
 * lives. Here is only what the nodes are and how they lie to one another; what happens to them is the supervisor's.
 */
import { assert } from "../types/assert.js";
import type { Epoch } from "../types/ids.js";
import { RestartBudget, restartLimitsDefault } from "./restart-policy.js";
import { type ChildSpec, type GroupSpec, isGroup, type Strategy } from "./tree-spec.js";

/** One life of a child. */
export interface Incarnation {
  readonly spec: ChildSpec<never>;
  readonly path: string;
  readonly epoch: Epoch;
  readonly args: unknown;
  readonly vitals: SharedArrayBuffer;
  readonly poison: readonly string[];
}

interface NodeBase {
  readonly path: string;
  readonly parent: GroupNode | null;
  budget: RestartBudget;
  /** Failures handled one at a time; ends when the chain is empty. */
  chain: Promise<void>;
}

export interface ChildNode extends NodeBase {
  readonly isGroup: false;
  readonly spec: ChildSpec<never>;
  state: "stopped" | "starting" | "running" | "dead";
  incarnation: Incarnation | null;
  starts: number;
  crashes: number;
  readonly failures: Map<string, number>;
}

export interface GroupNode extends NodeBase {
  readonly isGroup: true;
  readonly spec: GroupSpec<never>;
  readonly children: TreeNode[];
  state: "stopped" | "starting" | "running" | "failed";
  /** Grows with each stop: an operation that began under an older one is abandoned. */
  generation: number;
  shared: unknown;
}

export type TreeNode = ChildNode | GroupNode;

/** Makes the nodes of a tree, all stopped, and notes the children by id. */
export function plant(rootSpec: GroupSpec<never>, children: Map<string, ChildNode>): GroupNode {
  const makeGroup = (spec: GroupSpec<never>, parent: GroupNode | null): GroupNode => ({
    isGroup: true,
    spec,
    path: parent === null ? spec.id : `${parent.path}/${spec.id}`,
    parent,
    children: [],
    state: "stopped",
    generation: 0,
    shared: undefined,
    budget: new RestartBudget(spec.limits ?? restartLimitsDefault),
    chain: Promise.resolve(),
  });
  const root = makeGroup(rootSpec, null);
  const open: GroupNode[] = [root];
  for (let group = open.pop(); group !== undefined; group = open.pop()) {
    for (const spec of group.spec.children as readonly (ChildSpec<never> | GroupSpec<never>)[]) {
      if (isGroup(spec)) {
        const inner = makeGroup(spec, group);
        group.children.push(inner);
        open.push(inner);
        continue;
      }
      const child: ChildNode = {
        isGroup: false,
        spec,
        path: `${group.path}/${spec.id}`,
        parent: group,
        state: "stopped",
        incarnation: null,
        starts: 0,
        crashes: 0,
        failures: new Map(),
        budget: new RestartBudget(spec.limits ?? restartLimitsDefault),
        chain: Promise.resolve(),
      };
      group.children.push(child);
      children.set(spec.id, child);
    }
  }
  return root;
}

/** The pairs of children that are wired to one another, each pair once. */
export function edgesOf(children: ReadonlyMap<string, ChildNode>): (readonly [ChildNode, ChildNode])[] {
  const edges: (readonly [ChildNode, ChildNode])[] = [];
  const seen = new Set<string>();
  for (const child of children.values()) {
    for (const neighbour of child.spec.neighbours ?? []) {
      const other = children.get(neighbour);
      assert(other !== undefined, "a neighbour is an actor and not a group");
      const key = [child.spec.id, neighbour].sort().join("/");
      if (!seen.has(key)) edges.push([child, other]);
      seen.add(key);
    }
  }
  return edges;
}

/** The children below, in the order in which they are stopped. */
export function* rightToLeft(root: GroupNode): Generator<ChildNode> {
  const open: TreeNode[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.isGroup) open.push(...node.children);
    else yield node;
  }
}

export const freshBudget = (node: TreeNode): RestartBudget =>
  new RestartBudget(node.spec.limits ?? restartLimitsDefault);

/** The children below, left to right: the order in which they are started. */
export function leavesOf(nodes: readonly TreeNode[]): ChildSpec<never>[] {
  const leaves: ChildSpec<never>[] = [];
  const open = [...nodes].reverse();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.isGroup) open.push(...[...node.children].reverse());
    else leaves.push(node.spec);
  }
  return leaves;
}

/** Where in its group the strategy begins to stop and start again. */
export function firstAffected(group: GroupNode, failed: TreeNode): number {
  const strategy: Strategy = group.spec.strategy;
  return strategy === "all-for-one" ? 0 : group.children.indexOf(failed);
}
