/**
 * What the SQL clients of a run asked for and were told, and what a state must therefore hold: what was answered is there, what was refused is
 * not, of what is unknown all or nothing. Money is neither made nor lost, balances are what the transfers make of them, and so is a
 * materialized view over them.
 */
import { SqlError } from "../../runtime/query/error.js";
import { expect } from "./failure.js";
import type { SqlReads } from "./sql-reads.js";
import { accounts, balanceAtFirst, statements } from "./sql-statements.js";

/**
 *   open       nobody has asked for its commit
 *   asked      its commit is under way
 *   committed  the client was told so
 *   refused    the client was told that it is not, or never asked
 *   unknown    the client will not be told
 */
export type Fate = "open" | "asked" | "committed" | "refused" | "unknown";

export interface Transfer {
  readonly number: number;
  /** So many are asked for together, with the numbers from that one on. */
  readonly count: number;
  readonly tenant: number;
  readonly source: number;
  readonly target: number;
  readonly amount: number;
  fate: Fate;
}

export const numbersOf = ({ number, count }: Transfer): number[] =>
  Array.from({ length: count }, (_, index) => number + index);

const undefinedTable = "42P01";

export class Bank {
  readonly #asked: Transfer[] = [];
  /** By each of their numbers. */
  readonly #transfers = new Map<number, Transfer>();
  #lastNumber = 0;

  /** @param amount of each */
  begin(tenant: number, source: number, target: number, amount: number, count = 1): Transfer {
    const number = this.#lastNumber + 1;
    this.#lastNumber += count;
    const transfer: Transfer = { number, count, tenant, source, target, amount, fate: "open" };
    this.#asked.push(transfer);
    for (let one = number; one < number + count; one++) this.#transfers.set(one, transfer);
    return transfer;
  }

  count(fate: Fate): number {
    return this.#asked.filter((transfer) => transfer.fate === fate).length;
  }

  /** Whether its accounts are there. */
  isFounded(reads: SqlReads, tenant: number): boolean {
    try {
      const [total] = reads.rows(tenant, statements.total);
      return Number(total?.[0]) === accounts;
    } catch (error) {
      if (error instanceof SqlError && error.sqlState === undefinedTable) return false;
      throw error;
    }
  }

  /** Numbers of the transfers that a sound state holds of a tenant. */
  check(reads: SqlReads, tenant: number, where: () => string): ReadonlySet<number> {
    const held = new Set<number>();
    if (!this.isFounded(reads, tenant)) return held;
    const say = (what: string) => (): string => `${where()}, tenant ${tenant}: ${what}`;
    this.checkTotal(reads.rows(tenant, statements.total)[0] ?? [], say);
    const unbalanced = reads.rows(tenant, statements.unbalanced);
    expect(unbalanced.length === 0, "sql", say(`a transfer is half there: accounts ${JSON.stringify(unbalanced)}`));
    const wrong = reads.rows(tenant, statements.wrongInView);
    expect(wrong.length === 0, "sql", say(`a materialized view differs from its query by ${JSON.stringify(wrong)}`));
    const entries = new Set<string | null>();
    for (const [id, source, target, amount, entry] of reads.rows(tenant, statements.allTransfers)) {
      const transfer = this.#transfers.get(Number(id));
      expect(transfer?.tenant === tenant, "tenancy", say(`transfer ${id} was never asked for`));
      if (transfer === undefined) continue;
      const asked = [transfer.source, transfer.target, transfer.amount].join(" ");
      expect(asked === [source, target, amount].join(" "), "sql", say(`transfer ${id} is another than was asked for`));
      const isPossible = transfer.fate !== "refused" && transfer.fate !== "open";
      expect(isPossible, "sql", say(`transfer ${id} is there, and is ${transfer.fate}`));
      held.add(Number(id));
      entries.add(entry ?? null);
    }
    for (const number of held) {
      const transfer = this.#transfers.get(number);
      if (transfer === undefined || transfer.count === 1) continue;
      const there = numbersOf(transfer).filter((one) => held.has(one)).length;
      expect(
        there === transfer.count,
        "sql",
        say(`of ${transfer.count} transfers from ${number} on ${there} are there`),
      );
    }
    expect(entries.size === held.size, "sql", say("two transfers have one entry of a sequence"));
    return held;
  }

  checkTotal(total: readonly (string | null)[], say: (what: string) => () => string): void {
    const [count, sum, least] = total.map(Number);
    const isWhole = count === accounts && sum === accounts * balanceAtFirst;
    expect(isWhole, "sql", say(`${count} accounts hold ${sum} together`));
    expect((least ?? -1) >= 0, "sql", say(`an account holds ${least}`));
  }

  /** What clients were told is committed, of a tenant. */
  *committed(tenant: number): Iterable<Transfer> {
    for (const transfer of this.#asked) {
      if (transfer.tenant === tenant && transfer.fate === "committed") yield transfer;
    }
  }
}
