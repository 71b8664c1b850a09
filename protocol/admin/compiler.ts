/**
 * V8 compiles a function to machine code once it has run for a while, counted in bytes of bytecode: its *interrupt budget*. What a node does
 * for a group of appends or a tick runs some hundred times a second in hundreds of functions, so that with the default of Node 20 (67,584) much
 * of it is not compiled for the first 50,000 appends. With this one that takes a third of the calls; `benchmarks/replication.md` has what it is
 * worth.
 *
 * From Node 22 on V8 counts calls, compiles in two steps and has no such option; told one that it does not know it writes to stderr.
 */
import { setFlagsFromString } from "node:v8";

const interruptBudgetBytes = 10_000;
/** Of V8, the last one that has the option: Node 20's. */
const newestMajor = 11;

/** For the whole process, threads that run already too. After a start: what runs once is not worth compiling. */
export function compileSooner(): void {
  const major = Number.parseInt(process.versions.v8, 10);
  if (major <= newestMajor) setFlagsFromString(`--interrupt-budget=${interruptBudgetBytes}`);
}
