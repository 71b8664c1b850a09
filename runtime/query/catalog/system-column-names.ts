/** Columns that every table has without saying so. No column of a table may have any of these names, and not all of them can be read. */
const systemColumns: ReadonlySet<string> = new Set(["tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"]);

export const isSystemColumn = (name: string): boolean => systemColumns.has(name);
