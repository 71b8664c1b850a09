/**
 * The first messages of a connection: what it wants to be (TLS, a cancellation, a session), for which database and user.
 *
 *   code 80877102   CancelRequest: process u32 · secret u32       80877103  SSLRequest       80877104  GSSENCRequest
 *   code 196608     StartupMessage of protocol 3.0: pairs of texts, ended by a zero byte
 */
import { SqlError } from "../../runtime/query/error.js";
import { MessageReader } from "./message-reader.js";
import { FatalError } from "./reports.js";

export type FirstMessage =
  | { readonly kind: "cancel"; readonly process: number; readonly secret: number }
  | { readonly kind: "tls" }
  | { readonly kind: "gssEncryption" }
  | StartupMessage;

export interface StartupMessage {
  readonly kind: "startup";
  readonly user: string;
  readonly database: string;
  /** Settings that the client asks for, in order; `options` are taken apart already. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly wantsReplication: boolean;
  /** The client speaks a later minor version: it is told that this is 3.0. */
  readonly isNewer: boolean;
  /** Options of the protocol (`_pq_.…`) that nobody knows here. */
  readonly unknownOptions: readonly string[];
}

const cancelCode = 80_877_102;
const tlsCode = 80_877_103;
const gssCode = 80_877_104;
const major = 3;

/** @param body what follows the length. Throws `FatalError`, in PostgreSQL's words, and `SqlError` for bytes that are none of these. */
export function decodeFirst(body: Uint8Array): FirstMessage {
  const reader = new MessageReader(body);
  const code = reader.u32();
  if (code === cancelCode) return { kind: "cancel", process: reader.u32(), secret: reader.u32() };
  if (code === tlsCode) return { kind: "tls" };
  if (code === gssCode) return { kind: "gssEncryption" };
  const [asked, minor] = [code >>> 16, code & 0xffff];
  if (asked !== major) {
    throw new FatalError("0A000", `unsupported frontend protocol ${asked}.${minor}: server supports 3.0 to 3.0`);
  }
  return decodeStartup(reader, minor > 0);
}

function decodeStartup(reader: MessageReader, isNewer: boolean): StartupMessage {
  const settings: (readonly [string, string])[] = [];
  const unknownOptions: string[] = [];
  let [user, database, replication] = ["", "", ""];
  for (;;) {
    const name = reader.text();
    if (name === "") break;
    const value = reader.text();
    if (name === "user") user = value;
    else if (name === "database") database = value;
    else if (name === "replication") replication = value;
    else if (name === "options") settings.push(...commandLineSettings(value));
    else if (name.startsWith("_pq_.")) unknownOptions.push(name);
    else settings.push([name, value]);
  }
  if (reader.remaining !== 0) {
    throw new SqlError("08P01", "invalid startup packet layout: expected terminator as last byte");
  }
  if (user === "") throw new FatalError("28000", "no PostgreSQL user name specified in startup packet");
  return {
    kind: "startup",
    user,
    database: database === "" ? user : database,
    settings,
    wantsReplication: replication !== "" && !["false", "off", "no", "0"].includes(replication),
    isNewer,
    unknownOptions,
  };
}

/** `-c name=value`, `-cname=value` and `--name=value`; a backslash takes the next character as it is. */
function commandLineSettings(options: string): (readonly [string, string])[] {
  const words = splitOptions(options);
  const settings: (readonly [string, string])[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    let pair = "";
    if (word === "-c") pair = words[++index] ?? "";
    else if (word.startsWith("-c")) pair = word.slice(2);
    else if (word.startsWith("--")) pair = word.slice(2);
    else throw new FatalError("42601", `invalid command-line argument for server process: ${word}`);
    const equals = pair.indexOf("=");
    if (equals < 1) throw new FatalError("42601", `-c ${pair} requires a value`);
    settings.push([pair.slice(0, equals).replaceAll("-", "_"), pair.slice(equals + 1)]);
  }
  return settings;
}

function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word = "";
  for (let at = 0; at < options.length; at++) {
    const letter = options[at] ?? "";
    if (letter === "\\") word += options[++at] ?? "";
    else if (/\s/.test(letter)) {
      if (word !== "") words.push(word);
      word = "";
    } else word += letter;
  }
  if (word !== "") words.push(word);
  return words;
}
