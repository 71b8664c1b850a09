/**
 * Streams and where their events are.
 *
 * Tree `streams`, key tenant · stream:
 *    0     8  next offset = events so far
 *    8     8  stored event bytes, event headers included
 *   16     8  position of its creation
 *   24     8  time of its creation, µs
 *   32     4  consumer groups
 *   36     2  length of the name
 *   38     …  name, UTF-8
 *
 * Tree `streamNames`, key tenant · name: stream id u64.
 *
 * Tree `events`, key tenant · stream · first offset: one entry per run of appends (`commit-row.ts`). The events themselves stay in
 * the log; where, says the row of `commits` at that position.
 *    0     8  position of the first append
 *
 * Within one stream, offsets, positions and times of entries grow together: that is what makes reads at a position a search.
 */
export const streamField = {
  nextOffset: 0,
  bytes: 8,
  createdPosition: 16,
  createdTime: 24,
  groups: 32,
  nameLength: 36,
  name: 38,
} as const;

export const eventsRowBytes = 8;
