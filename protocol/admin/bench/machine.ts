/** What a benchmark ran on: without it a figure says nothing. */
import os from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly system: string;
}

export const describeMachine = (): Machine => ({
  cpu: os.cpus()[0]?.model.trim() ?? "unknown",
  cores: os.availableParallelism(),
  memoryBytes: os.totalmem(),
  node: process.version,
  system: `${os.type()} ${os.release()} ${os.arch()}`,
});
