/** A list of privileges, an object's or a column's, as the catalogs show it: an array of `aclitem`; NULL while it has none of its own. */
import { SqlArray } from "../../types/array.js";
import { typeOid } from "../../types/sql-type.js";
import { type Acl, aclText } from "../privileges.js";

export const aclArray = ({ acl }: { readonly acl?: Acl }): SqlArray | null =>
  acl === undefined ? null : new SqlArray(typeOid.aclitem, acl.map(aclText));
