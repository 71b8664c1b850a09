/**
 * The time of day to the microsecond. The machine's clock is read in whole milliseconds; what comes between them is told by the clock that
 * only goes forward, for as long as both agree. One that was set, or has drifted away, is believed again at once.
 *
 * @param now ms since 1970, whole
 * @param monotonic ms with fractions
 */
export function preciseClock(now: () => number, monotonic: () => number): () => number {
  let offset = now() - monotonic();
  return () => {
    const wall = now();
    const since = monotonic();
    const time = since + offset;
    if (time >= wall && time < wall + 1) return time;
    offset = wall - since;
    return wall;
  };
}
