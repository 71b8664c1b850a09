/**
 * `kimberlite/client`: the low-level client. Numbers are safe integers, payloads are bytes, and a `Connection` does exactly what it
 * is told. Most programs want `kimberlite`, the SDK, instead.
 */
export { type AppendReply, decodeAppendReply } from "../../runtime/kernel/outcome.js";
export { type ErrorCode, errorRegistry, isKimberliteError, KimberliteError } from "../../runtime/types/errors.js";
export type { AdminMethod } from "../wire/admin-call.js";
export type { Welcome } from "../wire/handshake.js";
export { requestKinds, responseKinds } from "../wire/kinds.js";
export type { Credentials } from "../wire/local-access.js";
export type { GoingAway, RouteChange } from "../wire/notices.js";
export type { WireEvent } from "../wire/subscription.js";
export { portTransport, socketTransport, type Transport, type TransportEvents } from "../wire/transport.js";
export { type CallOptions, Client, type ClientOptions } from "./client.js";
export { Connection, type ConnectionEvents, type ConnectionOptions } from "./connection.js";
export { DeadlineWheel } from "./deadline-wheel.js";
export { IdempotencyKeys } from "./idempotency-keys.js";
export type { Connector } from "./link.js";
export type { CredentialsSource } from "./login.js";
export type { AppendCallback, RequestHandler } from "./pending.js";
export { type Address, formatAddress, parseAddress, portDefault, socketConnector } from "./socket-connector.js";
export type { Subscription, SubscriptionRequest } from "./subscription.js";
