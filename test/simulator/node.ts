/**
 * One replica's machine and what runs on it: the shipping replica and keeper actors, and a shard beside them, over a simulated disk and
 * simulated links. It can be killed, lose its power within any disk operation, stand still, and start again.
 */
import { keeperOn } from "../../actors/keeper/actor.js";
import { replicaOn } from "../../actors/replica/actor.js";
import type { PeerLinkEvents, PeerLinks } from "../../actors/replica/peer-links.js";
import type { Machine } from "../../actors/shard/machine.js";
import { newMembers } from "../../actors/supervisor/data-directory.js";
import type { Actor } from "../../runtime/actor/definition.js";
import type { OutgoingMessage } from "../../runtime/actor/envelope.js";
import type { LogGeometry } from "../../runtime/storage/log-geometry.js";
import { refoundReplica, survivingLog } from "../../runtime/storage/replica-rescue.js";
import { formatReplica, takePlace } from "../../runtime/storage/replica-storage.js";
import type { Standing } from "../../runtime/storage/superblock-codec.js";
import type { Epoch } from "../../runtime/types/ids.js";
import { memberBytes } from "../../runtime/vsr/acquaintance.js";
import { heldBytesMaxDefault } from "../../runtime/vsr/core.js";
import { replicasMax } from "../../runtime/vsr/quorums.js";
import { Cell, type CellHost } from "./cell.js";
import type { EventQueue } from "./event-queue.js";
import { LogImage } from "./log-image.js";
import type { SimulationOptions } from "./options.js";
import { type DiskImage, type DiskPace, SimDisk } from "./sim-disk.js";
import { Stream } from "./streams.js";

export const directory = "/data/shard";
export const clusterId = new Uint8Array(16).fill(0x51);

export interface NodeEvents {
  /** Bytes leave for another replica. */
  send(from: number, to: number, bytes: Uint8Array, leavingAt: number): boolean;
  /** A replica ends its link to another. */
  disconnect(from: number, to: number): void;
  told(replica: number, from: string, to: string, message: OutgoingMessage): void;
  warned(replica: number, id: string, message: string, fields: Readonly<Record<string, unknown>>): void;
  /** An actor's turn threw, or its start did. The node is down already. */
  failed(replica: number, id: string, error: unknown): void;
}

export interface ReplicaNumbers {
  readonly status: string;
  readonly view: number;
  readonly logView: number;
  readonly op: number;
  readonly commit: number;
  readonly contiguous: number;
  readonly isPrimary: boolean;
  readonly stuckAt: number;
  readonly voters: number;
}

export class SimNode {
  readonly replica: number;
  readonly events: EventQueue;
  readonly random: Stream;
  readonly disk: SimDisk;
  readonly image: LogImage;
  readonly geometry: LogGeometry;
  readonly machine: Machine;
  /** The newest release that its program knows, from its next start on. */
  release = 1;
  readonly #options: SimulationOptions;
  readonly #events: NodeEvents;
  #cells = new Map<string, Cell>();
  #life = 0;
  #replicaActor: Actor<never> | null = null;
  #links: PeerLinkEvents | null = null;
  readonly #connections = new Map<number, number>();
  isAlive = false;
  isPaused = false;
  /** It will not be started again. */
  isGone = false;
  starts = 0;
  clockOffsetMs = 0;
  readonly #driftPpm: number;
  readonly #randomBytes = (count: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => this.random.below(256));

