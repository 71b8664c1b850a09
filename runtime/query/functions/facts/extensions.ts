/**
 * Functions of extensions that are always there, as those of PostgreSQL are written in `procedures.ts`. They stand in the schema public, where
 * CREATE EXTENSION puts them: what a dump of PostgreSQL says of them holds here.
 */
export const extensionFacts = `
13100 public.uuid_nil() uuid f is
13101 public.uuid_ns_dns() uuid f is
13102 public.uuid_ns_url() uuid f is
13103 public.uuid_ns_oid() uuid f is
13104 public.uuid_ns_x500() uuid f is
13105 public.uuid_generate_v1() uuid f vs
13106 public.uuid_generate_v1mc() uuid f vs
13107 public.uuid_generate_v3(uuid,text) uuid f is in=namespace,name
13108 public.uuid_generate_v4() uuid f vs
13109 public.uuid_generate_v5(uuid,text) uuid f is in=namespace,name
`;
