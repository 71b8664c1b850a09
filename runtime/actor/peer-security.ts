/**
 * Who is at the other end. Between nodes there is TLS 1.3 only, and both sides show a certificate of the cluster's own authority that
 * carries the node's name as a DNS name: a certificate of one node does not open the place of another. Without TLS nodes talk over
 * loopback only.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import { KimberliteError } from "../types/errors.js";
import { isLoopback } from "./loopback.js";

/** PEM texts. */
export interface PeerSecurity {
  /** Certificates of the authorities whose word counts. */
  readonly ca: string;
  /** This node's certificate, and whatever stands between it and an authority. */
  readonly cert: string;
  readonly key: string;
}

export const tlsVersions = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" } as const;

export const secureOptions = ({ ca, cert, key }: PeerSecurity): SecureContextOptions => ({
  ca,
  cert,
  key,
  ...tlsVersions,
});

/** Whether the certificate carries the name, exactly: no wildcard, no fall-back to the subject. */
export const carriesName = (certificate: X509Certificate, name: string): boolean =>
  certificate.checkHost(name, {
    subject: "never",
    wildcards: false,
    partialWildcards: false,
    multiLabelWildcards: false,
    singleLabelSubdomains: false,
  }) !== undefined;

const foreign = "its certificate is of an authority that is not in this node's ca file";
const handshakeFailures: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: foreign,
  DEPTH_ZERO_SELF_SIGNED_CERT: foreign,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: foreign,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: foreign,
  CERT_SIGNATURE_FAILURE: foreign,
  CERT_HAS_EXPIRED: "its certificate, or that of its authority, has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: compare the clocks",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not know the authority of this node's certificate",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS",
};

/** Why a connection failed, for people; with the system's own word for it. */
export function troubleOf(error: NodeJS.ErrnoException): string {
  const word = error.code ?? error.message;
  const known = handshakeFailures[word];
  return known === undefined ? word : `${known} (${word})`;
}

const invalid = (what: string): KimberliteError => new KimberliteError("configurationInvalid", what);

/** Finds out at the start what would otherwise show as a handshake that fails. Throws `configurationInvalid`. */
export function checkSecurity(security: PeerSecurity, name: string, now: number): void {
  const own = parse(security.cert, "the node's certificate");
  // Two while one authority takes the place of another.
  const authorities = (security.ca.match(pemBlocks) ?? [security.ca]).map((pem) =>
    parse(pem, "an authority's certificate"),
  );
  if (!carriesName(own, name)) {
    throw invalid(`the node's certificate does not carry the name ${name}: it has ${own.subjectAltName ?? "none"}`);
  }
  let matches: boolean;
  try {
    matches = own.checkPrivateKey(createPrivateKey(security.key));
  } catch (cause) {
    throw new KimberliteError("configurationInvalid", "the node's key is no PEM private key", { cause });
  }
  if (!matches) throw invalid("the node's key does not belong to its certificate");
  // With certificates in between the chain is judged at the handshake.
  const isChain = (security.cert.match(pemBlocks) ?? []).length > 1;
  const issuer = authorities.find((authority) => own.checkIssued(authority) && own.verify(authority.publicKey));
  if (!isChain && issuer === undefined) throw invalid("the node's certificate was not issued by the authority");
  for (const { validFrom, validTo } of issuer === undefined ? [own] : [own, issuer]) {
    if (now < Date.parse(validFrom) || now > Date.parse(validTo)) {
      throw invalid(`the certificate of the node or of its authority is valid from ${validFrom} to ${validTo} only`);
    }
  }
}

const pemBlocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function parse(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new KimberliteError("configurationInvalid", `${what} is no PEM certificate`, { cause });
  }
}

/** Throws `insecureListen` unless all of the hosts are this machine's alone. */
export function checkPlaintext(hosts: readonly string[]): void {
  for (const host of hosts) {
    if (isLoopback(host)) continue;
    throw new KimberliteError("insecureListen", `nodes talk without TLS over loopback only, and ${host} is not`, {
      detail: { host },
    });
  }
}
