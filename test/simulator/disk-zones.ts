/** The parts of a replica's disk, by the names of its files: what is damaged, and what is made of damage, depends on the part. */

export type Zone = "superblock" | "headers" | "log" | "pages" | "fetch" | "other";

export function zoneOf(path: string): Zone {
  // What is being fetched from other replicas is not of the log before it is renamed into it.
  if (path.includes("/fetch/")) return "fetch";
  if (path.endsWith(".seg")) return "log";
  if (path.endsWith("/headers")) return "headers";
  if (path.endsWith("/superblock")) return "superblock";
  return path.endsWith("/pages") ? "pages" : "other";
}
