/**
 * `tls-server-end-point` (RFC 5929, 4): the hash of the server's certificate, by the hash function of its signature; SHA-256 where that is MD5
 * or SHA-1. The algorithm's identifier is read from the certificate's DER (RFC 5280, 4.1): Certificate is a SEQUENCE of the
 * to-be-signed part, the algorithm, the signature.
 */
import { createHash, X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Identifiers of signature algorithms, as hex of their DER, and the hash of each. */
const hashes: Readonly<Record<string, string>> = {
  "2a864886f70d010104": "sha256", // md5WithRSAEncryption
  "2a864886f70d010105": "sha256", // sha1WithRSAEncryption
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

interface Element {
  readonly tag: number;
  readonly from: number;
  readonly to: number;
}

function element(der: Uint8Array, at: number): Element {
  const tag = der[at] ?? 0;
  let length = der[at + 1] ?? 0;
  let from = at + 2;
  if (length >= 0x80) {
    const bytes = length & 0x7f;
    length = 0;
    for (let index = 0; index < bytes; index++) length = length * 256 + (der[from++] ?? 0);
  }
  return { tag, from, to: from + length };
}

/** @param pem or the certificate's DER. Null for a signature that has no hash of its own (Ed25519): the channel cannot be bound then. */
export function certificateHash(pem: string | Uint8Array): Uint8Array | null {
  const der = new Uint8Array(new X509Certificate(pem).raw);
  const certificate = element(der, 0);
  const toBeSigned = element(der, certificate.from);
  const algorithm = element(der, toBeSigned.to);
  const identifier = element(der, algorithm.from);
  const hash = hashes[Buffer.from(der.subarray(identifier.from, identifier.to)).toString("hex")];
  return hash === undefined ? null : Uint8Array.from(createHash(hash).update(der).digest());
}

/** Of the certificate that the other side of a connection has shown; null without TLS. */
export function peerCertificateHash(socket: Socket): Uint8Array | null {
  if (!(socket instanceof TLSSocket)) return null;
  const raw: unknown = socket.getPeerCertificate().raw;
  return raw instanceof Uint8Array ? certificateHash(raw) : null;
}
