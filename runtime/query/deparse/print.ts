/**
 * Analysed expressions as text. Conversions that nobody has written are shown where they decide which operator or function is meant: in
 * their arguments, and nowhere else.
 */
import { unreachable } from "../../types/assert.js";
import type { ExpressionStyle } from "../catalog/shown-expression.js";
import { quoteIdentifier } from "../types/quote.js";
import { noModifier, type SqlType, typeOid } from "../types/sql-type.js";
import type { Analysed, Conversion } from "./analysed.js";
import { isUnit } from "./parentheses.js";
import { printSyntax } from "./print-syntax.js";

/** Whether a conversion that nobody has written is shown, when it is the whole of the text. */
export type Implicit = "shown" | "hidden";

const caseIndent = 4;
/** Of the clauses of a query within another. */
const queryIndent = 8;
const indentMax = 40;

export class Printer {
  readonly #isPretty: boolean;
  readonly #isIndented: boolean;
  readonly #typeText: (type: SqlType) => string;
  #text = "";
  #indent = 0;

  constructor(style: ExpressionStyle, typeText: (type: SqlType) => string) {
    this.#isPretty = style === "pretty";
    this.#isIndented = style !== "line";
    this.#typeText = typeText;
  }

  get text(): string {
    return this.#text;
  }

  write(text: string): void {
    this.#text += text;
  }

  get isPretty(): boolean {
    return this.#isPretty;
  }

  /** Columns by which the next line begins further in. */
  get indent(): number {
    return this.#indent;
  }

  set indent(columns: number) {
    this.#indent = columns;
  }

