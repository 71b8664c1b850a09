/** UUIDs of RFC 4122: drawn, of a time, or of a name. PostgreSQL has all but one of these in its extension uuid-ossp. */
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { fromHex } from "../../types/bytea.js";
import { utf8 } from "../../types/bytes.js";
import { uuidFromBytes } from "../../types/uuid.js";
import type { EvaluationContext } from "../context.js";
import { strictly } from "../define.js";

/** Days from 1582-10-15, where the times of version 1 begin, to 2000-01-01, where those of SQL do. */
const gregorianDays = 152_384n;
const microsPerDay = 86_400_000_000n;

/** Version in the seventh byte, variant 1 in the ninth. Takes the bytes over. */
function stamped(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidFromBytes(bytes);
}

const random = (context: EvaluationContext): string => stamped(context.randomBytes(16).slice(), 4);

/** The machine's address is nobody's business: node and clock sequence are drawn, with the bit of those that are. */
function ofTime(context: EvaluationContext): string {
  const bytes = context.randomBytes(16).slice();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // 100 ns; the last digit is drawn, since the clock has microseconds.
  const ticks = (BigInt(context.clock()) + gregorianDays * microsPerDay) * 10n + BigInt((bytes[0] ?? 0) % 10);
  view.setUint32(0, Number(ticks & 0xffff_ffffn));
  view.setUint16(4, Number((ticks >> 32n) & 0xffffn));
  view.setUint16(6, Number((ticks >> 48n) & 0x0fffn));
  bytes[10] = (bytes[10] ?? 0) | 0x01;
  return stamped(bytes, 1);
}

const ofName = (hash: (bytes: Uint8Array) => Uint8Array, version: number, namespace: string, name: string): string => {
  const space = fromHex(namespace.replaceAll("-", ""));
  const text = utf8(name);
  const bytes = new Uint8Array(space.length + text.length);
  bytes.set(space);
  bytes.set(text, space.length);
  return stamped(hash(bytes).slice(0, 16), version);
};

/** Namespaces of appendix C. */
const namespaceOf = (digit: string): string => `6ba7b81${digit}-9dad-11d1-80b4-00c04fd430c8`;

export const uuids = strictly({
  "gen_random_uuid()": random,
  "uuid_generate_v4()": random,
  "uuid_generate_v1()": ofTime,
  "uuid_generate_v1mc()": ofTime,
  "uuid_generate_v3(uuid,text)": (namespace, name) => ofName(md5, 3, namespace, name),
  "uuid_generate_v5(uuid,text)": (namespace, name) => ofName(sha1, 5, namespace, name),
  "uuid_nil()": () => "00000000-0000-0000-0000-000000000000",
  "uuid_ns_dns()": () => namespaceOf("0"),
  "uuid_ns_url()": () => namespaceOf("1"),
  "uuid_ns_oid()": () => namespaceOf("2"),
  "uuid_ns_x500()": () => namespaceOf("4"),
});
