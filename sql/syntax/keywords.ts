/** PostgreSQL's keyword classes (its documentation, appendix C), as far as they decide a parse. */
const words = (text: string) => new Set(text.trim().split(/\s+/));

/** Never a name without quotes. */
export const reserved = words(`
  all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
  create current_catalog current_date current_role current_time current_timestamp current_user
  default deferrable desc distinct do else end except false fetch for foreign from grant group having
  in initially intersect into lateral leading limit localtime localtimestamp not null offset on only
  or order placing primary references returning select session_user some symmetric system_user table
  then to trailing true union unique user using variadic when where window with`);

/** Names of functions and types at most. */
export const functionOrType = words(`
  authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull
  join left like natural notnull outer overlaps right similar tablesample verbose`);

/** Names of columns and tables, but not of functions. */
export const columnNameOnly = words(`
  between bigint bit boolean char character coalesce dec decimal exists extract float greatest
  grouping inout int integer interval json json_array json_arrayagg json_exists json_object
  json_objectagg json_query json_scalar json_serialize json_table json_value least merge_action
  national nchar none normalize nullif numeric out overlay position precision real row setof smallint
  substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists
  xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`);

/** Words that a column alias needs AS for. */
export const needsAs = words(`
  array as char character create day except fetch filter for from grant group having hour intersect
  into isnull limit minute month notnull offset on order over overlaps precision returning second to
  union varying where window with within without year`);

/** Calls of functions without parentheses. */
export const valueWords = words(`
  current_catalog current_date current_role current_schema current_time current_timestamp
  current_user localtime localtimestamp session_user system_user user`);
