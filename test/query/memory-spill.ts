/** Spilled rows in memory, counted. */
import type { SpillFile, SpillSpace } from "../../runtime/query/execute/spill.js";

export class MemorySpill implements SpillSpace {
  files = 0;
  standing = 0;
  bytes = 0;

  open(): SpillFile {
    this.files += 1;
    this.standing += 1;
    let content = Buffer.alloc(0);
    let isOpen = true;
    return {
      append: (bytes, length) => {
        if (!isOpen) throw new Error("a closed file is written");
        content = Buffer.concat([content, bytes.subarray(0, length)]);
        this.bytes += length;
      },
      read: (target, length, at) => {
        if (!isOpen) throw new Error("a closed file is read");
        return content.copy(target, 0, at, Math.min(content.length, at + length));
      },
      close: () => {
        if (isOpen) this.standing -= 1;
        isOpen = false;
      },
    };
  }
}
