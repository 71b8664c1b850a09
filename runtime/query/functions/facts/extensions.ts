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
13110 public.armor(bytea) text f is
13111 public.armor(bytea,_text,_text) text f is
13112 public.crypt(text,text) text f is
13113 public.dearmor(text) bytea f is
13114 public.decrypt(bytea,bytea,text) bytea f is
13115 public.decrypt_iv(bytea,bytea,bytea,text) bytea f is
13116 public.digest(bytea,text) bytea f is
13117 public.digest(text,text) bytea f is
13118 public.encrypt(bytea,bytea,text) bytea f is
13119 public.encrypt_iv(bytea,bytea,bytea,text) bytea f is
13120 public.gen_random_bytes(int4) bytea f vs
13121 public.gen_salt(text) text f vs
13122 public.gen_salt(text,int4) text f vs
13123 public.hmac(bytea,bytea,text) bytea f is
13124 public.hmac(text,text,text) bytea f is
13125 public.pgp_key_id(bytea) text f is
13126 public.pgp_pub_decrypt(bytea,bytea) text f is
13127 public.pgp_pub_decrypt(bytea,bytea,text) text f is
13128 public.pgp_pub_decrypt(bytea,bytea,text,text) text f is
13129 public.pgp_pub_decrypt_bytea(bytea,bytea) bytea f is
13130 public.pgp_pub_decrypt_bytea(bytea,bytea,text) bytea f is
13131 public.pgp_pub_decrypt_bytea(bytea,bytea,text,text) bytea f is
13132 public.pgp_pub_encrypt(text,bytea) bytea f vs
13133 public.pgp_pub_encrypt(text,bytea,text) bytea f vs
13134 public.pgp_pub_encrypt_bytea(bytea,bytea) bytea f vs
13135 public.pgp_pub_encrypt_bytea(bytea,bytea,text) bytea f vs
13136 public.pgp_sym_decrypt(bytea,text) text f is
13137 public.pgp_sym_decrypt(bytea,text,text) text f is
13138 public.pgp_sym_decrypt_bytea(bytea,text) bytea f is
13139 public.pgp_sym_decrypt_bytea(bytea,text,text) bytea f is
13140 public.pgp_sym_encrypt(text,text) bytea f vs
13141 public.pgp_sym_encrypt(text,text,text) bytea f vs
13142 public.pgp_sym_encrypt_bytea(bytea,text) bytea f vs
13143 public.pgp_sym_encrypt_bytea(bytea,text,text) bytea f vs
`;
