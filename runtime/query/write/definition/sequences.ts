/** Sequences: their options as written, those that columns own. */
import type { SequenceDefinition, StoredExpression } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import type { SequenceOptions } from "../../syntax/ast-definition.js";
import type { Expression } from "../../syntax/ast-expression.js";
import { type Oid, type SqlType, sqlType, typeOid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { quoted } from "../constraint-errors.js";
import { placeOf } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";
import { columnType } from "./types.js";

export const noOptions: SequenceOptions = {
  location: -1,
  type: null,
  start: null,
  increment: null,
  minimum: undefined,
  maximum: undefined,
  cache: null,
  cycles: null,
  ownedBy: null,
  restart: undefined,
  name: null,
};

const limits: ReadonlyMap<Oid, readonly [bigint, bigint]> = new Map([
  [typeOid.int2, [-32_768n, 32_767n]],
  [typeOid.int4, [-2_147_483_648n, 2_147_483_647n]],
  [typeOid.int8, [-(2n ** 63n), 2n ** 63n - 1n]],
]);

type Numbers = Pick<SequenceDefinition, "type" | "start" | "increment" | "minimum" | "maximum" | "cycles" | "cache">;

/** @param before the sequence that is altered */
export function sequenceNumbers(options: SequenceOptions, type: SqlType | null, before: Numbers | null): Numbers {
  const position = placeOf(options.location);
  const invalid = (message: string): SqlError => new SqlError("22023", message, { position });
  const given = options.type === null ? type : columnType(options.type, () => null);
  const own = given ?? before?.type ?? sqlType(typeOid.int8);
  const range = limits.get(own.oid);
  if (range === undefined) throw invalid("sequence type must be smallint, integer, or bigint");
  const [least, greatest] = range;
  const increment = options.increment === null ? (before?.increment ?? 1n) : BigInt(options.increment);
  if (increment === 0n) throw invalid("INCREMENT must not be zero");
  const isUp = increment > 0n;
  const pick = (written: string | null | undefined, known: bigint | undefined, otherwise: bigint): bigint =>
    written === undefined ? (known ?? otherwise) : written === null ? otherwise : BigInt(written);
  // What was as far as the type before reached goes as far as the new one does.
  const reach = before === null || before.type.oid === own.oid ? null : (limits.get(before.type.oid) ?? null);
  const reachesUp = reach !== null && before?.maximum === reach[1];
  const reachesDown = reach !== null && before?.minimum === reach[0];
  const maximum = pick(options.maximum, reachesUp ? greatest : before?.maximum, isUp || reachesUp ? greatest : -1n);
  const minimum = pick(options.minimum, reachesDown ? least : before?.minimum, isUp && !reachesDown ? 1n : least);
  if (maximum > greatest)
    throw invalid(`MAXVALUE (${maximum}) is out of range for sequence data type ${typeLabel(own.oid)}`);
  if (minimum < least)
    throw invalid(`MINVALUE (${minimum}) is out of range for sequence data type ${typeLabel(own.oid)}`);
  if (minimum >= maximum) throw invalid(`MINVALUE (${minimum}) must be less than MAXVALUE (${maximum})`);
  const start = options.start === null ? (before?.start ?? (isUp ? minimum : maximum)) : BigInt(options.start);
  if (start < minimum) throw invalid(`START value (${start}) cannot be less than MINVALUE (${minimum})`);
  if (start > maximum) throw invalid(`START value (${start}) cannot be greater than MAXVALUE (${maximum})`);
  if (options.cache !== null && BigInt(options.cache) <= 0n) {
    throw invalid(`CACHE (${options.cache}) must be greater than zero`);
  }
  const cache = options.cache === null ? (before?.cache ?? 1n) : BigInt(options.cache);
  const cycles = options.cycles ?? before?.cycles ?? false;
  return { type: own, start, increment, minimum, maximum, cycles, ...(cache === 1n ? {} : { cache }) };
}

/**
 * Gives a sequence other options, and another number to go on with. Throws 22023 for what is none of its numbers.
 *
 * @param type of its numbers, where the options do not say it and it is another
 */
export function changeSequence(
  before: SequenceDefinition,
  options: SequenceOptions,
  { draft, restart }: Pick<DefinitionPorts, "draft" | "restart">,
  type: SqlType | null = null,
): void {
  const { cache: _, ...others } = before;
  const next: SequenceDefinition = { ...others, ...sequenceNumbers(options, type, before) };
  draft.put(next);
  if (options.restart === undefined) return;
  const value = options.restart === null ? next.start : BigInt(options.restart);
  if (value < next.minimum)
    throw new SqlError("22023", `RESTART value (${value}) cannot be less than MINVALUE (${next.minimum})`);
  if (value > next.maximum)
    throw new SqlError("22023", `RESTART value (${value}) cannot be greater than MAXVALUE (${next.maximum})`);
  restart(next.oid, value);
}

/** `nextval('name'::regclass)`, as the default of a serial column. The tree names the sequence by its oid, whatever it is called later. */
export function nextValueOf(sequence: Oid, name: string): StoredExpression {
  const subject: Expression = { kind: "stringLiteral", text: String(sequence), location: -1 };
  const type = { names: ["pg_catalog", "regclass"], modifiers: [], arrayDimensions: 0, isSetOf: false, location: -1 };
  const syntax: Expression = {
    kind: "functionCall",
    name: ["pg_catalog", "nextval"],
    arguments: [{ kind: "cast", subject, type, location: -1 }],
    argumentNames: [null],
    isVariadic: false,
    isStar: false,
    isDistinct: false,
    order: [],
    isWithinGroup: false,
    filter: null,
    over: null,
    isSqlSyntax: false,
    location: -1,
  };
  return { text: `nextval('${quoted(name).replaceAll("'", "''")}'::regclass)`, syntax };
}
