/**
 * How many replicas must agree, by the number of voting replicas R. Qr acknowledges a prepare, Qv changes the view, Qn proves that an
 * operation was never acknowledged by a quorum.
 *
 *   R    1  2  3  4  5  6
 *   Qr   1  2  2  2  3  3
 *   Qv   1  2  2  3  3  4
 *   Qn   1  1  2  3  3  4
 *
 * Laws, checked for the R in use at each start:
 *   Qr + Qv > R      every committed operation reaches every view change (flexible quorums)
 *   Qn + Qr > R      a nack quorum proves that the operation was never committed
 *   2 Qv > R         any two view changes share a member
 *
 * R = 2 takes Qr = 2 although 1 + 2 would intersect: it buys durability, not availability. Source: Liskov and Cowling,
 * "Viewstamped Replication Revisited" (2012); Howard, Malkhi, Spiegelman, "Flexible Paxos" (2016).
 */
import { assert } from "../types/assert.js";

export const replicasMax = 6;
/** Of one shard: replicas that keep its log and do not count. */
export const standbysMax = 6;

export interface Quorums {
  readonly replicas: number;
  /** Durable copies that commit an operation. */
  readonly replication: number;
  /** Replicas that take part in a view change. */
  readonly viewChange: number;
  /** Replicas that never acknowledged an operation and so prove it uncommitted. */
  readonly nack: number;
}

const replicationOf = [0, 1, 2, 2, 2, 3, 3] as const;
const viewChangeOf = [0, 1, 2, 2, 3, 3, 4] as const;

/** Quorums for R = 1 … 6. */
export function quorumsOf(replicas: number): Quorums {
  assert(
    Number.isInteger(replicas) && replicas >= 1 && replicas <= replicasMax,
    "a cluster has between one and six voting replicas",
  );
  const quorums = {
    replicas,
    replication: replicationOf[replicas] ?? replicas,
    viewChange: viewChangeOf[replicas] ?? replicas,
    nack: replicas - (replicationOf[replicas] ?? replicas) + 1,
  };
  checkLaws(quorums);
  return quorums;
}

/** Throws unless the quorums intersect as the protocol needs. */
export function checkLaws({ replicas, replication, viewChange, nack }: Quorums): void {
  assert(replication + viewChange > replicas, "durability: every committed operation reaches every view change");
  assert(nack + replication > replicas, "durability: a nack quorum excludes a replication quorum");
  assert(2 * viewChange > replicas, "order: any two view changes share a replica");
}

/** Between so few and `replicasMax` voters their number may change: a replica of its own has nobody to agree with. */
export const reconfigurableMin = 2;

/** The replica that leads a view. @param rotation differs from shard to shard, so that they are led by different replicas */
export const primaryOf = (view: number, replicas: number, rotation: number): number => (view + rotation) % replicas;
