/**
 * A record in the course of being applied: the record, its place, and the outcome that the command's `apply…` fills in for the
 * `commits` row. One object a kernel, reused.
 */
import type { TreeWriter } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { commandRowBytesMax, commitTablesMax } from "./commit-row.js";
import { RecordView } from "./record.js";
import { StateKeys } from "./state-keys.js";
import { tenantRowBytes } from "./tenant-row.js";
import type { WorkingState } from "./working-state.js";

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export class Step {
  readonly keys = new StateKeys();
  readonly record = new RecordView();
  readonly working: WorkingState;
  state: TreeWriter;
  tenant = 0;
  position = 0;
  /** Log address of the record's first byte. */
  address = 0;
  // The outcome.
  subject = 0;
  first = 0;
  count = 0;
  /** Tables whose rows the command changes; only the first `tables` are meant, and beyond the limit none. */
  readonly tableNumbers = new Uint32Array(commitTablesMax);
  tables = 0;

  // Values of fixed size, as scratch.
  readonly commitRow = new Uint8Array(commandRowBytesMax);
  readonly commitView = viewOf(this.commitRow);
  readonly number = new Uint8Array(8);
  readonly numberView = viewOf(this.number);
  readonly tenantRow = new Uint8Array(tenantRowBytes);
  readonly tenantView = viewOf(this.tenantRow);

  /** Told now and then while one command takes long. */
  readonly atWork: () => void;
  readonly longKey: () => void;

  constructor(state: TreeWriter, working: WorkingState, atWork: () => void, longKey: () => void) {
    this.state = state;
    this.working = working;
    this.atWork = atWork;
    this.longKey = longKey;
  }

  /** Notes that rows of a table change. Its number may come again: usually right away. */
  touches(table: number): void {
    assert(table > 0, "a table's storage has a number");
    const { tableNumbers, tables } = this;
    if (tables > commitTablesMax) return;
    for (let at = tables - 1; at >= 0; at--) if (tableNumbers[at] === table) return;
    if (tables < commitTablesMax) tableNumbers[tables] = table;
    this.tables = tables + 1;
    assert(this.tables <= commitTablesMax + 1, "what is beyond the limit is counted once");
  }
}
