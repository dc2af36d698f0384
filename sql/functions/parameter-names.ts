import type { Expression } from '../syntax/ast.ts';

/**
 * Names of parameters, for calls that write `name => value`: those of PostgreSQL's catalogue
 * (pg_proc.proargnames of version 18). A list is of one overload; "=" gives the default, which
 * stands in where a parameter before a named one is left out.
 */
export const parameterNames: Readonly<Record<string, readonly string[]>> = {
  make_date: ['year month day'],
  make_interval: ['years=0 months=0 weeks=0 days=0 hours=0 mins=0 secs=0'],
  make_time: ['hour min sec'],
  make_timestamp: ['year month mday hour min sec'],
  make_timestamptz: ['year month mday hour min sec timezone'],
  jsonb_insert: ['jsonb_in path replacement insert_after'],
  jsonb_path_exists: ['target path vars={} silent'],
  jsonb_path_match: ['target path vars={} silent'],
  jsonb_path_query: ['target path vars={} silent'],
  jsonb_path_query_array: ['target path vars={} silent'],
  jsonb_path_query_first: ['target path vars={} silent'],
  jsonb_set: ['jsonb_in path replacement create_if_missing'],
  jsonb_set_lax: ['jsonb_in path replacement create_if_missing=true null_value_treatment'],
  jsonb_strip_nulls: ['target strip_in_arrays'],
  regexp_count: ['string pattern start flags'],
  regexp_instr: ['string pattern start N endoption flags subexpr'],
  regexp_like: ['string pattern flags'],
  regexp_match: ['string pattern flags'],
  regexp_matches: ['string pattern flags'],
  regexp_replace: ['string pattern replacement flags', 'string pattern replacement start N flags'],
  regexp_split_to_array: ['string pattern flags'],
  regexp_split_to_table: ['string pattern flags'],
  regexp_substr: ['string pattern start N flags subexpr'],
};

export interface Parameter {
  readonly name: string;
  readonly byDefault?: Expression;
}

/** The parameters of each overload; `undefined` for a function whose parameters have no names. */
export function parameterLists(name: string): readonly (readonly Parameter[])[] | undefined {
  if (!Object.hasOwn(parameterNames, name)) return undefined;
  return parameterNames[name]!.map((list) => list.split(' ').map(parameter));
}

function parameter(written: string): Parameter {
  const [name = '', value] = written.split('=');
  if (value === undefined) return { name };
  const span = { start: 0, end: 0 };
  const literal =
    value === '0'
      ? ({ type: 'integer', text: '0' } as const)
      : ({ type: 'string', value } as const);
  return { name, byDefault: { kind: 'literal', literal, span } };
}
