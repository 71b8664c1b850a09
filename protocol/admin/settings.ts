/**
 * Every setting of the command, once. A setting has one name: `--cache-bytes` as a flag, `KIMBERLITE_CACHE_BYTES` in the
 * environment, `cache-bytes` in kimberlite.toml. Flags win over the environment, the environment over the file, the file over
 * the defaults; `kimberlite config` prints what came out and where each value came from.
 */
import { z } from "zod";
import { shardsMax } from "../../runtime/types/limits.js";
import { commaList, readBy } from "./command.js";
import { formatAddress, parseAddress, parseBytes } from "./units.js";

/** A whole number, written as a number (in the file) or as text (flags and the environment). */
const integer = (min: number, max: number) =>
  z.unknown().transform((raw, context): number => {
    const value = typeof raw === "string" && /^\d+$/.test(raw) ? Number(raw) : raw;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    context.addIssue({ code: "custom", message: `must be a whole number from ${min} to ${max}` });
    return z.NEVER;
  });

const address = readBy(parseAddress);
const addresses = commaList(parseAddress);
const bytes = z.preprocess((raw) => (typeof raw === "number" ? String(raw) : raw), readBy(parseBytes));
const text = z.string().min(1);

const shapes = {
  data: text,
  cluster: text,
  node: z.union([text, z.number().int().transform(String)]),
  listen: address,
  "pg-listen": z.union([z.literal("off"), address]),
  auth: z.enum(["scram", "trust"]),
  "pg-auth": z.enum(["scram", "trust"]),
  "tls-cert": text,
  "tls-key": text,
  "pg-tls-cert": text,
  "pg-tls-key": text,
  "http-listen": address,
  shards: integer(1, shardsMax - 1),
  projections: integer(1, 64),
  gateways: integer(1, 64),
  layout: z.enum(["auto", "threads", "shared"]),
  "cache-bytes": bytes,
  "checkpoint-bytes": bytes,
  "checkpoint-seconds": integer(1, 86_400),
  "connections-max": integer(1, 65_536),
  replicas: integer(1, 64),
  "log-level": z.enum(["trace", "debug", "info", "warn", "error", "silent"]),
  connect: addresses,
  "pg-connect": address,
  user: text,
  "password-file": text,
  "tls-ca": text,
  tenant: text,
} as const;

const allSettings = z.strictObject(shapes);
export type Settings = z.output<typeof allSettings>;
/** What any one place may say: some of the settings, and nothing else. */
export const settingsShape = allSettings.partial();
export type SettingName = keyof Settings;

export interface SettingSpec {
  /** As in `--listen <host:port>`. */
  readonly placeholder: string;
  readonly description: string;
  /** Null: fitted to the machine when the node starts, or what `unset` says. */
  readonly default: string | number | null;
  /** What it means that a setting without default is not set. */
  readonly unset?: string;
  /** A later version will take it; set on purpose, it is refused rather than ignored. */
  readonly reserved?: string;
}

export const settingSpecs: Readonly<Record<SettingName, SettingSpec>> = {
  data: { placeholder: "dir", description: "data directory of the node", default: "./data" },
  cluster: {
    placeholder: "file",
    description: "cluster file: this node is one of those that it lists",
    default: null,
    unset: "no cluster",
  },
  node: {
    placeholder: "n",
    description: "number or name of this node in the cluster file",
    default: null,
    unset: "no cluster",
  },
  listen: {
    placeholder: "host:port",
    description: "address of the native protocol; port 0 picks a free one",
    default: "127.0.0.1:7400",
  },
  "pg-listen": {
    placeholder: "host:port",
    description: "address of the PostgreSQL protocol; port 0 picks a free one, off serves it nowhere",
    default: null,
    unset: "32 above the port of listen: 127.0.0.1:7432",
  },
  auth: {
    placeholder: "how",
    description:
      "clients of the native protocol come in with a password (scram), or as they are (trust: for loopback only)",
    default: "scram",
  },
  "pg-auth": {
    placeholder: "how",
    description: "scram: with a user's password; trust: without any, for loopback only",
    default: "scram",
  },
  "tls-cert": {
    placeholder: "file",
    description: "certificate of the native protocol's TLS, PEM",
    default: null,
    unset: "no TLS",
  },
  "tls-key": { placeholder: "file", description: "its private key, PEM", default: null, unset: "no TLS" },
  "pg-tls-cert": {
    placeholder: "file",
    description: "certificate of the PostgreSQL protocol's TLS, PEM",
    default: null,
    unset: "no TLS",
  },
  "pg-tls-key": { placeholder: "file", description: "its private key, PEM", default: null, unset: "no TLS" },
  "http-listen": {
    placeholder: "host:port",
    description: "address of the HTTP interface (comes later: refused when set)",
    default: "127.0.0.1:7480",
    reserved: "the HTTP interface is not part of this version",
  },
  shards: {
    placeholder: "n",
    description: "shards: each orders and applies the writes of its tenants in its own thread",
    default: null,
  },
  projections: { placeholder: "n", description: "threads per shard that serve reads and subscriptions", default: null },
  gateways: { placeholder: "n", description: "threads that hold the client connections", default: null },
  layout: {
    placeholder: "kind",
    description: "threads: one per actor; shared: several actors in one; auto: by the machine",
    default: "auto",
  },
  "cache-bytes": {
    placeholder: "size",
    description: "memory for state pages of each shard, for example 256MiB",
    default: null,
  },
  "checkpoint-bytes": {
    placeholder: "size",
    description: "log that a start replays at most, about: a shard's state is saved when so much has been written",
    default: "128MiB",
  },
  "checkpoint-seconds": {
    placeholder: "n",
    description: "longest time between two saves of a shard's state while it changes",
    default: 60,
  },
  "connections-max": { placeholder: "n", description: "client connections that the node takes at once", default: 4096 },
  replicas: {
    placeholder: "n",
    description: "replicas of each shard's log: that many nodes in this process",
    default: 1,
  },
  "log-level": {
    placeholder: "level",
    description: "trace, debug, info, warn, error or silent; the log goes to standard error",
    default: "info",
  },
  connect: {
    placeholder: "host:port",
    description: "the node to talk to; or several of one cluster with commas between them, tried in turn",
    default: "127.0.0.1:7400",
  },
  "pg-connect": {
    placeholder: "host:port",
    description: "the node to talk to in the PostgreSQL protocol",
    default: "127.0.0.1:7432",
  },
  user: { placeholder: "name", description: "the user to log in as", default: "admin" },
  "password-file": {
    placeholder: "file",
    description: "its first line is the password; nobody else may read it",
    default: null,
    unset: "KIMBERLITE_PASSWORD, the terminal, or local access",
  },
  "tls-ca": {
    placeholder: "file",
    description:
      "connects with TLS; whom the node's certificate must come from: certificates, PEM, or system for those of the machine",
    default: null,
    unset: "no TLS",
  },
  tenant: { placeholder: "name", description: "the tenant to work in", default: "main" },
};

/** How a value that is not set is shown. */
export const unsetText = (name: SettingName): string => settingSpecs[name].unset ?? "fitted to the machine";

export const settingNames = Object.keys(shapes) as readonly SettingName[];
export const environmentName = (name: SettingName): string => `KIMBERLITE_${name.toUpperCase().replaceAll("-", "_")}`;

/** A value as the user would write it. */
export function formatSetting(value: Settings[SettingName] | null | undefined): string | number | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return value;
  return "host" in value ? formatAddress(value) : value.map(formatAddress).join(",");
}
