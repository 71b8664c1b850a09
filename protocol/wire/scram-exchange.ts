/**
 * The server's side of one SCRAM exchange (RFC 5802, 7677; channel binding by RFC 5929, `tls-server-end-point`). It sees the password at no
 * moment. A user that does not exist goes through the same exchange with a verifier that no password fits, so that an answer does not
 * tell who exists.
 *
 *   client  gs2 header · n=,r=<nonce>                      server  r=<both nonces>,s=<salt>,i=<iterations>
 *   client  c=<header and channel>,r=<both>,p=<proof>      server  v=<signature>
 */
import { timingSafeEqual } from "node:crypto";
import { assert } from "../../runtime/types/assert.js";
import { hmacSha256, type ScramVerifier, sha256 } from "./scram-verifier.js";

export const scramPlain = "SCRAM-SHA-256";
export const scramBound = "SCRAM-SHA-256-PLUS";

export const bindingName = "tls-server-end-point";

/** Why an exchange cannot go on, in PostgreSQL's words; each protocol says it in its own way. */
export class ScramFailure extends Error {
  override readonly name = "ScramFailure";
  readonly sqlState: "08P01" | "0A000" | "28000";
  readonly explanation: string | undefined;

  constructor(sqlState: ScramFailure["sqlState"], message: string, explanation?: string) {
    super(message);
    this.sqlState = sqlState;
    this.explanation = explanation;
  }
}

const malformed = (explanation: string): ScramFailure =>
  new ScramFailure("08P01", "malformed SCRAM message", explanation);

interface FirstMessage {
  readonly header: string;
  readonly bare: string;
  readonly clientNonce: string;
}

export class ScramExchange {
  readonly #mechanism: string;
  readonly #verifier: ScramVerifier;
  readonly #serverNonce: string;
  /** Hash of the server's certificate; null without TLS. */
  readonly #channel: Uint8Array | null;
  #first: FirstMessage | null = null;
  #serverFirst = "";

  /** @param serverNonce printable, without a comma, drawn anew for each exchange */
  constructor(mechanism: string, verifier: ScramVerifier, serverNonce: string, channel: Uint8Array | null) {
    assert(mechanism === scramPlain || mechanism === scramBound, "a mechanism that was offered");
    assert(mechanism === scramPlain || channel !== null, "a channel is bound only where there is one");
    this.#mechanism = mechanism;
    this.#verifier = verifier;
    this.#serverNonce = serverNonce;
    this.#channel = channel;
  }

  /** Takes the client's first message; returns the answer. Throws `ScramFailure`. */
  start(message: string): string {
    assert(this.#first === null, "an exchange starts once");
    const match = /^(p=[^,]*|[yn]),([^,]*),(.*)$/s.exec(message);
    if (match === null) throw malformed("The message does not begin with a channel-binding flag.");
    const [, flag = "", authorization = "", bare = ""] = match;
    if (authorization !== "")
      throw new ScramFailure("0A000", "client uses authorization identity, but it is not supported");
    this.#checkFlag(flag);
    if (bare.startsWith("m=")) throw new ScramFailure("0A000", "client requires an unsupported SCRAM extension");
    const fields = /^n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?$/s.exec(bare);
    const clientNonce = fields?.[1];
    if (clientNonce === undefined) throw malformed("A name and a nonce are expected.");
    this.#first = { header: `${flag},${authorization},`, bare, clientNonce };
    const { salt, iterations } = this.#verifier;
    this.#serverFirst = `r=${clientNonce}${this.#serverNonce},s=${Buffer.from(salt).toString("base64")},i=${iterations}`;
    return this.#serverFirst;
  }

  #checkFlag(flag: string): void {
    if (this.#mechanism === scramBound) {
      if (flag === `p=${bindingName}`) return;
      if (flag.startsWith("p=")) throw new ScramFailure("08P01", "unsupported SCRAM channel-binding type");
      throw malformed("The client selected SCRAM-SHA-256-PLUS, but the message does not include channel binding data.");
    }
    if (flag === "n") return;
    if (flag === "y" && this.#channel === null) return;
    if (flag === "y") {
      // Somebody between has taken SCRAM-SHA-256-PLUS out of what was offered.
      throw new ScramFailure(
        "28000",
        "SCRAM channel binding negotiation error",
        "The client supports SCRAM channel binding but thinks the server does not. However, this server does support it.",
      );
    }
    throw malformed(
      "The client selected SCRAM-SHA-256 without channel binding, but the message includes channel binding data.",
    );
  }

  /** Takes the client's proof; returns the last answer, or null when the proof does not hold. Throws `ScramFailure`. */
  finish(message: string): string | null {
    const first = this.#first;
    assert(first !== null, "an exchange is finished after its start");
    const match = /^(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[^p][^,]*)*),p=([A-Za-z0-9+/=]+)$/s.exec(message);
    if (match === null) throw malformed("Channel data, nonce and proof are expected.");
    const [, withoutProof = "", channelText = "", nonce = "", proofText = ""] = match;
    const header = new TextEncoder().encode(first.header);
    const expected =
      this.#mechanism === scramBound ? Buffer.concat([header, this.#channel ?? new Uint8Array(0)]) : header;
    if (channelText !== Buffer.from(expected).toString("base64")) {
      throw new ScramFailure("28000", "SCRAM channel binding check failed");
    }
    if (nonce !== first.clientNonce + this.#serverNonce) throw malformed("The nonce does not match.");
    const proof = Buffer.from(proofText, "base64");
    const { storedKey, serverKey } = this.#verifier;
    if (proof.length !== storedKey.length) throw malformed("The proof has a wrong length.");
    const authMessage = `${first.bare},${this.#serverFirst},${withoutProof}`;
    const signature = hmacSha256(storedKey, authMessage);
    const clientKey = proof.map((byte, index) => byte ^ (signature[index] ?? 0));
    if (!timingSafeEqual(sha256(clientKey), storedKey)) return null;
    return `v=${Buffer.from(hmacSha256(serverKey, authMessage)).toString("base64")}`;
  }
}
