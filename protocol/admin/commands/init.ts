/** `kimberlite init`: a data directory and a kimberlite.toml, asked for step by step on a terminal. */
import path from "node:path";
import { stringify } from "smol-toml";
import { z } from "zod";
import { readTextFile, writeTextFile } from "../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { defineCommand, type Invocation } from "../command.js";
import { formatAddress, parseAddress } from "../units.js";

interface Choice {
  readonly data: string;
  readonly listen: string;
  readonly shards: number | null;
}

export const initCommand = defineCommand({
  usage: "init",
  summary: "make a data directory and write kimberlite.toml",
  details:
    "On a terminal it asks; elsewhere, or with --yes, it takes the settings as they are resolved. `start` makes a missing directory by itself.",
  settings: ["data", "listen", "shards"],
  flags: [
    ["-y, --yes", "do not ask"],
    ["--force", "replace a kimberlite.toml that is there"],
  ],
  shape: z.object({ yes: z.boolean().default(false), force: z.boolean().default(false) }),
  examples: [["kimberlite init --yes --data /srv/kimberlite --shards 2", "without questions"]],
  async run(invocation) {
    const { configuration, options, output, surroundings } = invocation;
    const file = path.join(surroundings.directory, "kimberlite.toml");
    if (readTextFile(file) !== null && !options.force) {
      throw new KimberliteError("configurationInvalid", `${file} exists; --force replaces it`, { detail: { file } });
    }
    const resolved: Choice = {
      data: configuration.require("data"),
      listen: formatAddress(configuration.require("listen")),
      shards: configuration.get("shards"),
    };
    const asks =
      surroundings.stdin.isTTY === true && surroundings.stdout.isTTY === true && !options.yes && !output.json;
    const choice = asks ? await ask(invocation, resolved) : resolved;
    if (choice === null) {
      await output.note("nothing was made");
      return 1;
    }
    const data = path.resolve(surroundings.directory, choice.data);
    // A start makes the directory, its shards and the tenant main; nothing listens meanwhile.
    const { startNode } = await import("../../server/node.js");
    const node = await startNode({ dataDirectory: data, listen: null, shards: choice.shards ?? undefined });
    const { isNew, layout } = node;
    await node.stop();
    writeTextFile(file, stringify({ data: choice.data, listen: choice.listen, shards: layout.shards }));
    await output.result({ data, file, isNew, shards: layout.shards, listen: choice.listen }, () =>
      [
        `${data} ${isNew ? "is made" : "was there already"} (${layout.shards} shard(s)); settings are in ${file}`,
        "kimberlite start",
      ].join("\n"),
    );
    return 0;
  },
});

/** Null when the person broke off. */
async function ask({ surroundings }: Invocation<unknown>, standard: Choice): Promise<Choice | null> {
  const streams = { input: surroundings.stdin, output: surroundings.stdout, signal: surroundings.interrupted };
  const check = (parse: (value: string) => unknown) => (value: string | undefined) => {
    try {
      parse(value ?? "");
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  const { confirm, intro, isCancel, outro, text } = await import("@clack/prompts");
  intro("kimberlite init", streams);
  const data = await text({
    ...streams,
    message: "Data directory",
    initialValue: standard.data,
    validate: (value) => (value ? undefined : "a path"),
  });
  if (isCancel(data)) return null;
  const listen = await text({
    ...streams,
    message: "Listen address",
    initialValue: standard.listen,
    validate: check(parseAddress),
  });
  if (isCancel(listen)) return null;
  const shards = await text({
    ...streams,
    message: "Shards (empty: fitted to this machine)",
    initialValue: standard.shards === null ? "" : String(standard.shards),
    validate: (value) => (value === undefined || /^\d*$/.test(value) ? undefined : "a whole number"),
  });
  if (isCancel(shards)) return null;
  const sure = await confirm({ ...streams, message: `Make ${data}?` });
  outro(isCancel(sure) || !sure ? "broken off" : "making it", streams);
  return isCancel(sure) || !sure ? null : { data, listen, shards: shards === "" ? null : Number(shards) };
}
