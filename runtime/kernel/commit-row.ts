/**
 * What is remembered of every command: enough to answer it again, to list it, and to find its record.
 *
 * Tree `commits`, key tenant · position of the first command in the row:
 *    0     8  time, µs
 *    8     1  kind
 *    9     1  flags: bit 0 = it has a request key
 *   10     2  commands in the row, at least 1
 *   12     4  length of the record, frame included
 *   16     8  log address of the record
 *   24    16  request key
 *   40     8  subject  ┐ the outcome; what the three mean
 *   48     8  first    │ is said by each command's file
 *   56     4  count    ┘
 *   60     4  CRC-32C of the request after its common head
 *   64     4  length of the same
 *
 * Commands say who caused them: appends at the end of their row (below), others here, and of a SQL transaction which tables' rows it
 * changed (rows that an older program wrote do not):
 *   68     1  n, length of the principal
 *   69     n  principal, UTF-8
 *    …     1  tables that follow; 255 when there are more than fit, and none follows
 *    …   4 ·  number of each table's storage, in the order of the facts
 *
 * Appends have more, and a row may hold a *run* of them:
 *   68     8  stored event bytes of the stream before the first append
 *   76     2  where the events begin in the record, counted from its first byte
 *   78     1  n, length of the principal; 0 in rows of an older program
 *   79     1  zero
 *   80  20 ·  for each further append of the run:
 *                0     4  time since that of the first, µs
 *                4     4  length of the record
 *                8     4  count of events
 *               12     4  CRC-32C of the request after its common head
 *               16     2  where the events begin in the record
 *               18     2  zero
 *    …     n  principal, UTF-8: the last of the row
 *
 * A run is what one client had in flight: appends of one tenant to one stream, one behind the other in the log without a byte
 * between them (so a run lies in one tenant's block of one prepare), of one principal, outside of sessions, all without a request key or with
 * keys that count up by one. Positions, addresses, keys and offsets of its commands follow from those before. Where a run
 * begins and ends depends on the log alone: each append that can continue the run before it does, up to `runAppendsMax`.
 * One row instead of one a command, in this tree and in `events` and `requestKeys`, is a third of the work of an append.
 */

/** The part that all rows have in common. */
export const commitRowBytes = 68;
export const commitField = {
  time: 0,
  kind: 8,
  flags: 9,
  commands: 10,
  recordLength: 12,
  address: 16,
  requestKey: 24,
  subject: 40,
  first: 48,
  count: 56,
  requestCrc: 60,
  requestLength: 64,
  bytesBefore: 68,
  eventsAt: 76,
  principalLength: 78,
} as const;
/** Of a row with one append. */
export const appendRowBytes = 80;
export const runEntryBytes = 20;
export const runEntryField = { time: 0, recordLength: 4, count: 8, requestCrc: 12, eventsAt: 16 } as const;
/** Bounds the work of finding one append in its row, and keeps the longest row beside its key in the page. */
export const runAppendsMax = 32;
export const appendRowBytesMax = appendRowBytes + (runAppendsMax - 1) * runEntryBytes + 255;
/** Tables that a row lists: enough for what people write by hand, and the longest row stays shorter than that of a run. */
export const commitTablesMax = 64;
/** In the place of their number. */
export const tooManyTables = 255;
export const commandRowBytesMax = commitRowBytes + 1 + 255 + 1 + 4 * commitTablesMax;
