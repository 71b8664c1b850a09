/**
 * The one registry of errors. Each has a stable `code`, a SQLSTATE, one line that says what happened, what a caller may do
 * next, and whether the write it answers may have been applied.
 *
 * `outcome` tells the three cases of a write apart, since a client must never guess:
 *   notCommitted  nothing was written, and nothing will be
 *   committed     the write stands although the request failed later
 *   unknown       the write may or may not be applied; retry with the same idempotency key to learn which
 */
export type WriteOutcome = "notCommitted" | "committed" | "unknown";

/** What a caller can sensibly do: `never` retry the same request, retry it `later`, or retry after `reroute`. */
export type Retry = "never" | "later" | "reroute";

interface ErrorSpec {
  readonly sqlState: string;
  readonly outcome: WriteOutcome;
  readonly retry: Retry;
  readonly message: string;
  /** Stable number on the wire; never reused. */
  readonly wire: number;
}

const spec = (
  wire: number,
  sqlState: string,
  message: string,
  retry: Retry = "never",
  outcome: WriteOutcome = "notCommitted",
): ErrorSpec => ({ wire, sqlState, message, retry, outcome });

export const errorRegistry = {
  // Requests that are wrong in themselves.
  invalidArgument: spec(1, "22023", "an argument is not acceptable"),
  frameInvalid: spec(2, "08P01", "the bytes received are not a valid frame"),
  protocolVersionUnsupported: spec(3, "08004", "no protocol version is spoken by both sides"),
  notSupported: spec(4, "0A000", "this is not supported"),
  eventTooLarge: spec(5, "54000", "an event is larger than the limit"),
  batchTooLarge: spec(6, "54000", "an append is larger than the limit"),
  // What a request names does not fit the state.
  tenantUnknown: spec(20, "3D000", "no such tenant"),
  tenantExists: spec(21, "42P04", "a tenant of that name exists"),
  tenantNotEmpty: spec(22, "2BP01", "the tenant still holds data"),
  streamUnknown: spec(23, "42P01", "no such stream"),
  streamExists: spec(24, "42P07", "a stream of that name exists"),
  wrongExpectedOffset: spec(25, "KB001", "the stream is not at the expected offset"),
  idempotencyKeyReused: spec(26, "KB002", "the idempotency key belongs to a different request"),
  quotaExceeded: spec(27, "53400", "a quota of the tenant is used up"),
  groupUnknown: spec(28, "42704", "no such consumer group"),
  groupExists: spec(29, "42710", "a consumer group of that name exists"),
  sessionUnknown: spec(30, "KB003", "no such session: it was closed or evicted", "never", "unknown"),
  sessionOutOfOrder: spec(31, "KB004", "the request number does not follow the session's last one"),
  positionUnknown: spec(32, "KB005", "the position does not exist yet"),
  shardUnknown: spec(33, "42704", "no such shard"),
  userUnknown: spec(34, "42704", "no such user"),
  userExists: spec(35, "42710", "a user of that name exists"),
  userInUse: spec(37, "2BP01", "a tenant has objects or privileges of a user of that name"),
  userNeeded: spec(36, "2BP01", "the last superuser cannot go, or nobody could administer the node"),
  roleCircular: spec(38, "0LP01", "a role cannot be a member of itself, nor through others"),
  // Passing states: try again.
  mailboxFull: spec(40, "53300", "the receiver is at its limit of queued work", "later"),
  connectionLimit: spec(41, "53300", "too many connections", "later"),
  shardUnavailable: spec(42, "57P03", "the shard does not serve at the moment", "later"),
  routeStale: spec(43, "KB010", "the tenant is served elsewhere", "reroute"),
  tenantMoving: spec(44, "KB011", "the tenant is being moved and takes writes again in a moment", "later"),
  draining: spec(45, "57P01", "the node is shutting down", "later"),
  diskFull: spec(46, "53100", "the disk is full: writes are refused, reads go on", "later"),
  deadlineExceeded: spec(47, "57014", "the deadline passed", "later", "unknown"),
  actorGone: spec(48, "57P02", "the actor that was asked ended before it answered", "later", "unknown"),
  connectionLost: spec(49, "08006", "the connection ended before the answer came", "later", "unknown"),
  connectionRefused: spec(50, "08001", "no connection could be made", "later"),
  cancelled: spec(51, "57014", "the request was cancelled", "never", "unknown"),
  subscriptionLagging: spec(52, "KB012", "the subscriber fell behind what the node keeps ready", "later"),
  cacheFull: spec(53, "53200", "the page cache is full: writes are refused until a checkpoint is done", "later"),
  // The machine or the data under us.
  directoryLocked: spec(60, "55006", "the data directory is in use by another node"),
  storageFailed: spec(61, "58030", "a disk operation failed", "later", "unknown"),
  dataCorrupt: spec(62, "XX001", "stored data is damaged"),
  dataMissing: spec(63, "58P01", "a file of the data directory is missing"),
  formatUnsupported: spec(64, "XX001", "the data was written by an unknown format version"),
  cryptoFailed: spec(65, "XX000", "a cryptographic check failed"),
  // Start and configuration.
  configurationInvalid: spec(80, "F0000", "the configuration is not valid"),
  insecureListen: spec(81, "28000", "refusing to listen beyond loopback without TLS and authentication"),
  addressInUse: spec(82, "55006", "the listen address is in use"),
  nodeUnknown: spec(84, "F0000", "the cluster file has no such node"),
  addressTwice: spec(85, "F0000", "two listeners of the cluster file would share an address"),
  replicasOutOfRange: spec(86, "F0000", "a shard cannot have that many replicas"),
  directoryForeign: spec(87, "55000", "the data directory belongs to another node or cluster"),
  stepUnsafe: spec(90, "55000", "the step would endanger what is stored, or stop its service"),
  permissionDenied: spec(88, "42501", "permission denied"),
  unauthenticated: spec(83, "28000", "authentication is required"),
  // Bugs.
  poisonMessage: spec(98, "XX000", "a message made its actor fail repeatedly and was set aside", "never", "unknown"),
  internal: spec(99, "XX000", "an internal error", "never", "unknown"),
  assertionFailed: spec(100, "XX000", "an assertion failed", "never", "unknown"),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errorRegistry;

/** Structured facts about an error: numbers, names and limits. Never payload bytes and never personal data. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean | null>>;

export class KimberliteError extends Error {
  override readonly name = "KimberliteError";
  readonly code: ErrorCode;
  readonly sqlState: string;
  readonly detail: ErrorDetail;
  readonly retry: Retry;
  readonly outcome: WriteOutcome;

  /**
   * @param explanation what happened here, what is safe and what to do now; follows the registry's line
   * @param options.outcome only where the raiser knows more than the registry, e.g. a deadline that passed before anything was sent
   */
  constructor(
    code: ErrorCode,
    explanation = "",
    options: { detail?: ErrorDetail; cause?: unknown; outcome?: WriteOutcome } = {},
  ) {
    const entry: ErrorSpec = errorRegistry[code];
    super(
      explanation === "" ? entry.message : `${entry.message}: ${explanation}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.sqlState = entry.sqlState;
    this.detail = options.detail ?? {};
    this.retry = entry.retry;
    this.outcome = options.outcome ?? entry.outcome;
  }
}

export const isKimberliteError = (error: unknown): error is KimberliteError => error instanceof KimberliteError;
export const hasCode = (error: unknown, code: ErrorCode): boolean => isKimberliteError(error) && error.code === code;

/** The form in which an error crosses threads and sockets: plain data, no stack, no cause chain. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: ErrorDetail;
  readonly outcome: WriteOutcome;
}

/** Any thrown value as a record. What is not ours becomes `internal` (or `assertionFailed`), with its message kept. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (isKimberliteError(error)) {
    return { code: error.code, message: error.message, detail: error.detail, outcome: error.outcome };
  }
  const isAssertion = error instanceof Error && error.name === "AssertionFailed";
  const code: ErrorCode = isAssertion ? "assertionFailed" : "internal";
  return {
    code,
    message: error instanceof Error ? error.message : String(error),
    detail: {},
    outcome: errorRegistry[code].outcome,
  };
}

export function fromErrorRecord(record: ErrorRecord): KimberliteError {
  const error = new KimberliteError(record.code, "", { detail: record.detail, outcome: record.outcome });
  error.message = record.message;
  return error;
}

const codesByWire = new Map<number, ErrorCode>();
for (const code of Object.keys(errorRegistry) as ErrorCode[]) codesByWire.set(errorRegistry[code].wire, code);

export const wireOfErrorCode = (code: ErrorCode): number => errorRegistry[code].wire;
/** A number that this version does not know becomes `internal`, so that a newer server's error still ends the request. */
export const errorCodeOfWire = (wire: number): ErrorCode => codesByWire.get(wire) ?? "internal";
