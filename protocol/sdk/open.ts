/**
 * A database in this process: the whole node, its actors on worker threads, spoken to with the same frames as over a socket. So an
 * embedded program moves to a server by changing one line.
 */
import { randomBytes } from "node:crypto";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { Client, type ClientOptions } from "../client/client.js";
import type { NodeOptions } from "../server/node.js";
import { type ScramVerifier, scramVerifier } from "../wire/scram-verifier.js";
import type { Transport } from "../wire/transport.js";
import { Database, type SqlLogin } from "./database.js";

/** A node that runs in this process. */
export interface LocalNode {
  /** One more connection to it. */
  connectLocal(): Transport;
  /** Drains and stops it. */
  stop(): Promise<void>;
  readonly addresses?: { readonly postgres: { readonly host: string; readonly port: number } | null };
  /** Resolves when it could not keep itself running. */
  readonly failed: Promise<KimberliteError>;
}

export type StartNode = (options: NodeOptions) => Promise<LocalNode>;

export interface OpenOptions
  extends Omit<ClientOptions, "address" | "connector">,
    Omit<Partial<NodeOptions>, "dataDirectory"> {
  /** Serve SQL to this program: on a free port of loopback, to a user of this process with a password that was drawn for it. */
  readonly sql?: boolean | undefined;
  /** How a node is started; for tests. */
  readonly startNode?: StartNode | undefined;
}

/** Loaded when it is needed: a program that only connects does not load a server. */
const startHere: StartNode = async (options) => (await import("../server/node.js")).startNode(options);

/**
 * Starts a node on a data directory, made if there is none. It listens on no socket unless `listen` says so. Rejects with
 * `directoryLocked` when another node has the directory, and with what recovery finds.
 */
export async function open(dataDirectory: string, options: OpenOptions = {}): Promise<Database> {
  if (typeof dataDirectory !== "string" || dataDirectory === "") {
    throw new KimberliteError("invalidArgument", "open needs the path of a data directory");
  }
  const { startNode = startHere, listen = null, sql = false, ...others } = options;
  const own = sql ? await processUser() : null;
  const postgres = own === null ? others.postgres : { ...(others.postgres ?? loopback), processUser: own.user };
  const node = await startNode({ ...others, dataDirectory, listen, postgres });
  assert(typeof node.connectLocal === "function", "a node that was started can be connected to");
  const client = new Client({
    // A connection within the process is not lost in silence: the node tells when a gateway ends.
    keepAliveMs: 0,
    ...others,
    address: "local",
    connector: () => Promise.resolve(node.connectLocal()),
  });
  try {
    await client.connect();
  } catch (error) {
    await client.close(0);
    await node.stop();
    throw error;
  }
  void node.failed.then(() => client.close(0));
  return new Database(client, own === null ? null : loginTo(node, own), () => node.stop());
}

const loopback = { listen: { host: "127.0.0.1", port: 0 }, authentication: "scram", tls: null } as const;
const passwordBytes = 24;

interface ProcessUser {
  readonly password: string;
  readonly user: { readonly name: string; readonly verifier: ScramVerifier };
}

/** A user that is no fact of any log: it lives and dies with the node of this process. */
async function processUser(): Promise<ProcessUser> {
  const password = randomBytes(passwordBytes).toString("base64url");
  return { password, user: { name: "process", verifier: await scramVerifier(password) } };
}

function loginTo(node: LocalNode, { password, user }: ProcessUser): SqlLogin {
  const address = node.addresses?.postgres;
  if (address === null || address === undefined) {
    throw new KimberliteError("notSupported", "the node does not serve the PostgreSQL protocol");
  }
  return { target: () => Promise.resolve({ ...address, user: user.name, password }) };
}
