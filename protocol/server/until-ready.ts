/**
 * The wait between the start of a node's actors and its first answer. A node of a cluster waits for as long as it takes, until each shard
 * has a leader that answers, which takes a quorum; meanwhile it says what is missing, and it can be told to stop.
 */
import type { Logger } from "../../runtime/actor/definition.js";
import type { Tree } from "../../runtime/actor/tree.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { ClusterCalls } from "./cluster-calls.js";

export interface Waiting {
  readonly tree: Pick<Tree, "port">;
  readonly calls: ClusterCalls;
  readonly log: Logger;
  /** Resolves when the tree gave up: it will never be ready then, and waiting for it would hide why. */
  readonly failed: Promise<KimberliteError>;
  readonly interrupted: AbortSignal | undefined;
}

/** The longest time that a timer takes: 24 days. */
const patienceMs = 2 ** 31 - 1;
const sayMs = 10_000;
const pollMs = 20;

/** Throws `cancelled` when it is interrupted, and whatever the node failed of. */
export async function untilReady({ tree, calls, log, failed, interrupted }: Waiting): Promise<void> {
  const timer = setInterval(() => {
    calls.status().then(
      ({ faults }) => log.warn("waiting for a quorum of the cluster's nodes", { because: faults.join("; ") }),
      () => {},
    );
  }, sayMs);
  let isOver = false;
  let stopListening = (): void => {};
  const cancelled = new Promise<never>((_, reject) => {
    const cancel = (): void => reject(new KimberliteError("cancelled", "it was told to stop before it was ready"));
    if (interrupted?.aborted === true) cancel();
    interrupted?.addEventListener("abort", cancel, { once: true });
    stopListening = () => interrupted?.removeEventListener("abort", cancel);
  });
  try {
    await Promise.race([
      tree
        .port("directory")
        .ask({ kind: "awaitReady" }, { deadlineMs: patienceMs })
        .then(() => everyShardIsLed(calls, () => isOver)),
      failed.then((error) => Promise.reject(error)),
      cancelled,
    ]);
  } finally {
    isOver = true;
    clearInterval(timer);
    stopListening();
  }
}

/** What a replica remembers of a leader is no leader: only its own word that it leads counts. */
async function everyShardIsLed(calls: ClusterCalls, isOver: () => boolean): Promise<void> {
  while (!isOver() && !(await calls.status()).shards.every(({ leader }) => leader !== null)) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
