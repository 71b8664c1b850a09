/** A server of the PostgreSQL protocol over an executor of the test's, and a client of bytes. */

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type SecureContext } from "node:tls";
import { AnswerTurn } from "../../protocol/postgres/answer-turn.js";
import { PostgresConnection } from "../../protocol/postgres/connection.js";
import type { ConnectionHost, UserEntry } from "../../protocol/postgres/connection-host.js";
import type { TenantRoles } from "../../protocol/postgres/role-book.js";
import { CursorMemory } from "../../protocol/postgres/session/kept-messages.js";
import { StatementCache } from "../../protocol/postgres/statement.js";
import { UnreadAnswers } from "../../protocol/postgres/unread-answers.js";
import { VariedStatements } from "../../protocol/postgres/varied/varied-statements.js";
import { LoginAttempts } from "../../protocol/server/login-attempts.js";
import { SqlParser } from "../../protocol/server/sql-parser.js";
import { scramVerifier } from "../../protocol/wire/scram-verifier.js";
import { plainRole, RoleSet } from "../../runtime/query/catalog/role-set.js";
import { FakeExecutor } from "./fake-executor.js";

export interface RigOptions {
  readonly authentication?: "scram" | "trust";
  readonly tls?: { readonly context: SecureContext; readonly certificateHash: Uint8Array | null };
  readonly isDraining?: boolean;
  /** Run by the test. */
  readonly timers?: RigTimers;
  readonly unread?: UnreadAnswers;
  /** Before a user is told. */
  readonly whenAsked?: () => Promise<void>;
}

export class RigTimers {
  #due: (() => void)[] = [];

  get count(): number {
    return this.#due.length;
  }

  after(run: () => void): () => void {
    this.#due.push(run);
    return () => {
      this.#due = this.#due.filter((other) => other !== run);
    };
  }

  /** All that wait now. */
  fire(): void {
    for (const run of this.#due.splice(0)) run();
  }
}

const knownRoles: TenantRoles = { text: "", set: new RoleSet([plainRole("admin", true), plainRole("guest")]) };

export class ServerRig {
  readonly executor = new FakeExecutor();
  readonly cursorMemory = new CursorMemory();
  readonly unread: UnreadAnswers;
  readonly defects: unknown[] = [];
  readonly attempts = new LoginAttempts(() => performance.now());
  readonly administered: { readonly method: string; readonly params: Readonly<Record<string, unknown>> }[] = [];
  readonly connections = new Map<number, PostgresConnection>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly port: number;

  private constructor(server: Server, port: number, unread: UnreadAnswers) {
    this.unread = unread;
    this.#server = server;
    this.port = port;
  }

  static async start(options: RigOptions = {}): Promise<ServerRig> {
    const parser = await SqlParser.load();
    const users = new Map<string, UserEntry>([
      [
        "admin",
        {
          verifier: await scramVerifier("secret"),
          isSuperuser: true,
          canLogin: true,
          isOfProcess: false,
          tenants: null,
          connectionLimit: null,
          settings: [],
        },
      ],
      [
        "guest",
        {
          verifier: await scramVerifier("gu\u00e9st"),
          isSuperuser: false,
          canLogin: true,
          isOfProcess: false,
          tenants: [2],
          connectionLimit: null,
          settings: [],
        },
      ],
    ]);
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const unread = options.unread ?? new UnreadAnswers();
    const rig = new ServerRig(server, typeof address === "object" && address !== null ? address.port : 0, unread);
    let next = 1;
    const host: ConnectionHost = {
      executor: rig.executor,
      statements: new StatementCache((text) => parser.parse(text)),
      varied: new VariedStatements(),
      administration: {
        call: (method, params) => {
          rig.administered.push({ method, params });
          return Promise.resolve({});
        },
      },
      roles: {
        isFresh: true,
        overdueMs: 0,
        refresh: () => Promise.resolve(),
        of: () => knownRoles,
        tenantsOf: (name) => users.get(name)?.tenants ?? null,
      },
      cursorMemory: rig.cursorMemory,
      unread: rig.unread,
      peers: { sessions: () => [], signal: () => {} },
      now: () => Date.now(),
      attempt: (user, address) => rig.attempts.begin(user, address),
      after: (delayMs, run) => {
        if (options.timers !== undefined) return options.timers.after(run);
        const timer = setTimeout(run, delayMs);
        return () => clearTimeout(timer);
      },
      authentication: options.authentication ?? "trust",
      tls: options.tls ?? null,
      mockSecret: new Uint8Array(32),
      startedAtMicros: 0,
      isDraining: options.isDraining ?? false,
      answers: new AnswerTurn(),
      user: async (name) => {
        await options.whenAsked?.();
        return users.get(name) ?? null;
      },
      tenant: (name) => {
        const id = ["main", "other"].indexOf(name) + 1;
        return Promise.resolve(id === 0 ? null : { id, name, settings: [] });
      },
      enter: () => Promise.resolve(),
      leave: () => {},
      admit: (connection) => {
        const process = next++;
        rig.connections.set(process, connection);
        return { session: process, process, secret: 42 };
      },
      cancel: (process, secret) => {
        if (secret === 42) rig.connections.get(process)?.cancel();
      },
      sessionsOf: () => 0,
      closed: () => {},
      defect: (error) => void rig.defects.push(error),
    };
    server.on("connection", (socket) => {
      rig.#sockets.add(socket);
      void new PostgresConnection(host, socket);
    });
    return rig;
  }

