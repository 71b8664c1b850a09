/**
 * One connection for SQL: PostgreSQL's protocol, version 3, from the client's side. Statements run one after the other, in the order of their
 * calls; a failed one leaves the connection usable.
 *
 *   query    one statement with parameters (extended protocol), or as many as the text holds (simple protocol)
 *   stream   rows in portions: the next is asked for when the last was taken
 */
import net from "node:net";
import tls from "node:tls";
import { assert } from "../../../runtime/types/assert.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { peerCertificateHash } from "../../wire/certificate-hash.js";
import { ScramClient } from "../../wire/scram-client.js";
import {
  clientMessage,
  columnsOf,
  long,
  MessageStream,
  reportFields,
  type ServerColumn,
  type ServerMessage,
  short,
  valuesOf,
} from "./message-stream.js";
import { connectionLost, SqlFailure } from "./sql-error.js";
import { decodeValue, encodeParameter, type SqlParameter, type SqlValue } from "./values.js";

export interface SqlTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The tenant's name. */
  readonly database: string;
  readonly tls?: tls.ConnectionOptions | undefined;
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly connectTimeoutMs?: number | undefined;
}

export interface SqlNoticeReport {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
}

/** What one statement answered. */
export interface SqlAnswer {
  /** Null for a statement without rows. */
  readonly columns: readonly ServerColumn[] | null;
  /** Values as they came: text, null for NULL. */
  readonly rows: readonly (readonly (Uint8Array | null)[])[];
  /** `INSERT 0 1`. */
  readonly tag: string;
}

type Status = "idle" | "transaction" | "failed";

/** One call under way: takes what the server says until it is ready again. */
interface Call {
  readonly onMessage: (message: ServerMessage) => void;
  readonly onReady: () => void;
  readonly onLost: (error: Error) => void;
  /** It was ended by a Sync of ours. */
  readonly isExtended: boolean;
}

