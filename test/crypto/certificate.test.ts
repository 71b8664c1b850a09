import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import { ipBytes } from "../../protocol/admin/ip-bytes.js";
import { createAuthority, createNodeCertificate } from "../../runtime/crypto/certificate.js";
import { derInteger, derObjectId, derTime, derValue } from "../../runtime/crypto/der.js";

const day = 24 * 3_600_000;
const validity = { from: Date.now() - day, to: Date.now() + 10 * 365 * day };
const random = (count: number): Uint8Array => Uint8Array.from(randomBytes(count));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("a node's certificate is one that OpenSSL accepts, for its name and from its authority only", (t) => {
  const authority = createAuthority("Kimberlite cluster 00ff", validity, random);
  const key = createPrivateKey(authority.key);
  const node = createNodeCertificate("node-1.example.org", { cert: authority.cert, key }, validity, random);
  const [root, leaf] = [new X509Certificate(authority.cert), new X509Certificate(node.cert)];
  t.true(root.ca);
  t.false(leaf.ca);
  t.true(leaf.checkIssued(root));
  t.true(leaf.verify(root.publicKey));
  t.true(leaf.checkPrivateKey(createPrivateKey(node.key)));
  t.is(leaf.checkHost("node-1.example.org", { subject: "never" }), "node-1.example.org");
  t.is(leaf.checkHost("node-2.example.org", { subject: "never" }), undefined);
  t.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  t.is(Date.parse(leaf.validTo), Math.floor(validity.to / 1000) * 1000);
  const other = new X509Certificate(createAuthority("Kimberlite cluster 00ff", validity, random).cert);
  t.false(leaf.verify(other.publicKey));
  t.false(leaf.checkIssued(other), "key ids tell authorities of one name apart");
});

test("a certificate also carries the hosts at which clients find its node, names and addresses", (t) => {
  const authority = createAuthority("authority", validity, random);
  const issuer = { cert: authority.cert, key: createPrivateKey(authority.key) };
  const hosts = ["db.example.org", "127.0.0.1", "::1", "2001:db8::ff00:42:8329", "::ffff:192.0.2.33", "node-1"];
  const { cert } = createNodeCertificate(
    "node-1",
    issuer,
    validity,
    random,
    hosts.map((host) => ipBytes(host) ?? host),
  );
  const leaf = new X509Certificate(cert);
  t.is(leaf.checkHost("db.example.org", { subject: "never" }), "db.example.org");
  t.is(leaf.checkHost("node-1", { subject: "never" }), "node-1");
  for (const host of hosts.slice(1, 5)) t.is(leaf.checkIP(host), host);
  t.is(leaf.checkIP("192.0.2.34"), undefined);
  t.is(ipBytes("fe80::1%eth0"), null);
  t.is(ipBytes("1.2.3"), null);
});

test("DER: lengths, numbers, object ids and times are in their shortest form", (t) => {
  t.is(hex(derValue(0x04, new Uint8Array(127))).slice(0, 4), "047f");
  t.is(hex(derValue(0x04, new Uint8Array(128))).slice(0, 6), "048180");
  t.is(hex(derValue(0x04, new Uint8Array(65_536))).slice(0, 10), "0483010000");
  t.is(hex(derInteger(Uint8Array.of(0, 0, 0x7f))), "02017f");
  t.is(hex(derInteger(Uint8Array.of(0x80))), "02020080");
  t.is(hex(derInteger(Uint8Array.of(0))), "020100");
  t.is(hex(derObjectId("1.2.840.10045.4.3.2")), "06082a8648ce3d040302");
  t.is(Buffer.from(derTime(Date.UTC(2049, 11, 31, 23, 59, 59)).subarray(2)).toString(), "491231235959Z");
  t.is(Buffer.from(derTime(Date.UTC(2050, 0, 1)).subarray(2)).toString(), "20500101000000Z");
});

test("a certificate reads back with any serial number and any name", (t) => {
  let seen = 0;
  const serials = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((bytes) => bytes.some((byte) => byte !== 0));
  const names = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/);
  const authority = createAuthority("authority", validity, random);
  const key = createPrivateKey(authority.key);
  fc.assert(
    fc.property(serials, names, (serial, name) => {
      const made = createNodeCertificate(name, { cert: authority.cert, key }, validity, () => serial);
      const read = new X509Certificate(made.cert);
      t.is(BigInt(`0x${read.serialNumber}`), BigInt(`0x${hex(serial)}`));
      t.is(read.checkHost(name, { subject: "never" }), name);
      seen += 1;
    }),
    { numRuns: 50 },
  );
  t.is(seen, 50);
});
