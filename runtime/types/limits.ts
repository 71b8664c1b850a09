/**
 * Limits of the system as named constants, with their relations asserted when the module loads: a limit that is changed
 * without its partner stops the program at start, not a customer at night.
 */
import { assert } from "./assert.js";

export const kiB = 1024;
export const miB = 1024 * kiB;

/** Unit of durable writes: what a device writes or loses as one. All log writes are multiples of it and aligned to it. */
export const sectorBytes = 4 * kiB;

/** Events in one append. */
export const appendEventsMax = 10_000;
/** Encoded events of one append, each with its 5-byte event header. */
export const appendBytesMax = 8 * miB;
/** Payload of one event. Bounded by the append that carries it. */
export const eventBytesMax = appendBytesMax - 64;

/** Body of one prepare: one append of the largest size always fits beside its record and block headers. */
export const prepareBodyBytesMax = 9 * miB;
/** A group commit closes at this size when smaller requests gather; a single larger request still goes alone. */
export const groupCommitBytesTarget = 1 * miB;

/** One file of the log. The address of a byte in the log decides its file, so this is fixed for the life of a cluster. */
export const logSegmentBytes = 32 * miB;
/** The newest bytes of the log that are kept in shared memory for readers in other threads. */
export const logTailBytes = 32 * miB;

/** A frame of the native protocol, header included. */
export const wireFrameBytesMax = 9 * miB;

export const tenantNameBytesMax = 128;
/** As PostgreSQL has it. */
export const userNameBytesMax = 63;
/** Tenants that one user may be confined to. */
export const userTenantsMax = 256;
/** Roles that one user may be a member of, without those that it is in through others. */
export const userRolesMax = 256;
/** Roles, and members, that one GRANT or REVOKE of roles names. */
export const roleListMax = 64;
export const streamNameBytesMax = 256;
export const groupNameBytesMax = 128;

/** Idempotency keys kept per tenant: the newest this many keyed commands can be retried safely. */
export const idempotencyKeysPerTenantMax = 1_000_000;
/** Logged client sessions per tenant; the session opened longest ago is evicted first. */
export const sessionsPerTenantMax = 1_024;
/** Consumer groups per stream. */
export const groupsPerStreamMax = 64;
/** Acknowledged events above a group's floor, and parked events: bounds the state of one group. */
export const groupAckWindowMax = 10_000;
export const groupParkedMax = 10_000;
/** Entries of one acknowledgement: bounds the work of one command to about 3 ms. */
export const groupAckEntriesMax = 1_000;

export const shardsMax = 64;

assert(appendBytesMax + 64 * kiB < prepareBodyBytesMax, "the largest append fits a prepare with its headers");
assert(appendBytesMax + 64 * kiB < wireFrameBytesMax, "the largest append fits a wire frame with its headers");
assert(
  prepareBodyBytesMax + sectorBytes < logSegmentBytes / 2,
  "a prepare never spans two segments and wastes less than half of one",
);
assert(logTailBytes >= 2 * (prepareBodyBytesMax + sectorBytes), "two prepares of the largest size fit the shared tail");
assert(logTailBytes % sectorBytes === 0 && logSegmentBytes % sectorBytes === 0, "files and the tail are whole sectors");
