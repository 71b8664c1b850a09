/** Consumer groups of a tenant's streams: who is done with what, and what was set aside. */

import {
  decodeGroupGetReply,
  decodeGroupListReply,
  type GroupReply,
} from "../../runtime/kernel/codecs/read-replies.js";
import { encodeReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import { encodeGroupCreate, encodeGroupDelete } from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { groupName } from "../../runtime/types/ids.js";
import type { CallOptions } from "../client/client.js";
import { type ReadOptions, readHead } from "./consistency.js";
import { countWithin, wireNumber } from "./numbers.js";
import type { Stream } from "./stream.js";
import { GroupAnswers } from "./subscription.js";
import type { TenantSession } from "./tenant-session.js";

export interface GroupOptions extends CallOptions {
  /** Where it begins: an offset, "start" (default) or "head". */
  readonly start?: bigint | number | "start" | "head" | undefined;
  /** Failed attempts after which an event is set aside; 0 = never. Default 5. */
  readonly attemptsMax?: number | undefined;
  /** Time that a consumer has for an answer before the event is given to another; default 30,000. */
  readonly answerTimeoutMs?: number | undefined;
  readonly ifNotExists?: boolean | undefined;
}

export interface GroupInfo {
  readonly name: string;
  /** All events below are done with, or parked. */
  readonly floor: bigint;
  readonly start: bigint;
  /** Events above the floor that are done with. */
  readonly settled: number;
  readonly retrying: number;
  readonly parked: number;
  readonly attemptsMax: number;
  readonly answerTimeoutMs: number;
  /** µs since 1970. */
  readonly createdTime: number;
}

export interface ParkedInfo {
  readonly offset: bigint;
  readonly position: bigint;
  /** µs since 1970. */
  readonly time: number;
  readonly attempts: number;
  /** Its attempts were used up, or a consumer asked for it. */
  readonly reason: "attempts" | "asked";
}

const parkedPage = 1_000;

const groupInfo = (group: GroupReply): GroupInfo => ({
  name: group.name,
  floor: BigInt(group.floor),
  start: BigInt(group.start),
  settled: group.settled,
  retrying: group.retrying,
  parked: group.parked,
  attemptsMax: group.attemptsMax,
  answerTimeoutMs: group.timeoutMs,
  createdTime: group.createdTime,
});

export class Groups {
  readonly #session: TenantSession;
  readonly #streams: { handle(name: string): Stream };

  constructor(session: TenantSession, streams: { handle(name: string): Stream }) {
    this.#session = session;
    this.#streams = streams;
  }

  /** Rejects with `groupExists` unless `ifNotExists`, `streamUnknown`, `quotaExceeded`, `invalidArgument`. */
  async create(stream: string, name: string, options: GroupOptions = {}): Promise<void> {
    const {
      start = "start",
      attemptsMax = 5,
      answerTimeoutMs = 30_000,
      ifNotExists = false,
      timeoutMs,
      signal,
    } = options;
    const checked = groupName(name);
    const from = start === "head" ? "head" : start === "start" ? 0 : wireNumber(start, "start");
    countWithin(answerTimeoutMs, "answerTimeoutMs", 0xffff_ffff);
    if (!Number.isInteger(attemptsMax) || attemptsMax < 0 || attemptsMax > 0xffff) {
      throw new KimberliteError("invalidArgument", "attemptsMax is from 0 to 65,535");
    }
    const requestKey = this.#session.client.nextKey();
    const [tenant, id] = await this.#ids(stream, { timeoutMs, signal });
    const group = { stream: id, name: checked, start: from, attemptsMax, timeoutMs: answerTimeoutMs } as const;
    const body = encodeGroupCreate(new ByteWriter(), { tenant, requestKey }, group, ifNotExists).finish();
    await this.#write(requestKind.groupCreate, tenant, body, { timeoutMs, signal });
  }

  /** Rejects with `groupUnknown`. The stream stays as it is. */
  async delete(stream: string, name: string, options: CallOptions = {}): Promise<void> {
    const checked = groupName(name);
    const requestKey = this.#session.client.nextKey();
    const [tenant, id] = await this.#ids(stream, options);
    const body = encodeGroupDelete(new ByteWriter(), { tenant, requestKey }, id, checked).finish();
    await this.#write(requestKind.groupDelete, tenant, body, options);
  }

  /** A group with what it has parked, from the offset `parkedFrom` on, at most 1,000. Rejects with `groupUnknown`. */
  async get(
    stream: string,
    name: string,
    options: ReadOptions & { readonly parkedFrom?: bigint | number | undefined } = {},
  ): Promise<GroupInfo & { readonly parkedEvents: ParkedInfo[] }> {
    const { timeoutMs, signal, parkedFrom = 0 } = options;
    const [tenant, id] = await this.#ids(stream, { timeoutMs, signal });
    const { client, memory } = this.#session;
    const request = {
      ...readHead(tenant, memory, options),
      kind: requestKind.groupGet,
      stream: id,
      name: groupName(name),
      parkedFrom: wireNumber(parkedFrom, "parkedFrom"),
      parkedLimit: parkedPage,
    };
    const body = encodeReadRequest(new ByteWriter(), request).finish();
    const reply = await client.request(
      requestKind.groupGet,
      tenant,
      body,
      false,
      { timeoutMs, signal },
      decodeGroupGetReply,
    );
    memory.note(reply.visible);
    const parkedEvents = reply.parked.map((event) => ({
      ...event,
      offset: BigInt(event.offset),
      position: BigInt(event.position),
    }));
    return { ...groupInfo(reply.group), parkedEvents };
  }

  async list(stream: string, options: ReadOptions = {}): Promise<GroupInfo[]> {
    const { timeoutMs, signal } = options;
    const [tenant, id] = await this.#ids(stream, { timeoutMs, signal });
    const { client, memory } = this.#session;
    const request = { ...readHead(tenant, memory, options), kind: requestKind.groupList, stream: id };
    const body = encodeReadRequest(new ByteWriter(), request).finish();
    const reply = await client.request(
      requestKind.groupList,
      tenant,
      body,
      false,
      { timeoutMs, signal },
      decodeGroupListReply,
    );
    memory.note(reply.visible);
    return reply.groups.map(groupInfo);
  }

  /** Gives parked events out again, their attempts counted from zero: those named, or all. Returns how many. */
  replayParked(stream: string, name: string, offsets: readonly (bigint | number)[] | "all" = "all"): Promise<number> {
    return this.#settleParked(stream, name, offsets, "replay");
  }

  /** Forgets parked events; they count as done with. Returns how many. */
  discardParked(stream: string, name: string, offsets: readonly (bigint | number)[] | "all" = "all"): Promise<number> {
    return this.#settleParked(stream, name, offsets, "discard");
  }

  async #settleParked(
    stream: string,
    name: string,
    offsets: readonly (bigint | number)[] | "all",
    verdict: "replay" | "discard",
  ): Promise<number> {
    const named = offsets === "all" ? undefined : new Set(offsets.map((offset) => wireNumber(offset, "offset")));
    const [tenant, id] = await this.#ids(stream, {});
    const answers = new GroupAnswers(this.#session.client, tenant, id, groupName(name));
    const entries = (list: readonly number[]) => list.map((offset) => ({ offset, verdict }));
    if (named !== undefined) return await answers.sendAll(entries([...named].sort((a, b) => a - b)));
    let changed = 0;
    for (let parkedFrom = 0n; ; ) {
      const { parkedEvents } = await this.get(stream, name, { parkedFrom, consistency: "linearizable" });
      const last = parkedEvents.at(-1);
      if (last === undefined) return changed;
      assert(last.offset >= parkedFrom, "a page of parked events goes beyond the one before");
      changed += await answers.sendAll(entries(parkedEvents.map((event) => Number(event.offset))));
      parkedFrom = last.offset + 1n;
    }
  }

  async #ids(stream: string, options: CallOptions): Promise<[number, number]> {
    const tenant = await this.#session.id(options);
    return [tenant, await this.#streams.handle(stream).id(options)];
  }

  async #write(kind: number, tenant: number, body: Uint8Array, options: CallOptions): Promise<void> {
    const { client, memory } = this.#session;
    const reply = await client.request(kind, tenant, body, true, options, decodeOutcomeReply);
    memory.note(reply.position + 1);
  }
}
