/** Roles and tables together without threads or sockets: the system shard's kernel, the directory's users, what gateways do, and a shard. */
import { Users } from "../../actors/directory/users.js";
import { type TenantRoles } from "../../protocol/postgres/role-book.js";
import { type RoleStatement, runRoleStatement } from "../../protocol/postgres/roles.js";
import { SettingCommands } from "../../protocol/postgres/session-commands.js";
import { SessionRoles } from "../../protocol/postgres/session-roles.js";
import { SessionSettings } from "../../protocol/postgres/settings.js";
import { Transaction } from "../../protocol/postgres/transaction.js";
import { decided } from "../../runtime/kernel/decision.js";
import { decodeOutcomeReply } from "../../runtime/kernel/outcome.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { listUsers, userNamed } from "../../runtime/kernel/read/users.js";
import { encodeRoles, RoleSet } from "../../runtime/query/catalog/role-set.js";
import { SqlError } from "../../runtime/query/error.js";
import type { Statement } from "../../runtime/query/syntax/ast.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { ShardTwin } from "../kernel/shard-twin.js";
import { type Answer, parser, type RigSession, ShardRig, tenant } from "./shard-rig.js";

const roleKinds = new Set(["createRole", "alterRole", "dropRole", "renameRole", "grantRole"]);
const isRoleStatement = (statement: Statement): statement is RoleStatement => roleKinds.has(statement.kind);

const answered = (tag: string): Answer => ({ kind: "rows", tag, rows: [], position: -1 });

export class RoleRig {
  readonly tables = new ShardRig();
  readonly system = new ShardTwin();
  readonly #users: Users;
  /** Whether all nodes are of programs that know every form of a record. */
  areFormsKnown = true;
  known: TenantRoles = { text: "", set: new RoleSet([]) };

  constructor() {
    const { system } = this;
    const reads = (): StateReads => new StateReads(system.state);
    this.#users = new Users({
      link: {
        command: (_shard, kind, _principal, encode) => {
          const { outcome, error, reply } = system.submit(kind, (out) => {
            encode(out);
            return out;
          });
          if (outcome === decided.refused || error !== null)
            return Promise.reject(new KimberliteError(error?.code ?? "internal", error?.message ?? "refused"));
          return Promise.resolve(decodeOutcomeReply(reply));
        },
        user: (name) => Promise.resolve(userNamed(reads(), name)),
        users: (after, limit) => Promise.resolve(listUsers(reads(), after, limit)),
        roleUses: () => Promise.resolve([]),
        formsKnown: () => Promise.resolve(this.areFormsKnown),
        expectForms: () =>
          this.areFormsKnown ? Promise.resolve() : Promise.reject(new KimberliteError("shardUnavailable", "away")),
      },
      logged: (step) => step,
      tenantNumber: () => tenant,
      tenantName: () => "main",
      shards: 1,
      settingsChanged: () => Promise.resolve(),
      heard: () => this.#learn(),
    });
  }

  async #learn(): Promise<void> {
    const roles = await this.#users.known();
    this.known = { text: encodeRoles(roles), set: new RoleSet(roles) };
    this.tables.roles = this.known.text;
  }

  /** What is asked of the directory, as it comes there and back. */
  around: (
    method: string,
    params: Readonly<Record<string, unknown>>,
    ask: (params: Readonly<Record<string, unknown>>) => Promise<unknown>,
  ) => Promise<unknown> = (_method, params, ask) => ask(params);

  administer(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.around(method, params, (given) => this.#ask(method, given));
  }

  async #ask(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown> {
    try {
      return await this.#users.call(method, params, "admin");
    } finally {
      await this.#learn();
    }
  }

  session(user: string): RoleSession {
    return new RoleSession(this, user);
  }
}

/** One client: statements about roles as a gateway does them, all others by the shard. */
export class RoleSession {
  readonly #rig: RoleRig;
  readonly #settings = new SessionSettings();
  readonly #roles: SessionRoles;
  readonly #commands: SettingCommands;
  readonly #session: RigSession;
  readonly notices: string[] = [];

  constructor(rig: RoleRig, user: string) {
    this.#rig = rig;
    const isSuperuser = user === "admin";
    const identity = {
      session: 1,
      tenant,
      tenantName: "main",
      user,
      isSuperuser,
      isOfProcess: false,
      process: 1,
      secret: 1,
    };
    this.#settings.fix("session_authorization", user);
    const source = {
      isFresh: true,
      overdueMs: 0,
      refresh: () => Promise.resolve(),
      of: () => rig.known,
      tenantsOf: () => null,
    };
    this.#roles = new SessionRoles({ roles: source, after: () => () => {} }, identity, this.#settings);
    const transaction = new Transaction(this.#settings);
    this.#commands = new SettingCommands(
      this.#settings,
      transaction,
      this.#roles,
      ({ message }) => void this.notices.push(message),
    );
    this.#session = rig.tables.session(user);
    this.#session.isSuperuser = false;
  }

  async run(text: string): Promise<Answer> {
    const [parsed] = parser.parse(text);
    assert(parsed !== undefined, "a text has a statement");
    const { statement } = parsed;
    try {
      if (isRoleStatement(statement)) return await this.#change(statement);
      if (statement.kind === "set" || statement.kind === "reset") return answered(this.#commands.run(statement).tag);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      return { kind: "error", sqlState: error.sqlState, message: error.message, detail: error.fields.detail ?? "" };
    }
    this.#roles.text();
    this.#session.settings = this.#settings.forEngine();
    return this.#session.run(text);
  }

  async #change(statement: RoleStatement): Promise<Answer> {
    const tag = await runRoleStatement(statement, {
      actor: await this.#roles.actor(),
      administration: {
        call: (method, params) => this.#rig.administer(method, params),
      },
      settings: this.#settings.forEngine(),
      now: 0,
      report: ({ message }) => void this.notices.push(message),
      settle: async () => false,
    });
    return answered(tag);
  }
}
