/**
 * The beginning of a connection: hello, who we are if the node asks, welcome. It ends in `welcomed` or in `failed`, once; a node that is silent
 * for too long has failed.
 */
import { assert } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { isKimberliteError, KimberliteError } from "../../runtime/types/errors.js";
import {
  type AuthenticationStep,
  decodeAuthenticationStep,
  encodeAuthenticate,
  featureAuthentication,
} from "../wire/authentication.js";
import { decodeError } from "../wire/error-body.js";
import { frameHeaderBytes } from "../wire/frame.js";
import { decodeWelcome, encodeHello, protocolVersionMax, protocolVersionMin, type Welcome } from "../wire/handshake.js";
import { requestKinds, responseKinds } from "../wire/kinds.js";
import { lost } from "./connection-lost.js";
import type { ClientLogin } from "./login.js";
import type { Outbox } from "./outbox.js";

/** A node lets those wait who have failed before. */
const loginMs = 6_000;

export interface GreetingEvents {
  welcomed(welcome: Welcome): void;
  failed(error: KimberliteError): void;
}

export class Greeting {
  readonly #outbox: Outbox;
  readonly #peer: string;
  readonly #login: ClientLogin;
  readonly #connectTimeoutMs: number;
  readonly #events: GreetingEvents;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(outbox: Outbox, peer: string, login: ClientLogin, connectTimeoutMs: number, events: GreetingEvents) {
    this.#outbox = outbox;
    this.#peer = peer;
    this.#login = login;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#events = events;
  }

  begin(clientName: string): void {
    this.#waitFor(this.#connectTimeoutMs, "did not answer");
    const body = new ByteWriter(64);
    const features = featureAuthentication;
    encodeHello({ versionMin: protocolVersionMin, versionMax: protocolVersionMax, clientName, features }, body);
    this.#outbox.writer.frame(requestKinds.hello.kind, 0, this.#connectTimeoutMs, body.view());
    this.#outbox.flush();
  }

  /** Nothing more comes of it. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #waitFor(ms: number, failure: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#events.failed(new KimberliteError("connectionRefused", `${this.#peer} ${failure} within ${ms} ms`));
    }, ms);
  }

  /** A frame before the welcome, or the welcome. Throws `frameInvalid`, and `unauthenticated` when the node cannot prove who it is. */
  answered(kind: number, bytes: Uint8Array, from: number, to: number): void {
    assert(!this.#isOver, "a greeting that is over hears nothing");
    if (kind === responseKinds.error) {
      const error = decodeError(bytes, from, to);
      this.#events.failed(error ?? new KimberliteError("internal", "the server refused without a reason"));
      return;
    }
    if (kind === responseKinds.authentication) {
      this.#onAuthentication(decodeAuthenticationStep(new ByteReader(bytes, from, to)));
      return;
    }
    if (kind !== responseKinds.welcome) {
      throw new KimberliteError("frameInvalid", "the first frame of a server is its welcome", { detail: { kind } });
    }
    if (this.#login.isOpen) {
      throw new KimberliteError("frameInvalid", "a server that asks for a proof shows that it knows it, then welcomes");
    }
    const welcome = decodeWelcome(new ByteReader(bytes, from, to));
    if (welcome.version < protocolVersionMin || welcome.version > protocolVersionMax) {
      throw new KimberliteError("frameInvalid", "the server chose a version that was not offered", {
        detail: { version: welcome.version },
      });
    }
    if (welcome.inFlightMax === 0 || welcome.frameBytesMax < frameHeaderBytes) {
      throw new KimberliteError("frameInvalid", "the server's limits leave no room for a request");
    }
    this.stop();
    this.#events.welcomed(welcome);
  }

  /** Some steps take time, and the welcome may come in one piece with the last of them: that one takes none. */
  #onAuthentication(step: AuthenticationStep): void {
    if (step.step === "offer") this.#waitFor(loginMs, "did not let us in");
    if (step.step === "proved") {
      this.#login.verify(step.text);
      return;
    }
    this.#login.answer(step).then(
      (answer) => {
        if (this.#isOver) return;
        const body = new ByteWriter(256);
        encodeAuthenticate(answer, body);
        this.#outbox.writer.frame(requestKinds.authenticate.kind, 0, 0, body.view());
        this.#outbox.flush();
      },
      (error: unknown) =>
        this.#events.failed(isKimberliteError(error) ? error : lost(this.#peer, String(error), error)),
    );
  }
}
