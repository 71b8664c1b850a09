/**
 * Whether a replica may end as it did: by what was done to it, and by what it says. An end that no fault of this run explains is a failure
 * of the run.
 */
import { isKimberliteError } from "../../runtime/types/errors.js";
import { SimulationFailure } from "./failure.js";
import type { SimNode } from "./node.js";
import type { Simulation } from "./simulation.js";

/** An actor's turn, or the node's start, threw this. */
export interface NodeEnd {
  readonly node: SimNode;
  /** The actor, or `start`. */
  readonly id: string;
  readonly error: unknown;
  /** Its disk is that of a former life, in whose place another one was put: it has to be turned away. */
  readonly isOutlived: boolean;
}

/**
 * again         a fault's ordinary consequence: it is started again after so many ms
 * down          so often that nobody starts it any more before the heal
 * newerProgram  its log is of a release that its program does not know
 * refused       it stops for good reason, and is tried again all the same
 * gone          … and is not
 * wrong         nothing explains it
 */
export type EndVerdict =
  | { readonly kind: "again"; readonly afterMs: number }
  | { readonly kind: "down" | "newerProgram" | "refused" | "gone" }
  | { readonly kind: "wrong"; readonly failure: SimulationFailure };

/** That of the newest program of a simulation. */
export const newestRelease = 2;
const startsMax = 60;
const refusalsMax = 12;
const shard = "shard-1";

const again = (afterMs: number): EndVerdict => ({ kind: "again", afterMs });

/** Its superblock or, alone, its log was damaged: it may refuse to start. */
export function isDamagedBeyond({ injector, options }: Simulation, replica: number): boolean {
  return injector.hasStruck(replica, ["superblock"]) || (!options.atlas && injector.hasDamaged);
}

/** Both copies of one acknowledged operation may be damaged: with an atlas never. */
export const mayHaveForgotten = ({ injector, options }: Simulation, replica: number): boolean =>
  !options.atlas && injector.hasStruck(replica, ["headers"]) && injector.hasStruck(replica, ["log"]);

export function judgeEnd(simulation: Simulation, { node, id, error, isOutlived }: NodeEnd): EndVerdict {
  const { injector, options } = simulation;
  const { replica } = node;
  const code = isKimberliteError(error) ? error.code : null;
  const text = error instanceof Error ? error.message : String(error);
  const mayStart = node.starts < startsMax;
  const isFault = code === "storageFailed" || code === "diskFull" || code === "dataMissing";
  if (isFault && injector.hasStruck(replica, ["writeError", "full", "unreadable"]))
    return mayStart ? again(500) : { kind: "down" };
  if (isOutlived && code === "dataMissing") return { kind: "gone" };
  if (node.release < newestRelease && code === "formatUnsupported") return { kind: "newerProgram" };
  // A copy of the superblock that the disk did not write again looks like another node's: the next start writes it.
  if (code === "directoryLocked" && injector.hasStruck(replica, ["superblock"]) && mayStart) return again(200);
  // Damaged pages: the state is derived again. Damage in the log is asked of the others, and ends the shard where nobody has it.
  const isMet = id === shard && code === "dataCorrupt";
  if (isMet && injector.hasStruck(replica, ["log", "pages"]) && mayStart) return again(200);
  if (isMet && !injector.hasDamaged) {
    const what = `no fault has touched what replica ${replica} stores: ${text}`;
    return { kind: "wrong", failure: new SimulationFailure("storage", what, error) };
  }
  if (isDamagedBeyond(simulation, replica) && code === "dataCorrupt" && id === "start") return { kind: "gone" };
  if (options.atlas || !injector.hasDamaged)
    return { kind: "wrong", failure: new SimulationFailure("assertion", `replica ${replica}, ${id}: ${text}`, error) };
  // Without the atlas more may be damaged than the protocol claims to survive: to stop is right, to lie is not.
  return { kind: node.starts < refusalsMax ? "refused" : "gone" };
}
