/** An object's list of privileges as the catalogs show it: an array of `aclitem`; NULL while it has none of its own. */
import { SqlArray } from "../../types/array.js";
import { typeOid } from "../../types/sql-type.js";
import { aclText, type Guarded } from "../privileges.js";

export const aclArray = ({ acl }: Guarded): SqlArray | null =>
  acl === undefined ? null : new SqlArray(typeOid.aclitem, acl.map(aclText));
