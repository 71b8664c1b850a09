/** `kimberlite verify`: is everything in this data directory what was written? */
import path from "node:path";
import { z } from "zod";
import { RealDisk } from "../../../runtime/storage/real-disk.js";
import { defineCommand } from "../command.js";
import { exitCodes } from "../exit-codes.js";
import { inBytes, Progress } from "../progress.js";
import { renderTable } from "../table.js";
import { formatBytes, formatCount, formatDuration } from "../units.js";
import type { Finding } from "../verify/data-directory.js";

export const verifyCommand = defineCommand({
  usage: "verify [dir]",
  summary: "check a data directory while no node uses it",
  details:
    "Walks every replica: superblock copies, header ring, each prepare of the log with its checksums and its place in the hash chain, each " +
    "record, the seals of full segments, and every tree of the checkpointed state. Changes nothing. Damage is listed; the exit code is 6 then, " +
    "and 7 while a node uses the directory.",
  settings: ["data"],
  flags: [],
  shape: z.object({}),
  examples: [
    ["kimberlite verify", "check ./data"],
    ["kimberlite verify /srv/kimberlite --json", "the report as JSON"],
  ],
  async run({ arguments: [given], configuration, output, surroundings }) {
    const directory = path.resolve(surroundings.directory, given ?? configuration.require("data"));
    const started = surroundings.now();
    let progress: Progress | null = null;
    const { verifyDataDirectory } = await import("../verify/data-directory.js");
    const report = await verifyDataDirectory(new RealDisk(), directory, {
      interrupted: surroundings.interrupted,
      progress(done, total) {
        progress ??= new Progress(surroundings, output.interactive, path.basename(directory), total, inBytes);
        progress.aim(total);
        progress.update(done);
      },
      found(finding) {
        progress?.end();
        void output.note(findingLine(finding));
      },
    });
    (progress as Progress | null)?.end();
    const ms = surroundings.now() - started;
    await output.result({ ...report, sound: report.damage.length === 0, seconds: ms / 1000 }, () => {
      const rows = report.replicas.map((replica) => [
        path.relative(directory, replica.directory) || ".",
        formatCount(replica.prepares),
        formatCount(replica.records),
        replica.tenants,
        formatBytes(replica.bytes),
        replica.seals,
        replica.trees === null ? null : formatCount(replica.trees.entries),
      ]);
      const table = renderTable(["replica", "prepares", "records", "tenants", "log", "seals", "state entries"], rows);
      const verdict =
        report.damage.length === 0 ? "sound" : `DAMAGED in ${formatCount(report.damage.length)} places (listed above)`;
      const notes = report.replicas.flatMap((replica) =>
        replica.notes.map((note) => `\n${path.relative(directory, replica.directory) || "."}: ${note}`),
      );
      return `${table}\n${notes.join("")}\n${directory} is ${verdict}; checked in ${formatDuration(ms)}`;
    });
    return report.damage.length === 0 ? exitCodes.ok.code : exitCodes.damaged.code;
  },
});

function findingLine({ zone, file, address, op, what }: Finding): string {
  const place = [address === null ? "" : `byte ${formatCount(address)}`, op === null ? "" : `op ${op}`].filter(
    (part) => part !== "",
  );
  return `damaged ${zone}: ${file}${place.length > 0 ? ` (${place.join(", ")})` : ""}: ${what}`;
}
