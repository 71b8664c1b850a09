/** Entries of packed batches are batches of one, and batches one behind the other are a batch. */

export function joined(batches: readonly Uint8Array[]): Uint8Array {
  const [only] = batches;
  if (only !== undefined && batches.length === 1) return only;
  const whole = new Uint8Array(batches.reduce((bytes, { length }) => bytes + length, 0));
  let at = 0;
  for (const batch of batches) {
    whole.set(batch, at);
    at += batch.length;
  }
  return whole;
}
