/**
 * What a jsonpath finds in a jsonb. In lax mode arrays are taken apart and scalars taken for arrays where a step asks for it, and what is not
 * there is nothing; in strict mode it is an error. Within a predicate an error makes it unknown.
 *
 * Steps write what they find into a list; without one (`found` is null) only whether there is anything is asked, and the first thing ends it.
 * An error that may be kept silent is an outcome, not a throw, as long as nobody asked for it to be thrown.
 */
import { SqlError } from "../error.js";
import { Decimal, decimalFromInteger, truncateDecimal } from "../types/decimal.js";
import { add, divide, multiply, negate, remainder, subtract } from "../types/decimal-arithmetic.js";
import { int4Max, int4Min } from "../types/integer.js";
import { isArrayNode, isObjectNode, type JsonbNode } from "../types/jsonb.js";
import type { TextContext } from "../types/text-context.js";
import type { PathNode } from "./datetime.js";
import type { Arithmetic, Comparison, ItemBody, JsonPath, PathItem, Subscript } from "./item.js";
import { evaluateDateTime, evaluateMethod } from "./methods.js";
import { objectOffsets } from "./object-ids.js";
import { compareItems, likeRegex, not, startsWith, type Truth } from "./predicates.js";

/** Steps of one evaluation at most: a path with several `**` takes a power of them, and nothing else is done meanwhile. About a second. */
const stepsMax = 10_000_000;

/** Units of a text that are compared or matched in the time of a step, and steps for arithmetic of many thousand digits, which takes a millisecond. */
const textPerStep = 8;
const hugeSteps = 5_000;
const hugeNumber = 10n ** 1_000n;
const isHuge = ({ coefficient }: Decimal): boolean => coefficient > hugeNumber || coefficient < -hugeNumber;

export type Outcome = "found" | "nothing" | "error";
export type Found = PathNode[] | null;
type ItemOf<Kind extends ItemBody["kind"]> = Extract<PathItem, { readonly kind: Kind }>;

/** The value that `.keyvalue()` counts places in, and its number: 0 for the jsonb itself, 1 for the variables, then those it makes. */
interface BaseObject {
  readonly node: JsonbNode;
  readonly id: number;
}

const noNodes: readonly PathNode[] = [];
const children = (node: PathNode): Iterator<PathNode> =>
  isObjectNode(node) ? node.values() : (isArrayNode(node) ? node : noNodes).values();
const isContainer = (node: PathNode): boolean => isArrayNode(node) || isObjectNode(node);

const arithmetic: Readonly<Record<Arithmetic, (a: Decimal, b: Decimal) => Decimal>> = {
  "+": add,
  "-": subtract,
  "*": multiply,
  "/": divide,
  "%": remainder,
};

export class Evaluation {
  readonly #isLax: boolean;
  readonly #root: JsonbNode;
  readonly #variables: ReadonlyMap<string, JsonbNode> | undefined;
  readonly #offsets = new Map<JsonbNode, ReadonlyMap<JsonbNode, number>>();
  readonly #zone: TextContext | null;
  #throws: boolean;
  #ignoresStructure: boolean;
  #current: PathNode;
  #arraySize = -1;
  #base: BaseObject | null = null;
  #nextObjectId: number;
  #steps = 0;

  constructor(
    path: JsonPath,
    root: JsonbNode,
    variables: JsonbNode | undefined,
    throws: boolean,
    zone: TextContext | null,
  ) {
    if (variables !== undefined && !isObjectNode(variables))
      throw new SqlError("22023", '"vars" argument is not an object', {
        detail: 'Jsonpath parameters should be encoded as key-value pairs of "vars" object.',
      });
    this.#isLax = !path.isStrict;
    this.#ignoresStructure = this.#isLax;
    this.#throws = throws;
    this.#zone = zone;
    this.#root = root;
    this.#current = root;
    this.#variables = variables;
    this.#nextObjectId = variables === undefined ? 1 : 2;
  }

  get isLax(): boolean {
    return this.#isLax;
  }

  get throws(): boolean {
    return this.#throws;
  }

  fail(sqlState: string, message: string, more: { readonly hint?: string } = {}): "error" {
    if (this.#throws) throw new SqlError(sqlState, message, more);
    return "error";
  }

  /** An error of a step that does not fit what it was given; nothing where those are passed over. */
  misfit(sqlState: string, message: string): Outcome {
    return this.#ignoresStructure ? "nothing" : this.fail(sqlState, message);
  }

  step(item: PathItem, node: PathNode, found: Found): Outcome {
    return this.#step(item, node, found, this.#isLax);
  }

  /** What comes behind the item, with what the item gives. */
  next(item: PathItem, node: PathNode, found: Found): Outcome {
    return this.#onwards(item.next, node, found);
  }

  #onwards(next: PathItem | null, node: PathNode, found: Found): Outcome {
    if (next !== null) return this.step(next, node, found);
    found?.push(node);
    return "found";
  }

