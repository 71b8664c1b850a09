/** What a SQL client does, as scripts: each yields what it sends next and gets the rows of the answer. A refusal ends a script. */
import type { SqlIsolation, SqlRequest } from "../../actors/messages/sql.js";
import { type Parsed, withoutSyntax } from "../sql/statement-request.js";
import { expect } from "./failure.js";
import type { Bank, Transfer } from "./sql-bank.js";
import type { Rows } from "./sql-reads.js";
import { statements } from "./sql-statements.js";
import type { Stream } from "./streams.js";

export interface Step {
  readonly kind: SqlRequest["kind"];
  readonly parsed: Parsed;
  readonly parameters: readonly string[];
  /** Of a transaction of several statements. */
  readonly isolation: SqlIsolation | null;
}

export type Script = Generator<Step, void, Rows>;

export interface Around {
  readonly random: Stream;
  readonly bank: Bank;
  /** Every transfer that is shown to anybody has been committed. */
  shown(numbers: readonly number[], where: string): void;
}

const run = (parsed: Parsed, isolation: SqlIsolation | null, ...parameters: readonly number[]): Step => ({
  kind: "execute",
  parsed,
  parameters: parameters.map(String),
  isolation,
});

const control = (kind: Step["kind"], isolation: SqlIsolation, name = ""): Step => ({
  kind,
  parsed: withoutSyntax(name),
  parameters: [],
  isolation,
});

/** One statement that is a transaction of its own. */
export function* transferAlone(transfer: Transfer): Script {
  const { number, source, target, amount } = transfer;
  transfer.fate = "asked";
  yield run(statements.transfer, null, number, source, target, amount);
  transfer.fate = "committed";
}

/** Many rows in one statement. */
export function* manyAlone(transfer: Transfer): Script {
  const { number, source, target, count } = transfer;
  transfer.fate = "asked";
  yield run(statements.manyTransfers, null, number, source, target, count);
  transfer.fate = "committed";
}

/** What a client is shown of others, in a transaction of its own or before it writes in one. */
function* look(around: Around, isolation: SqlIsolation): Script {
  const { random, bank } = around;
  const where = `a statement in a transaction (${isolation})`;
  const newest = yield run(statements.newestTransfers, isolation);
  around.shown(
    newest.map(([id]) => Number(id)),
    where,
  );
  const say = (what: string) => (): string => `${where}: ${what}`;
  const [total] = yield run(statements.total, isolation);
  bank.checkTotal(total ?? [], say);
  if (isolation === "readCommitted" || random.chance(0.5)) return;
  const again = yield run(statements.newestTransfers, isolation);
  const isSame = JSON.stringify(again) === JSON.stringify(newest);
  expect(isSame, "sql", say(`${JSON.stringify(newest)} became ${JSON.stringify(again)}`));
}

export function* lookAround(around: Around, isolation: SqlIsolation): Script {
  yield* look(around, isolation);
  yield control("commit", isolation);
}

/** Balances as the client has computed them: right only because the ones that it read do not change under it. */
function* computed(transfer: Transfer, isolation: SqlIsolation): Script {
  const { source, target, amount } = transfer;
  const read = isolation === "readCommitted" ? statements.balanceForUpdate : statements.balance;
  const [from] = yield run(read, isolation, source);
  const [to] = yield run(read, isolation, target);
  yield run(statements.setBalance, isolation, source, Number(from?.[0]) - amount);
  yield run(statements.setBalance, isolation, target, Number(to?.[0]) + amount);
}

function* relative({ source, target, amount }: Transfer, isolation: SqlIsolation): Script {
  yield run(statements.addToBalance, isolation, source, -amount);
  yield run(statements.addToBalance, isolation, target, amount);
}

/** Destroys what it can, and takes it back. */
function* detour({ source, target }: Transfer, isolation: SqlIsolation): Script {
  yield control("savepoint", isolation, "before");
  yield run(statements.deleteTransfers, isolation, source);
  yield run(statements.addToBalance, isolation, target, 7);
  yield control("rollbackToSavepoint", isolation, "before");
}

export function* transferInSteps(around: Around, transfer: Transfer, isolation: SqlIsolation): Script {
  const { random } = around;
  const { number, source, target, amount } = transfer;
  if (random.chance(0.4)) yield* look(around, isolation);
  const isFirst = random.chance(0.5);
  const insert = run(statements.insertTransfer, isolation, number, source, target, amount);
  if (isFirst) yield insert;
  if (random.chance(0.2)) yield* detour(transfer, isolation);
  yield* random.chance(0.5) ? computed(transfer, isolation) : relative(transfer, isolation);
  if (!isFirst) yield insert;
  if (random.chance(0.15)) {
    transfer.fate = "refused";
    yield control("rollback", isolation);
    return;
  }
  transfer.fate = "asked";
  yield control("commit", isolation);
  transfer.fate = "committed";
}
