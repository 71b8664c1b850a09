/**
 * The network between two nodes, in the harness: what one node dials as the other is a port here, and bytes go on to the other's own port.
 * Each direction can be cut (nothing arrives, nothing is refused: as with a cable that is pulled), delayed or slowed, with connections
 * that stand as with new ones.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

export interface LinkState {
  /** Nothing goes through; what was sent is lost when the connection ends, as it does at the first sign of silence. */
  isCut: boolean;
  delayMs: number;
  /** Infinity for no bound. */
  bytesPerSecond: number;
  /** Bytes that went through so far, and pieces that had to wait. */
  passed: number;
  held: number;
}

const whole = { isCut: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY } as const;
const open = (): LinkState => ({ ...whole, passed: 0, held: 0 });
const retryMs = 20;

/** One direction of one connection: passes on in order, as its link's state says. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #link: LinkState;
  #freeAt = 0;
  #waiting: { readonly chunk: Buffer; readonly dueAt: number }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(from: Socket, to: Socket, link: LinkState) {
    this.#from = from;
    this.#to = to;
    this.#link = link;
    from.on("data", (chunk: Buffer) => this.#take(chunk));
    to.on("drain", () => from.resume());
  }

  #take(chunk: Buffer): void {
    const now = performance.now();
    const { delayMs, bytesPerSecond, isCut } = this.#link;
    this.#freeAt = Math.max(this.#freeAt, now) + (chunk.length / bytesPerSecond) * 1_000;
    if (!isCut && delayMs === 0 && this.#freeAt <= now && this.#waiting.length === 0) {
      this.#pass(chunk);
      return;
    }
    this.#link.held += 1;
    this.#waiting.push({ chunk, dueAt: this.#freeAt + delayMs });
    this.#arm();
  }

  #arm(): void {
    const next = this.#waiting[0];
    if (this.#timer !== null || next === undefined) return;
    const ms = this.#link.isCut ? retryMs : Math.max(0, next.dueAt - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#flush();
    }, ms);
  }

  #flush(): void {
    while (!this.#link.isCut && (this.#waiting[0]?.dueAt ?? Number.POSITIVE_INFINITY) <= performance.now()) {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#pass(next.chunk);
    }
    this.#arm();
  }

  #pass(chunk: Buffer): void {
    if (this.#to.destroyed) return;
    this.#link.passed += chunk.length;
    if (!this.#to.write(chunk)) this.#from.pause();
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting = [];
  }
}

export class PeerProxy {
  /** From the node that dials to the other, and back. */
  readonly forward = open();
  readonly backward = open();
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #target: number | string;
  #isClosed = false;

  private constructor(target: number | string) {
    this.#target = target;
  }

  /** New connections go there instead. */
  retarget(target: number): void {
    this.#target = target;
  }

  /** Listens on `count` ports from `port` on, each for the port of the same place from `target` on; or on one for a socket in the file system. */
  static async listen(port: number, target: number | string, count: number): Promise<PeerProxy> {
    const proxy = new PeerProxy(target);
    for (let place = 0; place < count; place++) {
      const dial = (): Socket => {
        const now = proxy.#target;
        return typeof now === "string" ? connect(now) : connect(now + place, "127.0.0.1");
      };
      const server = createServer((dialled) => proxy.#connected(dialled, dial));
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port + place, "127.0.0.1", resolve);
      });
      proxy.#servers.push(server);
    }
    return proxy;
  }

  #connected(dialled: Socket, dial: () => Socket): void {
    if (this.forward.isCut) {
      // Its call never arrives; once the cable is in again, it has to call anew.
      dialled.on("error", () => {});
      this.#whenWhole(this.forward, () => dialled.destroy());
      return;
    }
    const reached = dial();
    const flows = [new Flow(dialled, reached, this.forward), new Flow(reached, dialled, this.backward)];
    for (const [end, other, link] of [
      [dialled, reached, this.forward],
      [reached, dialled, this.backward],
    ] as const) {
      end.setNoDelay(true);
      this.#sockets.add(end);
      end.on("error", () => {});
      end.on("close", () => {
        this.#sockets.delete(end);
        // That it ended is news as well, which a cut keeps back.
        this.#whenWhole(link, () => {
          for (const flow of flows) flow.end();
          other.destroy();
        });
      });
    }
  }

  #whenWhole(link: LinkState, run: () => void): void {
    if (!link.isCut || this.#isClosed) run();
    else setTimeout(() => this.#whenWhole(link, run), retryMs);
  }

  heal(): void {
    Object.assign(this.forward, whole);
    Object.assign(this.backward, whole);
  }

  close(): void {
    this.#isClosed = true;
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