  /** The item for each element of an array. */
  unwrapped(item: PathItem | null, node: PathNode, found: Found): Outcome {
    return this.#below(item, node, found, { first: 1, last: 1, unwraps: false, ignoresStructure: false });
  }

  #step(item: PathItem, node: PathNode, found: Found, unwraps: boolean): Outcome {
    this.count();
    switch (item.kind) {
      case "key":
        return this.#key(item, node, found, unwraps);
      case "root":
        return this.withBase(this.#root, 0, () => this.next(item, this.#root, found));
      case "current":
        return this.next(item, this.#current, found);
      case "anyArray":
        if (isArrayNode(node))
          return this.#below(item.next, node, found, {
            first: 1,
            last: 1,
            unwraps: this.#isLax,
            ignoresStructure: false,
          });
        if (this.#isLax) return this.next(item, node, found);
        return this.misfit("22039", "jsonpath wildcard array accessor can only be applied to an array");
      case "subscripts":
        return this.#subscripts(item, node, found);
      case "last":
        return this.next(item, decimalFromInteger(this.#arraySize - 1), found);
      case "anyKey":
        if (isObjectNode(node))
          return this.#below(item.next, node, found, {
            first: 1,
            last: 1,
            unwraps: this.#isLax,
            ignoresStructure: false,
          });
        if (unwraps && isArrayNode(node)) return this.unwrapped(item, node, found);
        return this.misfit("2203C", "jsonpath wildcard member accessor can only be applied to an object");
      case "anyLevel":
        return this.#levels(item, node, found);
      case "filter":
        if (unwraps && isArrayNode(node)) return this.unwrapped(item, node, found);
        return this.#filtered(item.argument, node) === true ? this.next(item, node, found) : "nothing";
      case "null":
        return this.next(item, null, found);
      case "boolean":
      case "string":
      case "number":
        return this.next(item, item.value, found);
      case "variable":
        return this.#variable(item, found);
      case "method":
        return evaluateMethod(this, item, node, found, unwraps);
      case "datetime":
        return evaluateDateTime(this, item, node, found, unwraps);
      case "sign":
        return this.#sign(item, node, found);
      case "binary":
        return item.operator in arithmetic
          ? this.#arithmetic(item, item.operator as Arithmetic, node, found)
          : this.#asItem(item, node, found);
      default:
        return this.#asItem(item, node, found);
    }
  }

  count(steps = 1): void {
    this.#steps += steps;
    if (this.#steps > stepsMax)
      throw new SqlError("54000", "jsonpath takes too many steps", {
        hint: `An evaluation takes at most ${stepsMax} steps.`,
      });
  }

  /** A predicate as a value; unknown is null. */
  #asItem(item: PathItem, node: PathNode, found: Found): Outcome {
    return this.next(item, this.#truth(item, node), found);
  }

  #key(item: ItemOf<"key">, node: PathNode, found: Found, unwraps: boolean): Outcome {
    if (isObjectNode(node)) {
      const value = node.get(item.name);
      if (value !== undefined) return this.next(item, value, found);
      return this.misfit("2203A", `JSON object does not contain key "${item.name}"`);
    }
    if (unwraps && isArrayNode(node)) return this.unwrapped(item, node, found);
    return this.misfit("2203A", "jsonpath member accessor can only be applied to an object");
  }

