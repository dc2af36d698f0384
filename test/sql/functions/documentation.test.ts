import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { paramName } from '../../../sql/functions/function.ts';
import { parameterNames } from '../../../sql/functions/parameter-names.ts';
import { type FunctionGroup, functionGroups } from '../../../sql/functions/scalar.ts';
import type { ScalarSignature } from '../../../sql/functions/signature.ts';

/**
 * docs/functions.md is made from the table of functions. `UPDATE_DOCS=1 npx vitest run --project
 * unit test/sql/functions/documentation.test.ts` writes it; else it must be current.
 */
const path = new URL('../../../docs/functions.md', import.meta.url);

const shownNames: Readonly<Record<string, string>> = { negate: '-', plus: '+' };

function written({ name, args, variadic, result }: ScalarSignature): string {
  const types = args.map(paramName);
  const symbol = shownNames[name] ?? name;
  const isOperator = !/^[a-z_]/.test(symbol);
  if (isOperator && types.length === 2)
    return `${types[0]} ${symbol} ${types[1]} → ${paramName(result)}`;
  if (isOperator) return `${symbol} ${types[0]} → ${paramName(result)}`;
  if (variadic === true) types.push(`VARIADIC ${types.pop()}`);
  return `${symbol}(${types.join(', ')}) → ${paramName(result)}`;
}

function groupText({ title, source, functions }: FunctionGroup): string {
  const lines = functions.map(({ signature }) => {
    const marks = [
      ...(signature.strict ? [] : ['sees NULLs']),
      ...(signature.volatile ? ['volatile: refused in views'] : []),
    ];
    return `${written(signature)}${marks.length === 0 ? '' : `  -- ${marks.join(', ')}`}`;
  });
  return `## ${title}

${source}.

\`\`\`
${[...new Set(lines)].toSorted().join('\n')}
\`\`\`
`;
}

const callsByName = Object.entries(parameterNames)
  .flatMap(([name, lists]) => lists.map((list) => `${name}(${list.split(' ').join(', ')})`))
  .toSorted()
  .join('\n');

const document = `# Functions and operators

Made from the table in \`sql/functions/\` by \`test/sql/functions/documentation.test.ts\`: do not edit.
Each does what PostgreSQL's documentation says, and is compared with PostgreSQL on edge values.
A function gives NULL when an argument is NULL, unless it says "sees NULLs".

${functionGroups.map(groupText).join('\n')}
## SQL/JSON

PostgreSQL's documentation, sections 9.16.1, 9.16.3, 9.16.4 and 9.21, with all their clauses.

\`\`\`
JSON_VALUE(document, path PASSING ... RETURNING type ... ON EMPTY ... ON ERROR) → type, or text
JSON_QUERY(document, path PASSING ... RETURNING type WITH WRAPPER OMIT QUOTES ... ON EMPTY ... ON ERROR) → type, or jsonb
JSON_EXISTS(document, path PASSING ... ON ERROR) → boolean
JSON_OBJECT(key: value, ... ABSENT ON NULL WITH UNIQUE KEYS RETURNING type) → type, or jsonb
JSON_ARRAY(value, ... NULL ON NULL RETURNING type), JSON_ARRAY(query) → type, or jsonb
JSON(text WITH UNIQUE KEYS), JSON_SCALAR(value) → jsonb
JSON_SERIALIZE(document RETURNING type) → type, or text
JSON_OBJECTAGG(key: value ...), JSON_ARRAYAGG(value ORDER BY ... ...) → type, or jsonb
JSON_TABLE(document, path PASSING ... COLUMNS (name type PATH path ..., NESTED PATH path COLUMNS (...)) ... ON ERROR) in FROM
\`\`\`

The type json is jsonb. So what these make prints as jsonb does, also with RETURNING text or bytea:
\`{"a": 1}\` where PostgreSQL's json has \`{"a" : 1}\`, keys in jsonb's order, of equal keys the last,
and JSON_SERIALIZE does not keep the spaces of its text. A path is a text here, of any origin. The
rows of JSON_ARRAY(query) that are arrays must be of one length. Times among the variables of a path
are strings.

## Arguments by name

PostgreSQL's documentation, section 4.3: \`make_interval(days => 3)\`, also of own functions. What has
a default here may be left out before an argument by name.

\`\`\`
${callsByName}
\`\`\`
`;

test('docs/functions.md is current', () => {
  if (process.env.UPDATE_DOCS === '1') writeFileSync(path, document);
  expect(readFileSync(path, 'utf8')).toBe(document);
});

test('no two functions share an id or a name with its arguments', () => {
  const all = functionGroups.flatMap(({ functions }) =>
    functions.map(({ signature }) => signature),
  );
  const ids = all.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  const heads = all.map(({ name, args }) => `${name}(${args.map(paramName).join(', ')})`);
  expect(heads.filter((head, index) => heads.indexOf(head) !== index)).toEqual([]);
});
