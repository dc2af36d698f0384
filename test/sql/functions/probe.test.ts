import { test } from 'vitest';
import { readFileSync } from 'node:fs';
import { exceedsDigits, openPostgres, ours, theirs } from './postgres.ts';
import { rows, fields } from './samples.ts';
test('probe', async () => {
  const pg = await openPostgres();
  const t0 = Date.now();
  let bad = 0;
  for (const text of readFileSync(process.env.PROBE!, 'utf8').split('\n').filter((l) => l !== '')) {
    let a;
    try { a = ours(text); } catch (e) { console.log('CRASH', text, (e as Error).stack); continue; }
    const t = await theirs(pg, text);
    for (const k of ['interpreted', 'compiled'] as const) {
      const diffs = a[k].flatMap((x, i) => (x === t[i] || exceedsDigits(x, t[i]!) ? [] : [i]));
      if (k === 'compiled' && a.interpreted.every((x, i) => x === a.compiled[i])) continue;
      if (diffs.length > 0) { bad++; console.log(`${text} [${k}] ${diffs.length} differ: ` + diffs.slice(0, 3).map((i) => `ours ${a[k][i]} theirs ${t[i]} (${fields.map((f, c) => text.includes(f.name) ? `${f.name}=${rows[i]![c]}` : '').filter((x) => x).join(' ')})`).join('; ')); }
    }
  }
  console.log('differing', bad, Date.now() - t0, 'ms');
}, 300000);
