/** A file that a setting names. */
import path from "node:path";
import { readTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";

/** Throws `configurationInvalid`. @param directory that the name is meant from */
export function fileText(directory: string, file: string, setting: string): string {
  const place = path.resolve(directory, file);
  const text = readTextFile(place);
  if (text === null) throw new KimberliteError("configurationInvalid", `${setting}: there is no file ${place}`);
  return text;
}
