/**
 * Which places may be damaged on which replica, decided before a run begins. With it every run is one that the protocol claims to survive:
 * of nothing are more copies damaged than redundancy allows.
 */
import type { Zone } from "./disk-zones.js";
import { expectedQuorums } from "./expected-quorums.js";
import type { SimulationOptions } from "./options.js";
import { Stream } from "./streams.js";

const superblockCopyBytes = 4096;

export class Atlas {
  readonly #options: SimulationOptions;
  /**
   * Replicas whose log may be damaged, and in which of its two parts: a header that was never written to the ring and a prepare that went
   * bad since are two faults of one entry, which nobody can tell from a torn write.
   */
  readonly #parts: ReadonlyMap<number, "headers" | "log">;
  /** By replica: the copy of the superblock that may be damaged. */
  readonly #copies: readonly number[];

  constructor(options: SimulationOptions) {
    this.#options = options;
    const random = new Stream(options.seed, "atlas");
    this.#parts = new Map([...this.#victims(random)].map((replica) => [replica, random.pick(["headers", "log"])]));
    this.#copies = Array.from({ length: options.replicas + options.standbys }, () => random.below(4));
  }

  /**
   * Replicas of which a copy of one thing may be lost. Where voters come and go there may be as few as the smallest configuration bears, and each
   * replica may be one of them: what is committed lies on a quorum, some of which may stand by since.
   */
  #victims(random: Stream): ReadonlySet<number> {
    const { replicas, standbys, faults } = this.#options;
    const fewest = Math.max(Math.min(replicas, 2), replicas - faults.reconfigurations);
    const { replication } = expectedQuorums(fewest);
    const most = Math.min(replication - 1, fewest - 1);
    const among = faults.reconfigurations > 0 ? replicas + standbys : replicas;
    const chosen = new Set<number>();
    while (chosen.size < most) chosen.add(random.below(among));
    return chosen;
  }

  allows(replica: number, zone: Zone, at: number, length: number): boolean {
    const { atlas } = this.#options;
    // Superblocks are four times the same on one disk: more than one copy is the loss of the disk, another thing.
    if (zone === "superblock")
      return (
        Math.floor(at / superblockCopyBytes) === this.#copies[replica] &&
        at % superblockCopyBytes === 0 &&
        length <= superblockCopyBytes
      );
    if (!atlas) return true;
    return zone === "pages" || zone === "fetch" || zone === this.#parts.get(replica);
  }
}
