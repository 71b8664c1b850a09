/** Rows of COPY … FROM STDIN that are stored together: their values, and where they stand in what the client sent. */
import { LoadBlockWriter } from "../../../actors/messages/load-block.js";
import { kiB } from "../../../runtime/types/limits.js";
import { CopyLines } from "./lines.js";

/** A block of this size is stored: some ten milliseconds of the shard's work, in which it does nothing else. */
const fullBytes: number = 192 * kiB;

export class CopyBlock {
  readonly values = new LoadBlockWriter();
  readonly lines: CopyLines;

  constructor(table: string, columns: readonly string[], isBinary: boolean) {
    this.lines = new CopyLines(table, columns, isBinary);
  }

  get isFull(): boolean {
    return this.values.length >= fullBytes;
  }
}
