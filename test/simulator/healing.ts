/**
 * The last part of a run: nothing goes wrong any more, replicas that are down are started (or a quorum of them only, the others being gone
 * for ever), and within a bounded virtual time all of them are in one view, hold one log, and commit new requests.
 */

import { expectedQuorums } from "./expected-quorums.js";
import { SimulationFailure } from "./failure.js";
import { replicaName } from "./frame-names.js";
import { healthyNetwork } from "./options.js";
import type { Simulation } from "./simulation.js";
import { Stream } from "./streams.js";
import { proveUnrecoverable } from "./unrecoverable.js";

export interface Healed {
  /** Virtual ms from the last fault to convergence; null where the cluster could not come back. */
  readonly healMs: number | null;
  /** Why it could not, as it was proved. */
  readonly unrecoverable: string | null;
}

/** What those that are left have until requests begin again. */
const quietMicros = 1_000;

/** Throws when the cluster does not come back although somebody could get it to. */
export async function heal(simulation: Simulation): Promise<Healed> {
  const { options, nodes, events, workload } = simulation;
  const healedAt = events.now;
  endFaults(simulation);
  const core = chooseCore(simulation);
  simulation.trace(() => `heals: replicas ${core.map(replicaName).join(" ")} are left`);
  startCore(simulation, core);
  await simulation.until(events.now + quietMicros, () => false);
  workload.settle(core);
  // A power cut that was planned before the heal may show only now that a disk is beyond repair: the others go on without it.
  const left = (): number[] => core.filter((replica) => nodes[replica]?.isGone !== true);
  const isDone = (): boolean => hasConverged(simulation, left()) && workload.isSettled(left());
  await simulation.until(healedAt + options.healMsMax * 1000, isDone);
  if (isDone()) return { healMs: Math.round((events.now - healedAt) / 1000), unrecoverable: null };
  const proof = proveUnrecoverable(simulation, core);
  if (proof !== null) return { healMs: null, unrecoverable: proof };
  const standing = core.map((replica) => `${replicaName(replica)} ${JSON.stringify(nodes[replica]?.numbers())}`);
  throw new SimulationFailure(
    "liveness",
    `${options.healMsMax} ms after the last fault ${core.map(replicaName).join(" ")} do not work together: ${standing.join("; ")}; ${workload.standing()}`,
  );
}

function endFaults({ injector, network, nodes }: Simulation): void {
  injector.end();
  network.options = healthyNetwork;
  network.heal();
  for (const node of nodes) {
    node.disk.isFull = false;
    // Two clocks an hour apart agree on nothing, and a quorum of two would wait for ever: as it must.
    node.clockOffsetMs = 0;
    if (node.isPaused) node.resume();
  }
}

/** All replicas, or a quorum of those that are not lost: with damaged disks all, since what one lacks another gives. */
function chooseCore({ options, nodes, injector }: Simulation): number[] {
  const isStandby = (replica: number): boolean => replica >= options.replicas;
  const left = nodes.filter(({ isGone }) => !isGone).map(({ replica }) => replica);
  const able = left.filter((replica) => !isStandby(replica));
  const standbys = left.filter(isStandby);
  const { viewChange } = expectedQuorums(options.replicas);
  const { coreOnly, muteReplica, faults } = options;
  const needsAll = !coreOnly || injector.hasDamaged || muteReplica >= 0 || faults.wipes + faults.promotes > 0;
  // One that no majority of the others has vouched for yet needs them: it is no member that a quorum could count on.
  const voters = nodes.slice(0, options.replicas);
  const isFresh = voters.some((node) => (node.numbers()?.status ?? "fresh") === "fresh") && options.fresh;
  if (needsAll || isFresh || able.length <= viewChange) return left;
  const random = new Stream(options.seed ^ 0x5a5a, "network");
  while (able.length > viewChange) able.splice(random.below(able.length), 1);
  return [...able, ...standbys];
}

function startCore({ nodes, lives }: Simulation, core: readonly number[]): void {
  for (const node of nodes) {
    if (core.includes(node.replica)) continue;
    node.isGone = true;
    if (node.isAlive) node.stop();
  }
  for (const replica of core) {
    lives.setLinks(replica, true);
    const node = nodes[replica];
    if (node !== undefined && !node.isAlive && !node.isGone) lives.start(node);
  }
}

function hasConverged({ nodes, commits }: Simulation, core: readonly number[]): boolean {
  const all = core.map((replica) => nodes[replica]?.numbers() ?? null);
  const first = all[0];
  if (first === undefined || first === null || first.op !== commits.newest) return false;
  return (
    all.some((numbers) => numbers?.isPrimary === true) &&
    all.every(
      (numbers) =>
        numbers !== null &&
        numbers.status === "normal" &&
        numbers.view === first.view &&
        numbers.op === first.op &&
        numbers.commit === first.op &&
        numbers.contiguous === first.op,
    )
  );
}
