/**
 * What the command's exit code says, so that a script can decide without reading text. Stable: a number keeps its meaning.
 */
import { type ErrorCode, isKimberliteError } from "../../runtime/types/errors.js";

export const exitCodes = {
  ok: { code: 0, meaning: "done" },
  failed: { code: 1, meaning: "an error that none of the numbers below names" },
  usage: { code: 2, meaning: "a flag, an argument, a setting or the input is not acceptable" },
  unreachable: { code: 3, meaning: "no node could be reached, or the connection was lost for good" },
  notFound: { code: 4, meaning: "the tenant, stream, group, shard or position named does not exist" },
  conflict: { code: 5, meaning: "it exists already, holds data, or is not at the expected offset" },
  damaged: { code: 6, meaning: "stored data is damaged, missing or of an unknown format" },
  inUse: { code: 7, meaning: "the data directory or the listen address is in use" },
  later: { code: 8, meaning: "refused for the moment (limits, quota, full disk, draining): nothing was written" },
  outcomeUnknown: { code: 9, meaning: "no answer in time: a write may or may not be applied" },
  interrupted: { code: 130, meaning: "interrupted from the keyboard" },
} as const;

export type ExitName = keyof typeof exitCodes;

const exitByErrorCode: Readonly<Record<ErrorCode, ExitName>> = {
  invalidArgument: "usage",
  frameInvalid: "failed",
  protocolVersionUnsupported: "failed",
  notSupported: "usage",
  eventTooLarge: "usage",
  batchTooLarge: "usage",
  tenantUnknown: "notFound",
  tenantExists: "conflict",
  tenantNotEmpty: "conflict",
  streamUnknown: "notFound",
  streamExists: "conflict",
  wrongExpectedOffset: "conflict",
  idempotencyKeyReused: "conflict",
  quotaExceeded: "later",
  groupUnknown: "notFound",
  groupExists: "conflict",
  sessionUnknown: "notFound",
  sessionOutOfOrder: "conflict",
  positionUnknown: "notFound",
  userUnknown: "notFound",
  userExists: "conflict",
  userInUse: "conflict",
  userNeeded: "conflict",
  roleCircular: "conflict",
  shardUnknown: "notFound",
  mailboxFull: "later",
  connectionLimit: "later",
  shardUnavailable: "later",
  routeStale: "later",
  tenantMoving: "later",
  draining: "later",
  diskFull: "later",
  cacheFull: "later",
  deadlineExceeded: "outcomeUnknown",
  actorGone: "outcomeUnknown",
  connectionLost: "unreachable",
  connectionRefused: "unreachable",
  cancelled: "interrupted",
  subscriptionLagging: "later",
  directoryLocked: "inUse",
  storageFailed: "failed",
  dataCorrupt: "damaged",
  dataMissing: "damaged",
  formatUnsupported: "damaged",
  cryptoFailed: "damaged",
  configurationInvalid: "usage",
  insecureListen: "usage",
  addressInUse: "inUse",
  nodeUnknown: "usage",
  addressTwice: "usage",
  replicasOutOfRange: "usage",
  directoryForeign: "conflict",
  stepUnsafe: "conflict",
  permissionDenied: "failed",
  unauthenticated: "failed",
  poisonMessage: "failed",
  internal: "failed",
  assertionFailed: "failed",
};

/** The exit code for whatever a command threw. */
export function exitCodeOf(error: unknown): number {
  return exitCodes[isKimberliteError(error) ? exitByErrorCode[error.code] : "failed"].code;
}

/** The list as `kimberlite --help` shows it. */
export const exitCodesHelp = (): string =>
  [
    "Exit codes:",
    ...Object.values(exitCodes).map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`),
  ].join("\n");
