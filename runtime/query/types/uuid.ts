/** uuid: 36 characters in lower case; read with or without hyphens after any four digits, and with braces. */

import { fromHex, toHex } from "./bytea.js";
import type { TypeCodec } from "./codec.js";
import { insufficientBinary, invalidBinary, invalidText } from "./invalid.js";
import { textOf } from "./text.js";

const pattern = /^(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}$/iu;

const withHyphens = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;

export const uuidFromBytes = (bytes: Uint8Array): string => withHyphens(toHex(bytes));

export function uuidFromText(text: string): string {
  const bare = text.startsWith("{") && text.endsWith("}") ? text.slice(1, -1) : text;
  if (!pattern.test(bare)) throw invalidText("uuid", text);
  return withHyphens(bare.replaceAll("-", "").toLowerCase());
}

export const uuidCodec: TypeCodec = {
  input: uuidFromText,
  output: textOf,
  receive: (bytes) => {
    if (bytes.length < 16) throw insufficientBinary();
    if (bytes.length > 16) throw invalidBinary();
    return uuidFromBytes(bytes);
  },
  send: (value) => fromHex(textOf(value).replaceAll("-", "")),
};
