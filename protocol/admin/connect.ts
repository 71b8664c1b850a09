/**
 * From the resolved configuration to a node: the one file of the command that knows the SDK. Appends go through the client below
 * it, since lines of JSON are to be stored as they stand, not parsed and written anew.
 */

import type { ConnectionOptions } from "node:tls";
import { eventFormat } from "../../runtime/kernel/kinds.js";
import { Client, type CredentialsSource, socketConnector } from "../client/index.js";
import {
  Database,
  type Event,
  type GroupInfo,
  type Consistency as SdkConsistency,
  type StreamInfo,
  type Tenant,
} from "../sdk/index.js";
import type { Consistency, GroupEntry, NodeAccess, StoredEvent, StreamEntry, TenantAccess } from "./node-access.js";
import { tenantShape } from "./shapes.js";
import { type Address, formatAddress } from "./units.js";

/** A command waits this long for an answer before it says so; retries after lost connections lie within it. */
const timeoutMs = 30_000;
/** Events handed to the command at once when many are there. */
const gatheredMax = 1_000;

/**
 * @param addresses of nodes of one cluster, tried in turn. Throws `connectionRefused` when none answers, `unauthenticated` when none lets
 *   us in.
 * @param tls undefined: none
 */
export async function connectNode(
  addresses: readonly Address[],
  credentials: CredentialsSource,
  tls?: ConnectionOptions,
): Promise<NodeAccess> {
  const client = new Client({
    credentials,
    address: addresses.map(formatAddress),
    connector: socketConnector(tls),
    clientName: "kimberlite command",
    timeoutMs,
  });
  try {
    await client.connect();
  } catch (error) {
    await client.close(0);
    throw error;
  }
  const database = new Database(client);
  return {
    admin: (method, params = {}) => client.admin(method, params, {}),
    async tenant(name) {
      const { id } = tenantShape.parse(await client.admin("tenant.get", { name }, {}));
      return tenantAccess(client, database.tenant(name), id);
    },
    close: () => database.close(),
  };
}

function tenantAccess(client: Client, tenant: Tenant, tenantNumber: number): TenantAccess {
  return {
    async createStream(name, ifNotExists) {
      await tenant.streams.create(name, { ifNotExists });
      return streamEntry(await tenant.streams.get(name));
    },
    stream: async (name) => streamEntry(await tenant.streams.get(name)),
    async *streams() {
      for await (const stream of tenant.streams.all()) yield streamEntry(stream);
    },
    async append(name, { events, isJson, expected, key }) {
      const stream = await tenant.stream(name).id();
      const format = isJson ? eventFormat.json : eventFormat.bytes;
      const encoded = events.map((payload) => ({ payload, format }));
      return client.append(
        tenantNumber,
        stream,
        expected ?? "any",
        encoded,
        key ?? client.nextKey(),
        {},
        (reply) => reply,
      );
    },
    async read(name, { from, limit, backward, consistency }) {
      const page = await tenant.stream(name).read({
        from,
        limit,
        direction: backward ? "backward" : "forward",
        consistency: sdkConsistency(consistency),
      });
      return {
        visible: page.position === null ? 0 : Number(page.position) + 1,
        nextOffset: Number(page.nextOffset),
        events: page.events.map((event) => storedEvent(event)),
      };
    },
    async *follow(name, from, signal) {
      for await (const events of gathered(tenant.stream(name).subscribe({ from, signal, credits: 10_000 }))) {
        yield events.map((event) => storedEvent(event));
      }
    },
    createGroup: (stream, group, wish) =>
      tenant.groups.create(stream, group, {
        start: wish.from,
        answerTimeoutMs: wish.timeoutMs,
        attemptsMax: wish.attemptsMax,
      }),
    deleteGroup: (stream, group) => tenant.groups.delete(stream, group),
    async group(stream, group) {
      const found = await tenant.groups.get(stream, group);
      const parked = found.parkedEvents.map((event) => ({
        ...event,
        offset: Number(event.offset),
        position: Number(event.position),
      }));
      return { group: groupEntry(found), parked };
    },
    groups: async (stream) => (await tenant.groups.list(stream)).map(groupEntry),
    settleParked: (stream, group, offsets, verdict) =>
      verdict === "replay"
        ? tenant.groups.replayParked(stream, group, offsets)
        : tenant.groups.discardParked(stream, group, offsets),
    async *consume(stream, group, signal) {
      for await (const event of tenant.stream(stream).subscribe({ group, signal })) {
        yield { event: storedEvent(event, event.attempt), acknowledge: () => event.ack() };
      }
    },
  };
}

/** What has arrived together comes together, so that a fast stream costs one write for many events. */
async function* gathered<T>(source: AsyncIterableIterator<T>): AsyncGenerator<T[]> {
  try {
    for (let pending = next(source); ; ) {
      const gatheredNow: T[] = [];
      let result = await pending;
      for (let ready: IteratorResult<T> | null = result; ready !== null; ready = await settled(pending)) {
        result = ready;
        if (result.done === true) break;
        gatheredNow.push(result.value);
        pending = next(source);
        if (gatheredNow.length >= gatheredMax) break;
      }
      if (gatheredNow.length > 0) yield gatheredNow;
      if (result.done === true) return;
    }
  } finally {
    await source.return?.();
  }
}

function next<T>(source: AsyncIterableIterator<T>): Promise<IteratorResult<T>> {
  const promise = source.next();
  // Its failure is met when it is awaited; the reader may stop before.
  promise.catch(() => {});
  return promise;
}

/** Turns of the microtask queue in which an event that is already here comes out of the SDK. */
const patienceTurns = 16;

/** The result of a promise that resolves without waiting for the event loop, or null. */
async function settled<T>(promise: Promise<T>): Promise<T | null> {
  let result: T | null = null;
  promise.then(
    (value) => {
      result = value;
    },
    () => {},
  );
  for (let turn = 0; turn < patienceTurns && result === null; turn += 1) await Promise.resolve();
  return result;
}

const streamEntry = (info: StreamInfo): StreamEntry => ({
  id: Number(info.id),
  name: info.name,
  nextOffset: Number(info.nextOffset),
  bytes: Number(info.bytes),
  createdPosition: Number(info.createdPosition),
  createdTime: info.createdTime,
});

const storedEvent = (event: Event, attempt: number | null = null): StoredEvent => ({
  offset: Number(event.offset),
  position: Number(event.position),
  time: event.time,
  isJson: event.format === "json",
  payload: event.data,
  attempt,
});

const groupEntry = (group: GroupInfo): GroupEntry => ({
  name: group.name,
  floor: Number(group.floor),
  settled: group.settled,
  retrying: group.retrying,
  parked: group.parked,
  timeoutMs: group.answerTimeoutMs,
  attemptsMax: group.attemptsMax,
  createdTime: group.createdTime,
});

function sdkConsistency(consistency: Consistency): SdkConsistency {
  switch (consistency.kind) {
    case "position":
      return { atPosition: consistency.position };
    case "timestamp":
      return { atTimestamp: consistency.micros };
    default:
      return consistency.kind;
  }
}
