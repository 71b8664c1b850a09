/**
 * What a client says and is told in an encoding of its own (`client_encoding`), where that is one of one byte a character. Inside all is UTF-8:
 * texts change at the session's edge, the rows of an answer as they go out. In the binary format what is text of its value's bytes says its type.
 */
import type { SqlColumn, WireValue } from "../../actors/messages/sql.js";
import { notSupported } from "../../runtime/query/error.js";
import { type Oid, typeOid } from "../../runtime/query/types/sql-type.js";
import { typeLabel } from "../../runtime/query/types/type-name.js";
import { elementTypeOf, isRowType } from "../../runtime/query/types/type-table.js";
import { isEnum } from "../../runtime/query/types/user-types.js";
import { assert } from "../../runtime/types/assert.js";
import type { ByteEncoding } from "./copy/encodings.js";

const texts: ReadonlySet<Oid> = new Set([
  typeOid.text,
  typeOid.varchar,
  typeOid.bpchar,
  typeOid.name,
  typeOid.json,
  typeOid.unknown,
  typeOid.cstring,
]);
/** A byte for the version, and then text. */
const versioned: ReadonlySet<Oid> = new Set([typeOid.jsonb, typeOid.jsonpath]);

/** Where the text of a binary value begins; null for a value that has none. Throws 0A000 where texts are within it. */
function textAt(type: Oid, encoding: ByteEncoding): 0 | 1 | null {
  if (texts.has(type) || isEnum(type)) return 0;
  if (versioned.has(type)) return 1;
  const element = elementTypeOf(type);
  const hasTexts = isRowType(type) || (element !== 0 && textAt(element, encoding) !== null);
  if (hasTexts)
    throw notSupported(`the binary format of type ${typeLabel(type)} while client_encoding is ${encoding.name}`);
  return null;
}

/** DataRow messages as the client reads them. Throws 22P05 for a character that its encoding does not have. */
export function rowsFor(
  encoding: ByteEncoding,
  messages: Uint8Array,
  columns: readonly Pick<SqlColumn, "type">[],
  formats: readonly (0 | 1)[],
): Uint8Array {
  const starts = columns.map(({ type }, index): 0 | 1 | null =>
    (formats[formats.length === 1 ? 0 : index] ?? 0) === 0 ? 0 : textAt(type, encoding),
  );
  const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength);
  // No text is longer in an encoding of one byte a character.
  const written = new Uint8Array(messages.length);
  const into = new DataView(written.buffer);
  let end = 0;
  for (let at = 0; at < messages.length; ) {
    const next = at + 1 + view.getInt32(at + 1);
    const begin = end;
    written.set(messages.subarray(at, at + 7), end);
    end += 7;
    const count = view.getInt16(at + 5);
    assert(count === starts.length, "a row has a value for each column");
    at += 7;
    for (const start of starts) {
      const length = view.getInt32(at);
      at += 4;
      if (length < 0) {
        into.setInt32(end, -1);
        end += 4;
        continue;
      }
      const value = messages.subarray(at, at + length);
      at += length;
      const kept = start === null ? value : value.subarray(0, start);
      const text = start === null ? value.subarray(value.length) : encoding.fromUtf8(value.subarray(start));
      into.setInt32(end, kept.length + text.length);
      written.set(kept, end + 4);
      written.set(text, end + 4 + kept.length);
      end += 4 + kept.length + text.length;
    }
    assert(at === next, "a row is as long as its values");
    into.setInt32(begin + 1, end - begin - 1);
  }
  return written.subarray(0, end);
}

/** The values of a Bind in UTF-8. Throws 22P05, and 0A000 for a binary value that may have text somewhere within. */
export function valuesFrom(
  encoding: ByteEncoding,
  values: readonly WireValue[],
  types: readonly Oid[],
): readonly WireValue[] {
  return values.map(({ format, bytes }, index) => {
    if (bytes === null) return { format, bytes };
    if (format === 0) return { format, bytes: encoding.toUtf8(bytes) };
    const type = types[index] ?? 0;
    if (type === 0) throw notSupported(`a binary parameter of no told type while client_encoding is ${encoding.name}`);
    const start = textAt(type, encoding);
    if (start === null) return { format, bytes };
    const text = encoding.toUtf8(bytes.subarray(start));
    const whole = new Uint8Array(start + text.length);
    whole.set(bytes.subarray(0, start));
    whole.set(text, start);
    return { format, bytes: whole };
  });
}

/** A text of the server's that has to be told, whatever the client can read: what it cannot is a question mark. */
export function toldAs(encoding: ByteEncoding, text: Uint8Array): Uint8Array {
  try {
    return encoding.fromUtf8(text);
  } catch {
    const encoder = new TextEncoder();
    const readable = Array.from(new TextDecoder().decode(text), (character) => {
      const bytes = encoder.encode(character);
      return encoding.has(bytes) ? character : "?";
    });
    return encoding.fromUtf8(encoder.encode(readable.join("")));
  }
}
