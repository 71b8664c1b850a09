/** Which command is which: the one place that maps kinds to `decide…` and `apply…`. */
import { AssertionFailed } from "../../types/assert.js";
import type { Draft } from "../draft.js";
import { requestKind } from "../kinds.js";
import type { Step } from "../step.js";
import { decideAppend } from "./append.js";
import {
  applyDirectoryCreate,
  applyDirectoryDrop,
  applyDirectoryMoveAbort,
  applyDirectoryMoveBegin,
  applyDirectoryMoveCommit,
  applyDirectoryOwner,
  applyDirectoryQuota,
  decideDirectoryCreate,
  decideDirectoryDrop,
  decideDirectoryMoveAbort,
  decideDirectoryMoveBegin,
  decideDirectoryMoveCommit,
  decideDirectoryOwner,
  decideDirectoryQuota,
} from "./directory.js";
import { applyGroupCreate, applyGroupDelete, decideGroupCreate, decideGroupDelete } from "./group.js";
import { applyGroupAck, decideGroupAck } from "./group-ack.js";
import { applyRoleMembers, applyUserRename, decideRoleMembers, decideUserRename } from "./role.js";
import { applySessionClose, applySessionOpen, decideSessionClose, decideSessionOpen } from "./session.js";
import { applySettingChange, decideSettingChange } from "./setting.js";
import { applySqlCommit, decideSqlCommit } from "./sql-commit.js";
import { applySqlStage, decideSqlStage } from "./sql-stage.js";
import { applyStreamCreate, decideStreamCreate } from "./stream-create.js";
import {
  applyTenantActivate,
  applyTenantAdopt,
  applyTenantFence,
  applyTenantQuota,
  applyTenantUnfence,
  decideTenantActivate,
  decideTenantAdopt,
  decideTenantFence,
  decideTenantQuota,
  decideTenantUnfence,
} from "./tenant-control.js";
import { applyTenantImport, decideTenantImport } from "./tenant-import.js";
import { applyTenantRelease, decideTenantRelease } from "./tenant-release.js";
import {
  applyUserAlter,
  applyUserCreate,
  applyUserDrop,
  decideUserAlter,
  decideUserCreate,
  decideUserDrop,
} from "./user.js";

export function decideCommand(draft: Draft): void {
  switch (draft.request.kind) {
    case requestKind.append:
      return decideAppend(draft);
    case requestKind.streamCreate:
      return decideStreamCreate(draft);
    case requestKind.groupCreate:
      return decideGroupCreate(draft);
    case requestKind.groupDelete:
      return decideGroupDelete(draft);
    case requestKind.groupAck:
      return decideGroupAck(draft);
    case requestKind.sessionOpen:
      return decideSessionOpen(draft);
    case requestKind.sessionClose:
      return decideSessionClose(draft);
    case requestKind.sqlCommit:
      return decideSqlCommit(draft);
    case requestKind.sqlStage:
      return decideSqlStage(draft);
    case requestKind.tenantAdopt:
      return decideTenantAdopt(draft);
    case requestKind.tenantFence:
      return decideTenantFence(draft);
    case requestKind.tenantUnfence:
      return decideTenantUnfence(draft);
    case requestKind.tenantRelease:
      return decideTenantRelease(draft);
    case requestKind.tenantQuota:
      return decideTenantQuota(draft);
    case requestKind.tenantImport:
      return decideTenantImport(draft);
    case requestKind.tenantActivate:
      return decideTenantActivate(draft);
    case requestKind.directoryCreate:
      return decideDirectoryCreate(draft);
    case requestKind.directoryDrop:
      return decideDirectoryDrop(draft);
    case requestKind.directoryMoveBegin:
      return decideDirectoryMoveBegin(draft);
    case requestKind.directoryMoveCommit:
      return decideDirectoryMoveCommit(draft);
    case requestKind.directoryMoveAbort:
      return decideDirectoryMoveAbort(draft);
    case requestKind.directoryQuota:
      return decideDirectoryQuota(draft);
    case requestKind.userCreate:
      return decideUserCreate(draft);
    case requestKind.userAlter:
      return decideUserAlter(draft);
    case requestKind.userDrop:
      return decideUserDrop(draft);
    case requestKind.roleMembers:
      return decideRoleMembers(draft);
    case requestKind.userRename:
      return decideUserRename(draft);
    case requestKind.directoryOwner:
      return decideDirectoryOwner(draft);
    case requestKind.settingChange:
      return decideSettingChange(draft);
    default:
      return draft.refuse("notSupported", `requests of kind ${draft.request.kind} are not writes`);
  }
}

/** Appends are not among them: they go another way, past the trees (`working-state.ts`). */
export function applyCommand(step: Step): void {
  switch (step.record.kind) {
    case requestKind.streamCreate:
      return applyStreamCreate(step);
    case requestKind.groupCreate:
      return applyGroupCreate(step);
    case requestKind.groupDelete:
      return applyGroupDelete(step);
    case requestKind.groupAck:
      return applyGroupAck(step);
    case requestKind.sessionOpen:
      return applySessionOpen(step);
    case requestKind.sessionClose:
      return applySessionClose(step);
    case requestKind.sqlCommit:
      return applySqlCommit(step);
    case requestKind.sqlStage:
      return applySqlStage(step);
    case requestKind.tenantAdopt:
      return applyTenantAdopt(step);
    case requestKind.tenantFence:
      return applyTenantFence(step);
    case requestKind.tenantUnfence:
      return applyTenantUnfence(step);
    case requestKind.tenantRelease:
      return applyTenantRelease(step);
    case requestKind.tenantQuota:
      return applyTenantQuota(step);
    case requestKind.tenantImport:
      return applyTenantImport(step);
    case requestKind.tenantActivate:
      return applyTenantActivate(step);
    case requestKind.directoryCreate:
      return applyDirectoryCreate(step);
    case requestKind.directoryDrop:
      return applyDirectoryDrop(step);
    case requestKind.directoryMoveBegin:
      return applyDirectoryMoveBegin(step);
    case requestKind.directoryMoveCommit:
      return applyDirectoryMoveCommit(step);
    case requestKind.directoryMoveAbort:
      return applyDirectoryMoveAbort(step);
    case requestKind.directoryQuota:
      return applyDirectoryQuota(step);
    case requestKind.userCreate:
      return applyUserCreate(step);
    case requestKind.userAlter:
      return applyUserAlter(step);
    case requestKind.userDrop:
      return applyUserDrop(step);
    case requestKind.roleMembers:
      return applyRoleMembers(step);
    case requestKind.userRename:
      return applyUserRename(step);
    case requestKind.directoryOwner:
      return applyDirectoryOwner(step);
    case requestKind.settingChange:
      return applySettingChange(step);
    default:
      throw new AssertionFailed("a record's kind is one that this program applies");
  }
}
