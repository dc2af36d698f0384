import { FlightSQLClient } from '@gizmodata/gizmosql-client';
import { createFlightSqlClient, type FlightSqlClient } from '@lakehouse-rs/flight-sql-client';
import { type Table, tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MillraceError } from '../../../platform/errors.ts';
import type { Batch } from '../../../sql/columns/batch.ts';
import { batchOf } from '../../../sql/columns/builder.ts';
import type { Field } from '../../../sql/columns/types.ts';
import { type FlightHost, startFlight } from './flight-host.ts';

const fields: Field[] = [
  { name: 'id', type: { kind: 'bigint' }, nullable: false },
  { name: 'name', type: { kind: 'text' }, nullable: true },
];
const rowCount = 100_000;
const batchRows = 8192;

let host: FlightHost;
let gizmo: FlightSQLClient;
let rust: FlightSqlClient;

beforeAll(async () => {
  host = await startFlight();
  host.sql.queries.set('SELECT many', { fields, batches: manyBatches() });
  host.sql.queries.set('SELECT none', { fields, batches: [] });
  const at = { host: '127.0.0.1', port: host.port };
  const user = { username: 'anyone', password: 'anything' };
  gizmo = new FlightSQLClient({ ...at, ...user, plaintext: true });
  await gizmo.connect();
  rust = await createFlightSqlClient({ ...at, ...user, tls: false, headers: [] });
});
afterAll(async () => {
  await gizmo.close();
  host.stop();
});

function manyBatches(): Batch[] {
  const batches: Batch[] = [];
  for (let from = 0; from < rowCount; from += batchRows) {
    const count = Math.min(batchRows, rowCount - from);
    const rows = Array.from({ length: count }, (_, index) => [
      BigInt(from + index),
      (from + index) % 10 === 0 ? null : `név ${from + index}`,
    ]);
    batches.push(batchOf(fields, rows));
  }
  return batches;
}

function expectMany(table: Table): void {
  expect(table.numRows).toBe(rowCount);
  const names = table.getChild('name')!;
  expect(names.nullCount).toBe(rowCount / 10);
  expect([names.get(0), names.get(99_999)]).toEqual([null, 'név 99999']);
  let sum = 0n;
  for (const id of table.getChild('id')!) sum += id;
  expect(sum).toBe((BigInt(rowCount) * BigInt(rowCount - 1)) / 2n);
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => String(error),
  );
}

describe('gizmosql (JavaScript)', () => {
  test('reads rows', async () => {
    expectMany(await gizmo.execute('SELECT many'));
    expect((await gizmo.execute('SELECT none')).numRows).toBe(0);
  });

  test('a DDL statement sent as a query runs once', async () => {
    expect((await gizmo.execute('CREATE TABLE by_gizmo')).numRows).toBe(0);
    expect(host.sql.executed.filter((text) => text.includes('by_gizmo'))).toHaveLength(1);
    const twice = await messageOf(gizmo.execute('CREATE TABLE by_gizmo'));
    expect(twice).toContain('already exists');
  });

  test('errors', async () => {
    expect(await messageOf(gizmo.execute('SELEKT 1'))).toContain('syntax error at or near "SELE"');
    host.sql.queries.set('SELECT failing', {
      fields,
      async *batches() {
        yield* manyBatches().slice(0, 2);
        throw new MillraceError('SQL_RUNTIME', 'division by zero');
      },
    });
    expect(await messageOf(gizmo.execute('SELECT failing'))).toContain('division by zero');
  });

  test('the catalogue', async () => {
    await gizmo.execute('CREATE TABLE cat_a');
    await gizmo.execute('CREATE TABLE catXa');
    const named = async (pattern?: string, types?: string[]): Promise<string[]> =>
      (await gizmo.getTables(undefined, undefined, pattern, types)).map((t) => t.tableName);
    expect(await named('cat_a')).toEqual(['catXa', 'cat_a']);
    expect(await named('cat\\_a')).toEqual(['cat_a']);
    expect(await named('cat%', ['VIEW'])).toEqual([]);
    expect(await named('cat%', ['BASE TABLE'])).toHaveLength(2);
    expect(await gizmo.getCatalogs()).toEqual(['millrace']);
    expect(await gizmo.getSchemas()).toEqual([{ catalog: 'millrace', schema: 'public' }]);
    expect(await gizmo.getTableTypes()).toContain('MATERIALIZED VIEW');
  });

  test('properties of the server', async () => {
    const all = await gizmo.getSqlInfo();
    expect([all.get(0), all.get(4), all.get(8), all.get(504)]).toEqual(['Millrace', true, 0, '"']);
    expect([...(await gizmo.getSqlInfo([504, 99_999])).keys()]).toEqual([504]);
  });
});

describe('flight-sql-client (Rust)', () => {
  test('reads rows', async () => {
    expectMany(tableFromIPC(await rust.query('SELECT many')));
    expect(tableFromIPC(await rust.query('SELECT none')).schema.fields).toHaveLength(2);
  });

  test('a DDL statement runs once', async () => {
    await rust.query('CREATE TABLE by_rust');
    expect(host.sql.executed.filter((text) => text.includes('by_rust'))).toHaveLength(1);
  });

  test('errors', async () => {
    // The client keeps the server's message to itself.
    expect(await messageOf(rust.query('SELEKT 1'))).toContain('failed to prepare statement');
    await rust.query('SELECT none');
  });

  test('the catalogue, with the schema of each table', async () => {
    await rust.query('CREATE TABLE described');
    const options = { tableNameFilterPattern: 'described', includeSchema: true };
    const [row] = [...tableFromIPC(await rust.getTables(options))];
    const { table_schema: schema, ...rest } = row!.toJSON();
    expect(rest).toEqual({
      catalog_name: 'millrace',
      db_schema_name: 'public',
      table_name: 'described',
      table_type: 'TABLE',
    });
    const { fields: columns } = tableFromIPC(schema as Uint8Array).schema;
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'id Int64',
      'amount Decimal[10e+2]',
    ]);
    expect(tableFromIPC(await rust.getCatalogs()).numRows).toBe(1);
    const schemas = await rust.getDbSchemas({ dbSchemaFilterPattern: 'p%' });
    expect(tableFromIPC(schemas).numRows).toBe(1);
    expect(tableFromIPC(await rust.getDbSchemas({ catalog: '' })).numRows).toBe(0);
  });
});
