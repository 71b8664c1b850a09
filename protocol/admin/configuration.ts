/** Settings from flags, environment, kimberlite.toml and defaults, resolved into values that each know where they came from. */
import path from "node:path";
import { parse as parseToml } from "smol-toml";
import { readTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import {
  environmentName,
  formatSetting,
  type SettingName,
  type Settings,
  settingNames,
  settingSpecs,
  settingsShape,
  unsetText,
} from "./settings.js";

export type Origin = "flag" | "environment" | "file" | "default";

/** What one place says: settings it does not mention are absent. */
interface Layer {
  readonly origin: Origin;
  /** Where a setting stands in this place, for messages: "--listen", "KIMBERLITE_LISTEN", "/etc/kimberlite.toml". */
  readonly source: (name: SettingName) => string;
  readonly values: Partial<Settings>;
}

export interface ConfigurationInput {
  /** Flags by setting name, as text; absent ones undefined. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The working directory: where kimberlite.toml is looked for. */
  readonly directory: string;
  /** `--config FILE`; such a file must exist. */
  readonly file?: string | undefined;
}

export interface ConfigurationRow {
  readonly setting: SettingName;
  readonly value: string | number | null;
  readonly origin: Origin;
  readonly source: string;
}

const fileDefault = "kimberlite.toml";

export class Configuration {
  readonly #layers: readonly Layer[];
  /** The file that was read, or null when there is none. */
  readonly file: string | null;

  constructor(layers: readonly Layer[], file: string | null) {
    this.#layers = layers;
    this.file = file;
  }

  #layer(name: SettingName): Layer | undefined {
    return this.#layers.find((layer) => layer.values[name] !== undefined);
  }

  /** The value, or null where the node fits it to the machine. */
  get<Name extends SettingName>(name: Name): Settings[Name] | null {
    return this.#layer(name)?.values[name] ?? null;
  }

  /** The value of a setting that has a default. */
  require<Name extends SettingName>(name: Name): Settings[Name] {
    const value = this.get(name);
    if (value === null) throw new KimberliteError("configurationInvalid", `${name} must be set`);
    return value;
  }

  isSet(name: SettingName): boolean {
    const layer = this.#layer(name);
    return layer !== undefined && layer.origin !== "default";
  }

  /** Throws `notSupported` when a setting that a later version will take was set on purpose. */
  refuseReserved(): void {
    for (const name of settingNames) {
      const { reserved } = settingSpecs[name];
      if (reserved === undefined || !this.isSet(name)) continue;
      throw new KimberliteError(
        "notSupported",
        `${this.#layer(name)?.source(name) ?? name} is set, but ${reserved}; remove it`,
        { detail: { setting: name } },
      );
    }
  }

  rows(): ConfigurationRow[] {
    return settingNames.map((setting) => {
      const layer = this.#layer(setting);
      const source = layer?.source(setting) ?? unsetText(setting);
      const idle = settingSpecs[setting].reserved !== undefined && layer?.origin === "default";
      return {
        setting,
        value: formatSetting(layer?.values[setting]),
        origin: layer?.origin ?? "default",
        source: idle ? `${source}; not served by this version` : source,
      };
    });
  }
}

/** Throws `configurationInvalid` and says which place holds what is not acceptable, and why. */
export function resolveConfiguration(input: ConfigurationInput): Configuration {
  const named = input.file ?? input.environment["KIMBERLITE_CONFIG"];
  const file = path.resolve(input.directory, named ?? fileDefault);
  const text = readTextFile(file);
  if (text === null && named !== undefined) {
    throw new KimberliteError("configurationInvalid", `there is no file ${file}`, { detail: { file } });
  }

  const environment: Record<string, string | undefined> = {};
  for (const name of settingNames) environment[name] = input.environment[environmentName(name)];
  const defaults: Record<string, unknown> = {};
  for (const name of settingNames) defaults[name] = settingSpecs[name].default ?? undefined;
  const flags: Record<string, string | undefined> = {};
  for (const name of settingNames) flags[name] = input.flags[name];

  const layers: Layer[] = [
    layer("flag", (name) => `--${name}`, flags),
    layer("environment", environmentName, environment),
    ...(text === null ? [] : [fileLayer(file, text)]),
    layer("default", () => "default", defaults),
  ];
  return new Configuration(layers, text === null ? null : file);
}

function layer(origin: Origin, source: (name: SettingName) => string, raw: Readonly<Record<string, unknown>>): Layer {
  const given = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined));
  const result = settingsShape.safeParse(given);
  if (result.success) return { origin, source, values: result.data as Partial<Settings> };
  const issue = result.error.issues[0];
  const name = settingNames.find((candidate) => candidate === issue?.path[0]);
  if (issue === undefined || name === undefined) {
    const unknown = issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : "";
    throw new KimberliteError(
      "configurationInvalid",
      `${source("data")} holds ${unknown}, which is no setting; settings are ${settingNames.join(", ")}`,
    );
  }
  throw new KimberliteError("configurationInvalid", `${source(name)}: ${issue.message}`, {
    detail: { setting: name, origin, given: String(given[name]).slice(0, 100) },
  });
}

function fileLayer(file: string, text: string): Layer {
  let raw: Record<string, unknown>;
  try {
    raw = parseToml(text);
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    const place = cause instanceof Error && "line" in cause ? ` line ${String(cause.line)}` : "";
    throw new KimberliteError("configurationInvalid", `${file}${place}: ${reason}`, { cause, detail: { file } });
  }
  // Paths in the file are meant from the file, wherever the command is run.
  for (const name of [
    "data",
    "cluster",
    "tls-cert",
    "tls-key",
    "pg-tls-cert",
    "pg-tls-key",
    "password-file",
  ] as const) {
    const value = raw[name];
    if (typeof value === "string") raw = { ...raw, [name]: path.resolve(path.dirname(file), value) };
  }
  return layer("file", () => file, raw);
}
