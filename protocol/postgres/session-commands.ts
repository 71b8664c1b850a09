/**
 * Statements about the session itself, which no shard has to hear of: settings, the modes of a transaction, what was prepared.
 */

import { noRole } from "../../runtime/query/catalog/role-set.js";
import { SqlError } from "../../runtime/query/error.js";
import { settingNamed } from "../../runtime/query/settings.js";
import type { SettingStatement, TransactionStatement } from "../../runtime/query/syntax/ast-session.js";
import type { ErrorReport } from "./backend-writer.js";
import { warning } from "./reports.js";
import type { SessionRoles } from "./session-roles.js";
import type { SessionSettings } from "./settings.js";
import { shownSetting } from "./shown-setting.js";
import type { Transaction } from "./transaction.js";

/** What a statement answers that was done here: rows of texts, if it has any. */
export interface LocalResult {
  readonly tag: string;
  readonly columns: readonly string[] | null;
  readonly rows: readonly (readonly (string | null)[])[];
}

export const tagOnly = (tag: string): LocalResult => ({ tag, columns: null, rows: [] });

type Notice = (report: ErrorReport) => void;

export const modesText = {
  readUncommitted: "read uncommitted",
  readCommitted: "read committed",
  repeatableRead: "repeatable read",
  serializable: "serializable",
} as const;

