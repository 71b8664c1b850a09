/**
 * A small client of PostgreSQL's protocol for tests: statements by the simple and the extended protocol, COPY in both directions, many
 * of them under way if they are asked together, all that the server says about each as data. It knows just what a private server with
 * `trust` needs.
 */
import net from "node:net";

export interface PostgresColumn {
  readonly name: string;
  readonly type: number;
  readonly modifier: number;
}

export type PostgresAnswer =
  | {
      readonly kind: "rows";
      readonly columns: readonly PostgresColumn[];
      /** In the binary format each value is its bytes in hexadecimal. What COPY gives out is a row of one value for each line. */
      readonly rows: readonly (readonly (string | null)[])[];
      readonly tag: string;
      /** Types that were inferred; of statements by the simple protocol there are none. */
      readonly parameterTypes: readonly number[];
    }
  | {
      readonly kind: "failed";
      readonly sqlState: string;
      readonly message: string;
      readonly fields: ReadonlyMap<string, string>;
    };

/** A value for a parameter: text, or bytes in the binary format of the type that is expected. */
export type ParameterValue = string | Buffer | null;
export type ResultFormat = "text" | "binary";

interface Pending {
  readonly format: ResultFormat;
  readonly resolve: (answer: PostgresAnswer) => void;
  readonly reject: (error: Error) => void;
  columns: PostgresColumn[];
  rows: (string | null)[][];
  tag: string;
  parameterTypes: number[];
  failure: PostgresAnswer | null;
}

export class PostgresClient {
  readonly #socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  /** What was asked and is not answered yet, in order. */
  readonly #pending: Pending[] = [];
  /** Of the last answer: none, open, or failed. */
  transaction: "none" | "open" | "failed" = "none";

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#take(bytes));
    const fail = (error: Error): void => {
      for (const { reject } of this.#pending.splice(0)) reject(error);
    };
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the server closed the connection")));
  }

