/** Signatures of functions, operators and casts by name, read once from the facts. */
import { assert } from "../../types/assert.js";
import { type Oid, typeOid } from "../types/sql-type.js";
import { typeFactsByName } from "../types/type-table.js";
import { castFacts } from "./facts/casts.js";
import { extensionFacts } from "./facts/extensions.js";
import { operatorFacts } from "./facts/operators.js";
import { procedureFacts } from "./facts/procedures.js";
import type { CastLevel, Volatility } from "./registry.js";

/** `public`: functions of extensions. */
export type ProcedureSchema = "pg_catalog" | "information_schema" | "public";

export interface ProcedureFacts {
  readonly oid: Oid;
  readonly schema: ProcedureSchema;
  readonly name: string;
  /** `lpad(text,int4,text)`: the key of its implementation. */
  readonly signature: string;
  readonly argumentTypes: readonly Oid[];
  readonly resultType: Oid;
  readonly kind: "scalar" | "set" | "aggregate" | "window";
  readonly volatility: Volatility;
  readonly isStrict: boolean;
  /** Last parameters that have defaults. */
  readonly defaultCount: number;
  /** Element type of a VARIADIC last parameter (`any` for arguments of any types), 0 for none. */
  readonly variadic: Oid;
  /** OUT columns with names; empty for a plain result. */
  readonly outColumns: readonly { readonly name: string; readonly type: Oid }[];
  readonly argumentNames: readonly string[];
  readonly aggregateForm: "plain" | "ordered" | "hypothetical";
  readonly directCount: number;
}

export interface OperatorFacts {
  readonly oid: Oid;
  readonly name: string;
  /** 0 for a prefix operator. */
  readonly left: Oid;
  readonly right: Oid;
  readonly result: Oid;
  readonly procedure: Oid;
  readonly commutator: Oid;
  readonly negator: Oid;
  readonly canMerge: boolean;
  readonly canHash: boolean;
}

export interface CastFacts {
  readonly oid: Oid;
  readonly source: Oid;
  readonly target: Oid;
  /** 0 where values stay as they are or go through their text. */
  readonly procedure: Oid;
  /** The least of intent it needs. */
  readonly level: CastLevel;
  readonly method: "binary" | "function" | "text";
}

const typeNamed = (name: string): Oid => {
  if (name === "internal") return 2_281;
  const facts = typeFactsByName(name);
  assert(facts !== null, "a signature names known types");
  return facts.oid;
};

const namesOf = (list: string): string[] => (list === "" ? [] : list.split(","));

const otherSchemas = ["information_schema", "public"] as const;

function readProcedure(line: string): ProcedureFacts {
  const words = line.split(" ");
  const [oid = "", qualified = "", result = "", kind = "", flags = ""] = words;
  const open = qualified.indexOf("(");
  assert(open > 0 && qualified.endsWith(")"), "a procedure has a signature");
  const schema = otherSchemas.find((name) => qualified.startsWith(`${name}.`)) ?? "pg_catalog";
  const signature = schema === "pg_catalog" ? qualified : qualified.slice(schema.length + 1);
  const extra = (key: string): string => words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1) ?? "";
  const variadic = extra("v");
  const form = /([oh])(\d+)$/u.exec(flags);
  const volatility = flags.startsWith("i") ? "immutable" : flags.startsWith("s") ? "stable" : "volatile";
  return {
    oid: Number(oid),
    schema,
    name: signature.slice(0, signature.indexOf("(")),
    signature,
    argumentTypes: namesOf(qualified.slice(open + 1, -1)).map(typeNamed),
    resultType: typeNamed(result),
    kind: kind === "a" ? "aggregate" : kind === "w" ? "window" : flags.slice(1).includes("r") ? "set" : "scalar",
    volatility,
    isStrict: flags.slice(1).includes("s"),
    defaultCount: Number(extra("d")),
    variadic: variadic === "" ? 0 : typeNamed(variadic),
    outColumns: namesOf(extra("out")).map((column) => {
      const colon = column.lastIndexOf(":");
      return { name: column.slice(0, colon), type: typeNamed(column.slice(colon + 1)) };
    }),
    argumentNames: namesOf(extra("in")),
    aggregateForm: form === null ? "plain" : form[1] === "o" ? "ordered" : "hypothetical",
    directCount: form === null ? 0 : Number(form[2]),
  };
}

function readOperator(line: string): OperatorFacts {
  const [oid, name = "", left, right, result, procedure, commutator, negator, canMerge, canHash] = line.split(" ");
  return {
    oid: Number(oid),
    name,
    left: Number(left),
    right: Number(right),
    result: Number(result),
    procedure: Number(procedure),
    commutator: Number(commutator),
    negator: Number(negator),
    canMerge: canMerge === "t",
    canHash: canHash === "t",
  };
}

function readCast(line: string): CastFacts {
  const [oid, source, target, procedure, context, method] = line.split(" ");
  return {
    oid: Number(oid),
    source: Number(source),
    target: Number(target),
    procedure: Number(procedure),
    level: context === "i" ? "implicit" : context === "a" ? "assignment" : "explicit",
    method: method === "f" ? "function" : method === "i" ? "text" : "binary",
  };
}

const linesOf = (facts: string): string[] => facts.trim().split("\n");

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

export const allProcedures: readonly ProcedureFacts[] = [procedureFacts, extensionFacts]
  .flatMap(linesOf)
  .map(readProcedure);
export const allOperators: readonly OperatorFacts[] = linesOf(operatorFacts).map(readOperator);
export const allCasts: readonly CastFacts[] = linesOf(castFacts).map(readCast);

const procedureByOid = new Map(allProcedures.map((procedure) => [procedure.oid, procedure]));
const operatorByOid = new Map(allOperators.map((operator) => [operator.oid, operator]));
const proceduresByName = grouped(allProcedures, (procedure) => procedure.name);
const operatorsByName = grouped(allOperators, (operator) => operator.name);
const castByTypes = new Map(allCasts.map((cast) => [cast.source * 65_536 + cast.target, cast]));

export const procedureOf = (oid: Oid): ProcedureFacts | null => procedureByOid.get(oid) ?? null;
export const operatorOf = (oid: Oid): OperatorFacts | null => operatorByOid.get(oid) ?? null;

/** Those a user can call by this name. */
export const proceduresNamed = (name: string): readonly ProcedureFacts[] =>
  (proceduresByName.get(name) ?? []).filter(
    ({ resultType, argumentTypes }) =>
      resultType !== 2_281 && resultType !== 2_275 && !argumentTypes.includes(2_281) && !argumentTypes.includes(2_275),
  );

export const operatorsNamed = (name: string): readonly OperatorFacts[] => operatorsByName.get(name) ?? [];

export const castFactsOf = (source: Oid, target: Oid): CastFacts | null =>
  castByTypes.get(source * 65_536 + target) ?? null;

export const isPolymorphic = (oid: Oid): boolean =>
  oid === typeOid.anyelement ||
  oid === typeOid.anyarray ||
  oid === typeOid.anynonarray ||
  oid === typeOid.anyenum ||
  isCompatibleFamily(oid);

export const isCompatibleFamily = (oid: Oid): boolean =>
  oid === typeOid.anycompatible || oid === typeOid.anycompatiblearray || oid === typeOid.anycompatiblenonarray;
