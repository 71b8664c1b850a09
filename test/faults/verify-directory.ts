/** The offline walk over every replica's log in a data directory: checksums, padding, the hash chain. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { defaultGeometry } from "../../runtime/storage/log-geometry.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { verifyLog } from "../../runtime/storage/verify-log.js";

export interface ChainCheck {
  prepares: number;
  records: number;
  readonly damage: string[];
}

export function verifyDirectory(directory: string): ChainCheck {
  const check: ChainCheck = { prepares: 0, records: 0, damage: [] };
  for (const name of readdirSync(directory).filter((entry) => /^shard-\d+$/.test(entry))) {
    const walk = verifyLog({ disk: new RealDisk(), directory: join(directory, name), geometry: defaultGeometry });
    let step = walk.next();
    while (step.done !== true) step = walk.next();
    check.prepares += step.value.prepares;
    check.records += step.value.records;
    for (const { file, address, what } of step.value.damage)
      check.damage.push(`${file} at ${address ?? "all"}: ${what}`);
  }
  return check;
}