  constructor(replica: number, events: EventQueue, options: SimulationOptions, nodeEvents: NodeEvents) {
    const { seed, headerSlots, segmentBytes, bodyBytesMax, writeMode, writeMicros, workload } = options;
    this.replica = replica;
    this.events = events;
    this.#options = options;
    this.#events = nodeEvents;
    this.random = new Stream(seed, `node ${replica}`);
    this.#driftPpm =
      options.clockDriftPpm === 0 ? 0 : this.random.between(-options.clockDriftPpm, options.clockDriftPpm);
    const pace: DiskPace = { readMicros: 10, writeMicros, syncMicros: writeMicros };
    this.disk = new SimDisk(new Stream(seed, `disk ${replica}`), writeMode, pace);
    this.geometry = {
      segmentBytes,
      bodyBytesMax: Math.max(bodyBytesMax, workload === "kernel" ? 12_000 : 16),
      headerSlots,
    };
    this.image = new LogImage(this.disk, directory, this.geometry);
    const release = (): number => this.release;
    this.machine = {
      disk: this.disk,
      get release() {
        return release();
      },
      heldBytesMax: options.heldBytesMax === 0 ? heldBytesMaxDefault : options.heldBytesMax,
      geometry: this.geometry,
      tailBytes: segmentBytes * 4,
      pagesMax: 4_096,
      openLinks: (_context, _args, _self, _clusterId, linkEvents) => {
        this.#links = linkEvents;
        return Promise.resolve(this.#peerLinks());
      },
    };
    this.disk.makeDirectory(directory);
    this.#format(options.fresh && replica < options.replicas ? "fresh" : "member", 0);
  }

  #format(standing: Standing, view: number): void {
    const { replicas } = this.#options;
    const count = this.replica < replicasMax ? Math.max(replicas, this.replica + 1) : replicas;
    const members = Array.from({ length: count }, () => new Uint8Array(memberBytes));
    const id = this.#randomBytes(memberBytes);
    // The view that it comes back in stands first: of two directories of one replica the later counts.
    new DataView(id.buffer).setUint32(0, view, false);
    members[this.replica]?.set(id);
    const own = { clusterId, replica: this.replica, replicaCount: replicas };
    const isKnown = standing !== "member" || (this.replica >= replicas && this.#options.fresh);
    const identity = isKnown ? { ...own, members, standing, view } : own;
    formatReplica(this.disk, directory, identity, this.geometry);
    this.disk.takeElapsed();
  }

  /** What `recover` makes of a lost disk: an empty replica that is silent until a view in which nobody has heard of it. */
  replaceDisk(view: number): void {
    this.disk.wipe();
    this.disk.makeDirectory(directory);
    this.#format("replaced", view);
  }

  /** As `promote` does: a standby's disk is this one's, in another's place, and an empty one stands by after it. */
  takeDisk(standby: SimNode, view: number): void {
    this.disk.takeFrom(standby.disk);
    const { replica } = this;
    const members = newMembers(this.#options.replicas, replica, view, this.#randomBytes);
    takePlace(this.disk, directory, { replica, members, view }, this.#options.writeMode);
    this.disk.takeElapsed();
    standby.disk.wipe();
    standby.disk.makeDirectory(directory);
    standby.#format("member", 0);
  }

  /** As `rescue` does: this disk is a copy of a survivor's, and a founder's. Gives the newest op that is kept. */
  refound(survivor: DiskImage): number {
    this.disk.putBack(survivor);
    const { replica, disk, geometry } = this;
    const { replicas, writeMode } = this.#options;
    const place = { disk, directory, geometry, mode: writeMode };
    const { epoch, head } = survivingLog(place);
    const members = newMembers(replicas, replica, 0, this.#randomBytes);
    refoundReplica(place, { epoch: epoch + 1, replica, replicaCount: replicas, members });
    disk.takeElapsed();
    return head;
  }

  // ------------------------------------------------------------------ life

  /** Starts all actors. `makeShard` gives the shard's cell and its neighbours. */
  async start(makeShard: (node: SimNode) => Promise<readonly string[]> | readonly string[]): Promise<void> {
    this.#life += 1;
    this.starts += 1;
    this.#cells = new Map();
    this.isAlive = true;
    const life = this.#life;
    try {
      const args = { directory, clusterId, replica: "replica-1", keeper: "keeper-1" };
      const keeper = this.makeCell("keeper-1");
      keeper.actor = await keeperOn(this.machine).create(keeper, {
        ...args,
        scrubBytesPerSecond: this.#options.scrubBytes,
      });
      const replica = this.makeCell("replica-1");
      replica.actor = await replicaOn(this.machine).create(replica, {
        ...args,
        self: this.replica,
        shard: "shard-1",
        peers:
          this.#options.replicas === 1
            ? null
            : {
                replicas: Array.from({ length: this.#options.replicas + this.#options.standbys }, (_, node) => ({
                  node,
                  name: `node-${node}`,
                  host: "sim",
                  port: 1,
                })),
                channel: 0,
                security: null,
              },
      });
      this.#replicaActor = replica.actor;
      const shardNeighbours = await makeShard(this);
      this.#wire("shard-1", ["replica-1", "keeper-1", ...shardNeighbours]);
      this.#wire("replica-1", ["shard-1", "keeper-1"]);
      this.#wire("keeper-1", ["replica-1"]);
      for (const neighbour of shardNeighbours) this.#wire(neighbour, ["shard-1"]);
      this.disk.takeElapsed();
      for (const cell of this.#cells.values()) {
        for (const neighbour of cell.neighbours()) {
          const port = cell.port(neighbour);
          if (port !== null) cell.enter(() => cell.actor?.wired?.(neighbour, port, port.epoch));
        }
      }
    } catch (error) {
      if (life === this.#life && this.isAlive) this.failed("start", error);
    }
  }

  makeCell(id: string): Cell {
    const cell = new Cell(new Life(this, this.#life), id);
    this.#cells.set(id, cell);
    return cell;
  }

  #wire(id: string, neighbours: readonly string[]): void {
    for (const neighbour of neighbours) this.#cells.get(id)?.wire(neighbour);
  }

  isInLife(life: number): boolean {
    return this.isAlive && this.#life === life;
  }

  cell(id: string): Cell | null {
    return this.#cells.get(id) ?? null;
  }

  wallAt(micros: number): number {
    return 1_700_000_000_000 + (micros / 1000) * (1 + this.#driftPpm / 1e6) + this.clockOffsetMs;
  }

  /** Messages for which a mailbox had no room. */
  noRoom = 0;

  roomFor(from: string, to: string): number {
    const { shardMailboxMax } = this.#options;
    return shardMailboxMax > 0 && from === "replica-1" && to === "shard-1" ? shardMailboxMax : Number.POSITIVE_INFINITY;
  }

  told(from: string, to: string, message: OutgoingMessage): void {
    this.#events.told(this.replica, from, to, message);
  }

  warned(id: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#events.warned(this.replica, id, message, fields);
  }

  failed(id: string, error: unknown): void {
    this.stop();
    this.#events.failed(this.replica, id, error);
  }

  /** Everything in memory is gone. */
  stop(): void {
    this.isAlive = false;
    this.isPaused = false;
    this.#life += 1;
    this.#cells = new Map();
    this.#replicaActor = null;
    this.#links = null;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    for (const cell of this.#cells.values()) cell.resume();
  }

  // ------------------------------------------------------------------ links

  #peerLinks(): PeerLinks {
    const life = this.#life;
    return {
      send: (to, bytes) => {
        const cell = this.#cells.get("replica-1");
        if (life !== this.#life || cell === undefined) return false;
        return this.#events.send(this.replica, to, bytes, cell.leavingAt());
      },
      disconnect: (to) => {
        if (life !== this.#life || this.#links === null) return;
        this.#events.disconnect(this.replica, to);
        this.#links.down(to);
      },
      setReplicas: () => {},
      close: () => Promise.resolve(),
    };
  }

  /** Bytes arrive from another replica. */
  arrived(from: number, bytes: Uint8Array): void {
    const links = this.#links;
    if (!this.isAlive || links === null) return;
    const connection = this.connectionWith(from);
    this.#cells.get("replica-1")?.push(() => {
      if (connection === this.connectionWith(from)) links.message(from, bytes);
    });
  }

  /** How many connections with it were ended by one of the two. */
  connectionWith(other: number): number {
    return this.#connections.get(other) ?? 0;
  }

  connectionEnded(other: number): void {
    this.#connections.set(other, this.connectionWith(other) + 1);
  }

  linkChanged(other: number, isUp: boolean): void {
    const links = this.#links;
    if (!this.isAlive || links === null) return;
    this.#cells.get("replica-1")?.enter(() => (isUp ? links.up(other) : links.down(other)));
  }

  /** How the replica stands; null while it is down. */
  numbers(): ReplicaNumbers | null {
    const numbers = this.isAlive ? this.#replicaActor?.inspect?.() : undefined;
    if (numbers === undefined) return null;
    const of = (name: string): number => Number(numbers[name] ?? 0);
    return {
      status: String(numbers["status"]),
      view: of("view"),
      logView: of("logView"),
      op: of("op"),
      commit: of("commit"),
      contiguous: of("contiguous"),
      isPrimary: of("isPrimary") === 1,
      stuckAt: of("stuckAt"),
      voters: of("voters"),
    };
  }
}

/** What the cells of one life see of their node: nothing once it is over. */
class Life implements CellHost {
  readonly #node: SimNode;
  readonly #life: number;
  readonly epoch: Epoch;

  constructor(node: SimNode, life: number) {
    this.#node = node;
    this.#life = life;
    this.epoch = life as Epoch;
  }

  get events(): EventQueue {
    return this.#node.events;
  }

  get random(): Stream {
    return this.#node.random;
  }

  get isAlive(): boolean {
    return this.#node.isInLife(this.#life);
  }

  get isPaused(): boolean {
    return this.#node.isPaused;
  }

  cell(id: string): Cell | null {
    return this.isAlive ? this.#node.cell(id) : null;
  }

  roomFor(from: string, to: string): number {
    return this.#node.roomFor(from, to);
  }

  foundNoRoom(): void {
    this.#node.noRoom += 1;
  }

  takeElapsed(): number {
    return this.#node.disk.takeElapsed();
  }

  wallAt(micros: number): number {
    return this.#node.wallAt(micros);
  }

  failed(id: string, error: unknown): void {
    if (this.isAlive) this.#node.failed(id, error);
  }

  told(from: string, to: string, message: OutgoingMessage): void {
    this.#node.told(from, to, message);
  }

  warned(id: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#node.warned(id, message, fields);
  }
}
