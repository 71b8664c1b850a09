/**
 * The frames between hello and welcome by which a client says who it is and proves it. The proof is SCRAM-SHA-256 (`scram-exchange.ts`), over
 * TLS bound to the channel. Request ids are 0.
 *
 *   server  authentication (135)   step u8 · text · local access text
 *             0 offer       names of mechanisms with commas between them · where local access is kept, or empty
 *             1 challenge   the server's first message of SCRAM
 *             2 proved      the server's last message, by which the client sees that the server knows it; the welcome follows
 *   client  authenticate (4)       user text · mechanism text · message text
 *             first   all three; then the proof alone, user and mechanism empty
 *
 * Local access: a path on the node's machine, told to clients on the same machine alone, where a file holds a password for the user `local`
 * that whoever may read it can log in with. It is never sent, only proved, like any password.
 */
import { assert } from "../../runtime/types/assert.js";
import type { ByteReader } from "../../runtime/types/byte-reader.js";
import type { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";

/** Bit of a hello's features: the client can say who it is. */
export const featureAuthentication = 1;
const textBytesMax = 4_096;
const steps = ["offer", "challenge", "proved"] as const;

export interface AuthenticationStep {
  readonly step: (typeof steps)[number];
  readonly text: string;
  /** Empty but in some offers. */
  readonly localAccess: string;
}

export interface AuthenticateRequest {
  readonly user: string;
  readonly mechanism: string;
  readonly message: string;
}

export function encodeAuthenticationStep({ step, text, localAccess }: AuthenticationStep, out: ByteWriter): void {
  assert(step === "offer" || localAccess === "", "local access is told in an offer");
  out.u8(steps.indexOf(step)).string(text).string(localAccess);
}

/** Throws `frameInvalid`. */
export function decodeAuthenticationStep(reader: ByteReader): AuthenticationStep {
  const step = steps[reader.u8()];
  if (step === undefined) throw new KimberliteError("frameInvalid", "an authentication has no such step");
  const text = reader.string(textBytesMax);
  const localAccess = reader.string(textBytesMax);
  reader.end();
  return { step, text, localAccess };
}

export function encodeAuthenticate({ user, mechanism, message }: AuthenticateRequest, out: ByteWriter): void {
  assert((user === "") === (mechanism === ""), "who says who it is says how it proves that");
  out.string(user).string(mechanism).string(message);
}

/** Throws `frameInvalid`. */
export function decodeAuthenticate(reader: ByteReader): AuthenticateRequest {
  const user = reader.string(textBytesMax);
  const mechanism = reader.string(textBytesMax);
  const message = reader.string(textBytesMax);
  reader.end();
  return { user, mechanism, message };
}
