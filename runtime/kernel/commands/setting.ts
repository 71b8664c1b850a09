/**
 * settingChange: what sessions begin with (`kept-settings.ts`), in the system tenant of shard 0.
 *
 * Request after the common head, and facts, the same:
 *    0     1  action: 0 set, 1 reset, 2 reset all
 *    1     8  tenant; 0: all
 *    9     …  role (u16 + UTF-8); empty: whoever it is, in that tenant
 *    …     …  name and value (each u16 + UTF-8), empty where the action has none
 *
 * Outcome: subject = tenant, count = 1 changed, 0 when it was so already.
 */
import type { TreeWriter } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { ByteReader } from "../../types/byte-reader.js";
import { KimberliteError } from "../../types/errors.js";
import { userNameBytesMax } from "../../types/limits.js";
import { directoryState, putDirectoryTail, readDirectoryRow } from "../directory-rows.js";
import type { Draft } from "../draft.js";
import { changedSettings, type KeptSetting, type SettingChange } from "../kept-settings.js";
import { tree } from "../kinds.js";
import type { StateKeys } from "../state-keys.js";
import type { Step } from "../step.js";
import { nameBytes } from "../texts.js";
import { encodeUserRow } from "../user-rows.js";
import { expectUser } from "../user-table.js";

const actions = ["set", "reset", "resetAll"] as const;
export const settingActionNumber = (action: SettingChange["action"]): number => actions.indexOf(action);
const textBytesMax = 16 * 1024;

interface Asked {
  /** Empty: whoever it is. */
  readonly role: string;
  readonly change: SettingChange;
}

function readAsked(reader: ByteReader): Asked {
  const action = actions[reader.choice(actions.length)];
  assert(action !== undefined, "a choice is one of those that there are");
  const tenant = reader.u64();
  const role = reader.string(userNameBytesMax);
  const name = reader.string(textBytesMax);
  const value = reader.string(textBytesMax);
  reader.end();
  if (role === "" && tenant === 0)
    throw new KimberliteError("invalidArgument", "settings are a role's or a database's, or both's");
  if ((name === "") !== (action === "resetAll") || (value !== "" && action !== "set"))
    throw new KimberliteError("invalidArgument", "a setting is set to a value, or reset by its name");
  return { role, change: action === "resetAll" ? { action, tenant } : { action, tenant, name, value } };
}

/** What is kept where the change would be. Throws `userUnknown`, `tenantUnknown`. */
function keptOf(state: TreeWriter, keys: StateKeys, { role, change: { tenant } }: Asked): readonly KeptSetting[] {
  if (tenant !== 0) {
    const isKnown = state.get(tree.directory, keys.one(tenant));
    const row = isKnown ? readDirectoryRow(state, tenant) : null;
    if (row === null || row.state === directoryState.dropped)
      throw new KimberliteError("tenantUnknown", `number ${tenant}`, { detail: { tenant } });
    if (role === "") return row.settings;
  }
  return expectUser(state, role).settings;
}

export function decideSettingChange(draft: Draft): void {
  const asked = readAsked(draft.body());
  const { tenant } = asked.change;
  const kept = keptOf(draft.state, draft.keys, asked);
  if (changedSettings(kept, asked.change) === kept) {
    assert(draft.position > 0, "a role or database that exists was made by an earlier command");
    return draft.answer(draft.position - 1, draft.position - 1, draft.time - 1, tenant, 0, 0);
  }
  const { request } = draft;
  draft.beginRecord();
  draft.out.copy(request.bytes, request.view, draft.bodyFrom, request.to);
  draft.finish(tenant, 0, 1);
}

export function applySettingChange(step: Step): void {
  const { state, record, keys } = step;
  const asked = readAsked(new ByteReader(record.bytes, record.factsFrom, record.to));
  const { role, change } = asked;
  const kept = keptOf(state, keys, asked);
  const settings = changedSettings(kept, change);
  assert(settings !== kept, "a change that is logged changes something");
  if (role === "") putDirectoryTail(state, keys, change.tenant, { settings });
  else state.put(tree.users, nameBytes(role), encodeUserRow({ ...expectUser(state, role), settings }));
  step.subject = change.tenant;
  step.first = 0;
  step.count = 1;
}
