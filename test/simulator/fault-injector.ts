/** Carries out a run's schedule: each fault that strikes is counted, since one that never happened proves nothing. */

import type { Zone } from "./disk-zones.js";
import type { FaultEvent } from "./schedule.js";
import { tearBytes } from "./sim-inode.js";
import type { Simulation } from "./simulation.js";
import { Stream } from "./streams.js";

/** A turn of the replica may be a hundred writes: one that takes longer than all patience is no slow disk but a dead one. */
const slowestMicros = 5_000;

/** A promotion waits that long for a majority that is in order. */
const promoteRetryMs = 100;
const promoteTries = 40;

export class FaultInjector {
  readonly #simulation: Simulation;
  readonly #schedule: readonly FaultEvent[];
  readonly #random: Stream;
  /** By replica: kinds of faults that have struck it. */
  readonly #struck: Set<string>[];
  readonly faults: Record<string, number> = {};
  /** Something that cannot be told from what was written is on some disk, or was. */
  hasDamaged = false;
  #isOver = false;

  constructor(simulation: Simulation, schedule: readonly FaultEvent[]) {
    this.#simulation = simulation;
    this.#schedule = schedule;
    this.#random = new Stream(simulation.options.seed, "injector");
    this.#struck = simulation.nodes.map(() => new Set());
  }

  hasStruck(replica: number, kinds: readonly string[]): boolean {
    return kinds.some((kind) => this.#struck[replica]?.has(kind) === true);
  }

  begin(from: number): void {
    for (const event of this.#schedule) {
      this.#simulation.events.at(from + event.at, () => {
        if (!this.#isOver) this.#simulation.check(() => this.#strike(event));
      });
    }
  }

  /** No new faults; those that last end now. */
  end(): void {
    this.#isOver = true;
    for (const { disk } of this.#simulation.nodes) {
      disk.disarm();
      disk.pace.writeMicros = this.#simulation.options.writeMicros;
    }
  }

