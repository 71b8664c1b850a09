/**
 * The settings of one session and how they come and go:
 *
 *   startup    what the client asked for at the start: what RESET goes back to
 *   session    SET: kept when its transaction commits, undone when it rolls back, to a savepoint too
 *   local      SET LOCAL: ends with the transaction whatever becomes of it
 *
 * Layers are maps that are replaced, never changed: a mark of the transaction's begin or of a savepoint is two references.
 */
import { temporaryMadeSetting } from "../../runtime/query/catalog/temporary.js";
import { SqlError } from "../../runtime/query/error.js";
import {
  isCustomSetting,
  type SettingDefinition,
  settingDefinitions,
  settingNamed,
  settingValue,
  unknownSetting,
} from "../../runtime/query/settings.js";
import { assert } from "../../runtime/types/assert.js";

type Layer = ReadonlyMap<string, string>;

export interface SettingsMark {
  readonly session: Layer;
  readonly local: Layer;
}

const none: Layer = new Map();
const reported = settingDefinitions.filter(({ isReported }) => isReported);
/** Custom settings that a session may have. */
const customMax = 1_000;
/** Names whose values are remembered; there are fewer, but for those that clients make up. */
const foundMax = 1_000;
const positionName = "kimberlite.position";
const nothingNew: readonly (readonly [string, string])[] = [];

const withValue = (layer: Layer, key: string, value: string): Layer => new Map(layer).set(key, value);
const without = (layer: Layer, key: string): Layer => {
  if (!layer.has(key)) return layer;
  const copy = new Map(layer);
  copy.delete(key);
  return copy;
};

/** What the session is and has, which nobody sets by its name: it comes and goes with transactions as all else does. */
type AssumedSetting = "role" | "session_authorization" | typeof temporaryMadeSetting;
const assumed: ReadonlySet<string> = new Set<AssumedSetting>(["role", "session_authorization", temporaryMadeSetting]);
/** Of a layer, what RESET ALL leaves alone. */
const assumedOf = (layer: Layer): Layer => new Map([...layer].filter(([name]) => assumed.has(name)));

export class SessionSettings {
  #fixed: Layer = none;
  #startup: Layer = none;
  #session: Layer = none;
  #local: Layer = none;
  /** Custom settings that were ever set, whatever became of that: they are empty, and not unknown, while nothing else is said. */
  readonly #customs = new Set<string>();
  readonly #told = new Map<string, string>();
  /** What was found of the layers below, by the name that was asked for, until one of them changes. */
  readonly #found = new Map<string, string | undefined>();
  #forEngine: readonly (readonly [string, string])[] = [];
  #isForEngineKnown = false;
  #isReportDue = true;
  /** Of the session's last write. It changes with every write, so nothing that is remembered of the others depends on it. */
  #position: string | null = null;
  #toldPosition: string | null = null;

