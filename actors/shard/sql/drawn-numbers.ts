/** Numbers that a statement draws which stands alone and has a program: given once, noted in its record, left when it comes to nothing. */
import { putFact } from "../../../runtime/kernel/sql-facts.js";
import type { Catalog } from "../../../runtime/query/catalog/model.js";
import { SqlError } from "../../../runtime/query/error.js";
import { int64 } from "../../../runtime/query/types/bytes.js";
import type { Int64 } from "../../../runtime/query/types/datum.js";
import { tableSpace } from "../../../runtime/store/table-trees.js";
import { assert } from "../../../runtime/types/assert.js";
import type { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { noEffects, type SessionEffects } from "../../sql/evaluation.js";
import { encodeSequence } from "../../sql/sequence-state.js";
import type { Deciding } from "./deciding.js";
import { leaveNumbers } from "./numbers-left.js";
import type { Session } from "./session.js";

const noItem = new Uint8Array(0);

export class DrawnNumbers {
  readonly #deciding: Deciding;
  readonly #tenant: number;
  /** Objects whose numbers were drawn; null while there are none. */
  #objects: Set<number> | null = null;
  readonly #drawn: { readonly sequence: number; readonly value: Int64 }[] = [];

  constructor(deciding: Deciding, tenant: number) {
    this.#deciding = deciding;
    this.#tenant = tenant;
  }

  get isEmpty(): boolean {
    return this.#objects === null;
  }

  #touch(object: number): void {
    if (this.#objects === null) {
      // What is taken from here on can be given back.
      this.#deciding.sequences.begin();
      this.#objects = new Set();
    }
    this.#objects.add(object);
  }

  effects(catalog: Catalog): SessionEffects {
    const { sequences, host } = this.#deciding;
    return {
      ...noEffects,
      nextSequenceValue: (oid) => {
        const sequence = catalog.objectByOid(oid);
        if (sequence?.kind !== "sequence") throw new SqlError("42809", `"${oid}" is not a sequence`);
        this.#touch(oid);
        const value = int64(sequences.next(host.state, this.#tenant, sequence));
        this.#drawn.push({ sequence: oid, value });
        return value;
      },
    };
  }

  nextRowNumber(storage: number): number {
    const { sequences, host } = this.#deciding;
    this.#touch(storage);
    return sequences.nextRowNumber(host.state, this.#tenant, storage);
  }

  /** The statement is run again, as if nothing had been drawn. */
  giveBack(): void {
    if (this.#objects !== null) this.#deciding.sequences.giveBack();
    this.#objects = null;
    this.#drawn.length = 0;
  }

  /** The statement came to nothing: what it has drawn is not given again. */
  leave(): void {
    if (this.#objects !== null) leaveNumbers(this.#deciding, { tenant: this.#tenant, sequences: this.#objects });
  }

  /** Notes in the record that is made how far sequences are, those too that others have left. */
  note(facts: ByteWriter): void {
    if (this.#objects === null) return;
    const { sequences, host } = this.#deciding;
    for (const object of sequences.takeLeft(this.#tenant)) this.#objects.add(object);
    for (const object of this.#objects) {
      const state = sequences.find(host.state, this.#tenant, object);
      assert(state !== null, "a sequence that was drawn from has a state");
      putFact(facts, tableSpace.sequences, object, noItem, encodeSequence(state));
    }
  }

  /** What the session's currval and lastval say from here on. */
  tell(session: () => Session): void {
    for (const { sequence, value } of this.#drawn) session().drew(sequence, value);
  }
}
