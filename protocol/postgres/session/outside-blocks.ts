/** Statements that PostgreSQL runs only outside transaction blocks, because they are transactions of their own there. */
import type { Statement } from "../../../runtime/query/syntax/ast.js";

/** The statement as the error names it; null for one that may run in a block. */
export function outsideBlocks(statement: Statement): string | null {
  switch (statement.kind) {
    case "maintenance":
      return statement.outsideBlocks;
    case "createIndex":
      return statement.isConcurrent ? "CREATE INDEX CONCURRENTLY" : null;
    case "drop":
      return statement.isConcurrent ? "DROP INDEX CONCURRENTLY" : null;
    case "createDatabase":
      return "CREATE DATABASE";
    case "dropDatabase":
      return "DROP DATABASE";
    case "discard":
      return statement.what === "all" ? "DISCARD ALL" : null;
    default:
      return null;
  }
}
