/**
 * Roles that are there without having been made, as PostgreSQL 15 has them: nobody logs in as one of them, and what they may do is said by the
 * code that judges. Whoever owns the database is a member of the first, and nobody else.
 */

/** Its member is the owner of the database that a session is in. */
export const databaseOwnerRole = "pg_database_owner";
export const readAllDataRole = "pg_read_all_data";
export const writeAllDataRole = "pg_write_all_data";
export const signalBackendRole = "pg_signal_backend";
export const checkpointRole = "pg_checkpoint";
export const readAllStatsRole = "pg_read_all_stats";

interface PredefinedRole {
  readonly name: string;
  readonly oid: number;
  readonly memberOf: readonly string[];
}

const role = (name: string, oid: number, ...memberOf: readonly string[]): PredefinedRole => ({ name, oid, memberOf });

/** By their oids. */
export const predefinedRoles: readonly PredefinedRole[] = [
  role("pg_monitor", 3_373, "pg_read_all_settings", readAllStatsRole, "pg_stat_scan_tables"),
  role("pg_read_all_settings", 3_374),
  role(readAllStatsRole, 3_375),
  role("pg_stat_scan_tables", 3_377),
  role(signalBackendRole, 4_200),
  role(checkpointRole, 4_544),
  role("pg_read_server_files", 4_569),
  role("pg_write_server_files", 4_570),
  role("pg_execute_server_program", 4_571),
  role(databaseOwnerRole, 6_171),
  role(readAllDataRole, 6_181),
  role(writeAllDataRole, 6_182),
];

const names: ReadonlySet<string> = new Set(predefinedRoles.map(({ name }) => name));

export const isPredefinedRole = (name: string): boolean => names.has(name);
