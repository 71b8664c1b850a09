/**
 * Memory of the results in a shard or a projection that are found and not fetched. Whoever is to keep more when there is no room for it is refused:
 * slow readers, or portals that nobody reads on, are not to take the memory that the node needs.
 */
import { SqlError } from "../../runtime/query/error.js";
import { assert } from "../../runtime/types/assert.js";
import { miB } from "../../runtime/types/limits.js";

const bytesMax: number = 768 * miB;

export class UnfetchedRows {
  bytes = 0;

  /** Throws 53200. */
  expectRoom(bytes: number): void {
    if (this.bytes + bytes <= bytesMax) return;
    throw new SqlError("53200", "out of memory", {
      detail: `Rows that are not fetched yet would take ${this.bytes + bytes} bytes, more than ${bytesMax}.`,
      hint: "Read fewer rows at a time, or in fewer sessions.",
    });
  }

  /** What a result held, and what it holds now. */
  changed(before: number, after: number): void {
    this.bytes += after - before;
    assert(this.bytes >= 0, "results never hold less than nothing");
  }
}
