/**
 * What is said of roles and databases: facts of the system shard, which no transaction of a tenant can take back. So none of it stands in a
 * transaction block. A Query of several statements is a transaction too, which is not begun by who says BEGIN and means it:
 *
 *   DROP ROLE   sees what the Query has dropped before, which is committed first, once nothing is known that hinders the role's end. Where
 *               more follows than commands like it, that would be half of the Query: it is refused
 *   all others  are done at once. When the Query fails later, a warning says what stays
 */
import { sqlTimeOf } from "../../../actors/sql/evaluation.js";
import { SqlError } from "../../../runtime/query/error.js";
import type { Statement } from "../../../runtime/query/syntax/ast.js";
import type { CommentOn, SetOwner } from "../../../runtime/query/syntax/ast-definition.js";
import type {
  AlterDatabase,
  AlterDefault,
  CreateDatabase,
  DropDatabase,
} from "../../../runtime/query/syntax/ast-role.js";
import { assert } from "../../../runtime/types/assert.js";
import { runDatabaseStatement, setDatabaseOwner } from "../databases.js";
import { portalOf } from "../portals.js";
import { warning } from "../reports.js";
import { type RoleStatement, runRoleStatement } from "../roles.js";
import type { SettingCommands } from "../session-commands.js";
import { runAlterDefault } from "../session-defaults.js";
import { commentOnShared } from "../shared-comments.js";
import type { CachedStatement } from "../statement.js";
import type { Exchange } from "./exchange.js";
import type { Transactions } from "./transactions.js";

const kinds = new Set<Statement["kind"]>([
  "createRole",
  "alterRole",
  "dropRole",
  "renameRole",
  "grantRole",
  "alterDefault",
]);

/** From which statement of a Query on there is nothing but commands about roles. */
export const rolesFrom = (statements: readonly (Pick<CachedStatement, "statement"> | null)[]): number =>
  statements.findLastIndex((each) => each === null || !kinds.has(each.statement.kind)) + 1;

const hint = "Roles and databases are of no transaction, and no ROLLBACK takes back what is said of them.";

export class AtOnce {
  readonly #exchange: Exchange;
  readonly #transactions: Transactions;
  /** Commands that the Query has done so far, and that stay. */
  #done: string[] = [];
  /** Nothing but commands about roles follows in the Query. */
  isTail = false;

  constructor(exchange: Exchange, transactions: Transactions) {
    this.#exchange = exchange;
    this.#transactions = transactions;
  }

  /** A Query is over. */
  forget(): void {
    this.#done = [];
    this.isTail = false;
  }

  /** A Query has failed: says what of it stays all the same. */
  tellDone(): void {
    if (this.#done.length > 0)
      this.#exchange.notice({
        ...warning("01000", `done before the error, and not taken back: ${this.#done.join(", ")}`),
        fields: { hint },
      });
    this.forget();
  }

  /** Throws 25001 in a transaction block, and 25006 where nothing may be written. */
  async #run(command: string, work: () => Promise<string>): Promise<string> {
    const { transaction } = this.#exchange;
    if (transaction.isExplicit)
      throw new SqlError("25001", `${command} cannot run inside a transaction block`, { hint });
    if (transaction.isReadOnly) throw new SqlError("25006", `cannot execute ${command} in a read-only transaction`);
    const tag = await work();
    if (transaction.isOpen) this.#done.push(tag);
    return tag;
  }

  /** Returns the command tag, as all that follow. */
  changeRoles(statement: RoleStatement, cached: CachedStatement): Promise<string> {
    const { roles, settings, runs, host } = this.#exchange;
    return this.#run(cached.command, async () => {
      const tag = await runRoleStatement(statement, {
        actor: await roles.actor(),
        administration: host.administration,
        settings: settings.forEngine(),
        now: sqlTimeOf(runs.now()),
        report: (report) => this.#exchange.notice(report),
        settle: (expectUnused) => this.#commitBefore(cached, expectUnused),
      });
      // What follows is judged by what it has done.
      await roles.actor();
      return tag;
    });
  }

  /** What the Query has done before roles are dropped is committed, if the tenant then has nothing of them. Throws 2BP01, 25001. */
  async #commitBefore(cached: CachedStatement, expectUnused: () => Promise<void>): Promise<boolean> {
    const { transaction } = this.#exchange;
    if (!transaction.isOpen || !transaction.isAtShard) return false;
    assert(!transaction.isExplicit, "roles are not dropped in a transaction block");
    if (!this.isTail)
      throw new SqlError("25001", `${cached.command} cannot run between other statements of one query`, {
        hint: "Send it as a query of its own, or as the last statement of one.",
      });
    await expectUnused();
    // The shard does not drop them: it looks for what there is of them, as its transaction has it.
    const portal = portalOf("", { source: "", statement: cached, parameterTypes: [] }, [], []);
    await this.#exchange.open(portal, cached, 0);
    await this.#transactions.endImplicit();
    return true;
  }

  async alterDefault(
    statement: AlterDefault,
    { command }: CachedStatement,
    commands: Pick<SettingCommands, "kept">,
  ): Promise<string> {
    const { roles, host } = this.#exchange;
    return this.#run(command, async () =>
      runAlterDefault(statement, { actor: await roles.actor(), administration: host.administration, commands }),
    );
  }

  changeDatabases(
    statement: CreateDatabase | AlterDatabase | DropDatabase,
    { command }: CachedStatement,
  ): Promise<string> {
    const { roles, host } = this.#exchange;
    return this.#run(command, async () =>
      runDatabaseStatement(
        statement,
        await roles.actor(),
        host.administration,
        (report) => this.#exchange.notice(report),
        {
          peers: host.peers,
          pause: (delayMs) => new Promise((resolve) => host.after(delayMs, resolve)),
        },
      ),
    );
  }

  comment(statement: CommentOn): Promise<string> {
    const { roles, host } = this.#exchange;
    return this.#run("COMMENT", async () =>
      commentOnShared(statement, await roles.actor(), host.administration, (report) => this.#exchange.notice(report)),
    );
  }

  setDatabaseOwner(statement: SetOwner): Promise<string> {
    const { roles, host } = this.#exchange;
    return this.#run("ALTER DATABASE", async () => {
      const tag = await setDatabaseOwner(statement, await roles.actor(), host.administration);
      // What follows is judged by what it has done.
      await roles.actor();
      return tag;
    });
  }
}
