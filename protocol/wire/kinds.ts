/**
 * The one registry of frame kinds. Numbers are stable: a kind that is withdrawn leaves a hole. Numbers below 128 are asked by
 * the client, those from 128 on are said by the server. `docs/wire-protocol.md` lists the same table, and a test compares them.
 *
 * `effect` is what decides whether a client may send a request a second time when it never heard the answer:
 *   read     changes nothing: may always be repeated
 *   write    carries an idempotency key in its head: may be repeated with the same key, and only then
 *   control  belongs to one connection and ends with it: never repeated by itself
 */
import { requestKind } from "../../runtime/kernel/kinds.js";

export type RequestEffect = "read" | "write" | "control";

/** How the server answers: one 129/130 frame, a run of 131 frames ended by one 132, or nothing at all. */
export type RequestAnswer = "reply" | "stream" | "none";

export interface RequestKindSpec {
  readonly kind: number;
  readonly effect: RequestEffect;
  readonly answer: RequestAnswer;
}

const request = (kind: number, effect: RequestEffect, answer: RequestAnswer = "reply"): RequestKindSpec => ({
  kind,
  effect,
  answer,
});

export const requestKinds = {
  hello: request(requestKind.hello, "control"),
  ping: request(requestKind.ping, "read"),
  admin: request(requestKind.admin, "control"),
  authenticate: request(requestKind.authenticate, "control"),
  append: request(requestKind.append, "write"),
  streamCreate: request(requestKind.streamCreate, "write"),
  groupCreate: request(requestKind.groupCreate, "write"),
  groupDelete: request(requestKind.groupDelete, "write"),
  groupAck: request(requestKind.groupAck, "write"),
  sessionOpen: request(requestKind.sessionOpen, "write"),
  sessionClose: request(requestKind.sessionClose, "write"),
  read: request(requestKind.read, "read"),
  streamGet: request(requestKind.streamGet, "read"),
  streamList: request(requestKind.streamList, "read"),
  positionGet: request(requestKind.positionGet, "read"),
  groupGet: request(requestKind.groupGet, "read"),
  groupList: request(requestKind.groupList, "read"),
  commits: request(requestKind.commits, "read"),
  subscribe: request(requestKind.subscribe, "control", "stream"),
  credit: request(requestKind.credit, "control", "none"),
  unsubscribe: request(requestKind.unsubscribe, "control", "none"),
  cancel: request(requestKind.cancel, "control", "none"),
} as const satisfies Record<string, RequestKindSpec>;

export const responseKinds = {
  welcome: 128,
  ok: 129,
  error: 130,
  subscriptionEvents: 131,
  subscriptionEnd: 132,
  routeChange: 133,
  goingAway: 134,
  authentication: 135,
} as const;

const specsByKind = Array.from<RequestKindSpec | undefined>({ length: 128 });
for (const spec of Object.values(requestKinds)) specsByKind[spec.kind] = spec;

/** What is known of a request kind, or undefined for a number that this version does not speak. */
export const requestKindSpec = (kind: number): RequestKindSpec | undefined => specsByKind[kind];
