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
