import type { Relation } from '../../sql/analyze/catalog.ts';
import { checkExprs, generatedValues } from '../../sql/analyze/dml.ts';
import { compileMap, type MapResult } from '../../sql/codegen/compile-map.ts';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { ColumnBuilder } from '../../sql/columns/builder.ts';
import { gatherBatch } from '../../sql/columns/gather.ts';
import { valueAt } from '../../sql/columns/read.ts';
import type { Expr } from '../../sql/plan/expr.ts';
import { columnExpr } from '../../sql/plan/expr-tools.ts';
import { newContext } from '../../sql/plan/planner.ts';
import type { UndecodableMessage } from '../formats/json-decoder.ts';
import type { MessageBlock } from '../formats/message-block.ts';
import { metadataColumn } from '../formats/metadata.ts';

/**
 * From the columns of the messages' bodies to whole rows: metadata and generated columns join
 * them, and rows that fail a generated column or a CHECK are told apart.
 */
export class TopicRows {
  /** Columns that the bodies hold. */
  readonly bodyColumns: Relation['columns'];
  /** More of the messages than their bodies is needed. */
  readonly readsMetadata: boolean;
  readonly #relation: Relation;
  readonly #topic: string;
  readonly #generate: ((batch: Batch) => MapResult) | undefined;
  readonly #checks: readonly {
    readonly name: string;
    readonly test: (batch: Batch) => MapResult;
  }[];

  constructor(relation: Relation, sql: string, topic: string) {
    this.#relation = relation;
    this.#topic = topic;
    this.bodyColumns = relation.columns.filter(isInBody);
    this.readsMetadata = relation.columns.some(({ metadata }) => metadata !== undefined);
    const context = newContext({ catalog: { find: () => undefined, names: () => [] }, text: sql });
    const generated = generatedValues(context, relation);
    const width = relation.columns.length;
    if (generated.size > 0) {
      const outputs = relation.columns.map(
        ({ type }, index): Expr => generated.get(index) ?? columnExpr(index, type),
      );
      outputs.push(columnExpr(width, { kind: 'integer' }));
      this.#generate = compileMap({ outputs }, 'collect', sql);
    }
    this.#checks = checkExprs(context, relation).map(({ name, expr }) => ({
      name,
      test: compileMap({ outputs: [expr, columnExpr(width, { kind: 'integer' })] }, 'collect', sql),
    }));
  }

  /** `rows`: the decodable messages of the block, in order. */
  complete(
    rows: Batch,
    block: MessageBlock,
    undecodable: readonly UndecodableMessage[],
  ): { readonly batch: Batch; readonly undecodable: readonly UndecodableMessage[] } {
    const { columns } = this.#relation;
    const isPlain = this.bodyColumns.length === columns.length && this.#checks.length === 0;
    if (isPlain) return { batch: rows, undecodable };
    const messages = decodedMessages(block.count, undecodable);
    let body = 0;
    const whole = columns.map((column): Column => {
      if (isInBody(column)) return rows.columns[body++]!;
      if (column.metadata === undefined) return nullColumn(column.type, rows.rowCount);
      return metadataColumn(column.metadata, this.#topic, block, messages);
    });
    const index: Column = {
      layout: 'i32',
      type: { kind: 'integer' },
      nulls: undefined,
      values: messages,
    };
    const failed = new Map<number, string>();
    let batch: Batch = { ...rows, columns: [...whole, index] };
    if (this.#generate !== undefined) {
      const result = this.#generate(batch);
      for (const { row, error } of result.errors) failed.set(messages[row]!, error.message);
      batch = result.batch;
    }
    for (const { name, test } of this.#checks) {
      const numbers = batch.columns.at(-1)!;
      const { batch: verdicts, errors } = test(batch);
      for (const { row, error } of errors) {
        failed.set(valueAt(numbers, row) as number, error.message);
      }
      for (let row = 0; row < verdicts.rowCount; row++) {
        if (valueAt(verdicts.columns[0]!, row) !== false) continue;
        const message = valueAt(verdicts.columns[1]!, row) as number;
        if (!failed.has(message)) failed.set(message, violation(this.#relation.name, name));
      }
    }
    return {
      batch: without(batch, failed, columns.length),
      undecodable: [
        ...undecodable,
        ...[...failed].map(([message, reason]) => ({ index: message, reason })),
      ],
    };
  }
}

export function violation(table: string, check: string): string {
  return `new row for relation "${table}" violates check constraint "${check}"`;
}

function isInBody({ generated, metadata }: Relation['columns'][number]): boolean {
  return generated === undefined && metadata === undefined;
}

/** Numbers of the messages that are rows, in order. */
export function decodedMessages(
  count: number,
  undecodable: readonly UndecodableMessage[],
): Int32Array {
  const bad = new Set(undecodable.map(({ index }) => index));
  const messages = Array.from({ length: count }, (_, index) => index);
  return Int32Array.from(messages.filter((index) => !bad.has(index)));
}

function nullColumn(type: Column['type'], rowCount: number): Column {
  const builder = new ColumnBuilder(type);
  for (let row = 0; row < rowCount; row++) builder.push(null);
  return builder.finish();
}

/** The first `width` columns of the rows whose message did not fail. */
function without(batch: Batch, failed: ReadonlyMap<number, string>, width: number): Batch {
  const numbers = batch.columns.at(-1)!;
  const kept = new Int32Array(batch.rowCount);
  let count = 0;
  for (let row = 0; row < batch.rowCount; row++) {
    if (!failed.has(valueAt(numbers, row) as number)) kept[count++] = row;
  }
  const all = { ...batch, columns: batch.columns.slice(0, width) };
  return count === batch.rowCount ? all : gatherBatch(all, kept, count);
}
