import { expect, test } from 'vitest';
import { runCommandLine } from '../../../connectors/cli/program.ts';
import { ManualClock } from '../../../platform/manual-clock.ts';
import { MemoryFs } from '../../../platform/memory-fs.ts';
import { SeededRandom } from '../../../platform/seeded-random.ts';
import { MemoryKv } from '../../../storage/kv/memory-store.ts';
import { openStore } from '../../../storage/open-store.ts';
import { entryKinds } from '../../../storage/store.ts';
import { flip, segmentPaths } from '../../storage/segments.ts';
import { type TestContext, testContext } from './test-context.ts';

const directory = '/data';
const one = { topicId: 5, queueId: 2, kind: entryKinds.messages, count: 2, firstIdHash: 0 };

/** A closed data directory of three entries, and a command line for it. */
async function prepared(): Promise<TestContext> {
  const fs = new MemoryFs();
  const kv = new MemoryKv();
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const small = { segmentBytes: 4096, strideBytes: 1024 };
  const store = await openStore({ fs, kv, clock, random, directory, ...small });
  for (const text of ['a', 'b', 'c']) {
    await store.append({ ...one, body: Buffer.from(text), tagHash: 0 });
  }
  await store.close();
  return testContext({ fs, kv });
}

async function run(context: TestContext, ...args: string[]): Promise<number> {
  context.screen.output = '';
  context.screen.errors = '';
  return runCommandLine(context, '1.2.3', ['log', ...args, '--data', directory]);
}

test('verify of a sound log ends with 0, of a damaged one with 3, of none with 1', async () => {
  const context = await prepared();
  expect(await run(context, 'verify')).toBe(0);
  expect(context.screen.output).toBe(
    'Partition 0: 1 segments, 3 entries, 6 messages of 1 queues, positions 0 to 195, ' +
      'indexed to 195\nNo damage.\n',
  );
  const [path] = await segmentPaths(context.fs);
  await flip(context.fs, path!, 64 + 65 + 64);
  expect(await run(context, 'verify')).toBe(3);
  expect(context.screen.output).toContain(
    `DAMAGE: ${path} is damaged from byte 129 to 194 (65 bytes) [p0:65-130]\n`,
  );
  expect(context.screen.output).toContain('offsets 2 to 3 of topic 5, queue 2 are missing');
  expect(await run(context, 'verify', '--json')).toBe(3);
  const { findings } = JSON.parse(context.screen.output) as { findings: { kind: string }[] };
  expect(findings.map(({ kind }) => kind)).toEqual(['entries', 'offsets']);
  expect(await run(context, 'repair')).toBe(3);
  expect(context.screen.output).toContain('Nothing was repaired.\n');
  expect(await run(testContext(), 'verify')).toBe(1);
});

test('dump prints entries as a table or as JSON lines, by range', async () => {
  const context = await prepared();
  expect(await run(context, 'dump', '--offset', '2-4')).toBe(0);
  expect(context.screen.output).toBe(
    'position\tlength\tpartition\tsegment\tcommit\tkind\ttopic\tqueue\toffset\tcount\ttime\n' +
      '65\t65\t0\t1\t2\tmessages\t5\t2\t2\t2\t2023-11-14T22:13:20.000Z\n',
  );
  expect(await run(context, 'dump', '--json', '--body', '--position', '130-')).toBe(0);
  expect(JSON.parse(context.screen.output)).toMatchObject({
    position: 130,
    offset: 4,
    body: 'Yw==',
  });
  for (const wrong of ['5', '-', '4-2', 'x-y', '']) {
    expect(await run(context, 'dump', '--offset', wrong), wrong).toBe(2);
  }
});

test('repair says what it did', async () => {
  const context = await prepared();
  expect(await run(context, 'repair')).toBe(0);
  expect(context.screen.output).toContain('There was nothing to repair.\n');
  expect(await run(context, 'repair', '--rebuild-index')).toBe(0);
  expect(context.screen.output).toMatch(/^Done: built the index from the log again\n/);
  expect(context.screen.output).toContain('No damage.\n');
});
