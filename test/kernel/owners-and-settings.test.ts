import test from "ava";
import {
  encodeDirectoryCreate,
  encodeDirectoryDrop,
  encodeDirectoryMoveBegin,
  encodeDirectoryOwner,
  encodeDirectoryQuota,
} from "../../runtime/kernel/codecs/control-requests.js";
import {
  encodeRoleMembers,
  encodeSettingChange,
  encodeUserCreate,
  encodeUserDrop,
  encodeUserRename,
} from "../../runtime/kernel/codecs/user-requests.js";
import { decided } from "../../runtime/kernel/decision.js";
import type { SettingChange } from "../../runtime/kernel/kept-settings.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { directoryById } from "../../runtime/kernel/read/directory.js";
import { StateReads } from "../../runtime/kernel/read/state-reads.js";
import { userNamed } from "../../runtime/kernel/read/users.js";
import { quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { noPassword, type User } from "../../runtime/kernel/user-rows.js";
import { dump, ShardTwin } from "./shard-twin.js";

const user: User = {
  isSuperuser: false,
  canLogin: true,
  inherits: true,
  canCreateRole: false,
  canCreateDatabase: false,
  validUntil: null,
  connectionLimit: null,
  tenants: null,
  ...noPassword,
};

class Rig {
  readonly shard = new ShardTwin();
  readonly reads = new StateReads(this.shard.state);

  user(name: string): void {
    this.shard.submit(requestKind.userCreate, (out) => encodeUserCreate(out, name, user, "new"));
  }

  tenant(name: string, owner = "") {
    return this.shard.submit(requestKind.directoryCreate, (out) =>
      encodeDirectoryCreate(out, name, 1, quotasDefault, false, owner),
    );
  }

  owner(tenant: number, owner: string) {
    return this.shard.submit(requestKind.directoryOwner, (out) => encodeDirectoryOwner(out, tenant, owner));
  }

  setting(role: string, change: SettingChange) {
    return this.shard.submit(requestKind.settingChange, (out) => encodeSettingChange(out, role, change));
  }
}

test("a tenant is somebody's, who is not dropped or renamed meanwhile; what else is changed of it stays as it was", (t) => {
  const rig = new Rig();
  const { shard, reads } = rig;
  t.is(rig.tenant("main", "ann").error?.code, "userUnknown");
  rig.user("ann");
  t.is(rig.tenant("main", "ann").outcome, decided.written);
  t.is(rig.tenant("plain").outcome, decided.written);
  t.like(directoryById(reads, 1), { name: "main", owner: "ann", settings: [] });
  t.like(directoryById(reads, 2), { name: "plain", owner: "" });
  const drop = () => shard.submit(requestKind.userDrop, (out) => encodeUserDrop(out, "ann"));
  const rename = () => shard.submit(requestKind.userRename, (out) => encodeUserRename(out, "ann", "eve"));
  t.like(drop().error, { code: "userInUse", detail: { uses: "owner of database main" } });
  t.is(rename().error?.code, "userInUse");
  t.is(rig.owner(2, "ann").outcome, decided.written);
  t.is(rig.owner(2, "ann").outcome, decided.answered, "it is so already");
  t.is(rig.owner(9, "ann").error?.code, "tenantUnknown");
  t.is(rig.owner(2, "nobody").error?.code, "userUnknown");
  shard.submit(requestKind.directoryQuota, (out) => encodeDirectoryQuota(out, 2, { ...quotasDefault, bytesMax: 5 }));
  shard.submit(requestKind.directoryMoveBegin, (out) => encodeDirectoryMoveBegin(out, 2, 3));
  t.is(rig.owner(2, "").outcome, decided.written, "while it moves, too");
  t.like(directoryById(reads, 2), { name: "plain", owner: "", targetShard: 3, quotas: { bytesMax: 5 } });
  shard.submit(requestKind.directoryDrop, (out) => encodeDirectoryDrop(out, 1));
  t.is(drop().outcome, decided.written, "a dropped tenant is nobody's");
  t.is(dump(shard.replay().state), dump(shard.state));
});

test("settings are kept of a role, of a tenant, and of a role in a tenant, in the order in which they were set", (t) => {
  const rig = new Rig();
  const { shard, reads } = rig;
  rig.user("ann");
  rig.tenant("main", "ann");
  const set = (tenant: number, name: string, value: string): SettingChange => ({ action: "set", tenant, name, value });
  t.is(rig.setting("ann", set(0, "work_mem", "4MB")).outcome, decided.written);
  t.is(rig.setting("ann", set(0, "work_mem", "4MB")).outcome, decided.answered);
  t.is(rig.setting("ann", set(1, "search_path", "a, public")).outcome, decided.written);
  t.is(rig.setting("ann", set(0, "TimeZone", "UTC")).outcome, decided.written);
  t.is(rig.setting("ann", set(0, "work_mem", "8MB")).outcome, decided.written);
  t.is(rig.setting("", set(1, "lock_timeout", "1s")).outcome, decided.written);
  t.deepEqual(userNamed(reads, "ann")?.settings, [
    { tenant: 0, name: "work_mem", value: "8MB" },
    { tenant: 1, name: "search_path", value: "a, public" },
    { tenant: 0, name: "TimeZone", value: "UTC" },
  ]);
  t.like(directoryById(reads, 1), { owner: "ann", settings: [{ tenant: 1, name: "lock_timeout", value: "1s" }] });
  shard.submit(requestKind.roleMembers, (out) =>
    encodeRoleMembers(out, { action: "grant", grantor: "ann", roles: ["pg_read_all_data"], members: ["ann"] }),
  );
  t.is(userNamed(reads, "ann")?.settings.length, 3, "what it is a member of is beside it");
  t.is(rig.setting("ann", { action: "reset", tenant: 0, name: "TimeZone" }).outcome, decided.written);
  t.is(rig.setting("ann", { action: "reset", tenant: 0, name: "TimeZone" }).outcome, decided.answered);
  t.is(rig.setting("ann", { action: "resetAll", tenant: 0 }).outcome, decided.written);
  t.deepEqual(
    userNamed(reads, "ann")?.settings.map(({ name }) => name),
    ["search_path"],
  );
  t.is(rig.setting("", { action: "resetAll", tenant: 1 }).outcome, decided.written);
  t.like(directoryById(reads, 1), { owner: "ann", settings: [] });
  t.is(rig.setting("nobody", set(0, "a", "b")).error?.code, "userUnknown");
  t.is(rig.setting("ann", set(9, "a", "b")).error?.code, "tenantUnknown");
  t.is(rig.setting("", set(0, "a", "b")).error?.code, "invalidArgument");
  t.is(rig.setting("ann", set(0, "", "b")).error?.code, "invalidArgument");
  for (let index = 0; index < 3; index++) rig.setting("ann", set(0, `long.${index}`, "x".repeat(15_000)));
  t.is(userNamed(reads, "ann")?.settings.length, 3, "there is a limit");
  t.is(dump(shard.replay().state), dump(shard.state));
});

test("PostgreSQL's own roles have members without having been made; who owns a tenant is granted to nobody", (t) => {
  const rig = new Rig();
  rig.user("ann");
  const grant = (role: string, member: string) =>
    rig.shard.submit(requestKind.roleMembers, (out) =>
      encodeRoleMembers(out, { action: "grant", grantor: "ann", roles: [role], members: [member] }),
    );
  t.is(grant("pg_monitor", "ann").outcome, decided.written);
  t.is(grant("pg_nonsense", "ann").error?.code, "userUnknown");
  t.is(grant("pg_database_owner", "ann").error?.code, "invalidArgument");
  t.is(grant("ann", "pg_monitor").error?.code, "userUnknown");
});
