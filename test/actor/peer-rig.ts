/** Endpoints of a small cluster in this thread, and a connection that can be cut, held up and looked into. */
import { createPrivateKey, randomBytes } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { systemClock } from "../../runtime/actor/clock.js";
import { type PeerAddress, PeerEndpoint, type PeerEndpointOptions } from "../../runtime/actor/peer-endpoint.js";
import type { PeerLimits } from "../../runtime/actor/peer-link.js";
import type { PeerSecurity } from "../../runtime/actor/peer-security.js";
import { createAuthority, createNodeCertificate } from "../../runtime/crypto/certificate.js";

export const clusterId = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const day = 24 * 3_600_000;
export const validity = { from: Date.now() - day, to: Date.now() + day };
export const random = (count: number): Uint8Array => Uint8Array.from(randomBytes(count));

/** Certificates of one authority, by name. */
export function authorityOf(): (name: string) => PeerSecurity {
  const authority = createAuthority("test authority", validity, random);
  const key = createPrivateKey(authority.key);
  return (name) => ({ ca: authority.cert, ...createNodeCertificate(name, { ...authority, key }, validity, random) });
}

export interface Said {
  readonly node: number | null;
  readonly event: "up" | "down" | "message" | "trouble";
  readonly text: string;
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

type EndpointOptions = Omit<PeerEndpointOptions, "clock" | "events" | "clusterId" | "channel"> &
  Partial<PeerEndpointOptions>;

export class Endpoint {
  readonly endpoint: PeerEndpoint;
  readonly said: Said[] = [];
  onMessage: ((node: number, bytes: Uint8Array) => void) | null = null;

  readonly options: EndpointOptions;

  constructor(options: EndpointOptions) {
    this.options = options;
    const say = (node: number | null, event: Said["event"], text = "", bytes: Uint8Array = nothing): void => {
      this.said.push({ node, event, text, bytes });
    };
    this.endpoint = new PeerEndpoint({
      clock: systemClock,
      clusterId,
      channel: 1,
      events: {
        up: (node) => say(node, "up"),
        down: (node, reason) => say(node, "down", reason),
        message: (node, bytes) => {
          if (this.onMessage === null) say(node, "message", "", bytes);
          else this.onMessage(node, bytes);
        },
        trouble: (node, text) => say(node, "trouble", text),
      },
      ...options,
    });
  }

  of(event: Said["event"]): Said[] {
    return this.said.filter((one) => one.event === event);
  }
}

/** Ports that nobody listens on at the moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => {
    const bound = server.address();
    return typeof bound === "object" && bound !== null ? bound.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export const addressesOf = (ports: readonly number[]): PeerAddress[] =>
  ports.map((port, index) => ({ node: index + 1, name: `node-${index + 1}`, host: "127.0.0.1", port }));

/** Endpoints of nodes 1 to `count`, not opened yet. */
export async function cluster(
  count: number,
  options: {
    readonly security?: ((name: string) => PeerSecurity) | null;
    readonly limits?: Partial<PeerLimits>;
    /** Ports under which the others reach a node, where they differ from its own. */
    readonly through?: ReadonlyMap<number, number>;
  } = {},
): Promise<Endpoint[]> {
  const addresses = addressesOf(await freePorts(count));
  return addresses.map(
    (self) =>
      new Endpoint({
        self,
        others: addresses
          .filter((one) => one !== self)
          .map((one) => ({ ...one, port: options.through?.get(one.node) ?? one.port })),
        security: options.security?.(self.name) ?? null,
        ...(options.limits === undefined ? {} : { limits: options.limits }),
      }),
  );
}

/** A TCP proxy in front of a port that is named later. */
export class Proxy {
  readonly #sockets = new Set<Socket>();
  #server = createServer();
  target = 0;
  port = 0;
  held = false;
  /** Called for each chunk towards the target; may change it. */
  onChunk: (chunk: Buffer) => Buffer = (chunk) => chunk;

  async open(): Promise<void> {
    this.#server = createServer((client) => {
      const upstream = connect(this.target, "127.0.0.1");
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        socket.on("error", () => {});
        if (this.held) socket.pause();
        socket.on("close", () => {
          this.#sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.on("data", (chunk: Buffer) => {
        if (!upstream.write(this.onChunk(chunk))) client.pause();
      });
      upstream.on("drain", () => {
        if (!this.held) client.resume();
      });
      upstream.on("data", (chunk: Buffer) => client.write(chunk));
    });
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const bound = this.#server.address();
    this.port = typeof bound === "object" && bound !== null ? bound.port : 0;
  }

  hold(): void {
    this.held = true;
    for (const socket of this.#sockets) socket.pause();
  }

  release(): void {
    this.held = false;
    for (const socket of this.#sockets) socket.resume();
  }

  cut(): number {
    const count = this.#sockets.size;
    for (const socket of this.#sockets) socket.destroy();
    return count;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
