#!/usr/bin/env node
/** The `kimberlite` command: what package.json names as `bin`, and what `npm start` imports. */
import { run } from "./program.js";
import { processSurroundings } from "./surroundings.js";

process.exitCode = await run(process.argv.slice(2), processSurroundings());
