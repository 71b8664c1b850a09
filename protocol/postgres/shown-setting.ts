/** A setting as SHOW, `current_setting` and `pg_settings` say it. */
import { unknownSetting } from "../../runtime/query/settings.js";
import type { SessionSettings } from "./settings.js";
import type { Transaction } from "./transaction.js";

/** Outside a transaction its modes are those that the next one will have. Throws 42704. */
export function shownSetting(name: string, settings: SessionSettings, { isOpen }: Pick<Transaction, "isOpen">): string {
  const isOfNext = !isOpen && /^transaction_/i.test(name);
  const value = settings.find(isOfNext ? `default_${name}` : name);
  if (value === undefined) throw unknownSetting(name);
  return value;
}
