/**
 * Clients whose every answer is kept for the checkers. They share streams, so that what one is told another can contradict, and they know
 * of each other's answers: appends expect offsets that somebody has just learned of on another node.
 *
 *   movers      one operation after the other over the SDK, with short deadlines; a node that does not answer is left for the next
 *   residents   at a fixed rate, whatever is unanswered, each for ever with the same node: what a node that was stopped is asked
 *               meanwhile it answers from what it then believes
 *
 * Streams are changed every few seconds, which keeps the search of the checker short.
 */
import { connect, type Database, isKimberliteError } from "../../protocol/sdk/index.js";
import { type Append, type AppendOutcome, type Operation, payloadOf, type Token, tokenOf } from "./history.js";
import type { Timeline } from "./timeline.js";

export interface AuditorOptions {
  readonly nodes: number;
  readonly portOf: (node: number) => number;
  /** Nodes that are worth asking now. */
  readonly running: () => readonly number[];
  readonly timeline: Timeline;
  readonly random: () => number;
  readonly streams: number;
  readonly tenant: string;
}

interface Target {
  readonly name: string;
  /** The stream's number; -1 until somebody knows. */
  id: number;
  /** Its next offset, as the newest answer says that anyone got. */
  next: number;
}

const periodMs = 4_000;
const moverMs = 1_200;
const residentMs = 8_000;
const residentEveryMs = 80;
const residentOpenMax = 80;
/** While nobody is answered anything at all, more of the same questions would only make the search long. */
const standingMs = 1_500;
const standingOpenMax = 3;
const thinkMs = 12;
const shownMax = 3;
const readerEveryMs = 10;
const pagesKept = 200;

