/**
 * A writer whose every byte is known beforehand, and a record of what it was promised: the ground on which fault tests stand.
 *
 * Writer `w` appends to a stream of its own. Its append number `a` has an idempotency key made of (w, a) and 1 to 4 events whose
 * payloads say (w, sequence). Several appends are in flight at once over one connection. When the connection or the node goes, the
 * outcome of those in flight is unknown; the writer connects again and repeats them, in order and with the same keys, before it
 * goes on. So, whatever happens between, the stream must hold sequence 0, 1, 2, … each once, at least as far as was acknowledged.
 */
import { Connection } from "../../protocol/client/connection.js";
import { socketConnector } from "../../protocol/client/socket-connector.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export interface WriterOptions {
  /** Number of the writer: part of its keys and payloads. */
  readonly writer: number;
  readonly tenant: number;
  readonly stream: number;
  /** "host:port"; asked anew for each connection. */
  readonly address: () => string;
  /** Appends in flight at once. */
  readonly depth: number;
  /** Bytes of a payload; its first 16 say who and which. */
  readonly payloadBytes: number;
  /** Distinguishes runs over one data directory. */
  readonly run: number;
  /**
   * Each append names the offset that it has to stand at. Where a leader can change under a connection that has to be: the first of
   * several in flight may be refused (nobody leads just then) and those behind it taken a moment later.
   */
  readonly expectsOffset?: boolean | undefined;
  /** Told of each acknowledgement, with the log's time of it in µs. */
  readonly onAcknowledged?: ((time: number) => void) | undefined;
}

interface Append {
  readonly number: number;
  readonly first: number;
  readonly count: number;
  /** True when an earlier try may have been applied. */
  isUnknown: boolean;
}

const connect = socketConnector();
const requestMs = 20_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function payloadOf(writer: number, sequence: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes).fill(97 + (sequence % 26));
  const view = new DataView(payload.buffer);
  view.setUint32(0, writer, true);
  view.setUint32(4, sequence, true);
  return payload;
}

function keyOf(run: number, writer: number, append: number): Uint8Array {
  const key = new Uint8Array(16);
  const view = new DataView(key.buffer);
  view.setUint32(0, 0x6b657921, true);
  view.setUint32(4, run, true);
  view.setUint32(8, writer + 1, true);
  view.setUint32(12, append, true);
  return key;
}

export class Writer {
  readonly options: WriterOptions;
  /** Events whose append was acknowledged: sequences below this. */
  acknowledged = 0;
  /** Events handed out: the stream may hold no sequence from here on. */
  sent = 0;
  /** Unknown outcomes, and what the repetition with the same key said of them. */
  unknown = 0;
  unknownCommitted = 0;
  unknownLost = 0;
  refused = 0;
  connections = 0;
  /** When something was last acknowledged, on `performance.now`'s scale. */
  acknowledgedAt = performance.now();
  /** What no fault may cause, in words. */
  readonly violations: string[] = [];
  #lastPosition = -1;
  #lastTime = 0;
  #appends = 0;
  #stopping = false;
  #closing = false;
  #connection: Connection | null = null;
  /** In flight or to be repeated, in order. */
  #open: Append[] = [];
  #running: Promise<void> | null = null;

  constructor(options: WriterOptions) {
    this.options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Stops new appends and waits until every outcome is known. */
  async settle(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** Gives up whatever is open. */
  async abandon(): Promise<void> {
    this.#stopping = true;
    this.#closing = true;
    this.#connection?.close(0);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closing && !(this.#stopping && this.#open.length === 0)) {
      try {
        const transport = await connect(this.options.address(), 2_000);
        const connection = await Connection.open(transport, { connectTimeoutMs: 2_000, keepAliveMs: 1_000 });
        this.#connection = connection;
        this.connections += 1;
        await this.#use(connection);
        connection.close(0);
      } catch (error) {
        if (!(error instanceof KimberliteError)) throw error;
      }
      if (this.#open.length > 0) await pause(5);
    }
  }

  /** Appends until the connection ends, a request fails, or the writer stops. */
  #use(connection: Connection): Promise<void> {
    const { depth, tenant, stream, run, writer, payloadBytes, expectsOffset = false } = this.options;
    return new Promise((resolve) => {
      let isOver = false;
      let waiting = 0;
      const begin = (append: Append): void => {
        const events = Array.from({ length: append.count }, (_, i) => ({
          payload: payloadOf(writer, append.first + i, payloadBytes),
          format: 0,
        }));
        const wasUnknown = append.isUnknown;
        waiting += 1;
        connection.sendAppend(
          tenant,
          stream,
          expectsOffset ? append.first : -1,
          keyOf(run, writer, append.number),
          events,
          requestMs,
          (error, position, firstOffset, count, time, replayed) => {
            waiting -= 1;
            if (error === undefined)
              this.#acknowledge(append, wasUnknown, position, firstOffset, count, time, replayed);
            else {
              if (error.code === "wrongExpectedOffset" && append === this.#open[0]) this.#giveUp(append, error);
              if (error.outcome === "notCommitted") this.refused += 1;
              else if (!append.isUnknown) {
                append.isUnknown = true;
                this.unknown += 1;
              }
              isOver = true;
            }
            if (!isOver) next();
            else if (waiting === 0) resolve();
          },
        );
      };
      const next = (): void => {
        while (!isOver && !this.#stopping && waiting < depth && connection.hasRoom) {
          const append = {
            number: this.#appends++,
            first: this.sent,
            count: 1 + (this.#appends % 4),
            isUnknown: false,
          };
          this.sent += append.count;
          this.#open.push(append);
          begin(append);
        }
        if (waiting === 0) resolve();
      };
      for (const append of [...this.#open]) {
        if (!connection.hasRoom) break;
        begin(append);
      }
      next();
    });
  }

  /** All that comes before was acknowledged, so this is where the stream has to end: it has lost something, or has too much. */
  #giveUp(append: Append, error: KimberliteError): void {
    this.violations.push(`writer ${this.options.writer}, append ${append.number}: ${error.message}`);
    this.#stopping = true;
    this.#closing = true;
  }

  #acknowledge(
    append: Append,
    wasUnknown: boolean,
    position: number,
    firstOffset: number,
    count: number,
    time: number,
    replayed: boolean,
  ): void {
    const { writer } = this.options;
    const what = `writer ${writer}, append ${append.number}`;
    if (wasUnknown) {
      if (replayed) this.unknownCommitted += 1;
      else this.unknownLost += 1;
    } else if (replayed) this.violations.push(`${what}: answered as replayed, but it was never sent before`);
    if (this.#open[0] !== append) this.violations.push(`${what}: acknowledged before append ${this.#open[0]?.number}`);
    if (firstOffset !== append.first || count !== append.count) {
      this.violations.push(`${what}: stands at ${firstOffset} + ${count}, expected ${append.first} + ${append.count}`);
    }
    if (position <= this.#lastPosition)
      this.violations.push(`${what}: position ${position} after ${this.#lastPosition}`);
    if (time <= this.#lastTime) this.violations.push(`${what}: time ${time} after ${this.#lastTime}`);
    this.#lastPosition = position;
    this.#lastTime = time;
    this.#open = this.#open.filter((open) => open !== append);
    this.acknowledged = Math.max(this.acknowledged, append.first + append.count);
    this.acknowledgedAt = performance.now();
    this.options.onAcknowledged?.(time);
  }
}
