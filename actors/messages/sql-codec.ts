/**
 * Statements and their answers as bytes: bodies of requests and replies of the data plane. They travel between nodes too, so they are read
 * as untrusted: what does not fit is `frameInvalid`.
 *
 *   request   tenant u64 · kind u8 · session u64 · cursor u32 · rows max u32 · at least u64 (+1) · transaction: flags u8, isolation u8,
 *             requests u32, snapshot u64 (+1), started u64 · shape (length u32) · syntax · parameters
 *   shape     tenant u64 · user · database · text · parameter types · formats · columns · settings · roles
 *   reply     kind u8 and what it needs; columns and tags stand behind their lengths, and are known again by their bytes
 *
 * Texts and byte strings: length u32, bytes.
 */
import type { SqlErrorFields } from "../../runtime/query/error.js";
import { unreachable } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { prepareBodyBytesMax } from "../../runtime/types/limits.js";
import { Interned } from "./interned.js";
import type { SettingChange, SqlColumn, SqlNotice, SqlReply, SqlRequest, SqlShape, WireValue } from "./sql.js";

/** A request as it arrived: it has its shape. */
export type DecodedSqlRequest = SqlRequest & { readonly shape: SqlShape };

const requestKinds = [
  "describe",
  "execute",
  "fetch",
  "close",
  "end",
  "commit",
  "rollback",
  "savepoint",
  "releaseSavepoint",
  "rollbackToSavepoint",
  "listen",
  "load",
  "locks",
] as const satisfies readonly SqlRequest["kind"][];
/** What a kind of statement is on its way, at the ninth byte of the request. */
export const sqlKindNumber = (kind: SqlRequest["kind"]): number => requestKinds.indexOf(kind);

const isolations = ["readCommitted", "repeatableRead", "serializable"] as const;
const severities = ["NOTICE", "WARNING", "INFO"] as const satisfies readonly SqlNotice["severity"][];
const replyKinds = { syntaxWanted: 0, failed: 1, described: 2, rows: 3 } as const;

/** Bytes of one text, parameter or batch of rows. */
const bytesMax = prepareBodyBytesMax;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const nullLength = 0xffff_ffff;
const noBytes = new Uint8Array(0);

function writeText(out: ByteWriter, text: string): void {
  out.bytes(encoder.encode(text));
}

function readText(reader: ByteReader): string {
  const bytes = reader.bytes(bytesMax);
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new KimberliteError("frameInvalid", "a text is not UTF-8", { cause });
  }
}

function writeList<Item>(out: ByteWriter, items: readonly Item[], write: (item: Item) => void): void {
  out.u32(items.length);
  for (const item of items) write(item);
}

function readList<Item>(reader: ByteReader, read: () => Item): Item[] {
  const count = reader.u32();
  if (count > reader.remaining)
    throw new KimberliteError("frameInvalid", `${count} items in ${reader.remaining} bytes`);
  const items: Item[] = [];
  for (let index = 0; index < count; index++) items.push(read());
  return items;
}

function pick<Choice>(choices: readonly Choice[], reader: ByteReader): Choice {
  const found = choices[reader.choice(choices.length)];
  if (found === undefined) throw new KimberliteError("frameInvalid", "a choice is none of those known");
  return found;
}

function writeValue(out: ByteWriter, { format, bytes }: WireValue): void {
  out.u8(format);
  if (bytes === null) out.u32(nullLength);
  else out.bytes(bytes);
}

function readValue(reader: ByteReader): WireValue {
  const format = reader.choice(2) === 0 ? 0 : 1;
  const length = reader.u32();
  if (length === nullLength) return { format, bytes: null };
  return { format, bytes: reader.raw(length) };
}

const shapeBytes = new WeakMap<SqlShape, Uint8Array>();
const shapeWriter = new ByteWriter(512);

/** A shape as bytes; those of one that is shared are made once. */
function bytesOfShape(request: SqlRequest): Uint8Array {
  const { shape } = request;
  if (shape === undefined || shape === null) return encodeShape(request);
  let bytes = shapeBytes.get(shape);
  if (bytes === undefined) {
    bytes = encodeShape(shape);
    shapeBytes.set(shape, bytes);
  }
  return bytes;
}

function encodeShape(shape: SqlShape): Uint8Array {
  const out = shapeWriter.reset().u64(shape.tenant);
  writeText(out, shape.user);
  writeText(out, shape.database);
  writeText(out, shape.text);
  writeList(out, shape.parameterTypes, (oid) => void out.u32(oid));
  writeList(out, shape.resultFormats, (format) => void out.u8(format));
  writeColumns(out, shape.columns);
  writeList(out, shape.settings, ([name, value]) => {
    writeText(out, name);
    writeText(out, value);
  });
  writeText(out, shape.roles);
  return out.finish();
}

