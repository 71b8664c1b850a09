/**
 * Clients of tenants, each with one request under way: appends with idempotency keys, numbered requests in sessions, and requests that must
 * be refused, to any node. What has no known outcome is sent again, to another node, until it has one; what has one is sent again now and
 * then, and has to get it again.
 */
import { encodeAppend, encodeSessionOpen } from "../../runtime/kernel/codecs/write-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { type AppendReply, decodeAppendReply, decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import type { ErrorRecord } from "../../runtime/types/errors.js";
import { expect } from "./failure.js";
import type { KernelModel } from "./kernel-model.js";
import type { Stream } from "./streams.js";

export const tenants = [1, 2];
/** Sessions that a tenant may have: few, so that some are evicted. */
export const sessionsMax = 3;
const principal = new TextEncoder().encode("client");

type Purpose = "append" | "openSession" | "foreignSession";

interface Request {
  readonly number: number;
  readonly purpose: Purpose;
  readonly kind: number;
  readonly body: Uint8Array;
  /** Newest position of its tenant that had been answered when it was sent first. */
  readonly floor: number;
  /** The session that it names; 0 for none. */
  readonly session: number;
}

interface Answered {
  readonly request: Request;
  readonly reply: AppendReply;
}

interface Session {
  readonly number: number;
  nextRequest: number;
}

export interface ClientWorld {
  readonly random: Stream;
  readonly model: KernelModel;
  readonly bodyBytesMax: number;
  /** What was committed last cannot be looked at. */
  readonly isBlind: boolean;
  /** Newest answered position of a tenant. */
  floor(tenant: number): number;
  answeredAt(tenant: number, position: number): void;
  /** A session of another tenant, or 0. */
  foreignSession(tenant: number): number;
  openedSession(tenant: number, session: number): void;
  nextNumber(): number;
}

export class KernelClient {
  readonly id: number;
  readonly tenant: number;
  readonly #world: ClientWorld;
  #underWay: Request | null = null;
  #session: Session | null = null;
  readonly #done: Answered[] = [];
  answered = 0;
  refused = 0;

  constructor(id: number, tenant: number, world: ClientWorld) {
    this.id = id;
    this.tenant = tenant;
    this.#world = world;
  }

  get isIdle(): boolean {
    return this.#underWay === null;
  }

  /** The request that waits for its outcome, or a new one. */
  request(): {
    readonly kind: number;
    readonly body: Uint8Array;
    readonly principal: Uint8Array;
    readonly number: number;
  } {
    this.#underWay ??= this.#make();
    const { kind, body, number } = this.#underWay;
    return { kind, body, principal, number };
  }

  #make(): Request {
    const { random } = this.#world;
    const done = this.#done.length > 0 && random.chance(0.15) ? random.pick(this.#done) : null;
    if (done !== null) return done.request;
    if (this.#session === null && random.chance(0.2)) return this.#openSession();
    const foreign = this.#world.foreignSession(this.tenant);
    if (foreign > 0 && random.chance(0.1)) return this.#append("foreignSession", foreign, 1);
    if (this.#session !== null && random.chance(0.5))
      return this.#append("append", this.#session.number, this.#session.nextRequest);
    return this.#append("append", 0, 0);
  }

  #append(purpose: Purpose, session: number, requestNumber: number): Request {
    const { random, bodyBytesMax } = this.#world;
    const number = this.#world.nextNumber();
    const payload = new Uint8Array(8 + random.below(Math.max(Math.min(bodyBytesMax, 900), 1)));
    new DataView(payload.buffer).setUint32(0, number, true);
    payload.fill(this.tenant, 8);
    const key = new Uint8Array(16);
    new DataView(key.buffer).setUint32(0, number, true);
    key[15] = 1;
    const head =
      session === 0
        ? { tenant: this.tenant, requestKey: key }
        : { tenant: this.tenant, requestKey: key, session, requestNumber };
    const body = encodeAppend(new ByteWriter(), head, 1, "any", [{ payload, format: 0 }]).finish();
    return { number, purpose, kind: requestKind.append, body, floor: this.#world.floor(this.tenant), session };
  }

  #openSession(): Request {
    const number = this.#world.nextNumber();
    const client = new Uint8Array(16);
    new DataView(client.buffer).setUint32(0, number, true);
    client[15] = 2;
    const key = client.slice();
    key[15] = 3;
    const head = { tenant: this.tenant, requestKey: key };
    const body = encodeSessionOpen(new ByteWriter(), head, client).finish();
    const floor = this.#world.floor(this.tenant);
    return { number, purpose: "openSession", kind: requestKind.sessionOpen, body, floor, session: 0 };
  }

