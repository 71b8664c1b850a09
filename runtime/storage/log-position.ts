/** A point between two prepares of a log: where a checkpoint stands, where replay begins, where the next prepare is written. */
import { type PrepareHeader, rootIdentity } from "./frame.js";
import { paddedBytes } from "./log-geometry.js";

export interface LogPosition {
  /** The newest op before this point; 0 at the beginning. Everything up to and including it lies before the point. */
  readonly op: number;
  /** Address behind that op's padding. */
  readonly address: number;
  /** That op's identity: the parent of the next. */
  readonly parent: Uint8Array;
  /** That op's timestamp, µs. */
  readonly timestamp: number;
}

export const logBeginning = (clusterId: Uint8Array): LogPosition => ({
  op: 0,
  address: 0,
  parent: rootIdentity(clusterId),
  timestamp: 0,
});

/** The point behind a prepare. */
export const positionBehind = (header: PrepareHeader): LogPosition => ({
  op: header.op,
  address: header.address + paddedBytes(header.bodyBytes),
  parent: header.identity,
  timestamp: header.timestamp,
});