  #count(kind: string): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1;
  }

  #later(ms: number, work: () => void): void {
    this.#simulation.events.at(this.#simulation.events.now + ms * 1000, work);
  }

  #strike(event: FaultEvent): void {
    const simulation = this.#simulation;
    const { nodes, network } = simulation;
    simulation.trace(() => `fault: ${describe(event)}`);
    switch (event.kind) {
      case "kill":
        if (nodes[event.replica]?.isAlive) this.#count("kill");
        simulation.lives.crash(event.replica, event.downMs, false);
        return;
      case "powerCut":
        if (nodes[event.replica]?.isAlive) this.#count("powerCut");
        simulation.lives.planPowerCut(event.replica, event.operation, event.downMs);
        return;
      case "wipe": {
        const node = nodes[event.replica];
        if (node === undefined || node.isGone) return;
        this.#count("wipe");
        simulation.lives.wipe(event.replica, event.downMs);
        return;
      }
      case "promote":
        this.#promote(event, promoteTries);
        return;
      case "reconfigure":
        simulation.workload.reconfigure(event.by, () => this.#count(event.by > 0 ? "voterAdded" : "voterRemoved"));
        return;
      case "rescue":
        if (simulation.lives.rescue(event.survivor, event.downMs)) this.#count("rescue");
        return;
      case "copyDisk":
        simulation.lives.copyDisk(event.replica);
        return;
      case "putBack":
        if (simulation.lives.putBack(event.replica, event.downMs)) this.#count("putBack");
        return;
      case "release": {
        const node = nodes[event.replica];
        if (node === undefined || !node.isAlive) return;
        this.#count("release");
        node.release = event.release;
        simulation.lives.crash(event.replica, event.downMs, false);
        return;
      }
      case "lose": {
        const node = nodes[event.replica];
        if (node === undefined || node.isGone) return;
        this.#count("lose");
        simulation.lives.crash(event.replica, 0, true);
        node.isGone = true;
        return;
      }
      case "blackout":
        this.#count("blackout");
        for (const { replica } of nodes) simulation.lives.crash(replica, event.downMs + this.#random.below(50), true);
        return;
      case "pause": {
        const node = nodes[event.replica];
        if (node === undefined || !node.isAlive || node.isPaused) return;
        this.#count("pause");
        node.pause();
        this.#later(event.forMs, () => node.resume());
        return;
      }
      case "partition":
        if (event.links.length === 0) return;
        this.#count("partition");
        for (const [from, to] of event.links) this.#cut(from, to);
        this.#later(event.forMs, () => {
          network.heal();
          for (const [from, to] of event.links) if (simulation.options.linksBreak) nodes[to]?.linkChanged(from, true);
        });
        return;
      case "clog":
        if (event.from === event.to) return;
        this.#count("clog");
        network.clog(event.from, event.to, simulation.events.now + event.forMs * 1000);
        return;
      case "oldStartView":
        if (nodes[event.replica]?.isAlive && network.deliverOldStartView(event.replica, event.where))
          this.#count("oldStartView");
        return;
      case "clockStep": {
        const node = nodes[event.replica];
        if (node === undefined) return;
        this.#count("clockStep");
        node.clockOffsetMs += event.byMs;
        return;
      }
      case "handover":
        if (simulation.workload.handOver(event.replica)) this.#count("handover");
        return;
      case "latent":
        this.#latent(event.replica, event.zone, event.where, event.how);
        return;
      case "unreadable":
        this.#unreadable(event.replica, event.zone, event.where);
        return;
      case "write":
        this.#arm(event);
        return;
      case "full": {
        const node = nodes[event.replica];
        if (node === undefined) return;
        this.#count("full");
        this.#struck[event.replica]?.add("full");
        node.disk.isFull = true;
        this.#later(event.forMs, () => {
          node.disk.isFull = false;
        });
        return;
      }
      case "slowDisk": {
        const node = nodes[event.replica];
        if (node === undefined) return;
        this.#count("slowDisk");
        node.disk.pace.writeMicros = Math.min(simulation.options.writeMicros * event.factor, slowestMicros);
        this.#later(event.forMs, () => {
          node.disk.pace.writeMicros = simulation.options.writeMicros;
        });
        return;
      }
    }
  }

  /** The lost one is gone at once; the standby takes its place when a majority is in order, as the command demands. */
  #promote(event: FaultEvent & { readonly kind: "promote" }, triesLeft: number): void {
    const simulation = this.#simulation;
    const [lost, standby] = [simulation.nodes[event.replica], simulation.nodes[event.standby]];
    if (this.#isOver || lost === undefined || standby === undefined || lost.isGone || standby.isGone) return;
    simulation.lives.retire(event.replica);
    if (simulation.lives.promote(event.replica, event.standby, event.downMs)) {
      this.#count("promote");
    } else if (triesLeft > 0) {
      this.#later(promoteRetryMs, () => simulation.check(() => this.#promote(event, triesLeft - 1)));
    }
  }

  #cut(from: number, to: number): void {
    const { network, nodes, options } = this.#simulation;
    network.cut(from, to);
    if (options.linksBreak) nodes[to]?.linkChanged(from, false);
  }

  // ------------------------------------------------------------------ damage

  #damaged(replica: number, zone: Zone, kind: string): void {
    this.#count(kind);
    // What is fetched is looked at before it is of the log.
    if (zone === "fetch") return;
    if (zone === "pages") {
      this.#struck[replica]?.add("pages");
      return;
    }
    this.hasDamaged = true;
    this.#simulation.forgiven[replica] = true;
    this.#struck[replica]?.add(zone);
  }

  /** A place of a zone, among those that the log has reached. */
  #place(replica: number, zone: Zone, where: number): { path: string; at: number } | null {
    const node = this.#simulation.nodes[replica];
    if (node === undefined) return null;
    const paths = node.disk.paths(zone);
    const sizes = paths.map((path) => node.disk.medium(path)?.length ?? 0);
    let length = sizes.reduce((sum, size) => sum + size, 0);
    if (zone === "log")
      length = Math.min(length, (node.numbers()?.op ?? 0) === 0 ? 4096 : this.#logEnd(replica) + 4096);
    let at = Math.min(Math.floor(where * length), length - 1);
    for (let index = 0; index < paths.length; index++) {
      const size = sizes[index] ?? 0;
      const path = paths[index];
      if (path !== undefined && at < size) return { path, at };
      at -= size;
    }
    return null;
  }

  #logEnd(replica: number): number {
    const { commits, nodes } = this.#simulation;
    const newest = commits.commits.at(-1);
    return nodes[replica] === undefined || newest === undefined ? 0 : newest.header.end;
  }

  #latent(replica: number, zone: Zone, where: number, how: "flip" | "zero" | "random"): void {
    const { atlas, nodes } = this.#simulation;
    const node = nodes[replica];
    const place = this.#place(replica, zone, where);
    if (node === undefined || place === null) return;
    const at = place.at - (place.at % (zone === "superblock" ? 4096 : tearBytes));
    if (!atlas.allows(replica, zone, at, tearBytes)) return;
    const changed = node.disk.damage(place.path, at, (bytes) => {
      if (how === "zero") bytes.fill(0);
      else if (how === "flip") this.#random.flipBit(bytes);
      else for (let index = 0; index < bytes.length; index++) bytes[index] = this.#random.below(256);
    });
    if (changed) this.#damaged(replica, zone, `latent ${zone}`);
  }

  #unreadable(replica: number, zone: Zone, where: number): void {
    const { atlas, nodes } = this.#simulation;
    const node = nodes[replica];
    const place = this.#place(replica, zone, where);
    if (node === undefined || place === null || !atlas.allows(replica, zone, place.at, 4096)) return;
    if (!node.disk.makeUnreadable(place.path, place.at)) return;
    this.#damaged(replica, zone, `unreadable ${zone}`);
    this.#struck[replica]?.add("unreadable");
  }

  #arm({ replica, zone, fault }: FaultEvent & { readonly kind: "write" }): void {
    const { atlas, nodes } = this.#simulation;
    const isError = fault === "error" || fault === "syncError";
    nodes[replica]?.disk.arm({
      kind: fault,
      zone,
      mayStrike: (at, length) => isError || atlas.allows(replica, zone, at, length),
      struck: () => {
        if (isError) {
          this.#count(fault);
          this.#struck[replica]?.add("writeError");
        } else this.#damaged(replica, zone, `${fault} ${zone}`);
      },
    });
  }
}

export function describe(event: FaultEvent): string {
  const { at: _at, kind, ...rest } = event;
  const fields = Object.entries(rest).map(([field, value]) => `${field} ${JSON.stringify(value)}`);
  return `${kind} ${fields.join(" ")}`;
}
