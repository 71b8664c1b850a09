/**
 * Advisory locks that a session holds beyond its transactions are in the memory of the shard that leads. Another that leads next does not know them,
 * and neither does the same one once the link to the session's node was lost. So the shard tells a session that holds some who keeps them;
 * its statements say so from then on, and are not run by anybody else: whoever believes to hold a lock hears that it does not.
 */

/** The setting that says who keeps the session's locks; empty while it holds none. */
export const lockKeeperSetting = "kimberlite.advisory_lock_keeper";

/** Who keeps the locks of a statement's session, as it believes; empty for none. */
export function lockKeeperIn(settings: readonly (readonly [name: string, value: string])[]): string {
  for (const [name, value] of settings) if (name === lockKeeperSetting) return value;
  return "";
}
