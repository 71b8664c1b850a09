/** inet and cidr: their text and binary forms. */
import { SqlError } from "../error.js";
import type { TypeCodec } from "./codec.js";
import { Inet, inetOf, isNetwork } from "./inet.js";
import { inetFromText, inetText } from "./inet-text.js";
import { insufficientBinary, invalidBinary } from "./invalid.js";

const families = { 4: 2, 16: 3 } as const;

function receiveInet(type: "inet" | "cidr", message: Uint8Array): Inet {
  const invalid = (what: string): SqlError => new SqlError("22P03", `invalid ${what} in external "${type}" value`);
  const expect = (length: number): void => {
    if (message.length < length) throw insufficientBinary("no");
  };
  const byte = (at: number): number => {
    expect(at + 1);
    return message[at] ?? 0;
  };
  const family = byte(0);
  if (family !== families[4] && family !== families[16]) throw invalid("address family");
  const size = family === families[4] ? 4 : 16;
  const bits = byte(1);
  if (bits > size * 8) throw invalid("bits");
  expect(3);
  if (byte(3) !== size) throw invalid("length");
  expect(4 + size);
  const address = new Inet(message.slice(4, 4 + size), bits);
  if (type === "cidr" && !isNetwork(address))
    throw new SqlError("22P03", 'invalid external "cidr" value', { detail: "Value has bits set to right of mask." });
  if (message.length > 4 + size) throw invalidBinary();
  return address;
}

/** Family, bits, whether it is a cidr, and the address with its length before it. */
const sendInet = (type: "inet" | "cidr", { bytes, bits }: Inet): Uint8Array =>
  Uint8Array.from([families[bytes.length === 4 ? 4 : 16], bits, type === "cidr" ? 1 : 0, bytes.length, ...bytes]);

const codecFor = (type: "inet" | "cidr"): TypeCodec => ({
  input: (text) => inetFromText(type, text),
  output: (value) => inetText(type, inetOf(value)),
  receive: (bytes) => receiveInet(type, bytes),
  send: (value) => sendInet(type, inetOf(value)),
});

export const inetCodec: TypeCodec = codecFor("inet");
export const cidrCodec: TypeCodec = codecFor("cidr");
