import { expect, test } from 'vitest';
import { timestampToChar } from '../../../sql/functions/to-char.ts';

/** Every pattern that time of day decides, in both cases where PostgreSQL knows both. */
const formats =
  'HH24 HH12 HH hh24 MI mi SS SSSS SSSSS MS US FF1 FF2 FF3 FF4 FF5 FF6 AM PM am pm A.M. p.m. ' +
  'YYYY-MM-DD IYYY-IW-ID Day J Q FMDDth,HH24 DD"HH24"MI Month,D,SS.MS CC-WW-W AD,RM,TZ,OF';

test('a text that is remembered is the one that a format read anew gives', () => {
  const second = 1_000_000n;
  const steps = [1n, 10n, 999n, 100_000n, second - 1n, second, 60n * second, 3600n * second];
  const starts = [0n, 1_700_000_000_000_000n, -86_400n * second, -1n, 2n ** 53n - 5n, 2n ** 60n];
  let fresh = 0;
  for (const format of formats.split(' ')) {
    for (const start of starts) {
      for (const step of steps) {
        for (let n = -3n; n < 30n; n++) {
          const timestamp = start + n * step;
          const suffix = `#${fresh++}`;
          const anew = timestampToChar(timestamp, `${format}"${suffix}"`, '');
          expect(`${timestampToChar(timestamp, format, '')}${suffix}`, format).toBe(anew);
        }
      }
    }
  }
});

test('two formats and two zones in turns keep apart', () => {
  for (let n = 0n; n < 5n; n++) {
    const texts = [
      timestampToChar(n, 'YYYY TZ', 'UTC'),
      timestampToChar(n, 'YYYY TZ', ''),
      timestampToChar(n, 'US', ''),
    ];
    expect(texts).toEqual(['1970 UTC', '1970 ', `00000${n}`]);
  }
});
