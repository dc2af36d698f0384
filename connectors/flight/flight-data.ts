import type { RecordBatch as ArrowRecordBatch } from 'apache-arrow';
import { BufferRegion, FieldNode, Message, RecordBatch } from 'apache-arrow/ipc/metadata/message';
import { VectorAssembler } from 'apache-arrow/visitor/vectorassembler';
import type { Batch, Column } from '../../sql/columns/batch.ts';
import { bufferLengths, nullCount, wireColumn, writeBuffers } from './arrow-columns.ts';

/**
 * FlightData messages, framed by hand so that columns are written once, into the bytes that go
 * out (Flight.proto; field numbers in proto.ts). The body comes last:
 *
 * | tag      | content                                                        |
 * |----------|----------------------------------------------------------------|
 * | 12 len   | data_header: bare Message flatbuffer                           |
 * | 1A len   | app_metadata, when there is some                               |
 * | C2 3E len| data_body: the buffers of all columns, each zero-padded to 8   |
 */
const headerTag = [0x12];
const metadataTag = [0x1a];
const bodyTag = [0xc2, 0x3e];

/** Several clients reject messages above 4 MiB (reference flight-sql, 1.4). */
const bodyBytesMax = 2 * 1024 * 1024;

const nothing = new Uint8Array(0);

/** A message without a body: a schema, or metadata alone when `header` is empty. */
export function headerMessage(header: Uint8Array, appMetadata: Uint8Array = nothing): Buffer {
  const parts: Uint8Array[] = [];
  if (header.length > 0) parts.push(lengthPrefix(headerTag, header.length), header);
  if (appMetadata.length > 0) {
    parts.push(lengthPrefix(metadataTag, appMetadata.length), appMetadata);
  }
  return Buffer.concat(parts);
}

/** The rows of a batch as one message or, when they are large, several. Weights are not sent. */
export function* batchMessages(batch: Batch): Generator<Buffer> {
  const columns = batch.columns.map((column) => wireColumn(column, batch.rowCount));
  yield* rangeMessages(columns, 0, batch.rowCount);
}

/** Halves the range until a part fits; one row that does not fit goes alone. */
function* rangeMessages(columns: readonly Column[], from: number, to: number): Generator<Buffer> {
  const plan = planRange(columns, from, to);
  if (plan.bodyBytes <= bodyBytesMax || to - from <= 1) {
    yield rangeMessage(columns, from, to, plan);
    return;
  }
  const middle = from + ((to - from) >> 1);
  yield* rangeMessages(columns, from, middle);
  yield* rangeMessages(columns, middle, to);
}

interface RangePlan {
  readonly nodes: readonly FieldNode[];
  /** Of each column's buffers, relative to the body. */
  readonly regions: readonly (readonly BufferRegion[])[];
  readonly bodyBytes: number;
}

function planRange(columns: readonly Column[], from: number, to: number): RangePlan {
  const nodes: FieldNode[] = [];
  const regions: BufferRegion[][] = [];
  let bodyBytes = 0;
  for (const column of columns) {
    const nulls = nullCount(column, from, to);
    nodes.push(new FieldNode(to - from, nulls));
    regions.push(
      bufferLengths(column, from, to, nulls).map((length) => {
        const region = new BufferRegion(bodyBytes, length);
        bodyBytes += padded(length);
        return region;
      }),
    );
  }
  return { nodes, regions, bodyBytes };
}

function rangeMessage(
  columns: readonly Column[],
  from: number,
  to: number,
  { nodes, regions, bodyBytes }: RangePlan,
): Buffer {
  const metadata = new RecordBatch(to - from, [...nodes], regions.flat(), null);
  const { message, memory, bodyStart } = frame(metadata, bodyBytes);
  for (const [index, column] of columns.entries()) {
    const offsets = regions[index]!.map((region) => bodyStart + region.offset);
    writeBuffers(column, from, to, memory, offsets, nodes[index]!.nullCount);
  }
  return message;
}

/** A record batch that apache-arrow built: for the few answers with types that SQL has not. */
export function arrowBatchMessage(batch: ArrowRecordBatch): Buffer {
  const parts = VectorAssembler.assemble(batch);
  const metadata = new RecordBatch(batch.numRows, parts.nodes, parts.bufferRegions, null);
  const { message, memory, bodyStart } = frame(metadata, parts.byteLength);
  for (const [index, buffer] of parts.buffers.entries()) {
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    new Uint8Array(memory).set(bytes, bodyStart + parts.bufferRegions[index]!.offset);
  }
  return message;
}

interface Frame {
  /** The whole FlightData; its last bytes are the body, still zero. */
  readonly message: Buffer;
  readonly memory: ArrayBuffer;
  /** Where the body begins in `memory`: a multiple of 8, for typed arrays. */
  readonly bodyStart: number;
}

function frame(metadata: RecordBatch, bodyBytes: number): Frame {
  const header = Message.encode(Message.from(metadata, bodyBytes));
  const prefix = Buffer.concat([
    lengthPrefix(headerTag, header.length),
    header,
    lengthPrefix(bodyTag, bodyBytes),
  ]);
  const bodyStart = padded(prefix.length);
  const memory = new ArrayBuffer(bodyStart + bodyBytes);
  const message = Buffer.from(memory, bodyStart - prefix.length);
  message.set(prefix);
  return { message, memory, bodyStart };
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function lengthPrefix(tag: readonly number[], length: number): Uint8Array {
  const bytes = [...tag];
  for (let rest = length; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}
