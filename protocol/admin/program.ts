/** The `kimberlite` command as a tree of subcommands, and the one place where what they throw becomes text and an exit code. */
import { Command, CommanderError, Option } from "commander";
import { z } from "zod";
import { KimberliteError } from "../../runtime/types/errors.js";
import { release } from "../server/release.js";
import type { Subcommand } from "./command.js";
import { subcommands } from "./commands/all.js";
import { resolveConfiguration } from "./configuration.js";
import { exitCodeOf, exitCodes, exitCodesHelp } from "./exit-codes.js";
import { errorLine, Output } from "./output.js";
import { environmentName, settingSpecs, unsetText } from "./settings.js";
import { processSurroundings, type Surroundings } from "./surroundings.js";

const groupSummaries: Readonly<Record<string, string>> = {
  tenant: "create, list, look at, move, limit and drop tenants",
  user: "create, list, change and drop users",
  stream: "create, list and look at streams of a tenant",
  group: "consumer groups of a stream",
  cluster: "several nodes as one database: files and keys, health, leadership",
};

/** Runs the process's own command line and leaves its exit code. */
export async function runProcess(): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), processSurroundings());
}

/** Runs one command line. @returns the exit code; nothing is thrown and the process is not ended */
export async function run(commandLine: readonly string[], surroundings: Surroundings): Promise<number> {
  // Known before the command line is parsed, so that a usage error comes as JSON too.
  const asJson = commandLine.includes("--json");
  let exitCode: number = exitCodes.ok.code;
  const program = buildProgram(surroundings, asJson, async (subcommand, words, flags) => {
    const output = new Output(surroundings, flags["json"] === true);
    const settings: Record<string, string | undefined> = {};
    const given = z.record(z.string(), z.union([z.string(), z.boolean()])).parse(flags);
    for (const name of subcommand.settings) {
      const value = given[camelCase(name)];
      if (typeof value === "string") settings[name] = value;
    }
    const configuration = resolveConfiguration({
      flags: settings,
      environment: surroundings.environment,
      directory: surroundings.directory,
      file: typeof given["config"] === "string" ? given["config"] : undefined,
    });
    exitCode = await subcommand.run({ arguments: words, options: given, configuration, output, surroundings });
  });
  try {
    await program.parseAsync([...commandLine], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
    if (surroundings.interrupted.aborted && error === surroundings.interrupted.reason)
      return exitCodes.interrupted.code;
    await new Output(surroundings, asJson).error(error);
    return exitCodeOf(error);
  }
}

type Action = (
  subcommand: Subcommand,
  words: readonly string[],
  flags: Readonly<Record<string, unknown>>,
) => Promise<void>;

function buildProgram(surroundings: Surroundings, asJson: boolean, action: Action): Command {
  const program = new Command("kimberlite")
    .description("A verifiable multi-tenant database: one immutable, ordered log; every state a derived view.")
    .version(release, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .addHelpText("after", `\n${configurationHelp}\n\n${exitCodesHelp()}`)
    .showHelpAfterError(asJson ? false : "(see --help)")
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void surroundings.stdout.write(text),
      writeErr: (text) => void surroundings.stderr.write(text),
      outputError: (text, write) => write(asJson ? `${errorLine(usageError(text))}\n` : text),
      getOutHelpWidth: () => surroundings.stdout.columns ?? 100,
      getErrHelpWidth: () => surroundings.stderr.columns ?? 100,
    });
  for (const subcommand of subcommands) addSubcommand(program, subcommand, action);
  return program;
}

const usageError = (text: string): KimberliteError =>
  new KimberliteError("invalidArgument", text.trim().replace(/^error: /, ""));

const configurationHelp = [
  "Settings come from flags, then KIMBERLITE_* in the environment, then kimberlite.toml (--config), then defaults;",
  "`kimberlite config` prints each with its origin. Every command takes --json.",
].join("\n");

function addSubcommand(program: Command, subcommand: Subcommand, action: Action): void {
  const words = subcommand.usage.split(" ");
  const names = words.filter((word) => !/^[[<]/.test(word));
  const [group, name] = names.length > 1 ? names : [undefined, names[0]];
  const parent = group === undefined ? program : groupCommand(program, group);
  const command = parent.command([name, ...words.slice(names.length)].join(" ")).summary(subcommand.summary);
  command.description([subcommand.summary, subcommand.details].filter((text) => text !== undefined).join("\n\n"));
  for (const setting of subcommand.settings) {
    const { placeholder, description, default: standard } = settingSpecs[setting];
    const known = standard === null ? unsetText(setting) : standard;
    command.addOption(
      new Option(`--${setting} <${placeholder}>`, `${description} [${environmentName(setting)}; ${known}]`),
    );
  }
  for (const [flag, description] of subcommand.flags) command.option(flag, description);
  command.option("--config <file>", "read settings from this file instead of ./kimberlite.toml");
  command.option("--json", "print JSON instead of text for people");
  if (subcommand.examples.length > 0) {
    const lines = subcommand.examples.map(([line, effect]) => `  $ ${line}\n      ${effect}`);
    command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  }
  command.action(async () => action(subcommand, command.args, command.opts()));
}

function groupCommand(program: Command, group: string): Command {
  const existing = program.commands.find((command) => command.name() === group);
  return existing ?? program.command(group).description(groupSummaries[group] ?? group);
}

const camelCase = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
