/** Forms of statements, so that it can be counted which were written, and which of them did what they say. */
import type { Step } from "./queries.js";

const forms: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["column of an enum", /^(?:create|alter) table .*\bmood\b/u],
  ["column of a domain", /^(?:create|alter) table .*\b(?:amount|word)\b/u],
  ["ALTER TYPE", /^alter type/u],
  ["ALTER DOMAIN", /^alter domain/u],
  ["MERGE", /^merge/u],
  ["MERGE … UPDATE", /^merge.* then update/u],
  ["MERGE … DELETE", /^merge.* then delete/u],
  ["MERGE … INSERT", /^merge.* then insert/u],
  ["MERGE … DO NOTHING", /^merge.* then do nothing/u],
  ["ON CONFLICT", /^insert .* on conflict/u],
  ["INSERT", /^insert/u],
  ["UPDATE", /^update/u],
  ["DELETE", /^delete/u],
  ["WITH of a change", /^with d as \((?:update|delete)/u],
  ["COPY", /^copy/u],
  ["ALTER TABLE", /^alter table/u],
  ["CREATE VIEW", /^create view/u],
  ["CREATE INDEX", /^create (?:unique )?index/u],
  ["materialized view", /^(?:create|refresh) materialized view/u],
  ["row lock", /\bfor (?:update|no key update|share|key share)\b/u],
  ["time zone", /^set timezone/u],
  ["partial key", /^insert .* on conflict \([^)]*\) where/u],
  ["many rows", /^insert .* from generate_series/u],
  ["sequence", /\b(?:nextval|setval|alter sequence)\b/u],
  ["SELECT", /^(?:select|with (?!d as \((?:update|delete)))/u],
];

export const formNames: readonly string[] = forms.map(([name]) => name);

export function formsOf({ sql, via }: Step): readonly string[] {
  const names = forms.flatMap(([name, pattern]) => (pattern.test(sql) ? [name] : []));
  return via?.kind === "extended" ? [...names, "with parameters"] : names;
}
