/** The client's side of SCRAM-SHA-256 (RFC 5802, 7677). It checks that the server knows the verifier, too. */
import { pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { KimberliteError } from "../../runtime/types/errors.js";
import { bindingName, scramBound, scramPlain } from "./scram-exchange.js";
import { hmacSha256, saslPrepared, scramIterationsMax, sha256 } from "./scram-verifier.js";

const derive = promisify(pbkdf2);
const keyBytes = 32;
const nonceBytes = 18;

const refused = (why: string): KimberliteError => new KimberliteError("unauthenticated", why);

export class ScramClient {
  /** Of those offered, the one that binds to the channel where there is one. */
  readonly mechanism: string;
  readonly #header: string;
  readonly #channel: Uint8Array;
  readonly #nonce = randomBytes(nonceBytes).toString("base64");
  readonly #bare = `n=,r=${this.#nonce}`;
  #signature: Uint8Array = new Uint8Array(0);

  /**
   * Throws `unauthenticated` when nothing that is offered is known here.
   *
   * @param offered names of the server's mechanisms
   * @param channel hash of the server's certificate (RFC 5929); null without TLS, or where it has none
   */
  constructor(offered: readonly string[], channel: Uint8Array | null) {
    if (!offered.includes(scramPlain)) throw refused(`the server offers ${offered.join(", ") || "no mechanism"}`);
    const isBound = channel !== null && offered.includes(scramBound);
    this.mechanism = isBound ? scramBound : scramPlain;
    this.#channel = isBound ? channel : new Uint8Array(0);
    // "y": this side could bind; a server that offered it, and whose offer somebody has shortened, learns of it.
    this.#header = isBound ? `p=${bindingName},,` : channel === null ? "n,," : "y,,";
  }

  get first(): string {
    return `${this.#header}${this.#bare}`;
  }

  /** @param message the server's first. Returns the proof. */
  async prove(password: string, message: string): Promise<string> {
    const [, nonce = "", salt = "", count = ""] = /^r=([^,]+),s=([^,]+),i=(\d{1,8})/.exec(message) ?? [];
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw refused("the server's nonce is not ours");
    const iterations = Number(count);
    if (iterations < 1 || iterations > scramIterationsMax) throw refused(`the server wants ${count} iterations`);
    const salted = await derive(saslPrepared(password), Buffer.from(salt, "base64"), iterations, keyBytes, "sha256");
    const clientKey = hmacSha256(salted, "Client Key");
    const binding = Buffer.concat([Buffer.from(this.#header), this.#channel]).toString("base64");
    const withoutProof = `c=${binding},r=${nonce}`;
    const authMessage = `${this.#bare},${message},${withoutProof}`;
    const signature = hmacSha256(sha256(clientKey), authMessage);
    this.#signature = hmacSha256(hmacSha256(salted, "Server Key"), authMessage);
    const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
    return `${withoutProof},p=${Buffer.from(proof).toString("base64")}`;
  }

  /** @param message the server's last. Throws `unauthenticated` for a server that does not know the password's verifier. */
  verify(message: string): void {
    const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(message)?.[1] ?? "", "base64");
    // Without a proof of ours there is no signature: a last message that comes too early proves nothing.
    const isReady = this.#signature.length === keyBytes;
    if (!isReady || given.length !== keyBytes || !timingSafeEqual(given, this.#signature)) {
      throw refused("the server does not know this password's verifier");
    }
  }
}
