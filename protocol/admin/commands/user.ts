/**
 * `kimberlite user …`: who may connect, and their passwords (what else they may: user-attributes.ts). A password is turned into a SCRAM verifier here, in this process: the node
 * never hears it.
 */
import { createInterface } from "node:readline/promises";
import { z } from "zod";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { formatVerifier, scramVerifier } from "../../wire/scram-verifier.js";
import { defineCommand, type Invocation, type Subcommand } from "../command.js";
import type { Surroundings } from "../surroundings.js";
import { formatTime } from "../units.js";
import { withNode } from "../with-node.js";
import {
  alter,
  attributeFlags,
  attributeShapes,
  grantRole,
  revokeRole,
  tenantsFlag,
  tenantsShape,
} from "./user-attributes.js";

const userShape = z.object({
  name: z.string(),
  superuser: z.boolean(),
  login: z.boolean(),
  inherit: z.boolean(),
  createRole: z.boolean(),
  createDatabase: z.boolean(),
  validUntil: z.number().nullable(),
  connectionLimit: z.number().nullable(),
  memberOf: z.array(z.object({ role: z.string(), isAdmin: z.boolean(), grantor: z.string() })),
  tenants: z.array(z.string()).nullable(),
  createdTime: z.number(),
  mechanism: z.string(),
  iterations: z.number(),
});
type UserShape = z.output<typeof userShape>;

/** What of a user is not as it would be without a word. */
function attributesOf(user: UserShape): string {
  const said: readonly (readonly [boolean, string])[] = [
    [user.superuser, "superuser"],
    [!user.login, "no login"],
    [user.login && user.mechanism === "none", "no password"],
    [!user.inherit, "no inherit"],
    [user.createRole, "create role"],
    [user.createDatabase, "create database"],
    [user.connectionLimit !== null, `${user.connectionLimit} connections`],
    [user.validUntil !== null, `until ${formatTime(user.validUntil ?? 0)}`],
  ];
  return said.flatMap(([holds, word]) => (holds ? [word] : [])).join(", ");
}

const passwordWords =
  "The password is asked for, or, where standard input is no terminal, read from its first line: as a flag it would stand in the list of " +
  "processes and in the history of the shell.";

async function askPassword(): Promise<string> {
  const { isCancel, password } = await import("@clack/prompts");
  const answer = await password({ message: "Password:" });
  if (isCancel(answer)) throw new KimberliteError("cancelled", "no password was given");
  const again = await password({ message: "Again:" });
  if (isCancel(again)) throw new KimberliteError("cancelled", "no password was given");
  if (answer !== again) throw new KimberliteError("invalidArgument", "the two passwords differ");
  return answer;
}

async function firstLine({ stdin }: Surroundings): Promise<string> {
  const lines = createInterface({ input: stdin });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  throw new KimberliteError("invalidArgument", "standard input holds no password");
}

async function verifierOf({ surroundings }: Invocation<unknown>): Promise<string> {
  const password = surroundings.stdin.isTTY === true ? await askPassword() : await firstLine(surroundings);
  return formatVerifier(await scramVerifier(password));
}

const create = defineCommand({
  usage: "user create <name>",
  summary: "create a user",
  details: passwordWords,
  settings: ["connect"],
  flags: [
    ["--superuser", "may do everything, also create, change and drop users"],
    ...attributeFlags,
    tenantsFlag,
    ["--if-not-exists", "succeed when there is one of that name already"],
  ],
  shape: z.object({
    superuser: z.boolean().default(false),
    ...attributeShapes,
    tenants: tenantsShape,
    ifNotExists: z.boolean().default(false),
  }),
  examples: [
    ["kimberlite user create alice --tenants clinic", "asks for a password"],
    ["pass show alice | kimberlite user create alice", "takes it from another program"],
  ],
  run: async (invocation) => {
    const { superuser, tenants = null, ifNotExists, ...attributes } = invocation.options;
    const name = invocation.arguments[0];
    // Who cannot log in needs no password.
    const secret = attributes.login === false ? { noPassword: true } : { verifier: await verifierOf(invocation) };
    await withNode(invocation, async (node) => {
      const made = z
        .object({ created: z.boolean() })
        .parse(await node.admin("user.create", { ...attributes, ...secret, name, superuser, tenants, ifNotExists }));
      await invocation.output.result({ name, ...made }, () =>
        made.created ? `user ${name} was created` : `user ${name} exists already`,
      );
    });
    return 0;
  },
});

const list = defineCommand({
  usage: "user list",
  summary: "list the users",
  settings: ["connect"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite user list", "names, what they may do, when they were made"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const users: UserShape[] = [];
      for (;;) {
        const page = z.array(userShape).parse(await node.admin("user.list", { after: users.at(-1)?.name ?? "" }));
        users.push(...page);
        if (page.length < 1_000) break;
      }
      await invocation.output.table(
        users,
        ["name", "attributes", "member of", "tenants", "created"],
        users.map((user) => [
          user.name,
          attributesOf(user),
          user.memberOf.map(({ role, isAdmin }) => (isAdmin ? `${role} (admin)` : role)).join(", "),
          user.tenants?.join(", ") ?? "all",
          formatTime(user.createdTime),
        ]),
      );
      return 0;
    }),
});

const password = defineCommand({
  usage: "user password <name>",
  summary: "give a user another password",
  details: `${passwordWords} Sessions that are open go on.`,
  settings: ["connect"],
  flags: [],
  shape: z.object({}),
  examples: [["kimberlite user password admin", "asks for the new one"]],
  run: async (invocation) => {
    const name = invocation.arguments[0];
    const verifier = await verifierOf(invocation);
    await withNode(invocation, async (node) => {
      await node.admin("user.alter", { name, verifier });
      await invocation.output.result({ name, changed: true }, () => `user ${name} has a new password`);
    });
    return 0;
  },
});

const drop = defineCommand({
  usage: "user drop <name>",
  summary: "drop a user; sessions that are open go on",
  settings: ["connect"],
  flags: [["--if-exists", "succeed when there is none of that name"]],
  shape: z.object({ ifExists: z.boolean().default(false) }),
  examples: [["kimberlite user drop alice", "she cannot log in any more"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const name = invocation.arguments[0];
      const { ifExists } = invocation.options;
      const dropped = z.object({ dropped: z.boolean() }).parse(await node.admin("user.drop", { name, ifExists }));
      await invocation.output.result({ name, ...dropped }, () =>
        dropped.dropped ? `user ${name} was dropped` : `there is no user ${name}`,
      );
      return 0;
    }),
});

export const userCommands: readonly Subcommand[] = [create, list, alter, password, grantRole, revokeRole, drop];
