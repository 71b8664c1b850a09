/**
 * Statements that were bound before, by everything that binding depends on: text, types that the client gave, the tenant's catalog, and the
 * settings that change what names and literals mean.
 */
import type { BoundStatement } from "../../runtime/query/bind/bound.js";
import { decodeStatement, type Statement } from "../../runtime/query/syntax/ast.js";
import type { SqlRequest } from "../messages/sql.js";

const plansMax = 4_000;
/** Texts that are longer are seldom sent twice. */
const textLengthMax = 16 * 1024;

/** Settings that binding reads; others are looked up when the statement runs. */
const bindingSettings = ["search_path", "timezone", "datestyle", "intervalstyle", "kimberlite.as_of"];

export class PlanCache {
  #plans = new Map<string, BoundStatement>();
  #statements = new Map<string, Statement>();

  static key(request: SqlRequest, catalogVersion: number): string {
    const { tenant, user, text, parameterTypes, settings } = request;
    let key = `${tenant} ${catalogVersion} ${user} ${parameterTypes.join(",")}`;
    for (const [name, value] of settings) if (bindingSettings.includes(name.toLowerCase())) key += ` ${name}=${value}`;
    return `${key} ${text}`;
  }

  find(key: string): BoundStatement | undefined {
    return this.#plans.get(key);
  }

  keep(key: string, bound: BoundStatement): void {
    if (key.length > textLengthMax) return;
    // The catalogs of open transactions come and go.
    if (bound.catalogVersion < 0) return;
    if (this.#plans.size >= plansMax) this.#plans = new Map();
    this.#plans.set(key, bound);
  }

  /** The statement of a request; null when it was sent by its text alone and the text is not known here. */
  statement({ text, syntax }: SqlRequest): Statement | null {
    if (syntax.length > 0) {
      const statement = decodeStatement(syntax);
      if (text.length <= textLengthMax) {
        if (this.#statements.size >= plansMax) this.#statements = new Map();
        this.#statements.set(text, statement);
      }
      return statement;
    }
    return this.#statements.get(text) ?? null;
  }

  clear(): void {
    this.#plans.clear();
  }
}
