/** IP addresses as certificates carry them (RFC 5280, 4.2.1.6): 4 or 16 bytes. */
import { isIP } from "node:net";
import { assert } from "../../runtime/types/assert.js";

/** Null for what is no IP address. A zone (`%eth0`) is no part of one. */
export function ipBytes(host: string): Uint8Array | null {
  const version = isIP(host);
  if (version === 0 || host.includes("%")) return null;
  if (version === 4) return Uint8Array.from(host.split(".").map(Number));
  // An IPv4 address at the end stands for the last two groups.
  const text = host.replace(/[\d.]+$/u, (tail) => {
    if (!tail.includes(".")) return tail;
    const [a = 0, b = 0, c = 0, d = 0] = tail.split(".").map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [before = "", after] = text.split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [head, tail] = [groups(before), groups(after ?? "")];
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  const all = [...head, ...zeros, ...tail];
  assert(all.length === 8, "an IPv6 address has eight groups");
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