function decodeShape(bytes: Uint8Array, from: number, to: number): SqlShape {
  const reader = new ByteReader(bytes, from, to);
  const shape: SqlShape = {
    tenant: reader.u64(),
    user: readText(reader),
    database: readText(reader),
    text: readText(reader),
    parameterTypes: readList(reader, () => reader.u32()),
    resultFormats: readList(reader, () => (reader.choice(2) === 0 ? 0 : 1)),
    columns: readColumns(reader, bytes),
    settings: readList(reader, () => [readText(reader), readText(reader)] as const),
    roles: readText(reader),
  };
  reader.end();
  return shape;
}

const shapes = new Interned(decodeShape, { countMax: 8_000, bytesMax: 8 * 1024 * 1024, lengthMax: 72 * 1024 });

export const encodeSqlRequest = (request: SqlRequest): Uint8Array =>
  writeSqlRequest(request, new ByteWriter(512), "with").finish();

/**
 * Writes a request as all that `out` holds.
 *
 * @param syntax `without` for a receiver that knows the text
 */
export function writeSqlRequest(request: SqlRequest, out: ByteWriter, syntax: "with" | "without"): ByteWriter {
  const { transaction, parameters } = request;
  out.reset().u64(request.tenant).u8(requestKinds.indexOf(request.kind)).u64(request.session);
  out
    .u32(request.cursor)
    .u32(request.rowsMax)
    .u64(request.atLeast + 1);
  out.u8((transaction.isOpen ? 1 : 0) | (transaction.isReadOnly ? 2 : 0) | (request.isLinearizable ? 4 : 0));
  out.u8(isolations.indexOf(transaction.isolation)).u32(transaction.requests);
  out.u64(transaction.snapshot + 1).u64(transaction.startedAt);
  out.bytes(bytesOfShape(request));
  out.bytes(syntax === "with" ? request.syntax : noBytes);
  out.u32(parameters.length);
  for (const value of parameters) writeValue(out, value);
  return out;
}

/** Parameters and syntax are views of `bytes`; shapes that are the same are one object. */
export function decodeSqlRequest(bytes: Uint8Array, from = 0, to: number = bytes.length): DecodedSqlRequest {
  const reader = new ByteReader(bytes, from, to);
  const tenant = reader.u64();
  const kind = pick(requestKinds, reader);
  const session = reader.u64();
  const cursor = reader.u32();
  const rowsMax = reader.u32();
  const atLeast = reader.u64() - 1;
  const flags = reader.choice(8);
  const isolation = pick(isolations, reader);
  const requests = reader.u32();
  const snapshot = reader.u64() - 1;
  const startedAt = reader.u64();
  const shapeLength = reader.u32();
  reader.skip(shapeLength);
  const shape = shapes.of(bytes, reader.offset - shapeLength, reader.offset);
  // What is kept for a shape is kept for its tenant: it must be the one that the request was routed by.
  if (shape.tenant !== tenant)
    throw new KimberliteError("frameInvalid", "a statement is of another tenant than its request");
  const request: DecodedSqlRequest = {
    kind,
    shape,
    tenant,
    session,
    cursor,
    rowsMax,
    atLeast,
    isLinearizable: (flags & 4) === 4,
    transaction: {
      isOpen: (flags & 1) === 1,
      isReadOnly: (flags & 2) === 2,
      isolation,
      requests,
      snapshot,
      startedAt,
    },
    user: shape.user,
    database: shape.database,
    text: shape.text,
    syntax: reader.bytes(bytesMax),
    parameterTypes: shape.parameterTypes,
    parameters: readList(reader, () => readValue(reader)),
    resultFormats: shape.resultFormats,
    columns: shape.columns,
    settings: shape.settings,
    roles: shape.roles,
  };
  reader.end();
  return request;
}

const fieldNames = [
  "detail",
  "hint",
  "schema",
  "table",
  "column",
  "dataType",
  "constraint",
  "context",
  "loadPlace",
] as const;

function writeFields(out: ByteWriter, fields: SqlErrorFields): void {
  out.u32((fields.position ?? -1) + 1);
  const present = fieldNames.filter((name) => fields[name] !== undefined);
  writeList(out, present, (name) => {
    out.u8(fieldNames.indexOf(name));
    writeText(out, fields[name] ?? "");
  });
}

function readFields(reader: ByteReader): SqlErrorFields {
  const position = reader.u32() - 1;
  const fields: Record<string, string | number> = {};
  if (position >= 0) fields["position"] = position;
  for (const [name, text] of readList(reader, () => [pick(fieldNames, reader), readText(reader)] as const)) {
    fields[name] = text;
  }
  return fields;
}

const columnsBytes = new WeakMap<readonly SqlColumn[], Uint8Array>();
const columnsWriter = new ByteWriter(256);

function writeColumns(out: ByteWriter, columns: readonly SqlColumn[] | null): void {
  if (columns === null) {
    out.u32(nullLength);
    return;
  }
  let bytes = columnsBytes.get(columns);
  if (bytes === undefined) {
    bytes = encodeColumns(columns);
    columnsBytes.set(columns, bytes);
  }
  out.bytes(bytes);
}