/** As PostgreSQL quotes the elements of a list: names that could not stand there by themselves. */
const listElement = (text: string): string =>
  /^[a-z_][a-z0-9_$]*$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`;

/** The values of a SET as one. Throws 22023 for several of what has but one. @param name in lower case */
function settingText(name: string, values: readonly string[]): string {
  const kind = settingNamed(name)?.values.kind;
  if (values.length > 1 && kind !== "list" && kind !== "dateStyle")
    throw new SqlError("22023", `SET ${name} takes only one argument`);
  return kind === "list" ? values.map(listElement).join(", ") : values.join(", ");
}

const otherNames: Readonly<Record<string, string>> = {
  names: "client_encoding",
  "time zone": "timezone",
  "session authorization": "session_authorization",
};

const realName = (name: string): string => otherNames[name.toLowerCase()] ?? name;

/** The column of a SHOW. */
export function shownColumns(name: string): readonly string[] {
  const real = realName(name);
  if (real.toLowerCase() === "all") return ["name", "setting", "description"];
  return [settingNamed(real)?.name ?? real];
}

export class SettingCommands {
  readonly #settings: SessionSettings;
  readonly #transaction: Transaction;
  readonly #roles: SessionRoles;
  readonly #notice: Notice;

  constructor(settings: SessionSettings, transaction: Transaction, roles: SessionRoles, notice: Notice) {
    this.#settings = settings;
    this.#transaction = transaction;
    this.#roles = roles;
    this.#notice = notice;
  }

  run(statement: Exclude<SettingStatement, { kind: "discard" }>): LocalResult {
    switch (statement.kind) {
      case "set":
        this.#set(statement.name, statement.values, statement.isLocal);
        return tagOnly("SET");
      case "reset":
        this.#reset(statement.name, statement.isLocal);
        return tagOnly(statement.tag);
      case "resetAll":
        this.#settings.resetAll();
        return tagOnly("RESET");
      case "show":
        return this.#show(realName(statement.name));
    }
  }

  #warnLocal(isLocal: boolean, what: string): void {
    if (isLocal && !this.#transaction.isOpen) {
      this.#notice(warning("25P01", `${what} can only be used in transaction blocks`));
    }
  }

  /** A setting as it is kept for sessions that begin later, under its own name. Throws what SET would. @param values null: what it is now */
  kept(given: string, values: readonly string[] | null): { readonly name: string; readonly value: string } {
    const name = realName(given).toLowerCase();
    if (name === "role" || name === "session_authorization" || name.startsWith("transaction_"))
      throw new SqlError("0A000", `"${name}" as what sessions begin with is not supported`);
    const value = values === null ? this.#settings.get(name) : settingText(name, values);
    this.#settings.expectValue(name, value);
    return { name: settingNamed(name)?.name ?? name, value };
  }

  #set(given: string, values: readonly string[], isLocal: boolean): void {
    const name = realName(given).toLowerCase();
    const first = values[0] ?? "";
    this.#warnLocal(isLocal, "SET LOCAL");
    if (name === "role" || name === "session_authorization") {
      if (!isLocal || this.#transaction.isOpen) this.#assume(name, first, isLocal ? "local" : "session");
      return;
    }
    if (name === "transaction_isolation" || name === "transaction_read_only" || name === "transaction_deferrable") {
      this.#setTransaction(name, first);
      return;
    }
    const value = settingText(name, values);
    if (isLocal && !this.#transaction.isOpen) return this.#settings.meet(name);
    this.#settings.set(name, value, isLocal ? "local" : "session");
  }

  /** @param value null: what the session began with */
  #assume(name: "role" | "session_authorization", value: string | null, scope: "session" | "local"): void {
    if (name === "role") this.#roles.become(value ?? noRole, scope);
    else this.#roles.authorize(value, scope);
  }

  #setTransaction(name: string, value: string): void {
    const lower = value.toLowerCase();
    const isOn = ["on", "true", "1", "yes"].includes(lower);
    if (name === "transaction_read_only") {
      this.#transaction.setModes({ isolation: null, isReadOnly: isOn, isDeferrable: null });
      return;
    }
    if (name === "transaction_deferrable") {
      this.#transaction.setModes({ isolation: null, isReadOnly: null, isDeferrable: isOn });
      return;
    }
    const isolation = Object.entries(modesText).find(([, text]) => text === lower)?.[0];
    if (isolation === undefined) {
      throw new SqlError("22023", `invalid value for parameter "transaction_isolation": "${value}"`);
    }
    this.#transaction.setModes({
      isolation: isolation as keyof typeof modesText,
      isReadOnly: null,
      isDeferrable: null,
    });
  }

  #reset(given: string, isLocal: boolean): void {
    const name = realName(given).toLowerCase();
    this.#warnLocal(isLocal, "SET LOCAL");
    if (isLocal && !this.#transaction.isOpen) return;
    if (name === "role" || name === "session_authorization") {
      this.#assume(name, null, isLocal ? "local" : "session");
      return;
    }
    this.#settings.reset(name, isLocal ? "local" : "session");
  }

  #show(name: string): LocalResult {
    if (name.toLowerCase() === "all") {
      return { tag: "SHOW", columns: shownColumns("all"), rows: this.#settings.all() };
    }
    const value = shownSetting(name, this.#settings, this.#transaction);
    return { tag: "SHOW", columns: shownColumns(name), rows: [[value]] };
  }

  /** SET TRANSACTION and SET SESSION CHARACTERISTICS. */
  setTransaction(statement: Extract<TransactionStatement, { kind: "setTransaction" }>): LocalResult {
    const { modes, isSession, snapshot } = statement;
    if (snapshot !== null) throw new SqlError("0A000", "SET TRANSACTION SNAPSHOT is not supported");
    if (!isSession) {
      if (!this.#transaction.isOpen)
        this.#notice(warning("25P01", "SET TRANSACTION can only be used in transaction blocks"));
      else this.#transaction.setModes(modes);
      return tagOnly("SET");
    }
    if (modes.isDeferrable !== null) {
      this.#settings.set("default_transaction_deferrable", modes.isDeferrable ? "on" : "off", "session");
    }
    if (modes.isolation !== null)
      this.#settings.set("default_transaction_isolation", modesText[modes.isolation], "session");
    if (modes.isReadOnly !== null) {
      this.#settings.set("default_transaction_read_only", modes.isReadOnly ? "on" : "off", "session");
    }
    return tagOnly("SET");
  }
}