/** What a linearizable read saw: a read at its position sees it for ever, on every node. */
interface SeenPage {
  readonly stream: string;
  readonly position: number;
  readonly next: number;
  readonly last: readonly Token[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Auditors {
  readonly history: Operation[] = [];
  /** Answers by kind, e.g. "append committed". */
  readonly counts: Record<string, number> = {};
  /** What reads that need no leader contradicted, in words. */
  readonly violations: string[] = [];
  readonly #seen: SeenPage[] = [];
  readonly #options: AuditorOptions;
  readonly #running: Promise<void>[] = [];
  #targets: readonly Target[] = [];
  #isStopping = false;
  #tokens = 0;
  #periods = 0;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { nodes, streams } = this.#options;
    await this.#newStreams();
    this.#running.push(this.#renew());
    for (let node = 0; node < nodes; node++) {
      this.#running.push(this.#reside(node), this.#readOn(node));
    }
    for (let mover = 0; mover < streams * 2; mover++) this.#running.push(this.#move(mover));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  // ------------------------------------------------------------------ streams

  async #newStreams(): Promise<void> {
    const { streams, tenant, portOf, running } = this.#options;
    this.#periods += 1;
    const targets = Array.from({ length: streams }, (_, index) => ({
      name: `audited-${this.#periods}-${index}`,
      id: -1,
      next: 0,
    }));
    const [node = 0] = this.#shuffled(running());
    const db = await connect(`127.0.0.1:${portOf(node)}`, { timeoutMs: 3_000 });
    try {
      for (const target of targets) {
        const stream = await db.tenant(tenant).streams.create(target.name, { ifNotExists: true });
        target.id = await stream.id();
      }
    } finally {
      await db.close(0);
    }
    this.#targets = targets;
  }

  async #renew(): Promise<void> {
    let renewedAt = performance.now();
    while (!this.#isStopping) {
      await pause(50);
      if (performance.now() - renewedAt < periodMs) continue;
      // While nobody leads, the old ones do for some time longer.
      await this.#newStreams().then(
        () => {
          renewedAt = performance.now();
        },
        (error: unknown) => {
          if (!isKimberliteError(error)) throw error;
        },
      );
    }
  }

  #shuffled(nodes: readonly number[]): number[] {
    return nodes
      .map((node) => ({ node, at: this.#options.random() }))
      .sort((left, right) => left.at - right.at)
      .map(({ node }) => node);
  }

  #target(): Target {
    const target = this.#targets[Math.floor(this.#options.random() * this.#targets.length)];
    if (target === undefined) throw new Error("there are streams");
    return target;
  }

  // ------------------------------------------------------------------ clients

  async #move(client: number): Promise<void> {
    let db: Database | null = null;
    while (!this.#isStopping) {
      const [node] = this.#shuffled(this.#options.running());
      if (node === undefined || (this.#isStanding && client > 0)) {
        await pause(thinkMs);
        continue;
      }
      try {
        db = await connect(`127.0.0.1:${this.#options.portOf(node)}`, { timeoutMs: moverMs, connectTimeoutMs: 500 });
        // A mover that stays with a node until that fails would leave the nodes that come back alone.
        for (let turn = 0; turn < 150 && !this.#isStopping; turn++) {
          const isGood = await this.#operate(db, client, this.#target(), moverMs, 0.35);
          if (!isGood) break;
          await pause(this.#options.random() * thinkMs);
        }
      } catch (error) {
        if (!isKimberliteError(error)) throw error;
      }
      await db?.close(0);
      db = null;
      await pause(5);
    }
  }

  async #reside(node: number): Promise<void> {
    const address = `127.0.0.1:${this.#options.portOf(node)}`;
    const open = new Set<Promise<unknown>>();
    let db: Database | null = null;
    while (!this.#isStopping) {
      await pause(residentEveryMs);
      if (open.size >= (this.#isStanding ? standingOpenMax : residentOpenMax)) continue;
      try {
        db ??= await connect(address, { timeoutMs: residentMs, connectTimeoutMs: 1_000 });
      } catch (error) {
        if (!isKimberliteError(error)) throw error;
        continue;
      }
      const operation = this.#operate(db, 1_000 + node, this.#target(), residentMs, 0.6);
      open.add(operation);
      void operation.finally(() => open.delete(operation));
    }
    await Promise.all(open);
    await db?.close(0);
  }

  /** Reads that need no leader, as fast as a user would notice their absence: stale, of the session, at a position. */
  async #readOn(node: number): Promise<void> {
    const { portOf, timeline } = this.#options;
    let db: Database | null = null;
    let session = new Map<string, number>();
    while (!this.#isStopping) {
      await pause(readerEveryMs);
      try {
        if (db === null) {
          db = await connect(`127.0.0.1:${portOf(node)}`, { timeoutMs: 1_000, connectTimeoutMs: 500 });
          session = new Map();
        }
        await this.#readSomehow(db, node, session);
        timeline.reads[node]?.add();
      } catch (error) {
        if (!isKimberliteError(error)) throw error;
        this.#count(`other read ${error.code}`);
        // A stream or position that is new may not have come to this node yet: that is an answer too.
        if (error.code === "streamUnknown" || error.code === "positionUnknown") timeline.reads[node]?.add();
        else if (error.code !== "deadlineExceeded") {
          await db?.close(0);
          db = null;
        }
      }
    }
    await db?.close(0);
  }

  /** @param session next offsets by stream, as this connection has seen them */
  async #readSomehow(db: Database, node: number, session: Map<string, number>): Promise<void> {
    const { tenant, random } = this.#options;
    const drawn = random();
    const seen = this.#seen[Math.floor(random() * this.#seen.length)];
    if (drawn < 0.3 && seen !== undefined) {
      const consistency = { atPosition: seen.position };
      const stream = db.tenant(tenant).stream(seen.stream);
      const page = await stream.read({ limit: shownMax, direction: "backward", consistency });
      this.#count("read at a position");
      const last = page.events.map(({ data }) => tokenOf(data) ?? -1);
      if (Number(page.nextOffset) !== seen.next || last.join() !== seen.last.join())
        this.violations.push(
          `node ${node + 1} shows ${seen.stream} at position ${seen.position} as ${page.nextOffset}: ${last.join(" ")}, it was ${seen.next}: ${seen.last.join(" ")}`,
        );
      return;
    }
    const { name } = this.#target();
    const consistency = drawn < 0.6 ? "stale" : "session";
    const { nextOffset } = await db.tenant(tenant).stream(name).read({ limit: 1, direction: "backward", consistency });
    this.#count(`read ${consistency}`);
    if (consistency === "stale") return;
    const before = session.get(name) ?? 0;
    if (Number(nextOffset) < before)
      this.violations.push(`a session with node ${node + 1} saw ${name} go back from ${before} to ${nextOffset}`);
    session.set(name, Number(nextOffset));
  }

  // ------------------------------------------------------------------ operations

  /** No write has been acknowledged for a while, on any node. */
  get #isStanding(): boolean {
    return performance.now() - this.#options.timeline.writes.last > standingMs;
  }

  /** How long appends took that were acknowledged in a span, ms. */
  appendsBetween(from: number, to: number): number[] {
    return this.history.flatMap(({ kind, called, returned }) =>
      kind === "append" && returned >= from && returned < to ? [returned - called] : [],
    );
  }

  #keep(page: SeenPage): void {
    if (this.#seen.length < pagesKept) this.#seen.push(page);
    else this.#seen[Math.floor(this.#options.random() * pagesKept)] = page;
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** One operation, kept. False when the node is better left. */
  async #operate(db: Database, client: number, target: Target, timeoutMs: number, reads: number): Promise<boolean> {
    return this.#options.random() < reads
      ? this.#read(db, client, target, timeoutMs)
      : this.#append(db, client, target, timeoutMs);
  }

  async #read(db: Database, client: number, target: Target, timeoutMs: number): Promise<boolean> {
    const called = performance.now();
    try {
      const page = await db
        .tenant(this.#options.tenant)
        .stream(target.name)
        .read({ limit: shownMax, direction: "backward", consistency: "linearizable", timeoutMs });
      const returned = performance.now();
      const next = Number(page.nextOffset);
      const visible = page.position === null ? 0 : Number(page.position) + 1;
      const last = page.events.map(({ data }): Token => tokenOf(data) ?? -1);
      this.history.push({ kind: "read", client, stream: target.id, called, returned, visible, next, last });
      target.next = Math.max(target.next, next);
      if (visible > 0) this.#keep({ stream: target.name, position: visible - 1, next, last });
      this.#count("read answered");
      return true;
    } catch (error) {
      if (!isKimberliteError(error)) throw error;
      this.#count(`read ${error.code}`);
      return false;
    }
  }

  async #append(db: Database, client: number, target: Target, timeoutMs: number): Promise<boolean> {
    const { random, tenant, timeline } = this.#options;
    this.#tokens += 1;
    const token = this.#tokens;
    const count = 1 + Math.floor(random() * 2);
    const expected = random() < 0.15 ? null : target.next;
    const events = Array.from({ length: count }, (_, index) => payloadOf(token, index));
    const called = performance.now();
    const keep = (outcome: AppendOutcome): void => {
      const returned = outcome.kind === "unknown" ? Number.POSITIVE_INFINITY : performance.now();
      const common = { kind: "append", client, stream: target.id, called, returned } as const;
      this.history.push({ ...common, token, count, expected, outcome } satisfies Append);
      this.#count(`append ${outcome.kind}`);
    };
    try {
      const { position, firstOffset } = await db
        .tenant(tenant)
        .stream(target.name)
        .append(events, { expectedOffset: expected ?? "any", timeoutMs });
      keep({ kind: "committed", position: Number(position), offset: Number(firstOffset) });
      target.next = Math.max(target.next, Number(firstOffset) + count);
      timeline.writes.add();
      return true;
    } catch (error) {
      if (!isKimberliteError(error)) throw error;
      const next = error.detail["next"];
      if (error.code === "wrongExpectedOffset" && typeof next === "number") {
        keep({ kind: "conflict", next });
        return true;
      }
      // Before the SDK knows the stream's number, an append begins with a read, whose failure says nothing was written.
      keep({ kind: error.outcome === "notCommitted" ? "notCommitted" : "unknown" });
      this.#count(`append failed with ${error.code}`);
      return false;
    }
  }
}