  static async connect(options: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
    /** What the session begins with, and returns to by RESET. */
    readonly settings?: Readonly<Record<string, string>>;
  }): Promise<PostgresClient> {
    const socket = net.connect(options.port, options.host);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    socket.setNoDelay(true);
    const client = new PostgresClient(socket);
    const settings = Object.entries(options.settings ?? {}).flat();
    const words = ["user", options.user, "database", options.database, "client_encoding", "UTF8", ...settings, ""];
    const body = Buffer.from(words.map((word) => `${word}\0`).join(""));
    const head = Buffer.alloc(8);
    head.writeUInt32BE(8 + body.length, 0);
    head.writeUInt32BE(196_608, 4);
    await client.#await(() => socket.write(Buffer.concat([head, body])));
    return client;
  }

  /** What the server answers; a failure is an answer too. */
  query(text: string): Promise<PostgresAnswer> {
    const body = Buffer.from(`${text}\0`);
    const head = Buffer.alloc(5);
    head.write("Q", 0);
    head.writeUInt32BE(4 + body.length, 1);
    return this.#await(() => this.#socket.write(Buffer.concat([head, body])));
  }

  /** The same by the extended protocol, all of its messages at once: parsed with no types given, described, bound, executed. */
  extended(text: string, parameters: readonly ParameterValue[], format: ResultFormat): Promise<PostgresAnswer> {
    const messages = [
      message("P", [Buffer.from(`\0${text}\0`), u16(0)]),
      message("D", [Buffer.from("S\0")]),
      message("B", [
        Buffer.from("\0\0"),
        u16(parameters.length),
        ...parameters.map((value) => u16(Buffer.isBuffer(value) ? 1 : 0)),
        u16(parameters.length),
        ...parameters.map(parameterBytes),
        u16(1),
        u16(format === "binary" ? 1 : 0),
      ]),
      message("E", [Buffer.from("\0"), u32(0)]),
      message("S", []),
    ];
    return this.#await(() => this.#socket.write(Buffer.concat(messages)), format);
  }

  /** COPY … FROM STDIN with its data, which a server that refuses the statement passes over. */
  copyIn(text: string, data: string): Promise<PostgresAnswer> {
    const messages = [message("Q", [Buffer.from(`${text}\0`)]), message("d", [Buffer.from(data)]), message("c", [])];
    return this.#await(() => this.#socket.write(Buffer.concat(messages)));
  }

  /** Rows of a statement that must not fail. */
  async rows(text: string): Promise<readonly (readonly (string | null)[])[]> {
    const answer = await this.query(text);
    if (answer.kind === "failed") throw new Error(`${answer.sqlState}: ${answer.message}\n${text}`);
    return answer.rows;
  }

  /** First column of a statement that must not fail. */
  async lines(text: string): Promise<readonly string[]> {
    return (await this.rows(text)).map((row) => row[0] ?? "");
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  close(): void {
    this.#socket.destroy();
  }

  #await(send: () => void, format: ResultFormat = "text"): Promise<PostgresAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new Error("the connection is closed"));
        return;
      }
      const nothing = { columns: [], rows: [], tag: "", parameterTypes: [], failure: null };
      this.#pending.push({ format, resolve, reject, ...nothing });
      send();
    });
  }

  #take(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    for (;;) {
      if (this.#received.length < 5) return;
      const length = this.#received.readUInt32BE(1) + 1;
      if (this.#received.length < length) return;
      const kind = String.fromCharCode(this.#received[0] ?? 0);
      const body = this.#received.subarray(5, length);
      this.#received = this.#received.subarray(length);
      this.#message(kind, body);
    }
  }

  #message(kind: string, body: Buffer): void {
    const [pending] = this.#pending;
    if (pending === undefined) return;
    if (kind === "T") pending.columns = readColumns(body);
    else if (kind === "D") pending.rows.push(readRow(body, pending.format));
    else if (kind === "d") pending.rows.push([body.toString("utf8")]);
    else if (kind === "t") pending.parameterTypes = readTypes(body);
    else if (kind === "C") pending.tag = body.toString("utf8", 0, body.length - 1);
    else if (kind === "E") {
      const fields = readFields(body);
      pending.failure = {
        kind: "failed",
        sqlState: fields.get("C") ?? "",
        message: fields.get("M") ?? "",
        fields,
      };
    } else if (kind === "R" && body.readUInt32BE(0) !== 0) pending.reject(new Error("the server wants a password"));
    else if (kind === "Z") {
      const status = String.fromCharCode(body[0] ?? 0);
      this.transaction = status === "I" ? "none" : status === "T" ? "open" : "failed";
      this.#pending.shift();
      const { columns, rows, tag, parameterTypes } = pending;
      pending.resolve(pending.failure ?? { kind: "rows", columns, rows, tag, parameterTypes });
    }
  }
}

function readColumns(body: Buffer): PostgresColumn[] {
  const columns: PostgresColumn[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const end = body.indexOf(0, at);
    const name = body.toString("utf8", at, end);
    columns.push({ name, type: body.readUInt32BE(end + 7), modifier: body.readInt32BE(end + 13) });
    at = end + 19;
  }
  return columns;
}

const readTypes = (body: Buffer): number[] =>
  Array.from({ length: body.readUInt16BE(0) }, (_, index) => body.readUInt32BE(2 + index * 4));

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function message(kind: string, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(kind), u32(4 + body.length), body]);
}

function parameterBytes(value: ParameterValue): Buffer {
  if (value === null) return u32(-1);
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value);
  return Buffer.concat([u32(bytes.length), bytes]);
}

function readRow(body: Buffer, format: ResultFormat): (string | null)[] {
  const row: (string | null)[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const length = body.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : body.toString(format === "binary" ? "hex" : "utf8", at, at + length));
    at += Math.max(0, length);
  }
  return row;
}

function readFields(body: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const end = body.indexOf(0, at + 1);
    fields.set(String.fromCharCode(body[at] ?? 0), body.toString("utf8", at + 1, end));
    at = end + 1;
  }
  return fields;
}

/** A connection to the PostgreSQL that answers are compared with, in UTC as this node is. */
export async function connectInUtc(port: number): Promise<PostgresClient> {
  const client = await PostgresClient.connect({ host: "127.0.0.1", port, user: "postgres", database: "postgres" });
  await client.query("set timezone to 'UTC'");
  return client;
}
