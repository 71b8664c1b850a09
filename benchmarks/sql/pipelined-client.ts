/**
 * A client that has several statements under way on each of its connections, in a process of its own: Bind, Execute and Sync of a statement that was
 * prepared once, in a frame made once, of which a request changes the digits of its only parameter. Every answer is looked at; what was
 * acknowledged is told as a count and a sum, to be held against what the server has afterwards.
 *
 *   node pipelined-client.js LOAD    where LOAD is a `PipelinedLoad` as JSON; the server as libpq's environment variables name it
 */
import { once } from "node:events";
import { Socket } from "node:net";
import pg from "pg";

export interface PipelinedLoad {
  /** One parameter: a whole number. */
  readonly statement: string;
  readonly connections: number;
  /** Of each connection, each with a Sync of its own. */
  readonly inFlight: number;
  /** Bounds of the parameter, of as many digits both, leading zeros with them. */
  readonly from: string;
  readonly to: string;
  /** Rows that an answer brings. */
  readonly rowsEach: number;
  readonly seconds: number;
}

export interface PipelinedResult {
  readonly answered: number;
  /** Of the parameters of what was answered, in decimal. */
  readonly sum: string;
  /** From the first request to the last answer. */
  readonly elapsedMs: number;
}

const letters = { bindComplete: 0x32, complete: 0x43, row: 0x44, error: 0x45, ready: 0x5a } as const;
const headBytes = 5;
const name = "s";

