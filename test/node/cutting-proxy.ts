/** A TCP proxy that cuts its connections on demand after requests went through and before their answers came back. */
import { createServer, connect as dial, type Server, type Socket } from "node:net";

export class CuttingProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  /** While true, what the node answers is thrown away: the client hears nothing of what was done. */
  isMute = false;
  cuts = 0;
  port = 0;

  private constructor(target: () => number) {
    this.#server = createServer((client) => {
      const node = dial(target(), "127.0.0.1");
      const pair = [client, node] as const;
      this.#pairs.add(pair);
      client.on("data", (chunk) => node.write(chunk));
      node.on("data", (chunk) => {
        if (!this.isMute) client.write(chunk);
      });
      for (const end of pair) {
        end.on("error", () => {});
        end.on("close", () => {
          this.#pairs.delete(pair);
          client.destroy();
          node.destroy();
        });
      }
    });
  }

  /** @param target the node's port, asked for at each connection: a node that was started anew may have another */
  static async start(t: { teardown(work: () => void): void }, target: () => number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    const address = proxy.#server.address();
    if (address === null || typeof address === "string") throw new Error("a proxy listens on a port");
    proxy.port = address.port;
    t.teardown(() => {
      proxy.#server.close();
      proxy.cut();
    });
    return proxy;
  }

  cut(): void {
    for (const [client, node] of this.#pairs) {
      client.destroy();
      node.destroy();
      this.cuts += 1;
    }
  }
}
