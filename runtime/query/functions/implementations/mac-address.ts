/** Addresses of network cards: bits of them, their makers, and the two lengths that they have. */
import { SqlError } from "../../error.js";
import { macBytes, macFromBytes, widened } from "../../types/mac-address.js";
import { type Implementation, strictly } from "../define.js";

const mapped = (mac: string, change: (byte: number, at: number) => number): string =>
  macFromBytes(macBytes(mac).map(change));

const combined = (a: string, b: string, byte: (a: number, b: number) => number): string => {
  const other = macBytes(b);
  return mapped(a, (each, at) => byte(each, other[at] ?? 0));
};

const inverted = (mac: string): string => mapped(mac, (byte) => ~byte & 0xff);
const and = (a: string, b: string): string => combined(a, b, (left, right) => left & right);
const or = (a: string, b: string): string => combined(a, b, (left, right) => left | right);
/** The first three bytes, which are the maker's. */
const maker = (mac: string): string => mapped(mac, (byte, at) => (at < 3 ? byte : 0));

function narrowed(mac: string): string {
  if (mac.slice(9, 14) !== "ff:fe")
    throw new SqlError("22003", "macaddr8 data out of range to convert to macaddr", {
      hint: "Only addresses that have FF and FE as values in the 4th and 5th bytes from the left, for example xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from macaddr8 to macaddr.",
    });
  return mac.slice(0, 9) + mac.slice(15);
}

export const macAddresses: readonly Implementation[] = strictly({
  "macaddr_not(macaddr)": inverted,
  "macaddr_and(macaddr,macaddr)": and,
  "macaddr_or(macaddr,macaddr)": or,
  "trunc(macaddr)": maker,
  "macaddr8_not(macaddr8)": inverted,
  "macaddr8_and(macaddr8,macaddr8)": and,
  "macaddr8_or(macaddr8,macaddr8)": or,
  "trunc(macaddr8)": maker,
  "macaddr8_set7bit(macaddr8)": (mac) => mapped(mac, (byte, at) => (at === 0 ? byte | 2 : byte)),
  "macaddr8(macaddr)": widened,
  "macaddr(macaddr8)": narrowed,
});
