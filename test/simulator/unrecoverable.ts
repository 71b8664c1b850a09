/** Why nobody could get this cluster to work again: looked for when it does not come back after its last fault. */
import { expectedQuorums } from "./expected-quorums.js";
import type { Simulation } from "./simulation.js";

/** What is said where nothing more exact can be: no proof, but all that is asked for without an atlas is that nobody lies. */
export const tooMuchDamage = "more is damaged than the protocol claims to survive";

/** The proof, for the replicas that are left, or null where somebody could. */
export function proveUnrecoverable(simulation: Simulation, left: readonly number[]): string | null {
  const { options, nodes, injector, commits, forgiven } = simulation;
  const { voters } = commits;
  const core = left.filter((replica) => replica < voters);
  const { viewChange } = expectedQuorums(voters);
  const running = core.filter((replica) => nodes[replica]?.isAlive === true);
  if (running.length < viewChange && injector.hasDamaged)
    return `${running.length} replicas can start; ${viewChange} are needed`;
  // Those whose ids a majority of the others has never had on disk: with too few others left, it never will.
  const strangers = running.filter((replica) => nodes[replica]?.numbers()?.status === "fresh");
  const mayVouch = Math.floor((voters - 1) / 2) + 1;
  if (running.length - 1 < mayVouch && running.length - strangers.length < viewChange)
    return `${strangers.length} replicas never became members, and too few are left that could vouch for them`;
  for (let op = 1; op <= commits.newest; op++) {
    if (injector.hasDamaged && commits.soundCopies(op, left) === 0) return `no sound copy of op ${op} is left`;
  }
  const numbers = running.map((replica) => nodes[replica]?.numbers() ?? null);
  const uncertain = running.filter(
    (replica, index) => numbers[index]?.status === "recoveringHead" && forgiven[replica] === true,
  );
  if (running.length - uncertain.length < viewChange)
    return `${uncertain.length} replicas do not know their heads; ${viewChange} have to`;
  const stuck = numbers.find((one) => (one?.stuckAt ?? 0) > 0);
  if (stuck && injector.hasDamaged && stuck.stuckAt > commits.newest)
    return `op ${stuck.stuckAt} can neither be read nor denied by anybody`;
  if (!options.atlas && injector.hasDamaged) return tooMuchDamage;
  return null;
}
