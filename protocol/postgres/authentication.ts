/**
 * Proving who a client is: SCRAM-SHA-256, over TLS also bound to the channel (-PLUS). Passwords in clear and MD5 are not taken.
 *
 *   trust   a setting that must be chosen, for loopback: whoever connects is who he says he is
 */
import { randomBytes } from "node:crypto";
import { SqlError } from "../../runtime/query/error.js";
import { ScramExchange, ScramFailure, scramBound, scramPlain } from "../wire/scram-exchange.js";
import type { ScramVerifier } from "../wire/scram-verifier.js";
import type { BackendWriter } from "./backend-writer.js";
import { MessageReader } from "./message-reader.js";
import { FatalError } from "./reports.js";

const nonceBytes = 18;
const responseBytesMax = 4_096;

export class Authentication {
  readonly #writer: BackendWriter;
  readonly #user: string;
  readonly #verifier: ScramVerifier;
  readonly #channel: Uint8Array | null;
  #exchange: ScramExchange | null = null;

  /** Offers what can be done. @param channel hash of the server's certificate; null without TLS */
  constructor(writer: BackendWriter, user: string, verifier: ScramVerifier, channel: Uint8Array | null) {
    this.#writer = writer;
    this.#user = user;
    this.#verifier = verifier;
    this.#channel = channel;
    writer.authenticationSasl(channel === null ? [scramPlain] : [scramBound, scramPlain]);
  }

  /** Takes one answer of the client's. True once it has proved who it is. Throws `FatalError`. */
  answer(body: Uint8Array): boolean {
    try {
      return this.#exchange === null ? this.#start(new MessageReader(body)) : this.#finish(this.#exchange, body);
    } catch (error) {
      if (error instanceof SqlError) throw new FatalError(error.sqlState, error.message, error.fields.detail);
      if (error instanceof ScramFailure) throw new FatalError(error.sqlState, error.message, error.explanation);
      throw error;
    }
  }

  #start(reader: MessageReader): false {
    const mechanism = reader.text();
    if (mechanism !== scramPlain && (mechanism !== scramBound || this.#channel === null)) {
      throw new FatalError("08P01", "client selected an invalid SASL authentication mechanism");
    }
    const length = reader.i32();
    if (length < 0 || length > responseBytesMax) throw new FatalError("08P01", "malformed SCRAM message");
    const message = new TextDecoder("utf-8", { fatal: false }).decode(reader.raw(length));
    reader.end();
    const nonce = randomBytes(nonceBytes).toString("base64");
    this.#exchange = new ScramExchange(mechanism, this.#verifier, nonce, this.#channel);
    this.#writer.authenticationSaslContinue(this.#exchange.start(message));
    return false;
  }

  #finish(exchange: ScramExchange, body: Uint8Array): true {
    if (body.length > responseBytesMax) throw new FatalError("08P01", "malformed SCRAM message");
    const last = exchange.finish(new TextDecoder().decode(body));
    if (last === null) throw wrongPassword(this.#user);
    this.#writer.authenticationSaslFinal(last);
    return true;
  }
}

export const wrongPassword = (user: string): FatalError =>
  new FatalError("28P01", `password authentication failed for user "${user}"`);