  #variable(item: ItemOf<"variable">, found: Found): Outcome {
    const variables = this.#variables;
    const value = variables?.get(item.name);
    if (variables === undefined || value === undefined)
      throw new SqlError("42704", `could not find jsonpath variable "${item.name}"`);
    return this.withBase(variables, 1, () => this.next(item, value, found));
  }

  #subscripts(item: ItemOf<"subscripts">, node: PathNode, found: Found): Outcome {
    if (!isArrayNode(node) && !this.#isLax)
      return this.misfit("22039", "jsonpath array accessor can only be applied to an array");
    const elements = isArrayNode(node) ? node : [node];
    const outerSize = this.#arraySize;
    this.#arraySize = elements.length;
    let outcome: Outcome = "nothing";
    for (const subscript of item.subscripts) {
      outcome = this.#range(item, subscript, node, elements, found);
      if (outcome === "error" || (outcome === "found" && found === null)) break;
    }
    this.#arraySize = outerSize;
    return outcome;
  }

  #range(
    item: PathItem,
    { from, to }: Subscript,
    node: PathNode,
    elements: readonly PathNode[],
    found: Found,
  ): Outcome {
    const first = this.#index(from, node);
    if (first === "error") return "error";
    const last = to === null ? first : this.#index(to, node);
    if (last === "error") return "error";
    if (!this.#ignoresStructure && (first < 0 || first > last || last >= elements.length))
      return this.fail("22033", "jsonpath array subscript is out of bounds");
    let outcome: Outcome = "nothing";
    const end = Math.min(last, elements.length - 1);
    for (let index = Math.max(first, 0); index <= end; index += 1) {
      const element = elements[index] ?? null;
      outcome = this.next(item, element, found);
      if (outcome === "error" || (outcome === "found" && found === null)) break;
    }
    return outcome;
  }

  #index(item: PathItem, node: PathNode): number | "error" {
    const items: PathNode[] = [];
    if (this.step(item, node, items) === "error") return "error";
    const [number] = items;
    if (items.length !== 1 || !(number instanceof Decimal))
      return this.fail("22033", "jsonpath array subscript is not a single numeric value");
    const { coefficient } = truncateDecimal(number, 0);
    if (coefficient < int4Min || coefficient > int4Max)
      return this.fail("22033", "jsonpath array subscript is out of integer range");
    return Number(coefficient);
  }

  #levels(item: ItemOf<"anyLevel">, node: PathNode, found: Found): Outcome {
    let outcome: Outcome = "nothing";
    if (item.first === 0) {
      outcome = this.#passingOver(() => this.next(item, node, found));
      if (outcome === "found" && found === null) return outcome;
    }
    if (!isContainer(node)) return outcome;
    return this.#below(item.next, node, found, {
      first: item.first,
      last: item.last,
      unwraps: this.#isLax,
      ignoresStructure: true,
    });
  }

  #passingOver(run: () => Outcome): Outcome {
    const ignored = this.#ignoresStructure;
    this.#ignoresStructure = true;
    const outcome = run();
    this.#ignoresStructure = ignored;
    return outcome;
  }

  /** The item (or the value itself) for all that stands `first` to `last` levels below, in the order of the text. */
  #below(
    item: PathItem | null,
    node: PathNode,
    found: Found,
    how: {
      readonly first: number;
      readonly last: number;
      readonly unwraps: boolean;
      readonly ignoresStructure: boolean;
    },
  ): Outcome {
    const isForLeaves = how.first === Number.POSITIVE_INFINITY && how.last === Number.POSITIVE_INFINITY;
    const visit = (child: PathNode): Outcome => {
      if (item === null) return this.#onwards(null, child, found);
      if (!how.ignoresStructure) return this.#step(item, child, found, how.unwraps);
      return this.#passingOver(() => this.#step(item, child, found, how.unwraps));
    };
    const levels: Iterator<PathNode>[] = [];
    if (how.last >= 1) levels.push(children(node));
    let outcome: Outcome = "nothing";
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      this.count();
      const entry = level.next();
      if (entry.done === true) {
        levels.pop();
        continue;
      }
      const child = entry.value;
      const depth = levels.length;
      if (depth >= how.first || (isForLeaves && !isContainer(child))) {
        outcome = visit(child);
        if (outcome === "error" || (outcome === "found" && found === null)) return outcome;
      }
      if (depth < how.last && isContainer(child)) {
        outcome = "nothing";
        levels.push(children(child));
      }
    }
    return outcome;
  }

  /** Operands: arrays among the results are taken apart in lax mode. */
  #operands(item: PathItem, node: PathNode, unwraps = true): PathNode[] | "error" {
    const items: PathNode[] = [];
    if (this.step(item, node, items) === "error") return "error";
    if (!unwraps || !this.#isLax) return items;
    const operands = items.flatMap((one): readonly PathNode[] => (isArrayNode(one) ? one : [one]));
    this.count(operands.length);
    return operands;
  }

  #arithmetic(item: ItemOf<"binary">, operator: Arithmetic, node: PathNode, found: Found): Outcome {
    const left = this.#operands(item.left, node);
    if (left === "error") return "error";
    const right = this.#operands(item.right, node);
    if (right === "error") return "error";
    const [a] = left;
    const [b] = right;
    const wrong = (side: string): Outcome =>
      this.fail("22038", `${side} operand of jsonpath operator ${operator} is not a single numeric value`);
    if (left.length !== 1 || !(a instanceof Decimal)) return wrong("left");
    if (right.length !== 1 || !(b instanceof Decimal)) return wrong("right");
    const result = this.#calculated(operator, a, b);
    return result === "error" ? "error" : this.next(item, result, found);
  }

  #calculated(operator: Arithmetic, a: Decimal, b: Decimal): Decimal | "error" {
    if (isHuge(a) || isHuge(b)) this.count(hugeSteps);
    try {
      return arithmetic[operator](a, b);
    } catch (error) {
      if (this.#throws || !(error instanceof SqlError)) throw error;
      return "error";
    }
  }

  #sign(item: ItemOf<"sign">, node: PathNode, found: Found): Outcome {
    const operands = this.#operands(item.operand, node);
    if (operands === "error") return "error";
    let outcome: Outcome = "nothing";
    for (const operand of operands) {
      if (!(operand instanceof Decimal)) {
        if (found === null && item.next === null) continue;
        return this.fail("2203B", `operand of unary jsonpath operator ${item.operator} is not a numeric value`);
      }
      const one = this.next(item, item.operator === "-" ? negate(operand) : operand, found);
      if (one === "error") return one;
      if (one === "found") {
        if (found === null) return one;
        outcome = one;
      }
    }
    return outcome;
  }

  #filtered(predicate: PathItem, node: PathNode): Truth {
    const outer = this.#current;
    this.#current = node;
    const truth = this.#truth(predicate, node);
    this.#current = outer;
    return truth;
  }

  #truth(item: PathItem, node: PathNode): Truth {
    switch (item.kind) {
      case "not":
        return not(this.#truth(item.argument, node));
      case "isUnknown":
        return this.#truth(item.argument, node) === null;
      case "exists":
        return this.#exists(item.argument, node);
      case "likeRegex":
        return this.#anyPair(item.subject, null, node, false, (text) => likeRegex(text, item.regex));
      case "binary":
        return this.#binaryTruth(item, node);
      default:
        throw new SqlError("XX000", `invalid boolean jsonpath item: ${item.kind}`);
    }
  }

  #binaryTruth({ operator, left, right }: ItemOf<"binary">, node: PathNode): Truth {
    if (operator === "&&") {
      const first = this.#truth(left, node);
      if (first === false) return false;
      const second = this.#truth(right, node);
      return second === true ? first : second;
    }
    if (operator === "||") {
      const first = this.#truth(left, node);
      if (first === true) return true;
      const second = this.#truth(right, node);
      return second === false ? first : second;
    }
    if (operator === "starts with") return this.#anyPair(left, right, node, false, startsWith);
    return this.#anyPair(left, right, node, true, (a, b = null) =>
      compareItems(operator as Comparison, a, b, this.#zone),
    );
  }

  #exists(item: PathItem, node: PathNode): Truth {
    return this.#quietly(() => {
      const items: Found = this.#isLax ? null : [];
      const outcome = this.step(item, node, items);
      if (outcome === "error") return null;
      return items === null ? outcome === "found" : items.length > 0;
    });
  }

  #quietly<T>(run: () => T): T {
    const throws = this.#throws;
    this.#throws = false;
    const result = run();
    this.#throws = throws;
    return result;
  }

  /** Whether it holds for any pair. In strict mode no pair may be unknown. */
  #anyPair(
    left: PathItem,
    right: PathItem | null,
    node: PathNode,
    unwrapsRight: boolean,
    holds: (a: PathNode, b: PathNode | undefined) => Truth,
  ): Truth {
    const lefts = this.#quietly(() => this.#operands(left, node));
    if (lefts === "error") return null;
    const rights = right === null ? [undefined] : this.#quietly(() => this.#operands(right, node, unwrapsRight));
    if (rights === "error") return null;
    let truth: Truth = false;
    let hasUnknown = false;
    for (const a of lefts)
      for (const b of rights) {
        this.count(1 + (typeof a === "string" ? a.length / textPerStep : 0));
        const one = holds(a, b);
        if (one === null) {
          if (!this.#isLax) return null;
          hasUnknown = true;
        } else if (one) {
          if (this.#isLax) return true;
          truth = true;
        }
      }
    return truth ? true : hasUnknown ? null : false;
  }

  /** Runs with another value for `.keyvalue()` to count places in. */
  withBase(node: JsonbNode, id: number, run: () => Outcome): Outcome {
    const outer = this.#base;
    this.#base = { node, id };
    const outcome = run();
    this.#base = outer;
    return outcome;
  }

  /** Number of an object that `.keyvalue()` makes. */
  objectId(): number {
    this.#nextObjectId += 1;
    return this.#nextObjectId - 1;
  }

  /** The `id` of an object: where it stands, and in which value. */
  placeOf(node: JsonbNode): Decimal {
    if (this.#base === null) return decimalFromInteger(0);
    const { node: base, id } = this.#base;
    const offsets = this.#offsets.get(base) ?? objectOffsets(base, () => this.count());
    this.#offsets.set(base, offsets);
    return decimalFromInteger((offsets.get(node) ?? 0) + id * 10_000_000_000);
  }
}
