/** What a shard says to whoever it cannot serve, the same wherever it is said. */
import { KimberliteError } from "../../runtime/types/errors.js";

export const outcomeUnknown = (): KimberliteError =>
  new KimberliteError("shardUnavailable", "another replica leads now; whether the write was committed is not known", {
    outcome: "unknown",
  });

export const notLeading = (): KimberliteError =>
  new KimberliteError("shardUnavailable", "this replica does not lead the shard; try again in a moment");

export const notConfirmed = (): KimberliteError =>
  new KimberliteError("shardUnavailable", "no replica is known to lead the shard; try again in a moment");
