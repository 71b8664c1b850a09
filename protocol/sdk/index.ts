/**
 * `kimberlite`: the SDK.
 *
 *   import { connect } from "kimberlite";
 *   await using db = await connect("kimberlite://localhost:7400");      // or open("./data"), in this process
 *   const orders = await db.tenant("main").streams.create("orders", { ifNotExists: true });
 *   const { position, token } = await orders.append({ item: "tea", count: 2 });
 *   for await (const event of orders.subscribe()) console.log(event.offset, event.json());
 */
export {
  type ErrorCode,
  errorRegistry,
  hasCode,
  isKimberliteError,
  KimberliteError,
} from "../../runtime/types/errors.js";
export { SqlFailure } from "../client/sql/sql-error.js";
export type { SqlParameter, SqlValue } from "../client/sql/values.js";
export { type ConnectOptions, connect, type SqlConnectOptions, type Target } from "./connect.js";
export type { Consistency, ReadOptions } from "./consistency.js";
export { Database } from "./database.js";
export { AppendResult, Event } from "./event.js";
export { type EventInput, type JsonEvent, json } from "./event-input.js";
export type { GroupInfo, GroupOptions, Groups, ParkedInfo } from "./groups.js";
export type { IdempotencyKey } from "./idempotency-key.js";
export { type LocalNode, type OpenOptions, open, type StartNode } from "./open.js";
export type { Session, SessionAppendOptions, SessionOptions } from "./session.js";
export type { Sql, SqlRow, SqlRows, SqlStatement, SqlTag, TransactionOptions } from "./sql.js";
export type { AppendOptions, ReadPage, Stream, StreamInfo, StreamReadOptions } from "./stream.js";
export type { EventSubscription, SubscribedEvent, SubscribeOptions } from "./subscription.js";
export type { Streams, Tenant } from "./tenant.js";
export type { Quotas, TenantInfo, Tenants } from "./tenants.js";
