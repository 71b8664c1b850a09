/**
 * Expressions that are compiled once for a statement and run for many executions of it: what changes from run to run (parameters, the session's
 * context, a row) comes in by a frame. The executor's own expressions (compile.ts) are made anew for each run and know every kind; here
 * are the kinds that single rows are written with. For any other there is no such function, and the statement goes the executor's way.
 */
import { assert, unreachable } from "../../types/assert.js";
import type { EvaluationContext } from "../functions/context.js";
import type { Evaluator } from "../functions/registry.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { Datum } from "../types/datum.js";

export interface Frame {
  /** The row's values by the slots that the expression was compiled with. */
  row: readonly Datum[];
  parameters: readonly Datum[];
  context: EvaluationContext;
}

export type FrameFunction = (frame: Frame) => Datum;

/** Null for an expression that only the executor can run. */
export function compileForFrames(
  expression: BoundExpression,
  slots: ReadonlyMap<ColumnId, number>,
): FrameFunction | null {
  switch (expression.kind) {
    case "constant": {
      const { value } = expression;
      return () => value;
    }
    case "parameter": {
      const { index } = expression;
      return ({ parameters }) => {
        const value = parameters[index];
        assert(value !== undefined, "a bound statement has a value for each parameter");
        return value;
      };
    }
    case "column": {
      const slot = slots.get(expression.id);
      if (slot === undefined) return null;
      return ({ row }) => row[slot] ?? null;
    }
    case "cast": {
      const subject = compileForFrames(expression.subject, slots);
      if (subject === null) return null;
      const { kind, convert } = expression.cast;
      if (kind === "none" && expression.subject.type.oid === expression.type.oid) return subject;
      return (frame) => {
        const value = subject(frame);
        return value === null ? null : convert(value, frame.context);
      };
    }
    case "call": {
      const args = compileAll(expression.arguments, slots);
      return args === null ? null : compileCall(expression.callee.evaluator, expression.callee.isStrict, args);
    }
    case "and":
    case "or": {
      const terms = compileAll(expression.terms, slots);
      return terms === null ? null : compileTerms(terms, expression.kind === "or");
    }
    case "not": {
      const term = compileForFrames(expression.term, slots);
      if (term === null) return null;
      return (frame) => {
        const value = term(frame);
        return value === null ? null : value !== true;
      };
    }
    default:
      return null;
  }
}

function compileAll(
  expressions: readonly BoundExpression[],
  slots: ReadonlyMap<ColumnId, number>,
): readonly FrameFunction[] | null {
  const compiled: FrameFunction[] = [];
  for (const expression of expressions) {
    const one = compileForFrames(expression, slots);
    if (one === null) return null;
    compiled.push(one);
  }
  return compiled;
}

/** @param decisive the value of a term that decides the whole: true for OR, false for AND */
function compileTerms(terms: readonly FrameFunction[], decisive: boolean): FrameFunction {
  return (frame) => {
    let isUnknown = false;
    for (const term of terms) {
      const value = term(frame);
      if (value === decisive) return decisive;
      if (value === null) isUnknown = true;
    }
    return isUnknown ? null : !decisive;
  };
}

function compileCall(evaluator: Evaluator, isStrict: boolean, args: readonly FrameFunction[]): FrameFunction {
  const [first, second] = args;
  switch (evaluator.arity) {
    case 0: {
      const { call } = evaluator;
      return ({ context }) => call(context);
    }
    case 1: {
      const { call } = evaluator;
      assert(first !== undefined, "a function of one argument has it");
      return (frame) => {
        const a = first(frame);
        return isStrict && a === null ? null : call(a, frame.context);
      };
    }
    case 2: {
      const { call } = evaluator;
      assert(first !== undefined && second !== undefined, "a function of two arguments has them");
      return (frame) => {
        const a = first(frame);
        if (isStrict && a === null) return null;
        const b = second(frame);
        return isStrict && b === null ? null : call(a, b, frame.context);
      };
    }
    case 3: {
      const { call } = evaluator;
      return (frame) => {
        const [a = null, b = null, c = null] = args.map((argument) => argument(frame));
        const isNull = isStrict && (a === null || b === null || c === null);
        return isNull ? null : call(a, b, c, frame.context);
      };
    }
    case "any": {
      const { call } = evaluator;
      return (frame) => {
        const values = args.map((argument) => argument(frame));
        return isStrict && values.includes(null) ? null : call(values, frame.context);
      };
    }
    default:
      return unreachable(evaluator);
  }
}
