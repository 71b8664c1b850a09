/**
 * How a node's actors lie over threads: a pure function of the machine and the wishes.
 *
 *   threads   each shard, replica, keeper, projection, gateway and the directory has a worker thread of its own
 *   shared    gateway, directory, shards and replicas share one worker ("core"); each gateway of PostgreSQL's protocol has one
 *             ("postgres", "postgres-1", …), all projections share one ("read"), all keepers one ("background"). The actors do not know: same
 *             messages, in-process ports. Replicas with others elsewhere have one, too ("log"): in one with their shards they would say nothing
 *             while a statement of a second is decided, and the others would choose another leader. Statements take more work before and behind the shard than appends do, so that a thread of their own
 *             pays for its hop on two cores already; that of appends does not (see benchmarks/README.md).
 *   auto      shared below four cores, threads from four on: measured, a hop between threads costs more than it brings while there
 *             are fewer cores than busy threads (see benchmarks/README.md)
 *
 * User shards are numbered from 1; shard 0 is the system shard, whose log holds tenants and their placement.
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { shardsMax } from "../../runtime/types/limits.js";

export type LayoutWish = "auto" | "threads" | "shared";

export interface LayoutWishes {
  readonly layout: LayoutWish;
  /** User shards; undefined = fit the machine. */
  readonly shards: number | undefined;
  /** Projections of each shard; undefined = fit the machine. */
  readonly projections: number | undefined;
  readonly gateways: number | undefined;
}

export interface Layout {
  readonly layout: "threads" | "shared";
  /** User shards, numbered 1 to this. */
  readonly shards: number;
  readonly projections: number;
  readonly gateways: number;
}

/** Cores from which on each actor gets its own thread by default. */
const threadsFromCores = 4;

function count(what: string, wish: number | undefined, fallback: number, max: number): number {
  const value = wish ?? fallback;
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new KimberliteError("configurationInvalid", `${what} must be a whole number from 1 to ${max}`, {
      detail: { given: value },
    });
  }
  return value;
}

export function planLayout(cores: number, wishes: LayoutWishes): Layout {
  assert(cores >= 1, "a machine has a core");
  const layout = wishes.layout === "auto" ? (cores < threadsFromCores ? "shared" : "threads") : wishes.layout;
  // A busy shard keeps its own thread and its replica's half busy, and wants a gateway beside it: a shard for three cores.
  const shards = count("shards", wishes.shards, Math.max(1, Math.floor(cores / 3)), shardsMax - 1);
  const projections = count("projections", wishes.projections, cores >= 2 * threadsFromCores ? 2 : 1, 16);
  const gateways = count("gateways", wishes.gateways, 1, 16);
  assert(shards + 1 <= shardsMax, "the system shard counts too");
  return { layout, shards, projections, gateways };
}

/** The worker thread in which an actor lives: actors of equal name share it. */
export function workerOf(layout: Layout, role: ActorRole | "replicaOfSeveral", shard: number, index = 0): string {
  if (layout.layout === "shared") {
    switch (role) {
      case "projection":
        return "read";
      case "postgres":
        return index === 0 ? "postgres" : `postgres-${index}`;
      case "keeper":
        return "background";
      case "replicaOfSeveral":
        return "log";
      default:
        return "core";
    }
  }
  switch (role) {
    case "directory":
      return "directory";
    case "gateway":
    case "postgres":
      return `gateway-${index}`;
    case "projection":
      return `projection-${shard}.${index}`;
    case "replicaOfSeveral":
      return `replica-${shard}`;
    default:
      return `${role}-${shard}`;
  }
}

export type ActorRole = "directory" | "gateway" | "postgres" | "shard" | "replica" | "keeper" | "projection";
