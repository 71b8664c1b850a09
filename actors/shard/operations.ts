/**
 * What is asked of a shard for the sake of the protocol, not of a tenant: an operation that says nothing, the next release, another leader.
 * Each is carried out by the shard that leads, and asked of it by every other.
 */
import { prepareOperations } from "../../runtime/storage/frame.js";
import { configurationsMax } from "../../runtime/storage/views.js";
import { reconfigurableMin, replicasMax } from "../../runtime/vsr/quorums.js";
import { decodeOp, relayTopics } from "../messages/relay.js";
import type { ShardCore } from "./core.js";
import { decodeOutcome, type Handover, type HandoverSettled, notHandedOver } from "./handover.js";
import { noBytes, type OtherNodes } from "./other-nodes.js";
import type { Pipeline } from "./pipeline.js";

/** Longer than a handover takes at most where it happens. */
const handoverMs = 6_000;
const barrierMs = 5_000;
const barrierBytes = 8;
const upgradeBytes = 8;
/** How many vote from then on: u32, and 4 zeros. */
const reconfigurationBytes = 8;

export class Operations {
  readonly #core: ShardCore;
  readonly #nodes: OtherNodes;
  readonly #pipeline: Pipeline;
  readonly #handover: Handover;

  constructor(core: ShardCore, nodes: OtherNodes, pipeline: Pipeline, handover: Handover) {
    this.#core = core;
    this.#nodes = nodes;
    this.#pipeline = pipeline;
    this.#handover = handover;
  }

  /** Commits an operation that says nothing, wherever this shard leads. Tells its op; null when it may never be committed. */
  barrier(settled: (op: number | null) => void): void {
    if (this.#core.phase === "leading") {
      this.#pipeline.operate(prepareOperations.barrier, new Uint8Array(barrierBytes), settled);
      return;
    }
    this.#nodes.askLeader(relayTopics.barrier, noBytes, barrierMs, (body) => {
      settled(body === null ? null : decodeOp(body));
    });
  }

  /** The log's next release begins behind everything that was decided under the one before. */
  upgrade(release: number): void {
    const { phase, context, args } = this.#core;
    const operation = prepareOperations.upgrade;
    if (phase !== "leading" || this.#pipeline.isDue(operation)) return;
    const body = new Uint8Array(upgradeBytes);
    new DataView(body.buffer).setUint32(0, release, true);
    this.#pipeline.operate(operation, body, (op) => {
      if (op !== null) context.log.info("the log is upgraded", { shard: args.shard, release, op });
    });
  }

  /**
   * Ends the present configuration: behind this so many vote. Tells its op; null when it may never be committed, or when it is not one more or one fewer
   * than now. Whether the step is wise is for whoever asks.
   */
  reconfigure(voters: number, settled: (op: number | null) => void): void {
    const core = this.#core;
    const { phase, isSingle, args } = core;
    const body = new Uint8Array(reconfigurationBytes);
    new DataView(body.buffer).setUint32(0, voters, true);
    if (phase !== "leading") {
      this.#nodes.askLeader(relayTopics.reconfiguration, body, barrierMs, (answer) => {
        settled(answer === null ? null : decodeOp(answer));
      });
      return;
    }
    const isStep = Math.abs(voters - core.voters) === 1 && voters >= reconfigurableMin;
    const isPossible =
      voters <= Math.min(replicasMax, this.#nodes.replicas) && core.configuration + 1 < configurationsMax;
    if (isSingle || !isStep || !isPossible || this.#pipeline.isDue(prepareOperations.reconfiguration)) {
      settled(null);
      return;
    }
    core.context.log.info("the number of voters changes", { shard: args.shard, from: core.voters, to: voters });
    this.#pipeline.operate(prepareOperations.reconfiguration, body, settled, voters);
  }

  /** Has another replica lead, wherever this shard leads now. */
  handOver(settled: HandoverSettled): void {
    const { isSingle, phase, args, voters } = this.#core;
    if (phase === "leading") {
      const successor = (args.self + 1) % voters;
      if (isSingle) settled(notHandedOver("there is no other replica"));
      else if (!this.#nodes.linked.has(successor)) {
        settled(notHandedOver("the replica that would lead next is not connected", { successor }));
      } else {
        this.#handover.begin(settled);
        this.#pipeline.handOn();
      }
      return;
    }
    this.#nodes.askLeader(relayTopics.handOver, noBytes, handoverMs, (body) => {
      settled((body && decodeOutcome(body)) ?? notHandedOver("no replica is known to lead"));
    });
  }

  /** A replica that was replaced waits for another view. */
  renewView(): void {
    const { phase, isSingle, context, args } = this.#core;
    if (phase !== "leading" || isSingle) return;
    context.log.info("the view is renewed for a replica that was replaced", { shard: args.shard });
    this.#handover.begin(() => {});
    this.#pipeline.handOn();
  }
}
