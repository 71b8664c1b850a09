/** The release that this program is, from its package: what a server tells its clients. */
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(import.meta.url);
// By the package's own name: the same from a module of the compiler's and from a packed one.
const manifest = require.resolve("kimberlite/package.json");

export const release: string = (require(manifest) as { version: string }).version;

/** The file that `kimberlite` runs. */
export const mainModule: string = path.join(path.dirname(manifest), "dist/protocol/admin/main.js");
