/**
 * Certificates for the nodes of a cluster: X.509 version 3 (RFC 5280) with ECDSA on P-256. An authority that signs nothing but nodes, and
 * for each node a certificate that carries its name as a DNS name and is good for both sides of a TLS connection.
 *
 * Why written here: what creates certificates on npm brings a general ASN.1 stack along (`@peculiar/x509` 2.2.0: 20 packages) or
 * cryptography of its own (`node-forge`), for one fixed shape of a few hundred bytes. OpenSSL, which judges the result at every
 * handshake, is the check on it. Certificates of any other origin serve as well.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { assert } from "../types/assert.js";
import {
  derBits,
  derInteger,
  derObjectId,
  derOctets,
  derSequence,
  derSet,
  derText,
  derTime,
  derTrue,
  derValue,
} from "./der.js";
import { nodeProvider } from "./node-provider.js";

/** PEM texts. */
export interface KeyedCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface Validity {
  /** Ms since 1970. */
  readonly from: number;
  readonly to: number;
}

const ecdsaWithSha256 = derSequence(derObjectId("1.2.840.10045.4.3.2"));
const commonName = derObjectId("2.5.4.3");
const serverAndClient = derSequence(derObjectId("1.3.6.1.5.5.7.3.1"), derObjectId("1.3.6.1.5.5.7.3.2"));
const extensionIds = {
  subjectKey: "2.5.29.14",
  keyUsage: "2.5.29.15",
  alternativeNames: "2.5.29.17",
  constraints: "2.5.29.19",
  authorityKey: "2.5.29.35",
  extendedUsage: "2.5.29.37",
} as const;
const serialBytes = 16;
const keyIdBytes = 20;

const nameOf = (text: string): Uint8Array => derSequence(derSet(derSequence(commonName, derText(text))));

function extension(id: keyof typeof extensionIds, isCritical: boolean, value: Uint8Array): Uint8Array {
  const parts = isCritical ? [derTrue, derOctets(value)] : [derOctets(value)];
  return derSequence(derObjectId(extensionIds[id]), ...parts);
}

const publicBytes = (key: KeyObject): Uint8Array => Uint8Array.from(key.export({ format: "der", type: "spki" }));
/** What stands before the point in the encoding of a P-256 key. */
const pointAt = 26;
/** RFC 7093, method 1: the key id is the first 160 bits of SHA-256 over the public key. */
const keyIdOf = (key: KeyObject): Uint8Array => nodeProvider.sha256(publicBytes(key), pointAt).slice(0, keyIdBytes);

interface Request {
  readonly subject: string;
  readonly issuer: string;
  readonly issuerKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  readonly serial: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

function issue({ subject, issuer, issuerKey, publicKey, validity, serial, extensions }: Request): string {
  assert(serial.length === serialBytes, "a serial number is 16 random bytes");
  assert(validity.from < validity.to, "a certificate is valid for some time");
  const body = derSequence(
    derValue(0xa0, derInteger(Uint8Array.of(2))),
    derInteger(serial),
    ecdsaWithSha256,
    nameOf(issuer),
    derSequence(derTime(validity.from), derTime(validity.to)),
    nameOf(subject),
    publicBytes(publicKey),
    derValue(0xa3, derSequence(...extensions)),
  );
  const signature = Uint8Array.from(sign("sha256", body, issuerKey));
  const base64 = Buffer.from(derSequence(body, ecdsaWithSha256, derBits(signature))).toString("base64");
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

const newKey = (): { privateKey: KeyObject; publicKey: KeyObject; pem: string } => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, publicKey, pem: privateKey.export({ format: "pem", type: "pkcs8" }).toString() };
};

export type RandomBytes = (count: number) => Uint8Array;

/** An authority for one cluster: its certificate may sign nodes and nothing below them. */
export function createAuthority(name: string, validity: Validity, random: RandomBytes): KeyedCertificate {
  const { privateKey, publicKey, pem } = newKey();
  const cert = issue({
    subject: name,
    issuer: name,
    issuerKey: privateKey,
    publicKey,
    validity,
    serial: random(serialBytes),
    extensions: [
      extension("constraints", true, derSequence(derTrue, derInteger(Uint8Array.of(0)))),
      // keyCertSign and cRLSign.
      extension("keyUsage", true, derBits(Uint8Array.of(0x06), 1)),
      extension("subjectKey", false, derOctets(keyIdOf(publicKey))),
    ],
  });
  return { cert, key: pem };
}

const commonNameOf = ({ subject }: X509Certificate): string | undefined => /^CN=(.+)$/.exec(subject)?.[1];

/** Whether `createNodeCertificate` can sign with it: made by `createAuthority`, and with its own key. */
export function isAuthorityOfOurs(cert: string, key: KeyObject): boolean {
  const authority = new X509Certificate(cert);
  return authority.ca && commonNameOf(authority) !== undefined && authority.checkPrivateKey(key);
}

const alternativeName = (host: string | Uint8Array): Uint8Array =>
  typeof host === "string" ? derValue(0x82, new TextEncoder().encode(host)) : derValue(0x87, host);

/**
 * A node's certificate, signed by the authority. `name` is the DNS name by which other nodes know it; clients know it by `hosts`, DNS names, and
 * IP addresses as their 4 or 16 bytes.
 */
export function createNodeCertificate(
  name: string,
  authority: { readonly cert: string; readonly key: KeyObject },
  validity: Validity,
  random: RandomBytes,
  hosts: readonly (string | Uint8Array)[] = [],
): KeyedCertificate {
  const issuer = new X509Certificate(authority.cert);
  const issuerName = commonNameOf(issuer);
  assert(issuerName !== undefined, "an authority that was made here has one name");
  assert(issuer.checkPrivateKey(authority.key), "an authority signs with its own key");
  const { publicKey, pem } = newKey();
  const cert = issue({
    subject: name,
    issuer: issuerName,
    issuerKey: authority.key,
    publicKey,
    validity,
    serial: random(serialBytes),
    extensions: [
      extension("constraints", true, derSequence()),
      // digitalSignature.
      extension("keyUsage", true, derBits(Uint8Array.of(0x80), 7)),
      extension("extendedUsage", false, serverAndClient),
      extension("alternativeNames", false, derSequence(...[...new Set([name, ...hosts])].map(alternativeName))),
      extension("subjectKey", false, derOctets(keyIdOf(publicKey))),
      extension("authorityKey", false, derSequence(derValue(0x80, keyIdOf(createPublicKey(authority.key))))),
    ],
  });
  return { cert, key: pem };
}
