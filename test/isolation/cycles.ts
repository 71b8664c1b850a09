/**
 * Cycles among dependencies, by what they say of isolation (Adya 1999, with the names of Elle):
 *
 *   G0         only ww: writes are not in one order
 *   G1c        ww and wr: two transactions saw each other
 *   G-single   exactly one rw: a read skew, or a lost update
 *   G2         more than one rw: a write skew
 *
 * With `realtime` edges (one ended before the other began) the same classes are forbidden by *strict* serializability; a cycle is
 * reported without them where there is one.
 */
import type { Transaction } from "./history.js";
import type { Dependency, DependencyKind } from "./list-append.js";

export type CycleClass = "G0" | "G1c" | "G-single" | "G2";

export interface Cycle {
  readonly class: CycleClass;
  readonly isRealtime: boolean;
  /** Each leads to the next, the last to the first. */
  readonly dependencies: readonly Dependency[];
}

class Graph {
  readonly #out = new Map<number, Dependency[]>();

  constructor(dependencies: readonly Dependency[], kinds: ReadonlySet<DependencyKind>) {
    for (const dependency of dependencies) {
      if (!kinds.has(dependency.kind)) continue;
      const out = this.#out.get(dependency.from);
      if (out === undefined) this.#out.set(dependency.from, [dependency]);
      else out.push(dependency);
    }
  }

  outOf(transaction: number): readonly Dependency[] {
    return this.#out.get(transaction) ?? [];
  }

  /** The shortest way, or null. A way from a transaction to itself has at least one step. */
  path(from: number, to: number): Dependency[] | null {
    const cameBy = new Map<number, Dependency>();
    const waiting = [from];
    for (let at = 0; at < waiting.length; at++) {
      for (const dependency of this.outOf(waiting[at])) {
        if (cameBy.has(dependency.to)) continue;
        cameBy.set(dependency.to, dependency);
        if (dependency.to === to) return wayBack(cameBy, from, to);
        waiting.push(dependency.to);
      }
    }
    return null;
  }

  /** Strongly connected components of more than one transaction (Tarjan, without recursion). */
  components(): number[][] {
    const index = new Map<number, number>();
    const low = new Map<number, number>();
    const onStack = new Set<number>();
    const stack: number[] = [];
    const found: number[][] = [];
    const lowOf = (node: number): number => low.get(node) ?? Number.POSITIVE_INFINITY;
    for (const root of this.#out.keys()) {
      if (index.has(root)) continue;
      const work: { node: number; next: number }[] = [{ node: root, next: 0 }];
      while (work.length > 0) {
        const frame = work[work.length - 1];
        const { node } = frame;
        if (frame.next === 0) {
          index.set(node, index.size);
          low.set(node, index.size - 1);
          stack.push(node);
          onStack.add(node);
        }
        const dependency = this.outOf(node)[frame.next];
        frame.next += 1;
        if (dependency === undefined) {
          work.pop();
          const parent = work.at(-1);
          if (parent !== undefined) low.set(parent.node, Math.min(lowOf(parent.node), lowOf(node)));
          if (lowOf(node) !== index.get(node)) continue;
          const component: number[] = [];
          for (let popped = stack.pop(); popped !== undefined; popped = stack.pop()) {
            onStack.delete(popped);
            component.push(popped);
            if (popped === node) break;
          }
          if (component.length > 1) found.push(component);
        } else if (!index.has(dependency.to)) {
          work.push({ node: dependency.to, next: 0 });
        } else if (onStack.has(dependency.to)) {
          low.set(node, Math.min(lowOf(node), index.get(dependency.to) ?? 0));
        }
      }
    }
    return found;
  }
}

function wayBack(cameBy: ReadonlyMap<number, Dependency>, from: number, to: number): Dependency[] {
  const way: Dependency[] = [];
  for (let at = to; way.length === 0 || at !== from; ) {
    const dependency = cameBy.get(at);
    if (dependency === undefined) break;
    way.unshift(dependency);
    at = dependency.from;
  }
  return way;
}

/** One cycle of each class, with and without real time, where there is one: the shortest that its component shows. */
export function findCycles(dependencies: readonly Dependency[]): Cycle[] {
  const cycles: Cycle[] = [];
  const known = new Set<CycleClass>();
  for (const isRealtime of [false, true]) {
    const extra: DependencyKind[] = isRealtime ? ["realtime"] : [];
    const add = (name: CycleClass, way: readonly Dependency[] | null): void => {
      if (way === null || known.has(name)) return;
      known.add(name);
      cycles.push({ class: name, isRealtime, dependencies: way });
    };
    for (const [name, kinds] of [
      ["G0", ["ww"]],
      ["G1c", ["ww", "wr"]],
    ] as const) {
      if (known.has("G0")) continue;
      const graph = new Graph(dependencies, new Set([...kinds, ...extra]));
      for (const [first] of graph.components()) add(name, graph.path(first, first));
    }
    const reads = new Graph(dependencies, new Set(["ww", "wr", ...extra]));
    const all = new Graph(dependencies, new Set(["ww", "wr", "rw", ...extra]));
    const component = new Map<number, number>();
    for (const [number, members] of all.components().entries()) {
      for (const member of members) component.set(member, number);
    }
    for (const dependency of dependencies) {
      const { from, to, kind } = dependency;
      if (kind !== "rw" || component.get(from) === undefined || component.get(from) !== component.get(to)) continue;
      const back = reads.path(to, from);
      if (back !== null) add("G-single", [dependency, ...back]);
      else add("G2", [dependency, ...(all.path(to, from) ?? [])]);
    }
  }
  return cycles;
}

/**
 * Real time as dependencies, each transaction only to the ones that directly follow: what ended before another began, unless a third lies
 * wholly between the two. Committed transactions only.
 */
export function realtimeDependencies(history: readonly Transaction[]): Dependency[] {
  const committed = history.filter(({ outcome }) => outcome === "committed");
  const begins = [...committed].sort((a, b) => a.begin - b.begin);
  const ends = [...committed].sort((a, b) => a.end - b.end);
  const dependencies: Dependency[] = [];
  let frontier: Transaction[] = [];
  let ended = 0;
  for (const transaction of begins) {
    while (ended < ends.length && ends[ended].end < transaction.begin) {
      const next = ends[ended];
      frontier = frontier.filter((before) => before.end >= next.begin);
      frontier.push(next);
      ended += 1;
    }
    for (const before of frontier) dependencies.push({ from: before.id, to: transaction.id, kind: "realtime" });
  }
  return dependencies;
}