const connectMsDefault = 10_000;
const sslRequest = 80_877_103;
const protocolVersion = 196_608;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class SqlConnection {
  readonly #socket: net.Socket;
  readonly #stream: MessageStream;
  #call: Call | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #lost: Error | null = null;
  #process = 0;
  #secret = 0;
  readonly parameters = new Map<string, string>();
  status: Status = "idle";
  onNotice: (notice: SqlNoticeReport) => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#stream = new MessageStream((message) => this.#message(message));
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#arrived(chunk));
    socket.on("error", (error) => this.#end(connectionLost(error)));
    socket.on("close", () => this.#end(connectionLost()));
  }

  /** Rejects with `connectionRefused`, with `SqlFailure` for what the server refuses, with `unauthenticated`. */
  static async connect(target: SqlTarget): Promise<SqlConnection> {
    const { host, port, connectTimeoutMs = connectMsDefault } = target;
    const socket = net.connect({ host, port });
    const timer = setTimeout(
      () => socket.destroy(new Error(`no answer within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    try {
      await opened(socket, "connect");
      const ready = target.tls === undefined ? socket : await secured(socket, target.tls, host);
      const connection = new SqlConnection(ready);
      await connection.#start(target);
      return connection;
    } catch (error) {
      socket.destroy();
      if (error instanceof SqlFailure || error instanceof KimberliteError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new KimberliteError("connectionRefused", `${host}:${port}: ${why}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  /** The process number that the server gave: `pg_backend_pid()`. */
  get processNumber(): number {
    return this.#process;
  }

  async #start({ user, database, password, settings = {} }: SqlTarget): Promise<void> {
    const pairs = Object.entries({ user, database, client_encoding: "UTF8", ...settings }).flat();
    let scram: ScramClient | null = null;
    await this.#run((resolve, reject) => {
      const fail = (error: unknown): void => reject(error instanceof Error ? error : new Error(String(error)));
      const authenticate = (body: Uint8Array): void => {
        const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
        const rest = decoder.decode(body.subarray(4));
        switch (view.getInt32(0)) {
          case 0:
            return;
          case 10: {
            scram = new ScramClient(rest.split("\0"), peerCertificateHash(this.#socket));
            const first = new TextEncoder().encode(scram.first);
            this.#socket.write(clientMessage("p", scram.mechanism, long(first.length), first));
            return;
          }
          case 11:
            assert(scram !== null, "an exchange goes on that was begun");
            scram
              .prove(password, rest)
              .then((proof) => this.#socket.write(clientMessage("p", new TextEncoder().encode(proof))), fail);
            return;
          case 12:
            assert(scram !== null, "an exchange ends that was begun");
            scram.verify(rest);
            return;
          default:
            throw new KimberliteError("unauthenticated", "the server asks for another proof than SCRAM-SHA-256");
        }
      };
      this.#socket.write(clientMessage("", long(protocolVersion), ...pairs, Uint8Array.of(0)));
      return {
        isExtended: false,
        onMessage: ({ type, body }) => {
          if (type === "E") reject(new SqlFailure(reportFields(body)));
          else if (type === "R") {
            try {
              authenticate(body);
            } catch (error) {
              fail(error);
            }
          } else if (type === "K") {
            const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
            this.#process = view.getUint32(0);
            this.#secret = view.getUint32(4);
          }
        },
        onReady: () => resolve(undefined),
        onLost: reject,
      };
    });
  }

  // ------------------------------------------------------------------ messages

  #arrived(chunk: Buffer): void {
    try {
      this.#stream.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    } catch (error) {
      this.#end(error instanceof Error ? error : connectionLost(error));
      this.#socket.destroy();
    }
  }

  #message(message: ServerMessage): void {
    const { type, body } = message;
    if (type === "S") {
      const [name = "", value = ""] = decoder.decode(body).split("\0");
      this.parameters.set(name, value);
    } else if (type === "N") {
      const fields = reportFields(body);
      this.onNotice({ severity: fields["V"] ?? "", sqlState: fields["C"] ?? "", message: fields["M"] ?? "" });
    } else if (type === "Z") {
      this.status = body[0] === 0x49 ? "idle" : body[0] === 0x54 ? "transaction" : "failed";
      const call = this.#call;
      this.#call = null;
      call?.onReady();
    } else if (this.#call !== null) {
      if (type === "G") this.#refuseCopy(this.#call);
      this.#call.onMessage(message);
    }
    // The server ends the connection by itself, with the reason as its last word.
    else if (type === "E") this.#end(new SqlFailure(reportFields(body)));
  }

  /** The server waits for rows to copy; the Sync that was sent already it took for one of them. */
  #refuseCopy({ isExtended }: Call): void {
    this.#socket.write(clientMessage("f", "COPY FROM STDIN is not supported by this client"));
    if (isExtended) this.#socket.write(clientMessage("S"));
  }

  #end(error: Error): void {
    if (this.#lost !== null) return;
    this.#lost = error;
    const call = this.#call;
    this.#call = null;
    call?.onLost(error);
  }

  /** In the order of the calls; a failed one does not stop the next. */
  #run<Result>(begin: (resolve: (result: Result) => void, reject: (error: Error) => void) => Call): Promise<Result> {
    const mine = this.#turn.then(
      () =>
        new Promise<Result>((resolve, reject) => {
          if (this.#lost !== null) {
            reject(this.#lost);
            return;
          }
          assert(this.#call === null, "statements run one after the other");
          this.#call = begin(resolve, reject);
        }),
    );
    this.#turn = mine.catch(() => {});
    return mine;
  }

  // ------------------------------------------------------------------ statements

  /** All statements of a text, without parameters. Rejects with the first failure. */
  queryAll(text: string): Promise<SqlAnswer[]> {
    return this.#run((resolve, reject) => {
      const answers: SqlAnswer[] = [];
      const collect = new Collect((answer) => answers.push(answer));
      this.#socket.write(clientMessage("Q", text));
      return {
        isExtended: false,
        onMessage: (message) => collect.take(message),
        onReady: () => (collect.failure === null ? resolve(answers) : reject(collect.failure)),
        onLost: reject,
      };
    });
  }

  /** One statement with parameters `$1`, …. */
  query(text: string, parameters: readonly SqlParameter[] = []): Promise<SqlAnswer> {
    return this.#extended([clientMessage("P", "", text, short(0)), ...bound("", parameters)]);
  }

  /** A statement that `prepare` gave a name to. */
  execute(name: string, parameters: readonly SqlParameter[]): Promise<SqlAnswer> {
    return this.#extended(bound(name, parameters));
  }

  async prepare(name: string, text: string): Promise<void> {
    await this.#extended([clientMessage("P", name, text, short(0))]);
  }

  async release(name: string): Promise<void> {
    await this.#extended([clientMessage("C", Uint8Array.of(0x53), name)]);
  }

  #extended(messages: readonly Uint8Array[]): Promise<SqlAnswer> {
    return this.#run((resolve, reject) => {
      let answer: SqlAnswer = { columns: null, rows: [], tag: "" };
      const collect = new Collect((last) => {
        answer = last;
      });
      this.#socket.write(Buffer.concat([...messages, clientMessage("S")]));
      return {
        isExtended: true,
        onMessage: (message) => collect.take(message),
        onReady: () => (collect.failure === null ? resolve(answer) : reject(collect.failure)),
        onLost: reject,
      };
    });
  }

  /** Rows in portions of `portion`; within a transaction, which it begins and ends if none is open. */
  async *stream(
    text: string,
    parameters: readonly SqlParameter[],
    portion: number,
  ): AsyncGenerator<SqlAnswer, void, undefined> {
    assert(portion > 0, "a portion has rows");
    const isOwn = this.status === "idle";
    if (isOwn) await this.queryAll("BEGIN READ ONLY");
    let isDone = false;
    try {
      const prepared = [clientMessage("P", "", text, short(0)), ...bound("", parameters, "rows", portion)];
      let answer = await this.#extended(prepared);
      const { columns } = answer;
      for (;;) {
        yield { ...answer, columns };
        if (answer.tag !== "") break;
        answer = await this.#extended([clientMessage("E", "rows", long(portion))]);
      }
      await this.#extended([clientMessage("C", Uint8Array.of(0x50), "rows")]);
      isDone = true;
    } finally {
      if (isOwn && !this.isLost) await this.queryAll(isDone ? "COMMIT" : "ROLLBACK");
    }
  }

  /** Asks the server, over a connection of its own, to end what this one runs. */
  async cancel(): Promise<void> {
    const { remoteAddress: host, remotePort: port } = this.#socket;
    if (host === undefined || port === undefined || this.#call === null) return;
    const socket = net.connect({ host, port });
    socket.on("error", () => {});
    await opened(socket, "connect");
    socket.end(clientMessage("", long(80_877_102), long(this.#process | 0), long(this.#secret | 0)));
  }

  async close(): Promise<void> {
    if (this.#lost !== null) return;
    await this.#turn;
    this.#socket.end(clientMessage("X"));
    this.#end(connectionLost());
  }
}

function bound(name: string, parameters: readonly SqlParameter[], portal = "", rowsMax = 0): Uint8Array[] {
  const values = parameters.flatMap((parameter) => {
    const bytes = encodeParameter(parameter);
    return bytes === null ? [long(-1)] : [long(bytes.length), bytes];
  });
  return [
    clientMessage("B", portal, name, short(0), short(parameters.length), ...values, short(0)),
    clientMessage("D", Uint8Array.of(0x50), portal),
    clientMessage("E", portal, long(rowsMax)),
  ];
}

/** Puts messages together to answers. */
class Collect {
  readonly #onAnswer: (answer: SqlAnswer) => void;
  #columns: readonly ServerColumn[] | null = null;
  #rows: (Uint8Array | null)[][] = [];
  failure: SqlFailure | null = null;

  constructor(onAnswer: (answer: SqlAnswer) => void) {
    this.#onAnswer = onAnswer;
  }

  take({ type, body }: ServerMessage): void {
    switch (type) {
      case "T":
        this.#columns = columnsOf(body);
        return;
      case "D":
        this.#rows.push(valuesOf(body));
        return;
      case "C":
        this.#answer(decoder.decode(body.subarray(0, -1)));
        return;
      case "s":
        this.#answer("");
        return;
      case "E":
        this.failure ??= new SqlFailure(reportFields(body));
        return;
      default:
        return;
    }
  }

  #answer(tag: string): void {
    this.#onAnswer({ columns: this.#columns, rows: this.#rows, tag });
    this.#columns = null;
    this.#rows = [];
  }
}

/** Rows as objects by the names of their columns. */
export function objectsOf({ columns, rows }: SqlAnswer): Record<string, SqlValue>[] {
  if (columns === null) return [];
  return rows.map((row) =>
    Object.fromEntries(columns.map(({ name, type }, index) => [name, decodeValue(type, row[index] ?? null)])),
  );
}

function opened(socket: net.Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(error);
    socket.once("error", fail);
    socket.once(event, () => {
      socket.removeListener("error", fail);
      resolve();
    });
  });
}

async function secured(socket: net.Socket, options: tls.ConnectionOptions, host: string): Promise<net.Socket> {
  socket.write(clientMessage("", long(sslRequest)));
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once("data", resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(connectionLost()));
  });
  if (answer.toString() !== "S") throw new KimberliteError("connectionRefused", "the server speaks no TLS");
  socket.removeAllListeners("close");
  const secure = tls.connect({ ...(net.isIP(host) === 0 ? { servername: host } : {}), ...options, socket });
  await opened(secure, "secureConnect");
  return secure;
}
