#!/usr/bin/env node
/** The `kimberlite` command: what package.json names as `bin`, and what `npm start` imports. */
import { entryModule } from "../server/entry-modules.js";

const { runProcess } = (await import(entryModule("program").href)) as typeof import("./program.js");
await runProcess();
