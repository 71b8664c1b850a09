/**
 * A new role with memberships while nodes of a cluster are being upgraded: where one record of both could not be applied by all, or the directory
 * that is asked knows of none, the memberships come in commands of their own, as they did before.
 */
import test from "ava";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { listUsers } from "../../runtime/kernel/read/users.js";
import { RecordView } from "../../runtime/kernel/record.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { RoleRig } from "./role-rig.js";

const verifier = `SCRAM-SHA-256$4096:${Buffer.alloc(16, 1).toString("base64")}$${Buffer.alloc(32, 2).toString("base64")}:${Buffer.alloc(32, 3).toString("base64")}`;
const statement = "CREATE ROLE made IN ROLE a ROLE b ADMIN c";

async function begun(): Promise<RoleRig> {
  const rig = new RoleRig();
  await rig.administer("user.create", { name: "admin", superuser: true, verifier });
  const admin = rig.session("admin");
  for (const name of ["a", "b", "c"]) await admin.run(`CREATE ROLE ${name}`);
  return rig;
}

/** Who is a member of what, as all replicas have it. */
const memberships = (rig: RoleRig): readonly string[] =>
  listUsers(new StateReads(rig.system.state), "", 100).flatMap(({ name, memberOf }) =>
    memberOf.map(({ role, isAdmin, grantor }) => `${name} in ${role}${isAdmin ? "*" : ""} by ${grantor}`),
  );

/** Kinds of the records that were written since. */
function recordsSince(rig: RoleRig, from: number): readonly number[] {
  const record = new RecordView();
  return rig.system.log.slice(from).map(({ bytes }) => {
    record.open(bytes, new DataView(bytes.buffer), 0, bytes.length);
    return record.kind;
  });
}

const ways: Readonly<Record<string, (rig: RoleRig) => void>> = {
  "while a node does not know the record": (rig) => {
    rig.areFormsKnown = false;
  },
  "by a directory of before": (rig) => {
    rig.around = async (method, params, ask) => {
      if (method !== "user.create") return ask(params);
      const { name } = params;
      await ask({ ...params, grants: [] });
      return { name, created: true };
    };
  },
};

test("where all nodes know it, a role and its memberships are one record", async (t) => {
  const rig = await begun();
  const before = rig.system.log.length;
  t.like(await rig.session("admin").run(statement), { kind: "rows", tag: "CREATE ROLE" });
  t.deepEqual(recordsSince(rig, before), [requestKind.userCreate]);
  t.deepEqual(memberships(rig), ["b in made by admin", "c in made* by admin", "made in a by admin"]);
});

for (const [name, prepare] of Object.entries(ways)) {
  test(`${name}, they are several, each of a form that all know, and come to the same`, async (t) => {
    const rig = await begun();
    prepare(rig);
    const before = rig.system.log.length;
    t.like(await rig.session("admin").run(statement), { kind: "rows", tag: "CREATE ROLE" });
    const { userCreate, roleMembers } = requestKind;
    t.deepEqual(recordsSince(rig, before), [userCreate, roleMembers, roleMembers, roleMembers]);
    t.deepEqual(memberships(rig), ["b in made by admin", "c in made* by admin", "made in a by admin"]);
  });

  test(`${name}, a role that may not have them is not there`, async (t) => {
    const rig = await begun();
    prepare(rig);
    const { around } = rig;
    let grants = 0;
    rig.around = (method, params, ask) => {
      if (method === "user.members") grants += 1;
      if (method === "user.members" && grants === 2) return Promise.reject(new KimberliteError("userUnknown", '"b"'));
      return around(method, params, ask);
    };
    await t.throwsAsync(rig.session("admin").run(statement), { code: "userUnknown" });
    t.deepEqual(memberships(rig), []);
    t.false(listUsers(new StateReads(rig.system.state), "", 100).some((user) => user.name === "made"));
  });
}

test("what sessions begin with is not changed while a node could not apply it", async (t) => {
  const rig = await begun();
  const change = { role: "a", action: "set", name: "work_mem", value: "1MB" };
  rig.areFormsKnown = false;
  await t.throwsAsync(rig.administer("user.setting", change), { code: "shardUnavailable" });
  const settings = () =>
    listUsers(new StateReads(rig.system.state), "", 100).find(({ name }) => name === "a")?.settings;
  t.deepEqual(settings(), []);
  rig.areFormsKnown = true;
  t.deepEqual(await rig.administer("user.setting", change), { changed: 1 });
  t.deepEqual(settings(), [{ tenant: 0, name: "work_mem", value: "1MB" }]);
});
