/** All functions that there are, by their signature. A signature that PostgreSQL does not have, or that is written twice, is an error at start. */
import { assert } from "../../types/assert.js";
import type { Implementation } from "./define.js";
import { accessLists } from "./implementations/access-lists.js";
import { advisoryLocks } from "./implementations/advisory-locks.js";
import { collections } from "./implementations/aggregate-collections.js";
import { statistics } from "./implementations/aggregate-statistics.js";
import { sums } from "./implementations/aggregate-sums.js";
import { arrays } from "./implementations/array.js";
import { bitStrings } from "./implementations/bits.js";
import { byteSizes } from "./implementations/byte-units.js";
import { byteas } from "./implementations/bytea.js";
import { comparisons } from "./implementations/comparison.js";
import { cumulativeStatistics } from "./implementations/cumulative-statistics.js";
import { dateFields } from "./implementations/date-fields.js";
import { datesAndTimes } from "./implementations/date-time.js";
import { enums } from "./implementations/enums.js";
import { floats } from "./implementations/float.js";
import { dateFormats } from "./implementations/format-dates.js";
import { numberFormats } from "./implementations/format-numbers.js";
import { hashes } from "./implementations/hashes.js";
import { indexProperties } from "./implementations/index-properties.js";
import { inets } from "./implementations/inet.js";
import { informationSchema } from "./implementations/information-schema.js";
import { integers } from "./implementations/integer.js";
import { intervals } from "./implementations/interval.js";
import { jsons } from "./implementations/json.js";
import { jsonbs } from "./implementations/jsonb.js";
import { jsonbPaths } from "./implementations/jsonb-path.js";
import { logPlaces } from "./implementations/log-places.js";
import { macAddresses } from "./implementations/mac-address.js";
import { moneys } from "./implementations/money.js";
import { notifications } from "./implementations/notifications.js";
import { numerics } from "./implementations/numeric.js";
import { objectDefinitions } from "./implementations/object-definitions.js";
import { objectDescriptions } from "./implementations/object-descriptions.js";
import { objectNames } from "./implementations/object-names.js";
import { patterns } from "./implementations/pattern.js";
import { pgcrypto } from "./implementations/pgcrypto.js";
import { privilegeImplementations } from "./implementations/privileges.js";
import { sequences } from "./implementations/sequences.js";
import { sessions } from "./implementations/session.js";
import { signals } from "./implementations/signals.js";
import { sizes } from "./implementations/sizes.js";
import { sleeps } from "./implementations/sleep.js";
import { texts } from "./implementations/text.js";
import { timesWithZone } from "./implementations/time-with-zone.js";
import { uuids } from "./implementations/uuids.js";
import { viewEvents } from "./implementations/view-events.js";
import { windowFunctions } from "./implementations/window.js";
import { allProcedures } from "./procedures.js";

function collect(groups: readonly (readonly Implementation[])[]): ReadonlyMap<string, Implementation> {
  const facts = new Map(allProcedures.map((procedure) => [procedure.signature, procedure]));
  const found = new Map<string, Implementation>();
  for (const code of groups.flat()) {
    const procedure = facts.get(code.signature);
    if (procedure === undefined) throw new Error(`no function of PostgreSQL: ${code.signature}`);
    if (found.has(code.signature)) throw new Error(`written twice: ${code.signature}`);
    if ((code.kind === "scalar" || code.kind === "set") && code.isStrict !== procedure.isStrict)
      throw new Error(`strictness differs from PostgreSQL's: ${code.signature}`);
    found.set(code.signature, code);
  }
  assert(found.size > 0, "there are functions");
  return found;
}

const implementations = collect([
  accessLists,
  cumulativeStatistics,
  logPlaces,
  objectDescriptions,
  collections,
  statistics,
  sums,
  comparisons,
  dateFields,
  datesAndTimes,
  enums,
  floats,
  integers,
  intervals,
  numerics,
  windowFunctions,
  texts,
  byteas,
  arrays,
  jsons,
  jsonbs,
  jsonbPaths,
  signals,
  sleeps,
  uuids,
  pgcrypto,
  inets,
  bitStrings,
  macAddresses,
  moneys,
  timesWithZone,
  hashes,
  sessions,
  objectNames,
  objectDefinitions,
  viewEvents,
  sequences,
  sizes,
  byteSizes,
  indexProperties,
  informationSchema,
  notifications,
  privilegeImplementations(),
  advisoryLocks(),
  patterns,
  dateFormats,
  numberFormats,
]);

export const implementationOf = (signature: string): Implementation | null => implementations.get(signature) ?? null;
