/**
 * What a gateway knows of statements that differ in their constants alone, by who may mean the same by them: a tenant's sessions with one search
 * path. One whose like was seen before is made a statement with parameters, once; what types these have is asked of whoever runs it.
 */

import type { WireValue } from "../../../actors/messages/sql.js";
import type { TextStatement } from "./constants-of-text.js";
import { type VariedStatement, valuesFor } from "./varied-statement.js";

/** Statements of one skeleton, which differ in constants that are no parameters. */
const variantsMax = 8;
const charactersMax = 4 * 1024 * 1024;
/** Whether a partial index could serve a constant is asked again after so long. ms */
const knownForMs = 10_000;

interface Variant {
  readonly made: VariedStatement;
  knownAt: number;
}

interface Known {
  readonly variants: Variant[];
  /** It was asked about in vain: its constants stay constants. */
  refusedAt: number;
}

export interface Filled {
  readonly made: VariedStatement;
  readonly values: readonly WireValue[];
}

export class VariedStatements {
  #kept = new Map<string, Known>();
  /** What was kept before; what is used again of it is kept on. */
  #before = new Map<string, Known>();
  #characters = 0;

  /**
   * The statement with parameters that one is. `first`: nothing like it was seen; `learn`: it may be made one; `constant`: it is none.
   *
   * @param scope who means the same by the same text
   * @param now ms
   */
  find(scope: string, { skeleton, constants }: TextStatement, now: number): Filled | "first" | "learn" | "constant" {
    const key = `${scope}\u0002${skeleton}`;
    const known = this.#kept.get(key) ?? this.#again(key);
    if (known === undefined) {
      this.#keep(key, { variants: [], refusedAt: Number.NEGATIVE_INFINITY });
      return "first";
    }
    for (const { made, knownAt } of known.variants) {
      if (!hasFixed(made, constants)) continue;
      const values = valuesFor(made, constants);
      if (values === null) return "constant";
      return now - knownAt < knownForMs ? { made, values } : "learn";
    }
    const isRefused = now - known.refusedAt < knownForMs || known.variants.length >= variantsMax;
    return isRefused ? "constant" : "learn";
  }

  #again(key: string): Known | undefined {
    const known = this.#before.get(key);
    if (known !== undefined) this.#keep(key, known);
    return known;
  }

  #keep(key: string, known: Known): void {
    if (this.#characters > charactersMax) {
      this.#before = this.#kept;
      this.#kept = new Map();
      this.#characters = 0;
    }
    this.#kept.set(key, known);
    this.#characters += key.length;
  }

  /** @param made null: its constants are to stay constants */
  learn(scope: string, { skeleton, constants }: TextStatement, made: VariedStatement | null, now: number): void {
    const known = this.#kept.get(`${scope}\u0002${skeleton}`);
    if (known === undefined) return;
    const at = known.variants.findIndex((variant) => hasFixed(variant.made, constants));
    if (at >= 0) known.variants.splice(at, 1);
    if (made === null) known.refusedAt = now;
    else known.variants.push({ made, knownAt: now });
  }
}

const hasFixed = ({ fixed }: VariedStatement, constants: TextStatement["constants"]): boolean =>
  [...fixed].every(([index, value]) => constants[index]?.value === value);
