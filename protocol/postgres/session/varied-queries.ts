/** Statements of a session's simple queries that differ in their constants alone, as one statement with parameters (varied/). */
import { constantsWanted } from "../../../actors/sql/varied-constants.js";
import { SqlError } from "../../../runtime/query/error.js";
import type { Oid } from "../../../runtime/query/types/sql-type.js";
import { assert } from "../../../runtime/types/assert.js";
import { portalOf, type WrittenRun } from "../portals.js";
import type { CachedStatement } from "../statement.js";
import { statementsOf, type TextStatement } from "../varied/constants-of-text.js";
import { isReadSurely } from "../varied/surely-read.js";
import { madeOf, placeIn, type VariedStatement, variedIn } from "../varied/varied-statement.js";
import type { Filled } from "../varied/varied-statements.js";
import type { Descriptions } from "./descriptions.js";
import type { Exchange } from "./exchange.js";

/** A text that is not known as it is, whose statements may be made ones with parameters. */
export interface NewText {
  readonly text: string;
  readonly scope: string;
  readonly statements: readonly TextStatement[];
}

/** A statement that shows its own text has to run as it was written. */
const asksForText = (text: string): boolean => /current_query/i.test(text);

interface AskedOf {
  readonly parameterTypes: readonly Oid[];
  readonly wanted: ReadonlySet<number>;
}

/** Statements that are asked about behind one text. */
const learntMax = 4;

export class VariedQueries {
  readonly #exchange: Exchange;
  readonly #descriptions: Descriptions;

  constructor(exchange: Exchange, descriptions: Descriptions) {
    this.#exchange = exchange;
    this.#descriptions = descriptions;
  }

  /** What a text is when the likes of all of its statements are known; else what there may be to learn of it, null for nothing. */
  find(text: string): readonly WrittenRun[] | NewText | null {
    const { host, identity, settings } = this.#exchange;
    if (host.statements.knows(text)) return null;
    const statements = statementsOf(text);
    if (statements === null || statements.length === 0) return null;
    const scope = `${identity.tenant} ${settings.get("search_path")}`;
    const runs: WrittenRun[] = [];
    let mayLearn = false;
    for (const one of statements) {
      const found = one.constants.length === 0 ? "constant" : host.varied.find(scope, one, host.now());
      mayLearn ||= found === "learn";
      if (typeof found !== "string") runs.push(this.#run(text, one, found));
    }
    if (runs.length === statements.length) return runs;
    return mayLearn ? { text, scope, statements } : null;
  }

  #run(text: string, one: TextStatement, { made, values }: Filled): WrittenRun {
    const { statement, parameterTypes } = made;
    const portal = portalOf("", { source: text, statement, parameterTypes }, values, []);
    if (statement.statement.kind === "update") portal.asWritten = () => this.#asWritten(text, one);
    return { portal, place: placeIn(text, one, made) };
  }

  #asWritten(text: string, one: TextStatement): WrittenRun {
    const [statement] = this.#exchange.host.statements.statements(one.text);
    assert(statement !== undefined, "what is run with parameters is a statement");
    const offset = Buffer.byteLength(text.slice(0, one.start)) + statement.offset;
    return {
      portal: portalOf("", { source: text, statement, parameterTypes: [] }, [], []),
      place: { text, offset },
    };
  }

  /** Behind the run of such a text: the next of its kind needs no plan of its own. */
  async learn({ text, scope, statements }: NewText, parsed: readonly CachedStatement[]): Promise<void> {
    const { host, transaction } = this.#exchange;
    if (transaction.isFailed || parsed.length !== statements.length) return;
    let learnt = 0;
    for (const [index, one] of statements.entries()) {
      const written = parsed[index];
      if (written === undefined || one.constants.length === 0 || learnt === learntMax) continue;
      if (host.varied.find(scope, one, host.now()) !== "learn") continue;
      const made = await this.#madeOf(one, written, Buffer.byteLength(text.slice(0, one.start)));
      host.varied.learn(scope, one, made, host.now());
      learnt += 1;
    }
  }

  /** Null for a statement whose constants are to stay constants. */
  async #madeOf(one: TextStatement, written: CachedStatement, begins: number): Promise<VariedStatement | null> {
    const { statements } = this.#exchange.host;
    const { constants } = one;
    const isUsual = written.isPlain && written.cursors.length === 0 && !written.asksOfSession && !asksForText(one.text);
    let varied = isUsual ? variedIn(one, written, begins) : [];
    try {
      for (;;) {
        const made = madeOf(one, written, begins, varied, statements);
        if (made === null) return null;
        const { parameterTypes, wanted } = await this.#described(made);
        if (wanted.size > 0) {
          const others = varied.filter((_, at) => !wanted.has(at));
          if (others.length === varied.length) return null;
          varied = others;
          continue;
        }
        const readAs = new Map(varied.map((index, at) => [index, parameterTypes[at] ?? 0]));
        const sure = varied.filter((index) => constants[index]?.type !== 0 || isReadSurely(readAs.get(index) ?? 0));
        const kept = sure.length === varied.length ? made : madeOf(one, written, begins, sure, statements);
        return kept === null ? null : { ...kept, readAs: sure.map((index) => readAs.get(index) ?? 0) };
      }
    } catch (error) {
      if (error instanceof SqlError) return null;
      throw error;
    }
  }

  /** Types of its parameters, or which of these are to be constants, by their places. */
  async #described({ statement, parameterTypes }: VariedStatement): Promise<AskedOf> {
    try {
      const found = await this.#descriptions.describeAnew(statement, parameterTypes);
      return { parameterTypes: found.parameterTypes, wanted: new Set() };
    } catch (error) {
      const wanted = error instanceof SqlError ? constantsWanted(error) : null;
      if (wanted === null) throw error;
      return { parameterTypes, wanted };
    }
  }
}
