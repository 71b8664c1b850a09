/** The directory's side of the conversation with shards and projections: commands by kind, answers decoded. */
import type { ActorContext } from "../../runtime/actor/definition.js";
import type { OutgoingMessage } from "../../runtime/actor/envelope.js";
import type { DirectoryRow } from "../../runtime/kernel/directory-rows.js";
import { decodeOutcomeReply, type OutcomeReply } from "../../runtime/kernel/outcome.js";
import type { TenantInfo } from "../../runtime/kernel/read/state-reads.js";
import type { UserRow } from "../../runtime/kernel/user-rows.js";
import { assert } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { CommandAnswer } from "../messages/commands.js";
import type { ExportedRecords, RoleUses } from "../projection/messages.js";

const commandMs = 20_000;
const leaderMs = 65_000;
const pageRows = 1_000;

export interface DirectoryPage {
  readonly rows: readonly DirectoryRow[];
  /** Commands that the system tenant of shard 0 has had: 0 on a node that starts for the first time. */
  readonly systemPosition: number;
}

export class ShardLink {
  readonly #context: ActorContext;

  constructor(context: ActorContext) {
    this.#context = context;
  }

  #port(neighbour: string) {
    const port = this.#context.port(neighbour);
    if (port === null)
      throw new KimberliteError("shardUnavailable", `${neighbour} is being restarted; try again in a moment`);
    return port;
  }

  /**
   * Asks in a turn of its own where there is none: a change that waited for another, or whose last step failed without asking
   * anyone, goes on in a microtask outside any turn.
   */
  #ask<Answer>(neighbour: string, message: OutgoingMessage, deadlineMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#context.enter(() => {
        try {
          this.#context.ask<Answer>(this.#port(neighbour), message, { deadlineMs }).then(resolve, reject);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Sends a command of a shard's system tenant; resolves once it is committed. */
  async command(
    shard: number,
    requestKind: number,
    principal: string,
    encode: (out: ByteWriter) => unknown,
  ): Promise<OutcomeReply> {
    const out = new ByteWriter(128);
    encode(out);
    const body = out.finish();
    assert(body.length >= 40, "a command has the common head of writes");
    const message = { kind: "command", requestKind, tenant: 0, principal, body };
    const answer = await this.#ask<CommandAnswer>(`shard-${shard}`, message, commandMs);
    return decodeOutcomeReply(answer.body);
  }

  async ready(shard: number): Promise<void> {
    await this.#ask(`shard-${shard}`, { kind: "awaitReady" }, 300_000);
  }

  /** Has the directory of the node where the system shard leads carry out a call. */
  askLeader(call: Uint8Array): Promise<Uint8Array> {
    return this.#ask(`shard-0`, { kind: "askLeader", call }, leaderMs);
  }

  /** Reads see everything that was committed before they were asked, wherever the shard leads. */
  async #read<Answer>(shard: number, message: OutgoingMessage): Promise<Answer> {
    await this.#ask(`shard-${shard}`, { kind: "readIndex" }, commandMs);
    return this.#ask<Answer>(`projection-${shard}.0`, message, commandMs);
  }

  async directory(): Promise<DirectoryPage> {
    const rows: DirectoryRow[] = [];
    for (;;) {
      const after = rows.length === 0 ? 0 : rows[rows.length - 1].tenant;
      const page = await this.#read<DirectoryPage>(0, { kind: "directoryRows", after, limit: pageRows });
      rows.push(...page.rows);
      if (page.rows.length < pageRows) return { rows, systemPosition: page.systemPosition };
    }
  }

  /** One placement as the log has it; null when there is none. */
  async placement(tenant: number): Promise<DirectoryRow | null> {
    const page = await this.#read<DirectoryPage>(0, { kind: "directoryRows", after: tenant - 1, limit: 1 });
    const row = page.rows[0];
    return row !== undefined && row.tenant === tenant ? row : null;
  }

  /** A user as the newest state has it; null when there is none. */
  user(name: string): Promise<UserRow | null> {
    return this.#read<UserRow | null>(0, { kind: "userRow", name });
  }

  users(after: string, limit: number): Promise<UserRow[]> {
    return this.#read<UserRow[]>(0, { kind: "userRows", after, limit });
  }

  roleUses(shard: number, name: string): Promise<RoleUses[]> {
    return this.#read<RoleUses[]>(shard, { kind: "roleUses", name });
  }

  /** Whether the programs of all other nodes are known to know these forms of records (`recordForms`). */
  formsKnown(forms: number): Promise<boolean> {
    return this.#ask<boolean>("shard-0", { kind: "formsKnown", forms }, commandMs);
  }

  /** Throws `shardUnavailable` while a node is away, or of a program that could not apply such a record. */
  async expectForms(forms: number): Promise<void> {
    if (await this.formsKnown(forms)) return;
    throw new KimberliteError(
      "shardUnavailable",
      "a node that is away, or of an older release, may not know such a change",
    );
  }

  /** Has other nodes hear that roles are others now; whether all have said that none of their gateways judges by those of before. */
  rolesChanged(deadlineMs: number): Promise<boolean> {
    return this.#ask<boolean>("shard-0", { kind: "rolesChanged" }, deadlineMs);
  }

  tenantNamed(name: string): Promise<DirectoryRow | null> {
    return this.#read<DirectoryRow | null>(0, { kind: "directoryNamed", name });
  }

  async tenantsOf(shard: number): Promise<TenantInfo[]> {
    const rows: TenantInfo[] = [];
    for (;;) {
      const after = rows.length === 0 ? 0 : rows[rows.length - 1].tenant;
      const page = await this.#read<TenantInfo[]>(shard, { kind: "tenantRows", after, limit: pageRows });
      rows.push(...page);
      if (page.length < pageRows) return rows;
    }
  }

  tenantOn(shard: number, tenant: number): Promise<TenantInfo | null> {
    return this.#read<TenantInfo | null>(shard, { kind: "tenantRow", tenant });
  }

  exportRecords(shard: number, tenant: number, from: number, bytesMax: number): Promise<ExportedRecords> {
    return this.#read<ExportedRecords>(shard, { kind: "exportRecords", tenant, from, bytesMax });
  }
}
