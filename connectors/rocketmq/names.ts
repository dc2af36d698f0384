import { PackedReader, recordId } from '../../engine/formats/packed-records.ts';
import { envelopeOf } from '../../engine/formats/unpack.ts';
import { type Entry, entryKinds, type MessageNames } from '../../storage/store.ts';
import { WireReader } from './wire.ts';

/**
 * Id and keys of each message of an entry, in order: of a SendMessageRequest the messages (1), of
 * these the system properties (3), of these the keys (2) and the id (3). Reads nothing else.
 */
export function namesOfEntry({ kind, body }: Entry): readonly MessageNames[] {
  if (kind === entryKinds.packed) return namesOfPacked(body);
  if (kind !== entryKinds.messages) return [];
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const names: MessageNames[] = [];
  const request = new WireReader(bytes);
  while (request.next()) {
    if (request.is(1)) names.push(namesOfMessage(bytes, request.start, request.stop));
  }
  return names;
}

function namesOfPacked(body: Uint8Array): readonly MessageNames[] {
  const { id, bodyStart, bodyEnd } = envelopeOf(body);
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const names: MessageNames[] = [];
  const records = new PackedReader(body, bodyStart, bodyEnd);
  while (records.next()) {
    // One that compaction took out keeps its place, and has no names.
    if (records.bodyStart === records.bodyEnd) {
      names.push({ id: '', keys: [] });
      continue;
    }
    const keys: string[] = [];
    const system = new WireReader(bytes, records.systemStart, records.systemEnd);
    while (system.next()) if (system.is(2)) keys.push(system.text());
    names.push({ id: recordId(id, records.number), keys });
  }
  return names;
}

function namesOfMessage(bytes: Buffer, start: number, end: number): MessageNames {
  const message = new WireReader(bytes, start, end);
  let id = '';
  const keys: string[] = [];
  while (message.next()) {
    if (!message.is(3)) continue;
    const system = new WireReader(bytes, message.start, message.stop);
    while (system.next()) {
      if (system.is(2)) keys.push(system.text());
      else if (system.is(3)) id = system.text();
    }
  }
  return { id, keys };
}
