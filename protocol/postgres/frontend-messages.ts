/** What a client may say once it is admitted, decoded. The table of formats is chapter 55.7 of PostgreSQL's manual. */
import type { WireValue } from "../../actors/messages/sql.js";
import { SqlError } from "../../runtime/query/error.js";
import type { Oid } from "../../runtime/query/types/sql-type.js";
import type { ByteEncoding } from "./copy/encodings.js";
import { MessageReader } from "./message-reader.js";

export type Target = "statement" | "portal";

export interface Bind {
  readonly kind: "bind";
  readonly portal: string;
  readonly statement: string;
  readonly parameters: readonly WireValue[];
  readonly resultFormats: readonly (0 | 1)[];
}

export type FrontendMessage =
  | { readonly kind: "query"; readonly text: string }
  | { readonly kind: "parse"; readonly name: string; readonly text: string; readonly parameterTypes: readonly Oid[] }
  | Bind
  | { readonly kind: "describe"; readonly target: Target; readonly name: string }
  | { readonly kind: "execute"; readonly portal: string; readonly rowsMax: number }
  | { readonly kind: "close"; readonly target: Target; readonly name: string }
  | { readonly kind: "flush" }
  | { readonly kind: "sync" }
  | { readonly kind: "terminate" }
  | { readonly kind: "functionCall" }
  | { readonly kind: "copyData"; readonly bytes: Uint8Array }
  | { readonly kind: "copyDone" }
  | { readonly kind: "copyFail"; readonly message: string }
  | { readonly kind: "password"; readonly bytes: Uint8Array };

export type FrontendKind = FrontendMessage["kind"];

/** The letters of messages. What has none here has been refused by the decoder. */
const kinds: Readonly<Record<string, FrontendKind>> = {
  Q: "query",
  P: "parse",
  B: "bind",
  D: "describe",
  E: "execute",
  C: "close",
  H: "flush",
  S: "sync",
  X: "terminate",
  F: "functionCall",
  d: "copyData",
  c: "copyDone",
  f: "copyFail",
  p: "password",
};

/** By the letter's number. */
const kindsByType: readonly (FrontendKind | undefined)[] = Array.from(
  { length: 0x80 },
  (_, type) => kinds[String.fromCharCode(type)],
);

export function kindOf(type: number): FrontendKind {
  const kind = kindsByType[type];
  if (kind === undefined) throw new SqlError("08P01", `invalid frontend message type ${type}`);
  return kind;
}

/** @param encoding of its texts; null for UTF-8. Values of a Bind are left as they are. */
export function decodeFrontend(
  kind: FrontendKind,
  body: Uint8Array,
  encoding: ByteEncoding | null = null,
): FrontendMessage {
  const reader = new MessageReader(body, encoding);
  const message = decodeFields(kind, reader);
  reader.end();
  return message;
}

function decodeFields(kind: FrontendKind, reader: MessageReader): FrontendMessage {
  switch (kind) {
    case "query":
      return { kind, text: reader.text() };
    case "parse": {
      const name = reader.text();
      const text = reader.text();
      return { kind, name, text, parameterTypes: many(reader.u16(), reader, 4, () => reader.u32()) };
    }
    case "bind":
      return decodeBind(reader);
    case "describe":
    case "close":
      return { kind, target: decodeTarget(kind, reader), name: reader.text() };
    case "execute":
      return { kind, portal: reader.text(), rowsMax: Math.max(0, reader.i32()) };
    case "flush":
    case "sync":
    case "terminate":
      return { kind };
    case "functionCall":
      reader.rest();
      return { kind };
    case "copyData":
      return { kind, bytes: reader.rest() };
    case "copyDone":
      return { kind };
    case "copyFail":
      return { kind, message: reader.text() };
    case "password":
      return { kind, bytes: reader.rest() };
  }
}

function decodeTarget(kind: "describe" | "close", reader: MessageReader): Target {
  const letter = reader.u8();
  if (letter === 0x53) return "statement";
  if (letter === 0x50) return "portal";
  throw new SqlError("08P01", `invalid ${kind.toUpperCase()} message subtype ${letter}`);
}

/** @param bytesEach what each takes at least: a count beyond what is there is refused before anything is made for it */
function many<Item>(count: number, reader: MessageReader, bytesEach: number, read: () => Item): Item[] {
  if (count * bytesEach > reader.remaining) throw new SqlError("08P01", "insufficient data left in message");
  const items: Item[] = [];
  for (let index = 0; index < count; index++) items.push(read());
  return items;
}

function decodeFormat(reader: MessageReader): 0 | 1 {
  const code = reader.i16();
  if (code === 0 || code === 1) return code;
  throw new SqlError("22023", `unsupported format code: ${code}`);
}

function decodeBind(reader: MessageReader): Bind {
  const portal = reader.text();
  const statement = reader.text();
  const formats = many(reader.u16(), reader, 2, () => decodeFormat(reader));
  const count = reader.u16();
  if (formats.length > 1 && formats.length !== count) {
    throw new SqlError("08P01", `bind message has ${formats.length} parameter formats but ${count} parameters`);
  }
  let index = 0;
  const parameters = many(count, reader, 4, (): WireValue => {
    const format = formats[formats.length === 1 ? 0 : index++] ?? 0;
    const length = reader.i32();
    if (length === -1) return { format, bytes: null };
    return { format, bytes: reader.raw(length) };
  });
  const resultFormats = many(reader.u16(), reader, 2, () => decodeFormat(reader));
  return { kind: "bind", portal, statement, parameters, resultFormats };
}
