/**
 * V8 compiles a function to machine code once it has run for a while, counted in bytes of bytecode: its *interrupt budget*. What a node does
 * for a group of appends or a tick runs some hundred times a second in hundreds of functions, so that with V8's default (67,584) much of it is
 * not compiled for the first 50,000 appends. With this one that takes a third of the calls; `benchmarks/replication.md` has what it is worth.
 */
import { setFlagsFromString } from "node:v8";

const interruptBudgetBytes = 10_000;

/** For the whole process, threads that run already too. After a start: what runs once is not worth compiling. */
export function compileSooner(): void {
  setFlagsFromString(`--interrupt-budget=${interruptBudgetBytes}`);
}
