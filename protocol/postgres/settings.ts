/**
 * The settings of one session and how they come and go:
 *
 *   startup    what the client asked for at the start: what RESET goes back to
 *   session    SET: kept when its transaction commits, undone when it rolls back, to a savepoint too
 *   local      SET LOCAL: ends with the transaction whatever becomes of it
 *
 * Layers are maps that are replaced, never changed: a mark of the transaction's begin or of a savepoint is two references.
 */
import { SqlError } from "../../runtime/query/error.js";
import {
  isCustomSetting,
  type SettingDefinition,
  settingDefinitions,
  settingNamed,
  settingValue,
  unknownSetting,
} from "../../runtime/query/settings.js";

type Layer = ReadonlyMap<string, string>;

export interface SettingsMark {
  readonly session: Layer;
  readonly local: Layer;
}

const none: Layer = new Map();
const reported = settingDefinitions.filter(({ isReported }) => isReported);
/** Custom settings that a session may have. */
const customMax = 1_000;

const withValue = (layer: Layer, key: string, value: string): Layer => new Map(layer).set(key, value);
const without = (layer: Layer, key: string): Layer => {
  if (!layer.has(key)) return layer;
  const copy = new Map(layer);
  copy.delete(key);
  return copy;
};

export class SessionSettings {
  #fixed: Layer = none;
  #startup: Layer = none;
  #session: Layer = none;
  #local: Layer = none;
  readonly #told = new Map<string, string>();
  #forEngine: readonly (readonly [string, string])[] | null = null;
  /** Grows with each change. */
  version = 0;

  #changed(): void {
    this.#forEngine = null;
    this.version += 1;
  }

  #definition(name: string): SettingDefinition | undefined {
    const known = settingNamed(name);
    if (known === undefined && !isCustomSetting(name)) throw unknownSetting(name);
    return known;
  }

  #checked(name: string, value: string): string {
    const definition = this.#definition(name);
    if (definition === undefined) return value;
    if (definition.isFixed) throw new SqlError("55P02", `parameter "${definition.name}" cannot be changed`);
    return settingValue(definition, value);
  }

  /** The value; undefined for a custom setting that was never set. Throws `42704` for a name that nobody knows. */
  find(name: string): string | undefined {
    const key = name.toLowerCase();
    const value = this.#local.get(key) ?? this.#session.get(key) ?? this.#startup.get(key) ?? this.#fixed.get(key);
    return value ?? this.#definition(name)?.default;
  }

  get(name: string): string {
    const value = this.find(name);
    if (value === undefined) throw unknownSetting(name);
    return value;
  }

  /** What the server says of the session. */
  fix(name: string, value: string): void {
    if (this.#fixed.get(name) === value) return;
    this.#fixed = withValue(this.#fixed, name, value);
    this.#changed();
  }

  startup(name: string, value: string): void {
    this.#startup = withValue(this.#startup, name.toLowerCase(), this.#checked(name, value));
    this.#changed();
  }

  set(name: string, value: string, scope: "session" | "local"): void {
    const key = name.toLowerCase();
    const checked = this.#checked(name, value);
    if (this.#session.size + this.#local.size > customMax) throw new SqlError("54000", "too many settings");
    if (scope === "local") this.#local = withValue(this.#local, key, checked);
    else {
      this.#session = withValue(this.#session, key, checked);
      this.#local = without(this.#local, key);
    }
    this.#changed();
  }

  reset(name: string, scope: "session" | "local"): void {
    const key = name.toLowerCase();
    const definition = this.#definition(name);
    if (definition?.isFixed === true) throw new SqlError("55P02", `parameter "${definition.name}" cannot be changed`);
    if (scope === "local") {
      const value = this.#startup.get(key) ?? definition?.default;
      this.#local = value === undefined ? without(this.#local, key) : withValue(this.#local, key, value);
    } else {
      this.#session = without(this.#session, key);
      this.#local = without(this.#local, key);
    }
    this.#changed();
  }

  resetAll(): void {
    this.#session = none;
    this.#local = none;
    this.#changed();
  }

  mark(): SettingsMark {
    return { session: this.#session, local: this.#local };
  }

  /** Back to a mark: a rollback. */
  restore(mark: SettingsMark): void {
    if (mark.session === this.#session && mark.local === this.#local) return;
    this.#session = mark.session;
    this.#local = mark.local;
    this.#changed();
  }

  /** The transaction ended: what was local to it goes. */
  endLocal(): void {
    if (this.#local.size === 0) return;
    this.#local = none;
    this.#changed();
  }

  /** Settings that statements depend on and that differ from their defaults. */
  forEngine(): readonly (readonly [string, string])[] {
    this.#forEngine ??= this.#collectForEngine();
    return this.#forEngine;
  }

  #collectForEngine(): readonly (readonly [string, string])[] {
    const names = new Set([
      ...this.#fixed.keys(),
      ...this.#startup.keys(),
      ...this.#session.keys(),
      ...this.#local.keys(),
    ]);
    const found: (readonly [string, string])[] = [];
    for (const name of [...names].sort()) {
      const definition = settingNamed(name);
      const value = this.find(name);
      if (value === undefined || value === definition?.default || definition?.isForEngine === false) continue;
      // The position of the last write changes with every write; it is told apart from the others, in the request.
      if (name !== "kimberlite.position") found.push([definition?.name ?? name, value]);
    }
    return found;
  }

  /** Reported settings whose values the client does not know yet. */
  unreported(): readonly (readonly [name: string, value: string])[] {
    const news: (readonly [string, string])[] = [];
    for (const { name } of reported) {
      const value = this.get(name);
      if (this.#told.get(name) === value) continue;
      this.#told.set(name, value);
      news.push([name, value]);
    }
    return news;
  }

  all(): readonly (readonly [name: string, value: string, description: string])[] {
    return settingDefinitions.map(({ name, description }) => [name, this.get(name), description]);
  }
}
