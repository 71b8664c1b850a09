/** Functions that change something, or that know what only the shard knows of a session: what a reader of a snapshot cannot answer. */
const names =
  /^(nextval|setval|currval|lastval|pg_(try_)?advisory_.*|pg_notify|(txid_current|pg_current_xact_id)(_if_assigned)?)$/;

export const isShardFunction = (name: string): boolean => names.test(name);
