/**
 * From a name and the types of its arguments to a function or operator that can be called. Throws PostgreSQL's errors: 42883 when there
 * is none, 42725 when several fit equally, and 0A000 for one that PostgreSQL has and this database has not.
 */

import { assert } from "../../types/assert.js";
import { notSupported, SqlError } from "../error.js";
import { SqlArray } from "../types/array.js";
import type { Datum } from "../types/datum.js";
import { type Oid, type RecordField, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { arrayTypeOf, elementTypeOf } from "../types/type-table.js";
import { best, type Candidate, concreteType, matching, polymorphicTypes, withoutArray } from "./candidates.js";
import { findCast } from "./coercion.js";
import { defaultsOf } from "./defaults.js";
import type { CallTypes, Implementation } from "./define.js";
import { absentFunctionFacts } from "./facts/absent.js";
import { implementationOf } from "./implementations.js";
import {
  isPolymorphic,
  type OperatorFacts,
  operatorsNamed,
  type ProcedureFacts,
  procedureOf,
  proceduresNamed,
} from "./procedures.js";
import type { CallShape, Evaluator, ResolvedFunction, ResolvedOperator, Volatility } from "./registry.js";

const functionHint =
  "No function matches the given name and argument types. You might need to add explicit type casts.";
const functionsHint = "Could not choose a best candidate function. You might need to add explicit type casts.";
const operatorHint =
  "No operator matches the given name and argument types. You might need to add explicit type casts.";
const operatorsHint = "Could not choose a best candidate operator. You might need to add explicit type casts.";

interface FunctionCandidate extends Candidate {
  readonly procedure: ProcedureFacts;
  /** For each parameter the argument that fills it, -1 for the default. */
  readonly order: readonly number[];
  /** Arguments from this one on become the VARIADIC array; -1 for none. */
  readonly packedFrom: number;
}

/** Without a schema those of the catalog are found, and those that extensions put beside the tables. */
function candidatesFor(shape: CallShape): FunctionCandidate[] {
  const named = proceduresNamed(shape.name).filter(({ schema }) =>
    shape.schema === null ? schema !== "information_schema" : schema === shape.schema,
  );
  return named.flatMap((procedure) => candidatesOf(procedure, shape));
}

/** Those that take the arguments as they are. */
const exactOf = (candidates: readonly FunctionCandidate[], args: readonly Oid[]): FunctionCandidate[] =>
  candidates.filter(({ parameters }) => parameters.every((parameter, index) => parameter === args[index]));

/** Whether there is a function that takes the arguments as they are: else a call of a type's name may be a cast. */
export const hasExactFunction = (shape: CallShape): boolean =>
  exactOf(
    candidatesFor(shape),
    shape.args.map(({ type }) => type),
  ).length > 0;

/** Null when no function of this name exists: the caller may know the name as something else (a type, a syntax). */
export function findFunction(shape: CallShape): ResolvedFunction | null {
  const args = shape.args.map(({ type }) => type);
  const candidates = candidatesFor(shape);
  const exact = exactOf(candidates, args);
  // Of two that take exactly these, the one without VARIADIC or defaults is meant.
  const direct = exact.find(({ packedFrom, order }) => packedFrom < 0 && !order.includes(-1)) ?? exact[0];
  if (direct !== undefined) return resolved(direct, args);
  const fitting = preferPlain(matching(candidates, args));
  if (fitting.length === 0) return null;
  const chosen = best(fitting, args);
  if (chosen === null)
    throw new SqlError("42725", `function ${callText(shape)} is not unique`, {
      position: shape.position,
      hint: functionsHint,
    });
  return resolved(chosen, args, shape.position);
}

/** Throws 42883 where `findFunction` finds none. */
export function resolveFunction(shape: CallShape): ResolvedFunction {
  const found = findFunction(shape);
  if (found !== null) return found;
  const { schema, name, position } = shape;
  if ((schema === null || schema === "pg_catalog") && absentFunctions().has(name))
    throw new SqlError("0A000", `function ${callText(shape)} is not supported`, { position });
  throw new SqlError("42883", `function ${callText(shape)} does not exist`, {
    position: shape.position,
    hint: functionHint,
  });
}

let absent: ReadonlySet<string> | null = null;

/** Functions that PostgreSQL has, and there are not here with any arguments. */
function absentFunctions(): ReadonlySet<string> {
  absent ??= new Set(absentFunctionFacts.trim().split("\n"));
  return absent;
}

const callText = (shape: CallShape): string => {
  const args = shape.args.map(({ name, type }) => `${name === undefined ? "" : `${name} => `}${typeLabel(type)}`);
  return `${shape.schema === null ? "" : `${shape.schema}.`}${shape.name}(${args.join(", ")})`;
};

/** A candidate with VARIADIC expanded or defaults taken gives way to one with the same parameters and neither. */
function preferPlain(candidates: readonly FunctionCandidate[]): readonly FunctionCandidate[] {
  const same = (a: FunctionCandidate, b: FunctionCandidate): boolean =>
    a.parameters.every((parameter, index) => parameter === b.parameters[index]);
  const cost = ({ packedFrom, order }: FunctionCandidate): number =>
    (packedFrom >= 0 ? 2 : 0) + (order.includes(-1) ? 1 : 0);
  return candidates.filter(
    (one) => !candidates.some((other) => other !== one && same(one, other) && cost(other) < cost(one)),
  );
}

/** The ways in which this function could take these arguments. */
function candidatesOf(procedure: ProcedureFacts, shape: CallShape): FunctionCandidate[] {
  const { argumentTypes: declared, defaultCount, variadic } = procedure;
  const given = shape.args.length;
  if (shape.args.some(({ name }) => name !== undefined)) return byName(procedure, shape);
  const found: FunctionCandidate[] = [];
  const places = shape.args.map((_, index) => index);
  if (procedure.kind === "aggregate" && procedure.aggregateForm === "hypothetical") {
    // Direct arguments and those of WITHIN GROUP are as many, of any types.
    return [{ procedure, parameters: shape.args.map(() => typeOid.any), order: places, packedFrom: -1 }];
  }
  if (given <= declared.length && given >= declared.length - defaultCount) {
    const order = [...places, ...declared.slice(given).map(() => -1)];
    if (variadic === 0 || shape.isVariadic)
      found.push({ procedure, parameters: declared.slice(0, given), order, packedFrom: -1 });
  }
  const fixed = declared.length - 1;
  if (variadic !== 0 && !shape.isVariadic && given > fixed) {
    const parameters = shape.args.map((_, index) => (index < fixed ? (declared[index] ?? 0) : variadic));
    found.push({ procedure, parameters, order: places, packedFrom: fixed });
  }
  return found;
}

function byName(procedure: ProcedureFacts, shape: CallShape): FunctionCandidate[] {
  const { argumentTypes: declared, defaultCount, argumentNames } = procedure;
  if (argumentNames.length !== declared.length || shape.args.length > declared.length) return [];
  const order = declared.map(() => -1);
  const parameters: Oid[] = [];
  for (const [index, { name }] of shape.args.entries()) {
    const place = name === undefined ? index : argumentNames.indexOf(name);
    if (place < 0 || order[place] !== -1) return [];
    order[place] = index;
    parameters.push(declared[place] ?? 0);
  }
  const isMissing = order.some((argument, place) => argument === -1 && place < declared.length - defaultCount);
  return isMissing ? [] : [{ procedure, parameters, order, packedFrom: -1 }];
}

function resolved(candidate: FunctionCandidate, args: readonly Oid[], position?: number): ResolvedFunction {
  const { procedure, parameters } = candidate;
  const types = polymorphicTypes(parameters, args);
  assert(types !== null, "a candidate that was chosen is consistent");
  const isAny = parameters.some((parameter) => isPolymorphic(parameter));
  const concrete = parameters.map((parameter, index) =>
    parameter === typeOid.any ? (args[index] ?? 0) : concreteType(parameter, types),
  );
  const result = concreteType(procedure.resultType, types);
  const item = [...parameters, procedure.resultType]
    .map((type) => withoutArray(type, types))
    .find((type) => type !== 0);
  if (item !== undefined) throw new SqlError("42704", `could not find array type for data type ${typeLabel(item)}`);
  if (isAny && (concrete.includes(0) || result === 0)) throw undetermined();
  const isArrayWanted =
    procedure.variadic === typeOid.any && procedure.kind !== "aggregate" && candidate.packedFrom < 0;
  if (isArrayWanted && elementTypeOf(concrete.at(-1) ?? 0) === 0)
    throw new SqlError("42804", "VARIADIC argument must be an array", { position });
  const code = implementationOf(procedure.signature);
  if (code === null) throw notSupported(`function ${procedure.name}`, position);
  const callTypes = callTypesOf(candidate, concrete, result);
  const shared = {
    oid: procedure.oid,
    name: procedure.name,
    argumentTypes: concrete.map((type) => sqlType(type)),
    resultType: sqlType(result),
    volatility: procedure.volatility,
    isStrict: procedure.isStrict,
  };
  const outColumns = procedure.outColumns.map(({ name, type }) => ({ name, type: sqlType(concreteType(type, types)) }));
  return attach(candidate, code, callTypes, { ...shared, outColumns });
}

/** As in PostgreSQL without a place in the text. */
const undetermined = (): SqlError =>
  new SqlError("42804", "could not determine polymorphic type because input has type unknown");

/** A text with a value of any type beside it is that of two texts once the value is cast, and as sure as the cast is. */
function operatorVolatility({ name, volatility }: ProcedureFacts, operands: readonly Oid[]): Volatility {
  if (name !== "textanycat" && name !== "anytextcat") return volatility;
  const other = operands[name === "textanycat" ? 1 : 0] ?? 0;
  return findCast(sqlType(other), sqlType(typeOid.text), "explicit")?.volatility ?? "stable";
}

type Shared = Pick<ResolvedOperator, "oid" | "name" | "resultType" | "volatility" | "isStrict"> & {
  readonly argumentTypes: ResolvedFunction["argumentTypes"];
  readonly outColumns: readonly RecordField[];
};

function attach(
  candidate: FunctionCandidate,
  code: Implementation,
  types: CallTypes,
  { outColumns: columns, ...shared }: Shared,
): ResolvedFunction {
  const { procedure } = candidate;
  switch (code.kind) {
    case "scalar":
    case "variadic":
      return {
        ...shared,
        kind: "scalar",
        // Packed or permuted arguments are looked at for NULL after that, by the evaluator.
        isStrict: shared.isStrict && isPlain(candidate),
        evaluator: evaluatorOf(candidate, code, types),
      };
    case "set": {
      const isRecord = columns.length > 1;
      const arrange = arrangerOf(candidate);
      const plain = [{ name: procedure.name, type: shared.resultType }];
      return {
        ...shared,
        kind: "set",
        columns: columns.length > 0 ? columns : shared.resultType.oid === typeOid.record ? null : plain,
        isRecord: isRecord || shared.resultType.oid === typeOid.record,
        rows: (args, context, wanted) => code.rows(...arrange(args), context, types, wanted),
      };
    }
    case "aggregate":
      return {
        ...shared,
        kind: "aggregate",
        form: procedure.aggregateForm,
        directCount:
          procedure.aggregateForm === "hypothetical" ? Math.floor(types.args.length / 2) : procedure.directCount,
        isStrict: code.isStrict,
        start: (context, orders) => code.start(types, context, orders),
      };
    case "window":
      return { ...shared, kind: "window", start: (context) => code.start(types, context) };
  }
}

const isPlain = ({ packedFrom, order }: FunctionCandidate): boolean =>
  packedFrom < 0 && order.every((argument, place) => argument === place);

function callTypesOf(candidate: FunctionCandidate, concrete: readonly Oid[], result: Oid): CallTypes {
  const { packedFrom, procedure, order } = candidate;
  if (procedure.variadic === typeOid.any || procedure.aggregateForm === "hypothetical")
    return { args: concrete, result };
  if (packedFrom >= 0)
    return { args: [...concrete.slice(0, packedFrom), arrayTypeOf(concrete[packedFrom] ?? 0)], result };
  const declared = procedure.argumentTypes;
  return {
    args: order.map((argument, place) => (argument < 0 ? (declared[place] ?? 0) : (concrete[argument] ?? 0))),
    result,
  };
}

/** From the arguments as given to those of the function: packed, in order, with defaults. */
function arrangerOf(candidate: FunctionCandidate): (args: readonly Datum[]) => readonly Datum[] {
  const { procedure, packedFrom, order, parameters } = candidate;
  if (isPlain(candidate)) return (args) => args;
  if (packedFrom >= 0) {
    const element = parameters[packedFrom] ?? typeOid.text;
    return (args) => [...args.slice(0, packedFrom), new SqlArray(element, args.slice(packedFrom))];
  }
  const defaults = defaultsOf(procedure.signature);
  const first = procedure.argumentTypes.length - defaults.length;
  return (args) =>
    order.map((argument, place) => (argument >= 0 ? (args[argument] ?? null) : (defaults[place - first] ?? null)));
}

function evaluatorOf(
  candidate: FunctionCandidate,
  code: Extract<Implementation, { readonly kind: "scalar" | "variadic" }>,
  types: CallTypes,
): Evaluator {
  const { procedure, packedFrom } = candidate;
  if (code.kind === "variadic") {
    if (packedFrom >= 0) return { arity: "any", call: (args, context) => code.call(args, context, types) };
    // VARIADIC with an array: its elements are the arguments.
    return {
      arity: "any",
      call: (args, context) => {
        const array = args.at(-1);
        const fixed = args.slice(0, -1);
        if (!(array instanceof SqlArray)) return procedure.name === "format" ? code.call(fixed, context, types) : null;
        const spread = [...types.args.slice(0, -1), ...array.items.map(() => array.elementType)];
        return code.call([...fixed, ...array.items], context, { args: spread, result: types.result });
      },
    };
  }
  const { call } = code;
  if (isPlain(candidate)) return plainEvaluator(call, types);
  const arrange = arrangerOf(candidate);
  return {
    arity: "any",
    call: (args, context) => {
      const arranged = arrange(args);
      return procedure.isStrict && arranged.includes(null) ? null : call(...arranged, context, types);
    },
  };
}

function plainEvaluator(call: Extract<Implementation, { kind: "scalar" }>["call"], types: CallTypes): Evaluator {
  switch (types.args.length) {
    case 0:
      return { arity: 0, call: (context) => call(context, types) };
    case 1:
      return { arity: 1, call: (a, context) => call(a, context, types) };
    case 2:
      return { arity: 2, call: (a, b, context) => call(a, b, context, types) };
    case 3:
      return { arity: 3, call: (a, b, c, context) => call(a, b, c, context, types) };
    default:
      return { arity: "any", call: (args, context) => call(...args, context, types) };
  }
}

/** `left` is null for a prefix operator. */
export function resolveOperator(name: string, left: Oid | null, right: Oid, position?: number): ResolvedOperator {
  const args = left === null ? [right] : [left, right];
  const candidates = operatorsNamed(name)
    .filter((operator) => (operator.left === 0) === (left === null))
    .map((operator) => ({ operator, parameters: left === null ? [operator.right] : [operator.left, operator.right] }));
  const text = left === null ? `${name} ${typeLabel(right)}` : `${typeLabel(left)} ${name} ${typeLabel(right)}`;
  const chosen = exactOperator(candidates, args) ?? chooseOperator(candidates, args, text, position);
  return resolvedOperator(chosen.operator, chosen.parameters, args, text, position);
}

interface OperatorCandidate extends Candidate {
  readonly operator: OperatorFacts;
}

/** An unknown literal on one side is taken for the type on the other, if there is such an operator. */
function exactOperator(candidates: readonly OperatorCandidate[], args: readonly Oid[]): OperatorCandidate | undefined {
  const known = args.find((type) => type !== typeOid.unknown);
  if (known === undefined) return undefined;
  const assumed = args.map((type) => (type === typeOid.unknown ? known : type));
  return candidates.find(({ parameters }) => parameters.every((parameter, index) => parameter === assumed[index]));
}

function chooseOperator(
  candidates: readonly OperatorCandidate[],
  args: readonly Oid[],
  text: string,
  position: number | undefined,
): OperatorCandidate {
  const fitting = matching(candidates, args);
  if (fitting.length === 0)
    throw new SqlError("42883", `operator does not exist: ${text}`, { position, hint: operatorHint });
  const chosen = best(fitting, args);
  if (chosen === null)
    throw new SqlError("42725", `operator is not unique: ${text}`, { position, hint: operatorsHint });
  return chosen;
}

function resolvedOperator(
  operator: OperatorFacts,
  parameters: readonly Oid[],
  args: readonly Oid[],
  text: string,
  position: number | undefined,
): ResolvedOperator {
  const types = polymorphicTypes(parameters, args);
  assert(types !== null, "an operator that was chosen is consistent");
  const concrete = parameters.map((parameter, index) =>
    parameter === typeOid.any ? (args[index] ?? 0) : concreteType(parameter, types),
  );
  const result = concreteType(operator.result, types);
  if (concrete.includes(0) || result === 0) throw undetermined();
  const procedure = procedureOf(operator.procedure);
  const code = procedure === null ? null : implementationOf(procedure.signature);
  if (procedure === null || code === null || code.kind !== "scalar") throw notSupported(`operator ${text}`, position);
  const right = concrete.at(-1) ?? 0;
  return {
    oid: operator.oid,
    name: operator.name,
    leftType: concrete.length === 1 ? null : sqlType(concrete[0] ?? 0),
    rightType: sqlType(right),
    resultType: sqlType(result),
    volatility: operatorVolatility(procedure, concrete),
    isStrict: procedure.isStrict,
    evaluator: plainEvaluator(code.call, { args: concrete, result }),
    commutator: operator.commutator,
    negator: operator.negator,
    isEquality: operator.name === "=" && (operator.canHash || operator.canMerge),
  };
}
