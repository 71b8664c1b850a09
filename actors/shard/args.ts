/** What a shard is started with. */
export interface ShardArgs {
  readonly shard: number;
  readonly directory: string;
  readonly clusterId: Uint8Array;
  readonly replica: string;
  readonly keeper: string;
  /** Replicas of this shard, and which of them is here. */
  readonly replicas: number;
  /** How many of them vote, as far as the cluster file knows: the replica says better. */
  readonly voters: number;
  readonly self: number;
  readonly projections: readonly string[];
  /** One word a projection: 1 while it wants to be told of newer versions. */
  readonly interest: SharedArrayBuffer;
  /** Bound of the page cache. */
  readonly cacheBytes: number;
  /** Prepares under way at once: 1 where the replica shares this thread, 2 where it has its own. */
  readonly pipelineMax: number;
  /** Log bytes after which a checkpoint is taken, and the longest time between two while there are changes. */
  readonly checkpointBytes: number;
  readonly checkpointMs: number;
}
