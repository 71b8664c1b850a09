/** A client that says what an honest one cannot: frames and bytes as they are given. */
import { connect, type Socket } from "node:net";
import { ClientLogin, localAccess } from "../../protocol/client/login.js";
import {
  type AuthenticationStep,
  decodeAuthenticationStep,
  encodeAuthenticate,
  featureAuthentication,
} from "../../protocol/wire/authentication.js";
import { decodeError } from "../../protocol/wire/error-body.js";
import { FrameDecoder } from "../../protocol/wire/frame-decoder.js";
import { FrameWriter } from "../../protocol/wire/frame-writer.js";
import { encodeHello } from "../../protocol/wire/handshake.js";
import { requestKinds, responseKinds } from "../../protocol/wire/kinds.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import type { KimberliteError } from "../../runtime/types/errors.js";

export { requestKinds, responseKinds };

export interface RawAnswer {
  readonly kind: number;
  readonly body: Uint8Array;
  readonly error: KimberliteError | null;
}

interface Titled {
  teardown(work: () => void): void;
}

/** A socket without a protocol. It goes with its test. */
export function rawSocket(t: Titled, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    t.teardown(() => void socket.destroy());
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.removeListener("error", reject);
      // A reset by the server is an outcome here, not a failure.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

export class RawClient {
  readonly socket: Socket;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (answer: RawAnswer) => void; readonly reject: (error: Error) => void }
  >();
  readonly #writer = new FrameWriter();
  readonly #decoder: FrameDecoder;
  /** Frames of subscriptions, counted. */
  events = 0;
  welcome: RawAnswer = { kind: 0, body: new Uint8Array(0), error: null };
  #next = 1;
  readonly #login = new ClientLogin(localAccess, null);

  private constructor(socket: Socket) {
    this.socket = socket;
    this.#decoder = new FrameDecoder((kind, id, _timeout, bytes, from, to) => {
      if (kind === responseKinds.subscriptionEvents) this.events += 1;
      if (kind === responseKinds.authentication) {
        this.#authenticate(decodeAuthenticationStep(new ByteReader(bytes, from, to)));
        return;
      }
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) return;
      this.#waiting.delete(id);
      const body = bytes.slice(from, to);
      const error = kind === responseKinds.error ? (decodeError(body, 0, body.length) ?? null) : null;
      waiting.resolve({ kind, body, error });
    });
    socket.on("data", (chunk) => this.#decoder.push(chunk));
    socket.once("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the server closed the connection"));
    });
  }

  static async open(t: Titled, port: number): Promise<RawClient> {
    const client = new RawClient(await rawSocket(t, port));
    const hello = new ByteWriter();
    encodeHello({ versionMin: 1, versionMax: 1, clientName: "raw", features: featureAuthentication }, hello);
    const greeted = new Promise<RawAnswer>((resolve, reject) => client.#waiting.set(0, { resolve, reject }));
    client.send(requestKinds.hello.kind, hello.finish());
    const answer = await greeted;
    if (answer.kind !== responseKinds.welcome) throw new Error(`greeted with ${answer.kind}`);
    client.welcome = answer;
    return client;
  }

  /** As whoever may read the node's data directory. */
  #authenticate(step: AuthenticationStep): void {
    if (step.step === "proved") {
      this.#login.verify(step.text);
      return;
    }
    void this.#login.answer(step).then((answer) => {
      const body = new ByteWriter();
      encodeAuthenticate(answer, body);
      this.#writer.frame(requestKinds.authenticate.kind, 0, 0, body.view());
      this.socket.write(this.#writer.take().slice());
    });
  }

  /** Sends without waiting for an answer. */
  send(kind: number, body: Uint8Array): number {
    const id = this.#next++;
    this.#writer.frame(kind, id, 0, body);
    this.socket.write(this.#writer.take().slice());
    return id;
  }

  ask(kind: number, body: Uint8Array): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.send(kind, body), { resolve, reject });
    });
  }
}
