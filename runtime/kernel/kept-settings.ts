/**
 * Settings that sessions begin with, as ALTER ROLE … SET and ALTER DATABASE … SET keep them: at the end of a user's row (`user-rows.ts`) those
 * of a role, in all tenants or in one; at the end of a tenant's (`directory-rows.ts`) those of a database.
 *
 *   count u16, then of each, in the order in which they were first set:
 *      8  tenant that it holds in; 0: all, and that of the row
 *      …  name and value (each u16 + UTF-8)
 *
 * Nothing stands there while there are none. Names and values are checked by who asks; here they are texts. What COMMENT ON has said of the
 * role or the database is one of them, under a name that no setting has.
 */
import { assert } from "../types/assert.js";
import type { ByteReader } from "../types/byte-reader.js";
import { ByteWriter } from "../types/byte-writer.js";
import { KimberliteError } from "../types/errors.js";

export interface KeptSetting {
  /** 0: all. */
  readonly tenant: number;
  readonly name: string;
  readonly value: string;
}

/** The name under which a comment is kept: that of a setting is another, or has a dot. */
export const commentName = "comment";

/** Without the comment that is kept with them. */
export const settingsIn = (kept: readonly KeptSetting[]): readonly KeptSetting[] =>
  kept.filter(({ name }) => name !== commentName);

/** Null where nothing was said. */
export const commentIn = (kept: readonly KeptSetting[]): string | null =>
  kept.find(({ name }) => name === commentName)?.value ?? null;

export type SettingChange =
  | { readonly action: "set"; readonly tenant: number; readonly name: string; readonly value: string }
  | { readonly action: "reset"; readonly tenant: number; readonly name: string }
  | { readonly action: "resetAll"; readonly tenant: number };

/** Of one role or database. */
const settingsBytesMax = 32 * 1024;

export function encodeKeptSettings(out: ByteWriter, settings: readonly KeptSetting[]): void {
  if (settings.length === 0) return;
  out.u16(settings.length);
  for (const { tenant, name, value } of settings) {
    assert(name.length > 0, "a setting has a name");
    out.u64(tenant).string(name).string(value);
  }
}

export function decodeKeptSettings(reader: ByteReader): readonly KeptSetting[] {
  if (reader.remaining === 0) return [];
  const settings: KeptSetting[] = [];
  const count = reader.u16();
  for (let index = 0; index < count; index++)
    settings.push({
      tenant: reader.u64(),
      name: reader.string(settingsBytesMax),
      value: reader.string(settingsBytesMax),
    });
  return settings;
}

/** Settings after a change; the same list when it changes nothing. Throws `invalidArgument` when they are too long. */
export function changedSettings(settings: readonly KeptSetting[], change: SettingChange): readonly KeptSetting[] {
  const { tenant } = change;
  if (change.action === "resetAll") {
    const left = settings.filter((each) => each.tenant !== tenant || each.name === commentName);
    return left.length === settings.length ? settings : left;
  }
  const known = settings.find((each) => each.tenant === tenant && each.name === change.name);
  if (change.action === "reset") return known === undefined ? settings : settings.filter((each) => each !== known);
  if (known?.value === change.value) return settings;
  const next = { tenant, name: change.name, value: change.value };
  const all = known === undefined ? [...settings, next] : settings.map((each) => (each === known ? next : each));
  const bytes = new ByteWriter(256);
  encodeKeptSettings(bytes, all);
  if (bytes.view().length > settingsBytesMax)
    throw new KimberliteError(
      "invalidArgument",
      `settings of one role or database take ${settingsBytesMax} bytes at most`,
    );
  return all;
}
