/** `kimberlite user alter`, `grant` and `revoke`: what a user may do and is a member of. A change is in force on every node once it is answered. */
import { z } from "zod";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { commaList, defineCommand, readBy, type Subcommand } from "../command.js";
import { withNode } from "../with-node.js";

export const tenantsFlag = [
  "--tenants <names>",
  "only these tenants, with commas between them (default: all)",
] as const;
const names = commaList((name) => name);
export const tenantsShape = names.optional();

const yesOrNo = z
  .enum(["yes", "no"], { message: "must be yes or no" })
  .transform((word) => word === "yes")
  .optional();

/** A moment in µs since 1970; -1: never. */
const moment = readBy((text) => {
  if (text === "never") return -1;
  const time = Date.parse(text);
  if (Number.isNaN(time) || time < 1) throw new Error("must be a time as in 2027-01-31T12:00Z, or never");
  return time * 1_000;
});

const limit = readBy((text) => {
  if (text === "none") return -1;
  if (!/^\d{1,9}$/.test(text)) throw new Error("must be a whole number, or none");
  return Number(text);
});

export const attributeFlags: readonly (readonly [string, string])[] = [
  ["--login <yes|no>", "may log in (default: yes); who may not is a group of others"],
  ["--inherit <yes|no>", "has the privileges of roles that it is a member of without SET ROLE (default: yes)"],
  ["--create-role <yes|no>", "may make and change other users"],
  ["--create-database <yes|no>", "may make databases, which are tenants"],
  ["--valid-until <time>", "when its password stops being good, or never"],
  ["--connection-limit <n>", "sessions of the PostgreSQL protocol at a time with each gateway, or none"],
];

export const attributeShapes = {
  login: yesOrNo,
  inherit: yesOrNo,
  createRole: yesOrNo,
  createDatabase: yesOrNo,
  validUntil: moment.optional(),
  connectionLimit: limit.optional(),
};

export const alter: Subcommand = defineCommand({
  usage: "user alter <name>",
  summary: "change what a user may do",
  details: "What is not named stays as it is. Sessions that are open go on; what they may do is as it is said now.",
  settings: ["connect"],
  flags: [
    ["--superuser <yes|no>", "may do everything"],
    ...attributeFlags,
    ["--tenants <names>", "only these tenants, with commas between them; all: every tenant"],
  ],
  shape: z.object({ superuser: yesOrNo, ...attributeShapes, tenants: tenantsShape }),
  examples: [
    ["kimberlite user alter alice --connection-limit 5 --valid-until 2027-01-31", "both are in force at once"],
    ["kimberlite user alter alice --login no", "she cannot log in any more"],
  ],
  run: async (invocation) => {
    const { tenants, ...others } = invocation.options;
    const name = invocation.arguments[0];
    const ofTenants = tenants === undefined ? {} : { tenants: tenants.join() === "all" ? null : tenants };
    const wish = { ...others, ...ofTenants };
    if (Object.values(wish).every((value) => value === undefined))
      throw new KimberliteError("invalidArgument", "nothing was said that is to be changed");
    await withNode(invocation, async (node) => {
      await node.admin("user.alter", { ...wish, name });
      await invocation.output.result({ name, changed: true }, () => `user ${name} was changed`);
    });
    return 0;
  },
});

const changed = z.object({ changed: z.number() });

export const grantRole: Subcommand = defineCommand({
  usage: "user grant <role>",
  summary: "let users into a role: they have its privileges",
  settings: ["connect"],
  flags: [
    ["--to <names>", "users, with commas between them"],
    ["--admin", "they may let others in, too"],
  ],
  shape: z.object({ to: names, admin: z.boolean().default(false) }),
  examples: [["kimberlite user grant readers --to alice,bob", "what is granted to readers is theirs"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const { to: members, admin } = invocation.options;
      const [role = ""] = invocation.arguments;
      const params = { action: admin ? "grantAdmin" : "grant", roles: [role], members };
      const made = changed.parse(await node.admin("user.members", params));
      await invocation.output.result({ role, ...made }, () => `${made.changed} memberships of ${role} were granted`);
      return 0;
    }),
});

export const revokeRole: Subcommand = defineCommand({
  usage: "user revoke <role>",
  summary: "put users out of a role",
  settings: ["connect"],
  flags: [
    ["--from <names>", "users, with commas between them"],
    ["--admin", "only that they may let others in"],
  ],
  shape: z.object({ from: names, admin: z.boolean().default(false) }),
  examples: [["kimberlite user revoke readers --from bob", "he has lost what was granted to readers"]],
  run: (invocation) =>
    withNode(invocation, async (node) => {
      const { from: members, admin } = invocation.options;
      const [role = ""] = invocation.arguments;
      const params = { action: admin ? "revokeAdmin" : "revoke", roles: [role], members };
      const made = changed.parse(await node.admin("user.members", params));
      await invocation.output.result({ role, ...made }, () => `${made.changed} memberships of ${role} were revoked`);
      return 0;
    }),
});