  async client(): Promise<RawClient> {
    const socket = connect({ host: "127.0.0.1", port: this.port });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  /** A client that is in its session. */
  async session(
    user = "admin",
    database = "main",
    settings: Readonly<Record<string, string>> = {},
  ): Promise<RawClient> {
    const client = await this.client();
    client.send(startupPacket({ user, database, ...settings }));
    await client.untilReady();
    return client;
  }

  async stop(): Promise<void> {
    for (const connection of this.connections.values()) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

export interface Answer {
  /** Letter of the message. */
  readonly type: string;
  readonly body: Uint8Array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What tests say of answers: letters, with the texts that matter. */
export function textOf({ type, body }: Answer): string {
  switch (type) {
    case "C":
      return `C ${decoder.decode(body.subarray(0, -1))}`;
    case "E":
    case "N": {
      const fields = fieldsOf(body);
      return `${type} ${fields["C"]} ${fields["M"]}${fields["P"] === undefined ? "" : ` @${fields["P"]}`}`;
    }
    case "Z":
      return `Z ${String.fromCharCode(body[0] ?? 0)}`;
    case "D":
      return `D ${rowOf(body).join("|")}`;
    case "S":
      return `S ${decoder.decode(body).split("\0").slice(0, 2).join("=")}`;
    case "t":
    case "T":
      return type === "T" ? `T ${columnNames(body).join("|")}` : `t ${parameterTypes(body).join(",")}`;
    case "d":
      return `d ${decoder.decode(body)}`;
    default:
      return type;
  }
}

export function fieldsOf(body: Uint8Array): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const part of decoder.decode(body).split("\0")) if (part !== "") fields[part.slice(0, 1)] = part.slice(1);
  return fields;
}

export function rowOf(body: Uint8Array): (string | null)[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 2;
  return Array.from({ length: view.getInt16(0) }, () => {
    const length = view.getInt32(at);
    at += 4 + Math.max(0, length);
    return length < 0 ? null : decoder.decode(body.subarray(at - length, at));
  });
}

function columnNames(body: Uint8Array): string[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 2;
  return Array.from({ length: view.getInt16(0) }, () => {
    const end = body.indexOf(0, at);
    const name = decoder.decode(body.subarray(at, end));
    at = end + 1 + 18;
    return name;
  });
}

function parameterTypes(body: Uint8Array): number[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Array.from({ length: view.getInt16(0) }, (_, index) => view.getUint32(2 + 4 * index));
}

export function message(type: string, ...parts: readonly (string | number | Uint8Array)[]): Uint8Array {
  const body = Buffer.concat(
    parts.map((part) =>
      typeof part === "string" ? encoder.encode(`${part}\0`) : typeof part === "number" ? i16(part) : part,
    ),
  );
  const head = Buffer.alloc(type === "" ? 4 : 5);
  if (type !== "") head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, type === "" ? 0 : 1);
  return Buffer.concat([head, body]);
}

export const i16 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
export const i32 = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export const startupPacket = (parameters: Readonly<Record<string, string>>, version = 196_608): Uint8Array =>
  message("", i32(version), ...Object.entries(parameters).flat(), Uint8Array.of(0));

export const query = (text: string): Uint8Array => message("Q", text);
export const parse = (name: string, text: string, types: readonly number[] = []): Uint8Array =>
  message("P", name, text, types.length, ...types.map(i32));
/** Texts as parameters. */
export const bind = (portal: string, statement: string, values: readonly (string | null)[] = []): Uint8Array =>
  message(
    "B",
    portal,
    statement,
    0,
    values.length,
    ...values.flatMap((value) => (value === null ? [i32(-1)] : [i32(Buffer.byteLength(value)), encoder.encode(value)])),
    0,
  );
export const describe = (target: "S" | "P", name: string): Uint8Array => message("D", encoder.encode(target), name);
export const execute = (portal: string, rowsMax = 0): Uint8Array => message("E", portal, i32(rowsMax));
export const closeTarget = (target: "S" | "P", name: string): Uint8Array => message("C", encoder.encode(target), name);
export const sync = message("S");
export const flush = message("H");

export class RawClient {
  readonly socket: Socket;
  #received: Uint8Array = new Uint8Array(0);
  #wake: (() => void) | null = null;
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
      this.#wake?.();
    });
  }

  send(...messages: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  async #more(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }

  async bytes(count: number): Promise<Uint8Array> {
    while (this.#received.length < count) {
      if (this.isClosed) throw new Error("the server closed the connection");
      await this.#more();
    }
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  async next(): Promise<Answer> {
    const head = Buffer.from(await this.bytes(5));
    return { type: head.toString("latin1", 0, 1), body: await this.bytes(head.readInt32BE(1) - 4) };
  }

  /** All answers up to and with the next of a type. */
  async until(type: string): Promise<Answer[]> {
    const answers: Answer[] = [];
    do answers.push(await this.next());
    while (answers.at(-1)?.type !== type);
    return answers;
  }

  untilReady(): Promise<Answer[]> {
    return this.until("Z");
  }

  /** Sends, and says what came back as texts. */
  async ask(...messages: readonly Uint8Array[]): Promise<string[]> {
    this.send(...messages);
    return (await this.untilReady()).map(textOf);
  }

  async untilClosed(): Promise<Answer[]> {
    const answers: Answer[] = [];
    while (!this.isClosed || this.#received.length >= 5) {
      if (this.#received.length < 5) {
        await this.#more();
        continue;
      }
      answers.push(await this.next());
    }
    return answers;
  }

  close(): void {
    this.socket.destroy();
  }
}
