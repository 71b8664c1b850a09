/** What a shard accepts, beyond packed requests and single commands. */
import type { LogTailHandle } from "../../runtime/storage/log-tail.js";
import type { StoreHandle } from "../../runtime/store/handle.js";
import type { CancelMessage } from "../messages/cancel.js";
import type { CommandMessage } from "../messages/commands.js";
import type { RequestsMessage } from "../messages/requests.js";
import type { PeerNotice, ReplicaNotice } from "../replica/messages.js";
import type { ShardReport } from "./report.js";

export type ShardMessage =
  | RequestsMessage
  | PeerNotice
  | CommandMessage
  | ReplicaNotice
  /**
   * Asked by projections for linearizable reads: answered with the number of the newest published version once this shard is sure
   * that it still leads. One answer serves every read that waits at that moment.
   */
  | { readonly kind: "readIndex" }
  /** Asked by the directory of a node whose system shard follows: a call for the directory of the node whose system shard leads. */
  | { readonly kind: "askLeader"; readonly call: Uint8Array }
  /**
   * Asked by the directory beside the leading system shard: roles are others now. Answered with whether the directories of all other nodes
   * have said that no gateway of theirs judges by those of before.
   */
  | { readonly kind: "rolesChanged" }
  /** Asked by the same: answered with whether the programs of all other nodes are known to know these forms of records (`recordForms`). */
  | { readonly kind: "formsKnown"; readonly forms: number }
  /** Asked by the node: answered with `ShardReports`, whatever state this shard is in. */
  | { readonly kind: "reports" }
  /** Asked by the node: have another replica lead, wherever this shard leads now. Answered with `HandedOver`. */
  | { readonly kind: "handOver" }
  /** Asked by the node: commit an operation that says nothing, and with it everything before. Answered with its op. */
  | { readonly kind: "barrier" }
  /** Asked by the node: so many vote from then on. Answered with the op that says so, once it is committed. */
  | { readonly kind: "reconfigure"; readonly voters: number }
  /** Asked by the node and the directory: answered once the log is replayed and requests are taken. */
  | { readonly kind: "awaitReady" }
  /**
   * Told by gateways that read rows themselves: answered by an `attach`, once there is a state to be read. `owner` is what their reader is
   * known by; it is cleared when the gateway is gone.
   */
  | { readonly kind: "readState"; readonly owner: number }
  /** Told by gateways: a session that no gateway of this node has may be another node's. */
  | { readonly kind: "cancelElsewhere"; readonly cancel: CancelMessage }
  /** Told by projections: a page of the state is damaged on disk. */
  | { readonly kind: "pageDamaged"; readonly because: string }
  /** Timers of its own. */
  | { readonly kind: "apply" }
  | { readonly kind: "questionsDue" }
  | { readonly kind: "handoverDue" }
  | { readonly kind: "sqlDue" }
  | { readonly kind: "sessionsDue" }
  | { readonly kind: "resendAnswers" }
  | { readonly kind: "goOn" }
  | { readonly kind: "retryFull" }
  | { readonly kind: "checkpointTimer" }
  | { readonly kind: "checkpointRetry" };

/** What the replicas of a shard say of themselves, by their numbers; null for one that did not answer. */
export type ShardReports = readonly (ShardReport | null)[];

/** Told to those who read its state once there is one: the shared memory to read from, and the folder of the shard's files. */
export interface AttachMessage {
  readonly kind: "attach";
  readonly store: StoreHandle;
  readonly tail: LogTailHandle;
  readonly directory: string;
}

/** Told to those who read its state: another replica leads. What leaders know of sessions by hearsay, the next one has to be told. */
export interface LeaderChangedMessage {
  readonly kind: "leaderChanged";
}

/** What a shard tells projections that asked to be woken: a newer version is published. */
export interface AdvancedMessage {
  readonly kind: "advanced";
}
