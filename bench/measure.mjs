/**
 * Seconds of the first run of each of the two, and the median of five after each has run for `warmUp`
 * seconds: both are compiled then. The measured runs alternate, so that both meet the same machine.
 */
export async function against(ours, theirs, warmUp = 2) {
  const runs = [ours, theirs];
  const cold = [];
  for (const run of runs) cold.push(await seconds(run));
  for (const run of runs) for (let spent = 0; spent < warmUp; ) spent += await seconds(run);
  const times = runs.map(() => []);
  for (let i = 0; i < 5; i++)
    for (const [n, run] of runs.entries()) times[n].push(await seconds(run));
  return { cold, warm: times.map((some) => percentile(some, 0.5)) };
}

async function seconds(run) {
  globalThis.gc?.();
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

/** Median of the seconds that `run` takes, after one run to warm up. */
export async function medianSeconds(run, repeats = 3) {
  await run();
  const times = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await run();
    times.push((performance.now() - start) / 1000);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(repeats / 2)];
}

export function percentile(values, p) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
}

/** Rows of {name, value, unit, peer?, ratio?} as a table on stderr and JSON on stdout. */
export function report(rows) {
  for (const { name, value, unit, peer, ratio } of rows) {
    const against = peer === undefined ? '' : `  ${ratio.toFixed(2)} x ${peer}`;
    process.stderr.write(
      `${name.padEnd(44)} ${Math.round(value).toLocaleString('en').padStart(14)} ${unit}${against}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
}