  /** @param changed names in lower case whose values may be others now */
  #changed(changed: Iterable<string>): void {
    this.#found.clear();
    for (const name of changed) {
      const definition = settingNamed(name);
      if (definition === undefined || definition.isForEngine) this.#isForEngineKnown = false;
      if (definition === undefined || definition.isReported) this.#isReportDue = true;
    }
  }

  #definition(name: string): SettingDefinition | undefined {
    const known = settingNamed(name);
    if (known === undefined && !isCustomSetting(name)) throw unknownSetting(name);
    return known;
  }

  /** A custom setting is there from now on, whatever becomes of its value. Throws 54000 for too many of them. */
  meet(name: string): void {
    const key = name.toLowerCase();
    if (settingNamed(key) !== undefined || this.#customs.has(key)) return;
    if (this.#customs.size >= customMax) throw new SqlError("54000", "too many settings");
    this.#customs.add(key);
    this.#changed([key]);
  }

  #checked(name: string, value: string): string {
    const definition = this.#definition(name);
    if (definition === undefined) return value;
    if (definition.isFixed) throw new SqlError("55P02", `parameter "${definition.name}" cannot be changed`);
    return settingValue(definition, value, this.get(definition.name));
  }

  /** The value; undefined for a custom setting that was never set. Throws `42704` for a name that nobody knows. */
  find(name: string): string | undefined {
    if (name === positionName && this.#position !== null) return this.#position;
    const known = this.#found.get(name);
    if (known !== undefined) return known;
    const value = this.#find(name);
    if (this.#found.size >= foundMax) this.#found.clear();
    this.#found.set(name, value);
    return value;
  }

  #find(name: string): string | undefined {
    const key = name.toLowerCase();
    if (key === positionName && this.#position !== null) return this.#position;
    const value = this.#local.get(key) ?? this.#session.get(key) ?? this.#startup.get(key) ?? this.#fixed.get(key);
    return value ?? this.#definition(name)?.default ?? (this.#customs.has(key) ? "" : undefined);
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
    this.#changed([name]);
  }

  /** The position of the session's last write. */
  wrote(position: number): void {
    this.#position = String(position);
  }

  /** Throws what setting it would. */
  expectValue(name: string, value: string): void {
    this.#checked(name, value);
  }

  startup(name: string, value: string): void {
    const key = name.toLowerCase();
    const checked = this.#checked(name, value);
    this.meet(key);
    this.#startup = withValue(this.#startup, key, checked);
    this.#changed([key]);
  }

  set(name: string, value: string, scope: "session" | "local"): void {
    const key = name.toLowerCase();
    const checked = this.#checked(name, value);
    this.meet(key);
    if (scope === "local") this.#local = withValue(this.#local, key, checked);
    else {
      this.#session = withValue(this.#session, key, checked);
      this.#local = without(this.#local, key);
    }
    this.#changed([key]);
  }

  /** Whom the session acts as, and what it has: settings that no SET of theirs changes. Whether it may is for the caller to know. */
  assume(name: AssumedSetting, value: string, scope: "session" | "local"): void {
    if (scope === "local") this.#local = withValue(this.#local, name, value);
    else {
      this.#session = withValue(this.#session, name, value);
      this.#local = without(this.#local, name);
    }
    this.#changed([name]);
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
    this.#changed([key]);
  }

  resetAll(): void {
    const changed = [...this.#session.keys(), ...this.#local.keys()];
    this.#session = assumedOf(this.#session);
    this.#local = assumedOf(this.#local);
    this.#changed(changed);
  }

  mark(): SettingsMark {
    return { session: this.#session, local: this.#local };
  }

  /** Back to a mark: a rollback. */
  restore(mark: SettingsMark): void {
    if (mark.session === this.#session && mark.local === this.#local) return;
    const before = [this.#session, this.#local];
    this.#session = mark.session;
    this.#local = mark.local;
    for (const layer of [...before, mark.session, mark.local]) this.#changed(layer.keys());
  }

  /** The transaction ended: what was local to it goes. */
  endLocal(): void {
    if (this.#local.size === 0) return;
    const changed = this.#local.keys();
    this.#local = none;
    this.#changed(changed);
  }

  /** Settings that statements depend on and that differ from their defaults: the same list as long as none of them is another. */
  forEngine(): readonly (readonly [string, string])[] {
    if (this.#isForEngineKnown) return this.#forEngine;
    const found = this.#collectForEngine();
    const isSame =
      found.length === this.#forEngine.length &&
      found.every(([name, value], at) => this.#forEngine[at]?.[0] === name && this.#forEngine[at]?.[1] === value);
    if (!isSame) this.#forEngine = found;
    this.#isForEngineKnown = true;
    return this.#forEngine;
  }

  #collectForEngine(): readonly (readonly [string, string])[] {
    const names = new Set([
      ...this.#fixed.keys(),
      ...this.#startup.keys(),
      ...this.#session.keys(),
      ...this.#local.keys(),
      ...this.#customs,
    ]);
    const found: (readonly [string, string])[] = [];
    for (const name of [...names].sort()) {
      const definition = settingNamed(name);
      const value = this.find(name);
      if (value === undefined || value === definition?.default || definition?.isForEngine === false) continue;
      assert(name !== positionName, "the position of the last write is told apart from the others, in the request");
      found.push([definition?.name ?? name, value]);
    }
    return found;
  }

  /** Reported settings whose values the client does not know yet. */
  unreported(): readonly (readonly [name: string, value: string])[] {
    if (!this.#isReportDue) return this.#unreportedPosition();
    this.#isReportDue = false;
    this.#toldPosition = this.#position;
    const news: (readonly [string, string])[] = [];
    for (const { name } of reported) {
      const value = this.get(name);
      if (this.#told.get(name) === value) continue;
      this.#told.set(name, value);
      news.push([name, value]);
    }
    return news;
  }

  #unreportedPosition(): readonly (readonly [name: string, value: string])[] {
    const position = this.#position;
    if (position === this.#toldPosition || position === null) return nothingNew;
    this.#toldPosition = position;
    this.#told.set(positionName, position);
    return [[positionName, position]];
  }

  all(): readonly (readonly [name: string, value: string, description: string])[] {
    return settingDefinitions.map(({ name, description }) => [name, this.get(name), description]);
  }
}
