/** What functions do to a session in the shard: numbers of sequences, locks, and what is told to those that listen. */
import type { SequenceDefinition } from "../../../runtime/query/catalog/model.js";
import { SqlError } from "../../../runtime/query/error.js";
import { storedBytes } from "../../../runtime/query/table/stored-bytes.js";
import { int64 } from "../../../runtime/query/types/bytes.js";
import type { SessionEffects } from "../../sql/evaluation.js";
import type { StatementParts } from "./statement-run.js";

/** What sequence functions and advisory locks do in the shard. */
export function effectsOf(
  parts: Pick<StatementParts, "session" | "transaction" | "sequences" | "state" | "catalog" | "request">,
  advisoryLock: SessionEffects["advisoryLock"],
): SessionEffects {
  const { session, transaction, sequences, state, catalog, request } = parts;
  const sequenceOf = (oid: number): SequenceDefinition => {
    const found = catalog.objectByOid(oid);
    if (found?.kind === "sequence") return found;
    throw new SqlError("42809", `"${found === null ? oid : found.name}" is not a sequence`);
  };
  const expectWritable = (name: string): void => {
    if (request.transaction.isReadOnly)
      throw new SqlError("25006", `cannot execute ${name}() in a read-only transaction`);
  };
  return {
    nextSequenceValue: (oid) => {
      expectWritable("nextval");
      const sequence = sequenceOf(oid);
      transaction.sequences.add(oid);
      const value = int64(sequences.next(state, request.tenant, sequence));
      session.drew(oid, value);
      return value;
    },
    transactionNumber: () => transaction.tellNumber(sequences, state),
    assignedTransactionNumber: () => (transaction.isNumbered ? transaction.tellNumber(sequences, state) : null),
    currentSequenceValue: (oid) => {
      const value = session.drawn(oid);
      if (value !== null) return value;
      throw new SqlError("55000", `currval of sequence "${sequenceOf(oid).name}" is not yet defined in this session`);
    },
    lastSequenceValue: () => {
      const last = session.lastDrawn;
      const value = last === null || catalog.objectByOid(last) === null ? null : session.drawn(last);
      if (value === null) throw new SqlError("55000", "lastval is not yet defined in this session");
      return value;
    },
    setSequenceValue: (oid, value, isCalled) => {
      expectWritable("setval");
      const sequence = sequenceOf(oid);
      const wanted = BigInt(value);
      if (wanted < sequence.minimum || wanted > sequence.maximum) {
        throw new SqlError(
          "22003",
          `setval: value ${wanted} is out of bounds for sequence "${sequence.name}" (${sequence.minimum}..${sequence.maximum})`,
        );
      }
      transaction.sequences.add(oid);
      sequences.set(request.tenant, oid, { value: wanted, isCalled });
      if (isCalled) session.drew(oid, value);
    },
    sequenceState: (oid) => {
      const found = sequences.find(state, request.tenant, sequenceOf(oid).oid);
      return found === null ? null : { value: int64(found.value), isCalled: found.isCalled };
    },
    storedBytes: (part, object, when) => storedBytes(state, request.tenant, part, object, when),
    advisoryLock,
    notify: (channel, payload, process) => transaction.notify({ process, channel, payload }),
  };
}
