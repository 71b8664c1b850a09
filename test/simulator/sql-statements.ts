/** What the SQL clients of a run say. The grammar works before virtual time begins: it is loaded, and every text parsed, with this module. */
import { SqlParser } from "../../protocol/server/sql-parser.js";
import { encodeStatement } from "../../runtime/query/syntax/ast.js";
import { assert } from "../../runtime/types/assert.js";
import type { Parsed } from "../sql/statement-request.js";

const parser = await SqlParser.load();

function parse(source: string): Parsed {
  const [parsed] = parser.parse(source);
  assert(parsed !== undefined, "a text has a statement");
  return { text: parsed.text, syntax: encodeStatement(parsed.statement) };
}

export const accounts = 5;
export const balanceAtFirst = 100;

/**
 * A bank: money moves between its accounts, and is neither made nor lost. May be said again and again. One of them may be refused and those after it
 * not, so the accounts, by which one sees that the bank is founded, come only where all else is there.
 */
export const foundation: readonly Parsed[] = [
  "CREATE TABLE IF NOT EXISTS accounts (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))",
  `CREATE TABLE IF NOT EXISTS transfers (
     id int PRIMARY KEY, entry bigserial UNIQUE, source int NOT NULL REFERENCES accounts, target int NOT NULL REFERENCES accounts,
     amount int NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS transfers_target ON transfers (target, amount)",
  `CREATE MATERIALIZED VIEW IF NOT EXISTS paid AS
     SELECT source, count(*) AS transfers, sum(amount) AS amount FROM transfers GROUP BY source`,
  `INSERT INTO accounts SELECT id, ${balanceAtFirst} FROM generate_series(1, ${accounts}) AS id
     WHERE (SELECT count(*) FROM transfers) + (SELECT count(*) FROM paid) >= 0 ON CONFLICT DO NOTHING`,
].map(parse);

export const statements = {
  balance: parse("SELECT balance FROM accounts WHERE id = $1"),
  balanceForUpdate: parse("SELECT balance FROM accounts WHERE id = $1 FOR UPDATE"),
  setBalance: parse("UPDATE accounts SET balance = $2 WHERE id = $1"),
  addToBalance: parse("UPDATE accounts SET balance = balance + $2 WHERE id = $1"),
  insertTransfer: parse("INSERT INTO transfers (id, source, target, amount) VALUES ($1, $2, $3, $4)"),
  deleteTransfers: parse("DELETE FROM transfers WHERE source = $1"),
  /** A transfer in one statement, which is a transaction of its own. */
  transfer: parse(
    `WITH moved AS (
       INSERT INTO transfers (id, source, target, amount) VALUES ($1, $2, $3, $4) RETURNING source, target, amount)
     UPDATE accounts SET balance = balance + CASE accounts.id WHEN moved.source THEN -moved.amount ELSE moved.amount END
     FROM moved WHERE accounts.id IN (moved.source, moved.target)`,
  ),
  /** More than one record takes: it is staged in parts before its commit. */
  manyTransfers: parse(
    `INSERT INTO transfers (id, source, target, amount)
     SELECT $1::int + n, $2::int, $3::int, 0 FROM generate_series(0, $4::int - 1) AS n`,
  ),
  newestTransfers: parse("SELECT id FROM transfers ORDER BY entry DESC LIMIT 3"),
  total: parse("SELECT count(*), sum(balance), min(balance) FROM accounts"),
  /** Accounts whose balance is not what their transfers make of it. */
  unbalanced: parse(
    `SELECT id, balance FROM accounts WHERE balance <> ${balanceAtFirst}
       + (SELECT coalesce(sum(amount), 0) FROM transfers WHERE target = accounts.id)
       - (SELECT coalesce(sum(amount), 0) FROM transfers WHERE source = accounts.id)`,
  ),
  allTransfers: parse("SELECT id, source, target, amount, entry FROM transfers"),
  /** Where the materialized view is not what its query gives. */
  wrongInView: parse(
    `(SELECT * FROM paid EXCEPT SELECT source, count(*), sum(amount) FROM transfers GROUP BY source) UNION ALL
     (SELECT source, count(*), sum(amount) FROM transfers GROUP BY source EXCEPT SELECT * FROM paid)`,
  ),
};