  /**
   * A word that begins a line, where lines are kept apart.
   *
   * @param before how much further in than the lines before @param after and the lines behind it @param own and it alone
   */
  keyword(word: string, before: number, after: number, own = 0): void {
    if (!this.#isIndented) {
      this.write(word);
      return;
    }
    this.#indent += before;
    const level = Math.max(0, this.#indent);
    // Deep inside lines move less, and at last begin from the left again.
    const amount = level < indentMax ? level : (indentMax + (level - indentMax) / (queryIndent / 2)) % indentMax;
    this.#text = `${this.#text.replace(/ +$/u, "")}\n${" ".repeat(Math.floor(amount) + own)}${word}`;
    this.#indent = Math.max(0, this.#indent + after);
  }

  /** What is printed by itself, for whoever decides then where it stands. */
  apart(print: () => void): string {
    const before = this.#text;
    this.#text = "";
    print();
    const own = this.#text;
    this.#text = before;
    return own;
  }

  trimSpaces(): void {
    this.#text = this.#text.replace(/ +$/u, "");
  }

  list(items: readonly Analysed[], implicit: Implicit): void {
    for (const [index, item] of items.entries()) {
      if (index > 0) this.write(", ");
      this.print(item, implicit);
    }
  }

  /** A part that nothing keeps apart from what stands around it. */
  operand(node: Analysed, implicit: Implicit, parent: Analysed): void {
    const isBare = !this.#isPretty || isUnit(node, parent);
    if (!isBare) this.write("(");
    this.print(node, implicit);
    if (!isBare) this.write(")");
  }

  /** What the plain style puts in parentheses, whatever stands around it. */
  #enclosed(print: () => void): void {
    if (!this.#isPretty) this.write("(");
    print();
    if (!this.#isPretty) this.write(")");
  }

  print(node: Analysed, implicit: Implicit): void {
    switch (node.kind) {
      case "name":
        this.write(node.text);
        return;
      case "constant":
        this.#constant(node.text, node.type, true);
        return;
      case "conversion":
        if (node.isExplicit || implicit === "shown") this.#conversion(node);
        else this.operand(node.subject, "hidden", node);
        return;
      case "call":
        if (node.syntax === null || !printSyntax(node, node.syntax, this)) this.#call(node);
        return;
      case "operator":
        this.#enclosed(() => {
          if (node.left !== null) this.operand(node.left, "shown", node);
          this.write(node.left === null ? `${node.name} ` : ` ${node.name} `);
          this.operand(node.right, "shown", node);
        });
        return;
      case "and":
      case "or":
        this.#enclosed(() => {
          for (const [index, term] of node.terms.entries()) {
            if (index > 0) this.write(` ${node.kind.toUpperCase()} `);
            this.operand(term, "hidden", node);
          }
        });
        return;
      case "not":
        this.#enclosed(() => {
          this.write("NOT ");
          this.operand(node.term, "hidden", node);
        });
        return;
      case "test":
        this.#enclosed(() => {
          this.operand(node.subject, node.isOfNull ? "shown" : "hidden", node);
          this.write(` ${node.test}`);
        });
        return;
      case "distinctFrom":
        this.#enclosed(() => {
          this.operand(node.left, "shown", node);
          this.write(" IS DISTINCT FROM ");
          this.operand(node.right, "shown", node);
        });
        return;
      case "quantified":
        this.#enclosed(() => {
          this.operand(node.left, "shown", node);
          this.write(` ${node.name} ${node.quantifier} (`);
          this.operand(node.right, "shown", node);
          this.write(")");
        });
        return;
      case "collate":
        this.#enclosed(() => {
          this.operand(node.subject, implicit, node);
          this.write(` COLLATE ${node.name}`);
        });
        return;
      case "list":
        this.write(`${node.word}(`);
        this.list(node.items, "shown");
        this.write(")");
        return;
      case "array":
        this.write("ARRAY[");
        this.list(node.items, "shown");
        this.write("]");
        // Without elements nothing else tells the type.
        if (node.items.length === 0) this.write(`::${this.#typeText(node.type)}`);
        return;
      case "row":
        this.write("ROW(");
        this.list(node.items, "shown");
        this.write(node.isCast === true ? `)::${this.#typeText(node.type)}` : ")");
        return;
      case "field": {
        const isStep = node.subject.kind === "field" || node.subject.kind === "subscript";
        if (!isStep) this.write("(");
        this.print(node.subject, "shown");
        this.write(`${isStep ? "" : ")"}.${node.name}`);
        return;
      }
      case "rowComparison":
        this.write("(ROW(");
        this.list(node.left, "shown");
        this.write(`) ${node.name} ROW(`);
        this.list(node.right, "shown");
        this.write("))");
        return;
      case "case":
        this.#case(node);
        return;
      case "subscript":
        this.#subscript(node, implicit);
        return;
      case "written":
        node.print(this);
        return;
      default:
        unreachable(node);
    }
  }

  /** @param isTyped it says of what type it is, unless the grammar would take it for that anyhow */
  #constant(text: string | null, type: SqlType, isTyped: boolean): void {
    const label = isTyped ? `::${this.#typeText(type)}` : "";
    if (text === null) {
      this.write(type.oid === typeOid.unknown ? "NULL" : `NULL${label}`);
      return;
    }
    const quoted = `'${text.replaceAll("'", "''")}'`;
    switch (type.oid) {
      case typeOid.bool:
        this.write(text.startsWith("t") ? "true" : "false");
        return;
      case typeOid.unknown:
        this.write(quoted);
        return;
      case typeOid.int4:
        this.write(text.startsWith("-") ? `${quoted}${label}` : text);
        return;
      case typeOid.numeric:
        this.write(/^\d[\d]*[.e]/iu.test(text) && type.modifier === noModifier ? text : `${quoted}${label}`);
        return;
      default:
        this.write(`${quoted}${label}`);
    }
  }

  #conversion({ subject, type }: Conversion): void {
    const isOwn =
      subject.kind === "constant" &&
      subject.type.oid === type.oid &&
      subject.type.modifier === noModifier &&
      subject.type.domain === type.domain;
    if (isOwn) this.#constant(subject.text, subject.type, false);
    else
      this.#enclosed(() => {
        this.operand(subject, "hidden", { kind: "conversion", subject, type, isExplicit: true, by: "function" });
      });
    this.write(`::${this.#typeText(type)}`);
  }

  #call({ name, arguments: args, argumentNames, isVariadic }: Extract<Analysed, { kind: "call" }>): void {
    this.write(`${name}(`);
    for (const [index, argument] of args.entries()) {
      if (index > 0) this.write(", ");
      if (isVariadic && index === args.length - 1) this.write("VARIADIC ");
      const argumentName = argumentNames[index] ?? null;
      if (argumentName !== null) this.write(`${quoteIdentifier(argumentName)} => `);
      this.print(argument, "shown");
    }
    this.write(")");
  }

  #case({ subject, branches, otherwise }: Extract<Analysed, { kind: "case" }>): void {
    const space = (): void => {
      if (!this.#isIndented) this.write(" ");
    };
    this.keyword("CASE", 0, caseIndent);
    if (subject !== null) {
      this.write(" ");
      this.print(subject, "shown");
    }
    for (const { condition, result } of branches) {
      space();
      this.keyword("WHEN ", 0, 0);
      this.print(condition, "hidden");
      this.write(" THEN ");
      this.print(result, "shown");
    }
    space();
    this.keyword("ELSE ", 0, 0);
    this.print(otherwise, "shown");
    space();
    this.keyword("END", -caseIndent, 0);
  }

  #subscript({ subject, index, isNext }: Extract<Analysed, { kind: "subscript" }>, implicit: Implicit): void {
    // Steps into a document, and numbers of several dimensions, follow one another.
    const isName = isNext === true || subject.kind === "field" || (subject.kind === "name" && !subject.isSpecial);
    if (!isName) this.write("(");
    this.print(subject, implicit);
    if (!isName) this.write(")");
    this.write("[");
    if ("kind" in index) this.print(index, "hidden");
    else {
      if (index.from !== null) this.print(index.from, "hidden");
      this.write(":");
      if (index.to !== null) this.print(index.to, "hidden");
    }
    this.write("]");
  }
}
