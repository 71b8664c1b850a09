/**
 * Expressions at random, as SQL for PostgreSQL and as a computation in this process: functions and operators by their signatures, casts,
 * and literals of every type. What both say is compared: type and text of the value, or SQLSTATE and message of the error.
 */
import { SqlError } from "../../../runtime/query/error.js";
import { castLiteral, requireCast } from "../../../runtime/query/functions/coercion.js";
import type { EvaluationContext } from "../../../runtime/query/functions/context.js";
import { implementationOf } from "../../../runtime/query/functions/implementations.js";
import { allOperators, allProcedures, procedureOf } from "../../../runtime/query/functions/procedures.js";
import type { Evaluator } from "../../../runtime/query/functions/registry.js";
import { resolveFunction, resolveOperator } from "../../../runtime/query/functions/resolve.js";
import { codecOf } from "../../../runtime/query/types/codecs.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { quoteIdentifier } from "../../../runtime/query/types/quote.js";
import { type Oid, sqlType, typeOid } from "../../../runtime/query/types/sql-type.js";
import { typeFactsByName, typeFactsOf } from "../../../runtime/query/types/type-table.js";
import { questionFor, variablesFor } from "./jsonpaths.js";
import { flags, hints, literals, regexes, replacements } from "./literals.js";
import { dateTemplateAndText, numberTemplate, numberText } from "./templates.js";

export type Outcome =
  | { readonly kind: "value"; readonly type: Oid; readonly text: string | null }
  | { readonly kind: "rows"; readonly rows: readonly (string | null)[] }
  | { readonly kind: "failed"; readonly sqlState: string; readonly message: string };

export interface FuzzCase {
  readonly sql: string;
  run(context: EvaluationContext): Outcome;
}

/** A small generator of random numbers with a seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  next(bound: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % bound;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.next(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const typed = (text: string | null, type: string): string =>
  text === null ? `null::${quoteIdentifier(type)}` : `${quote(text)}::${quoteIdentifier(type)}`;

function typeOf(name: string): Oid {
  const facts = typeFactsByName(name);
  if (facts === null) throw new Error(`no type ${name}`);
  return facts.oid;
}

/** Reads a literal as SQL's `'…'::type` does. */
const read = (text: string | null, type: Oid, context: EvaluationContext): Datum =>
  text === null ? null : castLiteral(sqlType(type), "explicit")(text, context);

export function outcomeOf(compute: () => Outcome): Outcome {
  try {
    return compute();
  } catch (error) {
    if (error instanceof SqlError) return { kind: "failed", sqlState: error.sqlState, message: error.message };
    return { kind: "failed", sqlState: "crash", message: String(error) };
  }
}

function valueOutcome(value: Datum, type: Oid, context: EvaluationContext): Outcome {
  return { kind: "value", type, text: value === null ? null : codecOf(type).output(value, context) };
}

function evaluate(evaluator: Evaluator, isStrict: boolean, args: readonly Datum[], context: EvaluationContext): Datum {
  if (isStrict && args.includes(null)) return null;
  const [a = null, b = null, c = null] = args;
  switch (evaluator.arity) {
    case 0:
      return evaluator.call(context);
    case 1:
      return evaluator.call(a, context);
    case 2:
      return evaluator.call(a, b, context);
    case 3:
      return evaluator.call(a, b, c, context);
    case "any":
      return evaluator.call(args, context);
  }
}

const scalarTypes = Object.keys(literals).filter((name) => !name.startsWith("_"));
const arrayTypes = Object.keys(literals).filter((name) => name.startsWith("_") && name !== "_int2");

/** Types for the parameters of a signature, polymorphic ones chosen alike. */
function concreteTypes(parameters: readonly Oid[], random: Random): string[] {
  const array = random.pick(arrayTypes);
  return parameters.map((oid) => {
    const name = typeFactsOf(oid)?.name ?? "";
    if (name === "any") return random.pick(scalarTypes);
    if (name === "anyarray" || name === "anycompatiblearray") return array;
    if (name.startsWith("any")) return array.slice(1);
    return name;
  });
}

