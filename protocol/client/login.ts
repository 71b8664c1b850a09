/** A client's side of the authentication between hello and welcome (`wire/authentication.ts`): SCRAM-SHA-256, and what it is done with. */
import { readSecretFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { AuthenticateRequest, AuthenticationStep } from "../wire/authentication.js";
import { type Credentials, localCredentials } from "../wire/local-access.js";
import { ScramClient } from "../wire/scram-client.js";

/**
 * Asked for each connection to a node that wants to know who its clients are.
 *
 * @param localAccess path of the file of local access on this machine; empty when the node names none
 */
export type CredentialsSource = (localAccess: string) => Credentials | Promise<Credentials>;

/** Nobody in particular: whoever runs this program may read the node's data directory, or is not let in. */
export const localAccess: CredentialsSource = (path) => {
  if (path === "") {
    throw new KimberliteError(
      "unauthenticated",
      "the node wants to know who its clients are: give a user and a password",
    );
  }
  return localCredentials(path, readSecretFile);
};

export class ClientLogin {
  readonly #source: CredentialsSource;
  /** Hash of the server's certificate; null without TLS. */
  readonly #channel: Uint8Array | null;
  #scram: ScramClient | null = null;
  #password = "";
  #isProved = false;

  constructor(source: CredentialsSource, channel: Uint8Array | null) {
    this.#source = source;
    this.#channel = channel;
  }

  /** True while the server has been told who we are and has not shown that it knows it. */
  get isOpen(): boolean {
    return this.#scram !== null && !this.#isProved;
  }

  /** What to say to an offer or a challenge. Throws `unauthenticated`, `frameInvalid`. */
  async answer({ step, text, localAccess }: AuthenticationStep): Promise<AuthenticateRequest> {
    if (step === "challenge") {
      return { user: "", mechanism: "", message: await this.#expectScram().prove(this.#password, text) };
    }
    if (this.#scram !== null) throw new KimberliteError("frameInvalid", "a server offers once");
    const scram = new ScramClient(text.split(","), this.#channel);
    this.#scram = scram;
    const { user, password } = await this.#source(localAccess);
    this.#password = password;
    return { user, mechanism: scram.mechanism, message: scram.first };
  }

  /** The server's last message shows that it knows what we are known by. Throws `unauthenticated`, `frameInvalid`. */
  verify(text: string): void {
    this.#expectScram().verify(text);
    this.#isProved = true;
  }

  #expectScram(): ScramClient {
    if (this.#scram === null) throw new KimberliteError("frameInvalid", "a challenge before an offer");
    return this.#scram;
  }
}
