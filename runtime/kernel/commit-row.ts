/**
 * What is remembered of every command: enough to answer it again, to list it, and to find its record.
 *
 * Tree `commits`, key tenant · position:
 *    0     8  time, µs
 *    8     1  kind
 *    9     1  flags: bit 0 = it has a request key
 *   10     2  zero
 *   12     4  length of the record, frame included
 *   16     8  log address of the record
 *   24    16  request key
 *   40     8  subject  ┐ the outcome; what the three mean
 *   48     8  first    │ is said by each command's file
 *   56     4  count    ┘
 *   60     4  CRC-32C of the request after its common head
 *   64     4  length of the same
 *
 * Tree `requestKeys`, key tenant · request key: position u64. It holds the keys of the tenant's newest
 * `idempotencyKeysPerTenantMax` positions: the record at position p evicts the key of position p - max, a pure function of the
 * log.
 */
export const commitRowBytes = 68;
export const commitField = {
  time: 0,
  kind: 8,
  flags: 9,
  recordLength: 12,
  address: 16,
  requestKey: 24,
  subject: 40,
  first: 48,
  count: 56,
  requestCrc: 60,
  requestLength: 64,
} as const;