const skipped =
  /^(random|setseed|pg_|has_|txid_|current_|inet_client_addr|session_user|version|now|clock_|statement_|transaction_|gen_random|nextval|currval|setval|lastval|set_config|to_reg|reg|obj_desc|col_desc|shobj|format_type|row_sec|getpg|getdatabase|age\(timestamp\)|age\(timestamptz\)|_pg|int4_mul_cash|parse_ident|name|timeofday|factorial|in_range|to_ascii|convert\(|length\(bytea,name|currtid|row_to_json|json_to|jsonb_to|json_populate|repeat|generate_series|array_fill|(timestamp|timestamptz|time|interval|numeric|varchar|bpchar)\([a-z]+,int4)/u;

const functions = allProcedures.filter(
  ({ schema, signature, kind, argumentTypes }) =>
    // Whoever is asked the same may not have the extension.
    schema !== "public" &&
    (kind === "scalar" || kind === "set") &&
    implementationOf(signature) !== null &&
    !skipped.test(signature) &&
    argumentTypes.every((oid) => {
      const name = typeFactsOf(oid)?.name ?? "";
      return name.startsWith("any") ? name !== "anyenum" : name in literals;
    }),
);
const operators = allOperators.filter(({ left, right, procedure }) => {
  const code = procedureOf(procedure);
  const isKnown = (oid: Oid): boolean => {
    const name = typeFactsOf(oid)?.name ?? "";
    return name.startsWith("any") ? name !== "anyenum" : name in literals;
  };
  return code !== null && implementationOf(code.signature) !== null && (left === 0 || isKnown(left)) && isKnown(right);
});

function argumentText(name: string, index: number, type: string, random: Random): string | null {
  if (random.next(15) === 0) return null;
  const hinted = hints[name]?.[index];
  if (hinted !== undefined) return random.pick(hinted);
  if (/^regexp_|^textregex|^texticregex|^substring$/u.test(name) && type === "text") {
    if (index === 1) return random.pick(regexes);
    if (index === 2 && name === "regexp_replace") return random.pick(replacements);
    if (index >= 2) return random.pick(flags);
  }
  const pool = literals[type];
  if (pool === undefined) throw new Error(`no literals of type ${type}`);
  return random.pick(pool);
}

function functionCase(random: Random): FuzzCase {
  const procedure = random.pick(functions);
  const types = concreteTypes(procedure.argumentTypes, random);
  if (procedure.variadic === 2_276) types.push(...types.slice(-1));
  const texts = types.map((type, index) => argumentText(procedure.name, index, type, random));
  return callCase(procedure, types, texts);
}

const templateFunctions = functions.filter(({ name }) => /^to_(?:char|date|timestamp|number)$/u.test(name));

/** A function of templates, with a template at random. */
export function templateCase(random: Random): FuzzCase {
  const procedure = random.pick(templateFunctions);
  const types = concreteTypes(procedure.argumentTypes, random);
  const texts = types.map((type, index) => argumentText(procedure.name, index, type, random));
  const [template, text] = dateTemplateAndText(random);
  const [first = "", second] = types;
  if (second !== "text") return callCase(procedure, types, texts);
  if (procedure.name === "to_number") return callCase(procedure, types, [numberText(random), numberTemplate(random)]);
  if (procedure.name !== "to_char") return callCase(procedure, types, [text, template]);
  const isTime = /^(?:timestamp|interval)/u.test(first);
  return callCase(procedure, types, [texts[0] ?? null, isTime ? template : numberTemplate(random)]);
}

const pathFunctions = functions.filter(({ name }) => name.startsWith("jsonb_path_"));

/** A jsonpath at random: what it finds, or how it is shown. */
export function jsonPathCase(random: Random): FuzzCase {
  const [json, path] = questionFor(random);
  if (random.next(8) === 0)
    return {
      sql: `select ${quote(path)}::jsonpath`,
      run: (context) => valueOutcome(read(path, typeOid.jsonpath, context), typeOid.jsonpath, context),
    };
  const procedure = random.pick(pathFunctions);
  const types = concreteTypes(procedure.argumentTypes, random);
  const texts = [json, path, variablesFor(random), random.next(3) === 0 ? "true" : "false"];
  return callCase(procedure, types, texts.slice(0, types.length));
}

function callCase(
  procedure: (typeof functions)[number],
  types: readonly string[],
  texts: readonly (string | null)[],
): FuzzCase {
  const isVariadic = procedure.variadic !== 0 && procedure.variadic !== 2_276;
  const args = types.map(
    (type, index) =>
      `${isVariadic && index === types.length - 1 ? "variadic " : ""}${typed(texts[index] ?? null, type)}`,
  );
  const call = `${quoteIdentifier(procedure.name)}(${args.join(", ")})`;
  const isSyntax =
    procedure.name === "extract" ||
    procedure.name === "position" ||
    procedure.name === "overlay" ||
    procedure.name === "normalize" ||
    procedure.name === "is_normalized" ||
    procedure.name === "overlaps";
  return {
    sql: `select ${isSyntax ? `pg_catalog."${procedure.name}"(${args.join(", ")})` : call}`,
    run: (context) => {
      const given = texts.map((text, index) => read(text, typeOf(types[index] ?? ""), context));
      const resolved = resolveFunction({
        schema: isSyntax ? "pg_catalog" : null,
        name: procedure.name,
        args: types.map((type) => ({ type: typeOf(type) })),
        isVariadic,
        orderedCount: 0,
      });
      const values = given.map((value, index) => {
        const target = resolved.argumentTypes[index];
        if (value === null || target === undefined) return value;
        return requireCast(sqlType(typeOf(types[index] ?? "")), target, "implicit").convert(value, context);
      });
      if (resolved.kind === "scalar")
        return valueOutcome(
          evaluate(resolved.evaluator, resolved.isStrict, values, context),
          resolved.resultType.oid,
          context,
        );
      if (resolved.kind !== "set") throw new Error("only functions and sets are tried");
      const columns = resolved.columns ?? [];
      const rows = resolved.isStrict && values.includes(null) ? [] : [...resolved.rows(values, context, columns)];
      return {
        kind: "rows",
        rows: rows.map((row) => (row === null ? null : codecOf(resolved.resultType.oid).output(row, context))),
      };
    },
  };
}

function operatorCase(random: Random): FuzzCase {
  const operator = random.pick(operators);
  const isPrefix = operator.left === 0;
  const types = concreteTypes(isPrefix ? [operator.right] : [operator.left, operator.right], random);
  const isPattern = /^[!~]/u.test(operator.name) && !operator.name.includes("~~");
  const texts = types.map((type, index) => {
    if (index === 1 && isPattern && type === "text") return random.pick(regexes);
    if (index === 1 && operator.name.includes("~~") && type === "text")
      return random.pick(["%", "a%", "%b%", "_", "h_llo%", "%", "\\%", "a\\", "%l_o%"]);
    return argumentText("", index, type, random);
  });
  // Now and then a literal says nothing of its type.
  const isUnknown = types.map(() => random.next(6) === 0);
  const args = types.map((type, index) => {
    const text = texts[index] ?? null;
    return isUnknown[index] === true ? (text === null ? "null" : quote(text)) : typed(text, type);
  });
  return {
    sql: isPrefix ? `select ${operator.name} ${args[0]}` : `select ${args[0]} ${operator.name} ${args[1]}`,
    run: (context) => {
      const oids = types.map((type, index) => (isUnknown[index] === true ? 705 : typeOf(type)));
      const known = texts.map((text, index) => (oids[index] === 705 ? null : read(text, oids[index] ?? 0, context)));
      const resolved = resolveOperator(operator.name, isPrefix ? null : (oids[0] ?? 0), oids.at(-1) ?? 0);
      const targets = isPrefix ? [resolved.rightType] : [resolved.leftType, resolved.rightType];
      const values = texts.map((text, index) => {
        const oid = oids[index] ?? 0;
        const target = targets[index];
        if (target === undefined || target === null) throw new Error("an operand has a type");
        if (oid === 705) return read(text, target.oid, context);
        const value = known[index] ?? null;
        return value === null ? null : requireCast(sqlType(oid), target, "implicit").convert(value, context);
      });
      return valueOutcome(
        evaluate(resolved.evaluator, resolved.isStrict, values, context),
        resolved.resultType.oid,
        context,
      );
    },
  };
}

const modifiers: Readonly<Record<string, readonly (readonly [sql: string, modifier: number])[]>> = {
  varchar: [["varchar(3)", 7]],
  bpchar: [["char(4)", 8]],
  numeric: [
    ["numeric(5,2)", ((5 << 16) | 2) + 4],
    ["numeric(10)", (10 << 16) + 4],
    ["numeric(3,-2)", ((3 << 16) | (-2 & 0x7ff)) + 4],
  ],
  timestamp: [
    ["timestamp(0)", 0],
    ["timestamp(3)", 3],
  ],
  timestamptz: [["timestamptz(1)", 1]],
  time: [["time(2)", 2]],
  timetz: [["timetz(2)", 2]],
  bit: [
    ["bit(4)", 4],
    ["bit(40)", 40],
  ],
  varbit: [["varbit(3)", 3]],
  interval: [
    ["interval(2)", (0x7fff << 16) | 2],
    ["interval day to second", (0x1c08 << 16) | 0xffff],
    ["interval year", (4 << 16) | 0xffff],
    ["interval minute to second", (0x1800 << 16) | 0xffff],
    ["interval hour", (0x400 << 16) | 0xffff],
  ],
};

function castCase(random: Random): FuzzCase {
  const names = Object.keys(literals);
  const source = random.pick(names);
  const target = random.pick(names);
  const isDirect = random.next(3) === 0;
  const text = random.pick((isDirect ? literals[random.next(4) === 0 ? "text" : target] : literals[source]) ?? [""]);
  const [targetSql, modifier] = random.pick([[quoteIdentifier(target), -1] as const, ...(modifiers[target] ?? [])]);
  return {
    sql: isDirect ? `select ${quote(text)}::${targetSql}` : `select ${typed(text, source)}::${targetSql}`,
    run: (context) => {
      const goal = sqlType(typeOf(target), modifier);
      if (isDirect) return valueOutcome(castLiteral(goal, "explicit")(text, context), goal.oid, context);
      const from = sqlType(typeOf(source));
      const value = read(text, from.oid, context);
      const cast = requireCast(from, goal, "explicit");
      return valueOutcome(value === null ? null : cast.convert(value, context), goal.oid, context);
    },
  };
}

export function randomCase(random: Random): FuzzCase {
  const kind = random.next(10);
  if (random.next(12) === 0) return templateCase(random);
  return kind < 5 ? functionCase(random) : kind < 8 ? operatorCase(random) : castCase(random);
}
