/**
 * The lives of a run's nodes: how each ends (killed, without power, its disk lost, put back or given to another), when it starts again, and
 * what the oracles forget of it meanwhile.
 */

import { expectedQuorums } from "./expected-quorums.js";
import { SimulationFailure } from "./failure.js";
import { replicaName } from "./frame-names.js";
import type { SimNode } from "./node.js";
import { judgeEnd, newestRelease } from "./node-ends.js";
import type { DiskImage } from "./sim-disk.js";
import type { Simulation } from "./simulation.js";

/** What `recover` adds to the highest view that the others know. */
const viewsBeyond = 2;

/** How one node stands. */
interface Life {
  /** How long it is down after the power cut that is planned; null for none. */
  downMs: number | null;
  /** It started, and the oracles have not looked at it since. */
  isNew: boolean;
  /** Its disk is another one than before: it is asked for nothing that was promised in its name. */
  isReplaced: boolean;
  /** Disks it has lost. */
  disksLost: number;
  /** Its disk is that of a former life, in whose place another one was put: it has to be turned away. */
  isOutlived: boolean;
  /** Its disk as it was once, and how many disks it had lost by then. */
  copy: { readonly image: DiskImage; readonly disksLost: number } | null;
}

export class NodeLives {
  readonly #simulation: Simulation;
  readonly #lives: readonly Life[];
  #pendingStarts: Promise<void>[] = [];
  /** Replicas that stopped for good reason. */
  halts = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#lives = simulation.nodes.map(() => ({
      downMs: null,
      isNew: false,
      isReplaced: false,
      disksLost: 0,
      isOutlived: false,
      copy: null,
    }));
  }

  /** The node and how it stands; null when there is none of that number. */
  #find(replica: number): { readonly node: SimNode; readonly life: Life } | null {
    const [node, life] = [this.#simulation.nodes[replica], this.#lives[replica]];
    return node === undefined || life === undefined ? null : { node, life };
  }

  // ------------------------------------------------------------------ starts

  start(node: SimNode): void {
    const life = this.#lives[node.replica];
    if (life === undefined || node.isAlive || node.isGone) return;
    const simulation = this.#simulation;
    if (node.starts > 0 && !life.isReplaced) this.#beforeRestart(node);
    life.isReplaced = false;
    life.isNew = true;
    simulation.trace(() => `${replicaName(node.replica)} starts`);
    simulation.hash.add(1_000 + node.replica);
    this.#pendingStarts.push(node.start((starting) => simulation.workload.makeShard(starting)));
  }

  #beforeRestart({ replica }: SimNode): void {
    const { injector, options, wals, forgiven, commits } = this.#simulation;
    this.#simulation.check(() => {
      const isTwiceDamaged = injector.hasStruck(replica, ["headers"]) && injector.hasStruck(replica, ["log"]);
      if (options.replicas > 1 && !isTwiceDamaged) wals[replica]?.examine();
      if (!forgiven[replica]) commits.checkPromises(replica, true);
    });
  }

  /** Starts that are not done yet, each told once: whoever runs the events waits for them. */
  takePendingStarts(): Promise<void>[] {
    const starts = this.#pendingStarts;
    if (starts.length > 0) this.#pendingStarts = [];
    return starts;
  }

  /** True once after each start. */
  takeNew(replica: number): boolean {
    const life = this.#lives[replica];
    if (life?.isNew !== true) return false;
    life.isNew = false;
    return true;
  }

  // ------------------------------------------------------------------ ends

  #wentDown(node: SimNode, downMs: number): void {
    const { events, hash } = this.#simulation;
    hash.add(2_000 + node.replica);
    this.setLinks(node.replica, false);
    events.at(events.now + downMs * 1000, () => this.#simulation.check(() => this.start(node)));
  }

  /** The end of a process is the end of its connections, whatever the network does. */
  setLinks(replica: number, isUp: boolean): void {
    for (const other of this.#simulation.nodes) if (other.replica !== replica) other.linkChanged(replica, isUp);
  }

  /** Ends a node and starts it again later. */
  crash(replica: number, downMs: number, isPowerCut: boolean): void {
    const node = this.#simulation.nodes[replica];
    if (node === undefined || !node.isAlive) return;
    node.stop();
    if (isPowerCut) node.disk.restart();
    else node.disk.kill();
    this.#wentDown(node, downMs);
  }

  planPowerCut(replica: number, operation: number, downMs: number): void {
    const found = this.#find(replica);
    if (found === null || !found.node.isAlive || found.node.disk.isCutPlanned) return;
    const { node, life } = found;
    const { events } = this.#simulation;
    node.disk.cutPowerIn(operation);
    life.downMs = downMs;
    // A disk that stands still for long loses its power too.
    events.at(events.now + 300_000, () => {
      if (node.isAlive && node.disk.isCutPlanned) this.crash(replica, downMs, true);
    });
  }

  /** Ends a node; nothing of this run starts it again before the heal. */
  retire(replica: number): void {
    const node = this.#simulation.nodes[replica];
    if (node === undefined || !node.isAlive) return;
    node.stop();
    node.disk.kill();
    this.#simulation.hash.add(2_000 + replica);
    this.setLinks(replica, false);
  }

  /** An actor's turn threw, or the node's start did. */
  failed(replica: number, id: string, error: unknown): void {
    const simulation = this.#simulation;
    const found = this.#find(replica);
    if (found === null) return;
    const { node, life } = found;
    if (error instanceof SimulationFailure) {
      simulation.fail(error);
      return;
    }
    if (node.disk.isCut) {
      simulation.trace(() => `${replicaName(replica)} loses its power in the middle of ${id}`);
      node.disk.restart();
      this.#wentDown(node, life.downMs ?? 100);
      return;
    }
    node.disk.kill();
    const verdict = judgeEnd(simulation, { node, id, error, isOutlived: life.isOutlived });
    simulation.trace(() => `${replicaName(replica)} ends in ${id} (${verdict.kind}): ${String(error)}`);
    switch (verdict.kind) {
      case "again":
        this.#wentDown(node, verdict.afterMs);
        return;
      case "down":
        return;
      case "newerProgram":
        this.halts += 1;
        node.release = newestRelease;
        this.#wentDown(node, 200);
        return;
      case "refused":
        this.halts += 1;
        this.#wentDown(node, 1_000);
        return;
      case "gone":
        this.halts += 1;
        node.isGone = true;
        return;
      case "wrong":
        simulation.fail(verdict.failure);
        return;
    }
  }

  // ------------------------------------------------------------------ disks that change

  /** It is asked for nothing that was promised in its name so far, and hears nothing that was said to it. */
  #becomesAnother(replica: number): void {
    const { network, commits, promises } = this.#simulation;
    const life = this.#lives[replica];
    network.forget(replica);
    commits.replaced(replica);
    promises.replaced(replica);
    if (life !== undefined) life.isReplaced = true;
  }

  /** A view that nobody has been in yet, as the one who recovers or promotes a replica reckons it. */
  #viewBeyond(nodes: readonly SimNode[]): number {
    return Math.max(...nodes.map((node) => node.numbers()?.view ?? 0), this.#simulation.highestView) + viewsBeyond;
  }

  /** Its disk is lost, and it is recovered onto an empty one. */
  wipe(replica: number, downMs: number): void {
    const found = this.#find(replica);
    if (found === null) return;
    const { node, life } = found;
    const view = this.#viewBeyond(this.#simulation.nodes);
    node.stop();
    node.replaceDisk(view);
    this.#becomesAnother(replica);
    this.#simulation.wals[replica]?.replaced();
    life.disksLost += 1;
    this.#wentDown(node, downMs);
  }

  /**
   * A voter is lost for good and a standby takes its place, with its log. False, and nothing happens, while the others have no leader or are
   * not a sound majority without it.
   */
  promote(replica: number, standby: number, downMs: number): boolean {
    const { nodes, wals, options } = this.#simulation;
    const [node, from] = [nodes[replica], nodes[standby]];
    if (node === undefined || from === undefined || from.disk.isCut || from.disk.isCutPlanned) return false;
    const others = nodes.slice(0, options.replicas).filter((other) => other !== node);
    const sound = others.filter((other) => !other.isPaused && other.numbers()?.status === "normal");
    if (!sound.some((other) => other.numbers()?.isPrimary === true)) return false;
    const { replication, viewChange } = expectedQuorums(options.replicas);
    if (sound.length < Math.max(replication, viewChange)) return false;
    const view = this.#viewBeyond(others.filter((other) => !other.isPaused));
    for (const stopped of [node, from]) {
      stopped.stop();
      this.#becomesAnother(stopped.replica);
    }
    const [wal, walFrom] = [wals[replica], wals[standby]];
    if (wal !== undefined && walFrom !== undefined) wal.takes(walFrom);
    from.disk.kill();
    node.takeDisk(from, view);
    for (const stopped of [node, from]) this.#wentDown(stopped, downMs);
    return true;
  }

  /**
   * A majority is given up: the power of all is gone, and each begins anew with a copy of one's log, as a founder of the next epoch. What that log does
   * not hold is lost, whoever was told that it is committed; what it holds is not. False, and nothing happens, while a node is gone for ever.
   */
  rescue(survivor: number, downMs: number): boolean {
    const { nodes, commits, promises, wals, workload } = this.#simulation;
    const [from, wal] = [nodes[survivor], wals[survivor]];
    if (from === undefined || wal === undefined || nodes.some(({ isGone }) => isGone)) return false;
    for (const node of nodes) {
      node.stop();
      node.disk.restart();
    }
    const image = from.disk.image();
    const kept = nodes.map((node) => node.refound(image));
    this.#simulation.trace(() => `the log of ${replicaName(survivor)} up to op ${kept[0]} is all that is left`);
    commits.refounded(survivor, kept);
    workload.refounded(commits.newest);
    for (const { replica } of nodes) {
      promises.replaced(replica);
      wals[replica]?.founds(wal);
      const life = this.#lives[replica];
      if (life !== undefined) life.isReplaced = true;
    }
    for (const node of nodes) this.#wentDown(node, downMs);
    return true;
  }

  copyDisk(replica: number): void {
    const found = this.#find(replica);
    if (found === null) return;
    const { node, life } = found;
    life.copy = { image: node.disk.image(), disksLost: life.disksLost };
  }

  /** Its disk is what it was when it was copied: what it promised since only the others know. False when there is no copy. */
  putBack(replica: number, downMs: number): boolean {
    const found = this.#find(replica);
    const copy = found?.life.copy ?? null;
    if (found === null || copy === null || found.node.isGone) return false;
    const { node, life } = found;
    node.stop();
    node.disk.putBack(copy.image);
    this.#becomesAnother(replica);
    this.#simulation.wals[replica]?.putBack();
    life.isOutlived = copy.disksLost < life.disksLost;
    this.#wentDown(node, downMs);
    return true;
  }
}
