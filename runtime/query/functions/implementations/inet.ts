/** Addresses and networks: what lies within what, their parts, and arithmetic of addresses as whole numbers. */
import { SqlError } from "../../error.js";
import { int64 } from "../../types/bytes.js";
import type { Int64 } from "../../types/datum.js";
import { commonBits, Inet, maskOf, networkOf } from "../../types/inet.js";
import { abbreviatedCidr, addressText, inetText } from "../../types/inet-text.js";
import { type Implementation, strictly } from "../define.js";

const sameFamily = (a: Inet, b: Inet): boolean => a.bytes.length === b.bytes.length;

/** Whether both are in the network that the shorter of their prefixes names. */
function overlap(a: Inet, b: Inet): boolean {
  const bits = Math.min(a.bits, b.bits);
  return sameFamily(a, b) && commonBits(a, b, bits) === bits;
}

function expectSameFamily(a: Inet, b: Inet, message: string): void {
  if (!sameFamily(a, b)) throw new SqlError("22023", message);
}

function lengthOf(address: Inet, bits: number): number {
  if (bits === -1) return address.maxBits;
  if (bits < 0 || bits > address.maxBits) throw new SqlError("22023", `invalid mask length: ${bits}`);
  return bits;
}

/** Byte by byte, with the longer of both prefixes. */
function combine(what: string, a: Inet, b: Inet, byte: (a: number, b: number) => number): Inet {
  expectSameFamily(a, b, `cannot ${what} inet values of different sizes`);
  return new Inet(
    a.bytes.map((each, at) => byte(each, b.bytes[at] ?? 0)),
    Math.max(a.bits, b.bits),
  );
}

const resultOutOfRange = (): SqlError => new SqlError("22003", "result is out of range");

const numberOf = ({ bytes }: Inet): bigint => bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);

function shifted(address: Inet, by: bigint): Inet {
  const sum = numberOf(address) + by;
  if (sum < 0n || sum >= 1n << BigInt(address.maxBits)) throw resultOutOfRange();
  const { length } = address.bytes;
  const bytes = Uint8Array.from({ length }, (_, at) => Number((sum >> BigInt(8 * (length - 1 - at))) & 0xffn));
  return new Inet(bytes, address.bits);
}

/** As of numbers of the addresses' own width, which go round. */
function difference(a: Inet, b: Inet): Int64 {
  expectSameFamily(a, b, "cannot subtract inet values of different sizes");
  const result = numberOf(a) - numberOf(b);
  const signed = a.maxBits === 32 ? result : BigInt.asIntN(a.maxBits, result);
  if (BigInt.asIntN(64, signed) !== signed) throw resultOutOfRange();
  return int64(signed);
}

function merge(a: Inet, b: Inet): Inet {
  expectSameFamily(a, b, "cannot merge addresses from different families");
  return networkOf(a, commonBits(a, b, Math.min(a.bits, b.bits)));
}

export const inets: readonly Implementation[] = strictly({
  "network_sub(inet,inet)": (a, b) => a.bits > b.bits && overlap(a, b),
  "network_subeq(inet,inet)": (a, b) => a.bits >= b.bits && overlap(a, b),
  "network_sup(inet,inet)": (a, b) => a.bits < b.bits && overlap(a, b),
  "network_supeq(inet,inet)": (a, b) => a.bits <= b.bits && overlap(a, b),
  "network_overlap(inet,inet)": overlap,
  "inetnot(inet)": ({ bytes, bits }) =>
    new Inet(
      bytes.map((byte) => ~byte & 0xff),
      bits,
    ),
  "inetand(inet,inet)": (a, b) => combine("AND", a, b, (left, right) => left & right),
  "inetor(inet,inet)": (a, b) => combine("OR", a, b, (left, right) => left | right),
  "inetpl(inet,int8)": (address, by) => shifted(address, BigInt(by)),
  "int8pl_inet(int8,inet)": (by, address) => shifted(address, BigInt(by)),
  "inetmi_int8(inet,int8)": (address, by) => shifted(address, BigInt.asIntN(64, -BigInt(by))),
  "inetmi(inet,inet)": difference,
  "abbrev(inet)": (address) => inetText("inet", address),
  "abbrev(cidr)": abbreviatedCidr,
  "broadcast(inet)": ({ bytes, bits }) => {
    const mask = maskOf(bytes.length, bits);
    return new Inet(
      bytes.map((byte, at) => byte | (~(mask[at] ?? 0) & 0xff)),
      bits,
    );
  },
  "cidr(inet)": (address) => networkOf(address, address.bits),
  "family(inet)": ({ bytes }) => (bytes.length === 4 ? 4 : 6),
  "host(inet)": ({ bytes }) => addressText(bytes),
  "hostmask(inet)": ({ bytes, bits, maxBits }) =>
    new Inet(
      maskOf(bytes.length, bits).map((byte) => ~byte & 0xff),
      maxBits,
    ),
  "inet_merge(inet,inet)": merge,
  "inet_same_family(inet,inet)": sameFamily,
  "masklen(inet)": ({ bits }) => bits,
  "netmask(inet)": ({ bytes, bits, maxBits }) => new Inet(maskOf(bytes.length, bits), maxBits),
  "network(inet)": (address) => networkOf(address, address.bits),
  "set_masklen(inet,int4)": (address, bits) => new Inet(address.bytes, lengthOf(address, bits)),
  "set_masklen(cidr,int4)": (address, bits) => networkOf(address, lengthOf(address, bits)),
  "text(inet)": ({ bytes, bits }) => `${addressText(bytes)}/${bits}`,
});
