/**
 * A database in this process: the whole node, its actors on worker threads, spoken to over a MessagePort with the same frames as
 * over a socket. So an embedded program moves to a server by changing one line.
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { Client, type ClientOptions } from "../client/client.js";
import type { Transport } from "../wire/transport.js";
import { Database } from "./database.js";

/** A node that runs in this process. */
export interface LocalNode {
  /** One more connection to it. */
  connectLocal(): Transport;
  /** Where it listens besides; empty when it does not. */
  readonly addresses: unknown;
  /** Drains and stops it. */
  stop(): Promise<void>;
}

export interface NodeOptions {
  readonly dataDirectory: string;
  /** An embedded node listens on no socket unless asked to. */
  readonly listen?: string | undefined;
  readonly shards?: number | undefined;
  readonly projections?: number | undefined;
}

export type StartNode = (options: NodeOptions) => LocalNode | Promise<LocalNode>;

export interface OpenOptions extends Omit<ClientOptions, "address" | "connector">, Omit<NodeOptions, "dataDirectory"> {
  /** How a node is started; for tests. */
  readonly startNode?: StartNode | undefined;
}

/** Loaded when it is needed: a program that only connects does not load a server. */
async function defaultStart(): Promise<StartNode> {
  const module: unknown = await import(new URL("../server/node.js", import.meta.url).href);
  if (
    typeof module === "object" &&
    module !== null &&
    "startNode" in module &&
    typeof module.startNode === "function"
  ) {
    return module.startNode as StartNode;
  }
  throw new KimberliteError("notSupported", "this installation holds no server to embed");
}

/** Starts a node on a data directory, made if there is none. Rejects with `directoryLocked` when another node has it. */
export async function open(dataDirectory: string, options: OpenOptions = {}): Promise<Database> {
  const { startNode, listen, shards, projections, ...clientOptions } = options;
  if (typeof dataDirectory !== "string" || dataDirectory === "") {
    throw new KimberliteError("invalidArgument", "open needs the path of a data directory");
  }
  const start = startNode ?? (await defaultStart());
  const node = await start({
    dataDirectory,
    ...(listen === undefined ? {} : { listen }),
    ...(shards === undefined ? {} : { shards }),
    ...(projections === undefined ? {} : { projections }),
  });
  assert(typeof node.connectLocal === "function", "a node that was started can be connected to");
  const client = new Client({
    // A connection in the same process is not lost without the process.
    keepAliveMs: 0,
    ...clientOptions,
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
  return new Database(client, () => node.stop());
}
