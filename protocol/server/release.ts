/** The release that this program is, from its package: what a server tells its clients. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

function find(): string {
  // Compiled to dist/protocol/server; the package's root is three levels up.
  const { version } = require("../../../package.json") as { version: string };
  return version;
}

export const release: string = find();
