/**
 * The routine of PostgreSQL that reports an error, for those errors by which clients tell what to do: pgjdbc, postgres.js and others prepare a
 * statement again, and run it again, when this field says that what they had prepared is of no use any more.
 */
const routines: readonly { readonly sqlState: string; readonly message: RegExp; readonly routine: string }[] = [
  { sqlState: "0A000", message: /^cached plan must not change result type$/, routine: "RevalidateCachedQuery" },
  { sqlState: "26000", message: /^prepared statement ".*" does not exist$/s, routine: "FetchPreparedStatement" },
  { sqlState: "42804", message: /^column ".*" is of type .* but expression is/s, routine: "transformAssignedExpr" },
];

export function routineOf(sqlState: string, message: string): string | undefined {
  return routines.find((known) => known.sqlState === sqlState && known.message.test(message))?.routine;
}