/** A message: its letter, its length with itself, its body. */
function message(letter: string, body: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.write(letter, "latin1");
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const int16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const noBytes = Buffer.alloc(0);
const sync = message("S", noBytes);

/** Bind, Execute, Sync; the parameter's digits stand at `digitsAt`. */
function requestFrame(digits: number): { readonly frame: Buffer; readonly digitsAt: number } {
  const before = Buffer.concat([text(""), text(name), int16(0), int16(1), Buffer.of(0, 0, 0, digits)]);
  const bind = message("B", Buffer.concat([before, Buffer.alloc(digits, 0x30), int16(0)]));
  const execute = message("E", Buffer.concat([text(""), Buffer.alloc(4)]));
  return { frame: Buffer.concat([bind, execute, sync]), digitsAt: headBytes + before.length };
}

class Parameters {
  readonly digits: number;
  readonly #from: number;
  readonly #span: number;

  constructor({ from, to }: Pick<PipelinedLoad, "from" | "to">) {
    if (from.length !== to.length || !Number.isSafeInteger(Number(to))) throw new Error("bounds have as many digits");
    this.digits = from.length;
    this.#from = Number(from);
    this.#span = Number(to) - this.#from + 1;
  }

  /** Any of them, its digits written at `at`. */
  write(bytes: Buffer, at: number): number {
    const value = this.#from + Math.floor(Math.random() * this.#span);
    let left = value;
    for (let place = at + this.digits - 1; place >= at; place--) {
      const tenth = Math.floor(left / 10);
      bytes[place] = 0x30 + (left - tenth * 10);
      left = tenth;
    }
    return value;
  }
}

class PipelinedConnection {
  readonly #socket: Socket;
  readonly #load: PipelinedLoad;
  readonly #parameters: Parameters;
  readonly #frames: Buffer;
  readonly #frameBytes: number;
  readonly #digitsAt: number;
  /** Parameters of what is under way, the oldest at `#oldest`: answers come in the order of requests. */
  readonly #underWay: number[];
  #oldest = 0;
  #rest: Buffer = noBytes;
  #rows = 0;
  #completed = 0;
  #isPrepared = false;
  #isOver = false;
  #left = 0;
  #wake: () => void = () => {};
  answered = 0;
  /** Two halves of decimal digits, so that it stays exact. */
  #sumHigh = 0;
  #sumLow = 0;

  private constructor(socket: Socket, load: PipelinedLoad) {
    this.#socket = socket;
    this.#load = load;
    this.#parameters = new Parameters(load);
    const { frame, digitsAt } = requestFrame(this.#parameters.digits);
    this.#frameBytes = frame.length;
    this.#digitsAt = digitsAt;
    this.#frames = Buffer.concat(Array.from({ length: load.inFlight }, () => frame));
    this.#underWay = Array.from({ length: load.inFlight }, () => 0);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  /** Logs in as the driver does, then speaks by itself. */
  static async open(load: PipelinedLoad): Promise<PipelinedConnection> {
    const socket = new Socket();
    const client = new pg.Client({ stream: () => socket });
    await client.connect();
    socket.removeAllListeners("data");
    const connection = new PipelinedConnection(socket, load);
    const parse = message("P", Buffer.concat([text(name), text(load.statement), int16(0)]));
    socket.write(Buffer.concat([parse, sync]));
    await connection.#waits();
    connection.#isPrepared = true;
    return connection;
  }

  #waits(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Begins; resolves when `stop` was called and everything under way is answered. */
  run(): Promise<void> {
    this.#left = this.#load.inFlight;
    this.#send(this.#load.inFlight);
    return this.#waits();
  }

  stop(): void {
    this.#isOver = true;
  }

  get sum(): bigint {
    return BigInt(this.#sumHigh) * BigInt(half) + BigInt(this.#sumLow);
  }

  /** As many requests in one write; as many places from the oldest on are free. */
  #send(count: number): void {
    const bytes = Buffer.from(this.#frames.subarray(0, count * this.#frameBytes));
    const { inFlight } = this.#load;
    for (let each = 0; each < count; each++) {
      const place = (this.#oldest - count + each + 2 * inFlight) % inFlight;
      this.#underWay[place] = this.#parameters.write(bytes, each * this.#frameBytes + this.#digitsAt);
    }
    this.#socket.write(bytes);
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    let ready = 0;
    while (at + headBytes <= bytes.length) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      if (end > bytes.length) break;
      const letter = bytes[at];
      if (letter === letters.row) this.#rows += 1;
      else if (letter === letters.complete) this.#completed += 1;
      else if (letter === letters.error) throw new Error(bytes.subarray(at + headBytes, end).toString());
      else if (letter === letters.ready) {
        ready += 1;
        if (this.#isPrepared) this.#answeredOne();
      }
      at = end;
    }
    this.#rest = at === bytes.length ? noBytes : Buffer.from(bytes.subarray(at));
    if (ready === 0) return;
    if (!this.#isPrepared) this.#wake();
    else if (!this.#isOver) this.#send(ready);
    else {
      this.#left -= ready;
      if (this.#left === 0) this.#wake();
    }
  }

  #answeredOne(): void {
    if (this.#completed !== 1 || this.#rows !== this.#load.rowsEach)
      throw new Error(`an answer has ${this.#rows} rows and ${this.#completed} ends`);
    this.#completed = 0;
    this.#rows = 0;
    this.answered += 1;
    const value = this.#underWay[this.#oldest] ?? 0;
    this.#oldest = (this.#oldest + 1) % this.#load.inFlight;
    const high = Math.floor(value / half);
    this.#sumHigh += high;
    this.#sumLow += value - high * half;
  }

  close(): void {
    this.#socket.on("error", () => {});
    this.#socket.end(message("X", noBytes));
  }
}

const half = 100_000_000;

async function run(load: PipelinedLoad): Promise<PipelinedResult> {
  const open = Array.from({ length: load.connections }, () => PipelinedConnection.open(load));
  const connections = await Promise.all(open);
  const began = performance.now();
  const ended = connections.map((connection) => connection.run());
  setTimeout(() => {
    for (const connection of connections) connection.stop();
  }, load.seconds * 1_000);
  await Promise.all(ended);
  const elapsedMs = performance.now() - began;
  for (const connection of connections) connection.close();
  const answered = connections.reduce((total, connection) => total + connection.answered, 0);
  const sum = connections.reduce((total, connection) => total + connection.sum, 0n);
  return { answered, sum: String(sum), elapsedMs };
}

const result = await run(JSON.parse(process.argv[2] ?? "{}") as PipelinedLoad);
process.stdout.write(JSON.stringify(result));
if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
process.exit(0);