  ok(number: number, body: Uint8Array): void {
    const request = this.#underWay;
    if (request === null || request.number !== number) return;
    this.#underWay = null;
    this.answered += 1;
    if (request.purpose === "openSession") {
      const { subject } = decodeOutcomeReply(body);
      this.#session = { number: subject, nextRequest: 1 };
      this.#world.openedSession(this.tenant, subject);
      return;
    }
    // While what was committed last cannot be looked at, the session's opening may be in that (seed 31101196).
    const { isBlind, model } = this.#world;
    expect(
      request.purpose !== "foreignSession" || isBlind || model.hasSession(this.tenant, request.session),
      "tenancy",
      () => `client ${this.id} of tenant ${this.tenant} wrote in a session of another tenant`,
    );
    // Numbers of sessions are a tenant's own: where it has that one too, the request was its own, and perhaps a repetition in it.
    if (request.purpose === "foreignSession") return;
    this.#appended(request, decodeAppendReply(body));
  }

  #appended(request: Request, reply: AppendReply): void {
    if (this.#world.isBlind) return;
    const logged = this.#world.model.appends.get(request.number);
    expect(
      logged !== undefined,
      "ack durability",
      () => `request ${request.number} was answered at position ${reply.position}, and is not in the committed log`,
    );
    if (logged === undefined) return;
    expect(logged.tenant === this.tenant, "tenancy", () => `request ${request.number} stands in another tenant's log`);
    expect(
      logged.position === reply.position && logged.firstOffset === reply.firstOffset,
      "sessions",
      () => `request ${request.number} was answered at position ${reply.position} and stands at ${logged.position}`,
    );
    const before = this.#done.find((done) => done.request === request);
    if (before === undefined) {
      expect(
        reply.position > request.floor,
        "log order",
        () =>
          `request ${request.number}, sent after position ${request.floor} was answered, stands at ${reply.position}`,
      );
      this.#done.push({ request, reply });
      if (this.#session !== null && request.session === this.#session.number) this.#session.nextRequest += 1;
    } else {
      const same = before.reply.position === reply.position && before.reply.time === reply.time && reply.replayed;
      expect(same, "sessions", () => `request ${request.number} got another answer when it was sent again`);
    }
    this.#world.answeredAt(this.tenant, reply.position);
  }

  fail(number: number, error: ErrorRecord): void {
    const request = this.#underWay;
    if (request === null || request.number !== number) return;
    if (error.code === "sessionUnknown") {
      if (request.purpose === "append" && this.#session !== null) {
        const { isBlind, model } = this.#world;
        const since = model.sessionsSince(this.tenant, this.#session.number);
        // While what was committed last cannot be looked at, others may have been opened in that (seed 60037778).
        expect(
          since >= sessionsMax || isBlind || !model.hasSession(this.tenant, this.#session.number),
          "tenancy",
          () => `the session of client ${this.id} is gone after ${since} others of its tenant were opened`,
        );
      }
      this.#session = request.purpose === "foreignSession" ? this.#session : null;
      this.#underWay = null;
      this.refused += 1;
      return;
    }
    // What is certainly not committed, for another reason than the request's own, is sent again like what is unknown.
    const isOwn = ["sessionOutOfOrder", "streamUnknown", "tenantUnknown", "idempotencyKeyReused"].includes(error.code);
    if (!isOwn) return;
    expect(
      error.code !== "idempotencyKeyReused",
      "sessions",
      () => `request ${request.number} is said to reuse a key: ${error.message}`,
    );
    this.#session = null;
    this.#underWay = null;
    this.refused += 1;
  }
}
