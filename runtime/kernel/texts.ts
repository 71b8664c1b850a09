/** Names as bytes: UTF-8 without normalisation, the form in which they stand in keys, facts and frames. */
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export const nameBytes = (name: string): Uint8Array => encoder.encode(name);

/** A name of our own rows: it was checked when it was decided. Copies, since a decoder refuses shared memory. */
export const nameOf = (bytes: Uint8Array, from: number, length: number): string =>
  decoder.decode(bytes.slice(from, from + length));
