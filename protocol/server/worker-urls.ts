/** The modules that worker threads load, in one place: bundlers and the package's contents depend on these paths. */
export const registryUrl: URL = new URL("./registry.js", import.meta.url);