function encodeColumns(columns: readonly SqlColumn[]): Uint8Array {
  const out = columnsWriter.reset();
  writeList(out, columns, (column) => {
    writeText(out, column.name);
    out.u32(column.table).u16(column.column).u32(column.type);
    // Lengths and modifiers are -1, -2 or small.
    out.u16(column.typeLength + 2).u32(column.modifier + 1);
  });
  return out.finish();
}

function readColumns(reader: ByteReader, bytes: Uint8Array): readonly SqlColumn[] | null {
  const length = reader.u32();
  if (length === nullLength) return null;
  reader.skip(length);
  return columnLists.of(bytes, reader.offset - length, reader.offset);
}

function decodeColumns(bytes: Uint8Array, from: number, to: number): readonly SqlColumn[] {
  const reader = new ByteReader(bytes, from, to);
  const columns = readList(
    reader,
    (): SqlColumn => ({
      name: readText(reader),
      table: reader.u32(),
      column: reader.u16(),
      type: reader.u32(),
      typeLength: reader.u16() - 2,
      modifier: reader.u32() - 1,
    }),
  );
  reader.end();
  return columns;
}

const columnLists = new Interned(decodeColumns, { countMax: 8_000, bytesMax: 4 * 1024 * 1024 });
const tags = new Interned((bytes, from, to) => readText(new ByteReader(bytes, from, to)), {
  countMax: 1_000,
  bytesMax: 64 * 1024,
});

/** A text of which there are few. */
function readTag(reader: ByteReader, bytes: Uint8Array): string {
  const length = reader.u32();
  reader.skip(length);
  return tags.of(bytes, reader.offset - length - 4, reader.offset);
}

const tagBytes = new Map<string, Uint8Array>();
const tagsMax = 1_000;

function writeTag(out: ByteWriter, tag: string): void {
  let bytes = tagBytes.get(tag);
  if (bytes === undefined) {
    bytes = encoder.encode(tag);
    if (tagBytes.size >= tagsMax) tagBytes.clear();
    tagBytes.set(tag, bytes);
  }
  out.bytes(bytes);
}

export const encodeSqlReply = (reply: SqlReply): Uint8Array => writeSqlReply(reply, new ByteWriter(256)).finish();

/** Writes a reply as all that `out` holds. */
export function writeSqlReply(reply: SqlReply, out: ByteWriter): ByteWriter {
  out.reset().u8(replyKinds[reply.kind]);
  switch (reply.kind) {
    case "syntaxWanted":
      break;
    case "failed":
      writeText(out, reply.sqlState);
      writeText(out, reply.message);
      writeFields(out, reply.fields);
      break;
    case "described":
      writeList(out, reply.parameterTypes, (oid) => void out.u32(oid));
      writeColumns(out, reply.columns);
      break;
    case "rows":
      out
        .u32(reply.rowCount)
        .u32(reply.cursor)
        .u64(reply.position + 1)
        .u8(reply.wrote ? 1 : 0)
        .u32(reply.delayMs);
      writeTag(out, reply.tag);
      writeColumns(out, reply.columns);
      out.bytes(reply.rows);
      writeList(out, reply.notices, (notice) => {
        out.u8(severities.indexOf(notice.severity));
        writeText(out, notice.sqlState);
        writeText(out, notice.message);
        writeFields(out, notice.fields);
      });
      writeList(out, reply.settings, ([name, value, scope]) => {
        writeText(out, name);
        writeText(out, value);
        out.u8(scope === "local" ? 1 : 0);
      });
      break;
    default:
      unreachable(reply);
  }
  return out;
}

/** Rows are a view of `bytes`. */
export function decodeSqlReply(bytes: Uint8Array, from = 0, to: number = bytes.length): SqlReply {
  const reader = new ByteReader(bytes, from, to);
  const reply = readReply(reader, bytes);
  reader.end();
  return reply;
}

function readReply(reader: ByteReader, bytes: Uint8Array): SqlReply {
  switch (reader.choice(4)) {
    case replyKinds.syntaxWanted:
      return { kind: "syntaxWanted" };
    case replyKinds.failed:
      return { kind: "failed", sqlState: readText(reader), message: readText(reader), fields: readFields(reader) };
    case replyKinds.described:
      return {
        kind: "described",
        parameterTypes: readList(reader, () => reader.u32()),
        columns: readColumns(reader, bytes),
      };
    default: {
      const rowCount = reader.u32();
      const cursor = reader.u32();
      const position = reader.u64() - 1;
      const wrote = reader.choice(2) === 1;
      const delayMs = reader.u32();
      return {
        kind: "rows",
        rowCount,
        cursor,
        position,
        wrote,
        delayMs,
        tag: readTag(reader, bytes),
        columns: readColumns(reader, bytes),
        rows: reader.bytes(bytesMax),
        notices: readList(reader, () => ({
          severity: pick(severities, reader),
          sqlState: readText(reader),
          message: readText(reader),
          fields: readFields(reader),
        })),
        settings: readList(
          reader,
          (): SettingChange => [readText(reader), readText(reader), reader.choice(2) === 1 ? "local" : "session"],
        ),
      };
    }
  }
}
