import { z } from "zod";
import { defineCommand } from "../command.js";
import { settingNames } from "../settings.js";

export const configCommand = defineCommand({
  usage: "config",
  summary: "print the resolved configuration and where each value comes from",
  details:
    "Flags win over the environment, the environment over kimberlite.toml, the file over the defaults. A setting has the same name " +
    'everywhere: --cache-bytes, KIMBERLITE_CACHE_BYTES, and in the file cache-bytes = "256MiB".',
  settings: settingNames,
  flags: [],
  shape: z.object({}),
  examples: [
    ["kimberlite config", "what `kimberlite start` would use here"],
    ["KIMBERLITE_SHARDS=2 kimberlite config --json", "the same as JSON"],
  ],
  async run({ configuration, output }) {
    const rows = configuration.rows();
    await output.table(
      { file: configuration.file, settings: rows },
      ["setting", "value", "from"],
      rows.map(({ setting, value, source }) => [setting, value ?? "auto", source]),
    );
    return 0;
  },
});
