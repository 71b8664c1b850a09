/**
 * Numbers that name things for ever: request kinds on the wire, which are also the record kinds in the log, the trees of a
 * shard's store, and the states of a tenant. A number is never reused; a kind that is retired stays listed.
 *
 * Records carry the kind of the request that caused them, so that an auditor needs one table, not two.
 */

/** Kinds that a client may send (contract of the wire protocol) and kinds that only the node's own actors send (64 and up). */
export const requestKind = {
  hello: 1,
  ping: 2,
  admin: 3,
  /** A client says who it is, before its welcome. It is no record's kind. */
  authenticate: 4,
  append: 16,
  streamCreate: 17,
  groupCreate: 18,
  groupDelete: 19,
  groupAck: 20,
  sessionOpen: 21,
  sessionClose: 22,
  /** The changes of a SQL transaction. Only the shard itself makes one, of the statements that clients send it. */
  sqlCommit: 23,
  /** A part of the changes of a large SQL transaction, before its commit. */
  sqlStage: 24,
  /** A SQL statement for the shard that leads: it writes, or its transaction has. It is no record's kind. */
  sql: 28,
  read: 32,
  streamGet: 33,
  streamList: 34,
  positionGet: 35,
  groupGet: 36,
  groupList: 37,
  commits: 38,
  /** A SQL statement that only reads, for a projection. */
  sqlRead: 39,
  subscribe: 48,
  credit: 49,
  unsubscribe: 50,
  cancel: 51,
  // A shard's own commands, logged under the system tenant of that shard.
  tenantAdopt: 64,
  tenantFence: 65,
  tenantUnfence: 66,
  tenantRelease: 67,
  tenantQuota: 68,
  tenantImport: 69,
  tenantActivate: 70,
  // The directory's commands, logged under the system tenant of shard 0.
  directoryCreate: 80,
  directoryDrop: 81,
  directoryMoveBegin: 82,
  directoryMoveCommit: 83,
  directoryMoveAbort: 84,
  directoryQuota: 85,
  userCreate: 86,
  userAlter: 87,
  userDrop: 88,
  roleMembers: 89,
  userRename: 90,
  directoryOwner: 91,
  settingChange: 92,
} as const;

/** True for commands of a tenant: they are logged under it. */
export const isTenantCommand = (kind: number): boolean => kind >= 16 && kind <= 24;
/** True for commands of the node itself: they are logged under the system tenant. */
export const isSystemCommand = (kind: number): boolean => (kind >= 64 && kind <= 70) || (kind >= 80 && kind <= 92);
/** True for every kind that ends in a record of the log. */
export const isWrite = (kind: number): boolean => isTenantCommand(kind) || isSystemCommand(kind);

/** True for commands that the shard makes of others: nobody sends them. */
export const isMadeByShard = (kind: number): boolean => kind === requestKind.sqlCommit || kind === requestKind.sqlStage;

/** The trees of a shard's store. Key and value layouts stand at the head of the file that reads and writes them. */
export const tree = {
  meta: 0,
  tenants: 1,
  streams: 2,
  streamNames: 3,
  events: 4,
  commits: 5,
  requestKeys: 6,
  sessions: 7,
  groups: 8,
  groupAcks: 9,
  parked: 10,
  directory: 11,
  directoryNames: 12,
  // 13 to 21 hold SQL tables: runtime/store/table-trees.ts. Staged parts and users share a tree.
  users: 20,
} as const;

/**
 * A tenant's life on one shard.
 *
 *   (absent) ── adopt ──▶ active ◀── unfence ── fenced ── release ──▶ releasing ── release … ──▶ released
 *      ▲  └─ adopt to import ─▶ importing ── activate ─▶ active          ▲                          │
 *      │                            └──────────── release (abort) ──────┘                          │
 *      └────────────────── adopt with a higher epoch ──────────────────────────────────────────────┘
 */
export const tenantStatus = { importing: 0, active: 1, fenced: 2, releasing: 3, released: 4 } as const;

/** Version of the facts that this program writes. A decoder for every version ever written stays in the code. */
export const recordSchemaVersion = 1;

/** Half of the encoded offset that means "any": all 64 bits set, outside the safe integers on purpose. */
export const anyOffsetHalf = 0xffff_ffff;

/** How the payload of an event is to be read. The node does not parse payloads: `json` is the writer's word (CLI and SDK check). */
export const eventFormat = { bytes: 0, json: 1 } as const;
export const eventFormatsCount = 2;
/** Length u32 and format u8 before each payload. */
export const eventHeaderBytes = 5;
/** Stream, offset and count before the events of an append, in its request as in its facts. */
export const appendHeadBytes = 20;
