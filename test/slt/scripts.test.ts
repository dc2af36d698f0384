import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { openEngineInMemory } from '../engine/views/harness.ts';
import { readScript } from './records.ts';
import { dropAll, type Failure, runAsViews, runAsWritten } from './script.ts';

/**
 * Our own scripts, each query as it is written and as a view made before the rows. `onlyif query`
 * and `onlyif view` name the run that a record concerns.
 */
const folder = join(import.meta.dirname, '../scripts');

test.each(readdirSync(folder).filter((name) => name.endsWith('.slt')))('%s', async (name) => {
  const records = readScript(join(folder, name));
  const engine = await openEngineInMemory();
  try {
    const asWritten = await runAsWritten(engine, records, 'ours');
    await dropAll(engine);
    const asViews = await runAsViews(engine, records, 'ours');
    expect([...asWritten, ...asViews].map(lineOf)).toEqual([]);
  } finally {
    await engine.close();
  }
});

function lineOf({ record, as, reason }: Failure): string {
  return `${relative(folder, record.file)}:${record.line} as ${as}: ${reason}`;
}
