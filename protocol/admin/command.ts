/**
 * What a subcommand is: its words, flags and examples as data, and a function that runs it. Flags arrive parsed and typed; a flag
 * that does not parse is refused before anything runs.
 */
import { z } from "zod";
import { KimberliteError } from "../../runtime/types/errors.js";
import type { Configuration } from "./configuration.js";
import type { Output } from "./output.js";
import type { SettingName } from "./settings.js";
import type { Surroundings } from "./surroundings.js";

export interface Invocation<Options> {
  /** In the order of the command's usage line; optional ones that were left out are absent. */
  readonly arguments: readonly string[];
  readonly options: Options;
  readonly configuration: Configuration;
  readonly output: Output;
  readonly surroundings: Surroundings;
}

interface CommandText {
  /** The words that call it and its arguments, as in "tenant create <name>". */
  readonly usage: string;
  readonly summary: string;
  /** More than the summary, for `--help`. */
  readonly details?: string;
  /** Settings it takes as flags, besides `--json` and `--config`. */
  readonly settings: readonly SettingName[];
  /** Its own flags: as `-n, --limit <count>`, with a description. */
  readonly flags: readonly (readonly [flag: string, description: string])[];
  readonly examples: readonly (readonly [command: string, effect: string])[];
}

export interface CommandSpec<Shape extends z.ZodObject> extends CommandText {
  /** Parses the flags; keys are the flags in camel case. */
  readonly shape: Shape;
  /** @returns the exit code; nothing means 0 */
  run(invocation: Invocation<z.output<Shape>>): Promise<number | undefined>;
}

export interface Subcommand extends CommandText {
  run(invocation: Invocation<Readonly<Record<string, unknown>>>): Promise<number>;
}

const whoSettings = ["user", "password-file", "tls-ca"] as const;

export function defineCommand<Shape extends z.ZodObject>(spec: CommandSpec<Shape>): Subcommand {
  const { usage, summary, flags, examples } = spec;
  // Whoever connects may have to say who it is.
  const settings = spec.settings.includes("connect") ? [...new Set([...spec.settings, ...whoSettings])] : spec.settings;
  return {
    usage,
    summary,
    settings,
    flags,
    examples,
    ...(spec.details === undefined ? {} : { details: spec.details }),
    async run(invocation) {
      const parsed = spec.shape.safeParse(invocation.options);
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        const flag = String(issue?.path[0] ?? "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        throw new KimberliteError("invalidArgument", `--${flag}: ${issue?.message ?? "is not acceptable"}`, {
          detail: { flag },
        });
      }
      return (await spec.run({ ...invocation, options: parsed.data })) ?? 0;
    },
  };
}

/** A flag that is a whole number from `min` to `max`. */
export const wholeNumber = (min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

/** A flag that names several things, with commas between them. */
export const commaList = <T>(parse: (text: string) => T) =>
  readBy((text) => text.split(",").map((one) => parse(one.trim())));

/** A flag that a parser of ours reads. */
export const readBy = <T>(parse: (text: string) => T) =>
  z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
