/** The client's side of SCRAM-SHA-256 (RFC 5802, 7677). It checks that the server knows the verifier, too. */
import { pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { hmacSha256, saslPrepared, scramIterationsMax, sha256 } from "../../wire/scram-verifier.js";

const derive = promisify(pbkdf2);
const keyBytes = 32;
const nonceBytes = 18;

const refused = (why: string): KimberliteError => new KimberliteError("unauthenticated", why);

export class ScramClient {
  readonly #nonce = randomBytes(nonceBytes).toString("base64");
  readonly #bare = `n=,r=${this.#nonce}`;
  #signature: Uint8Array = new Uint8Array(0);

  get first(): string {
    return `n,,${this.#bare}`;
  }

  /** @param message the server's first. Returns the proof. */
  async prove(password: string, message: string): Promise<string> {
    const [, nonce = "", salt = "", count = ""] = /^r=([^,]+),s=([^,]+),i=(\d{1,8})/.exec(message) ?? [];
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw refused("the server's nonce is not ours");
    const iterations = Number(count);
    if (iterations < 1 || iterations > scramIterationsMax) throw refused(`the server wants ${count} iterations`);
    const salted = await derive(saslPrepared(password), Buffer.from(salt, "base64"), iterations, keyBytes, "sha256");
    const clientKey = hmacSha256(salted, "Client Key");
    const withoutProof = `c=biws,r=${nonce}`;
    const authMessage = `${this.#bare},${message},${withoutProof}`;
    const signature = hmacSha256(sha256(clientKey), authMessage);
    this.#signature = hmacSha256(hmacSha256(salted, "Server Key"), authMessage);
    const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
    return `${withoutProof},p=${Buffer.from(proof).toString("base64")}`;
  }

  /** @param message the server's last. Throws `unauthenticated` for a server that does not know the password's verifier. */
  verify(message: string): void {
    const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(message)?.[1] ?? "", "base64");
    if (given.length !== this.#signature.length || !timingSafeEqual(given, this.#signature)) {
      throw refused("the server does not know this password's verifier");
    }
  }
}
