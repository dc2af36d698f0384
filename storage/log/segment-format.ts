import { crc32 } from 'node:zlib';
import { MillraceError } from '../../platform/errors.ts';

/**
 * A segment: one file of a physical partition's stream. Its entries follow the header; after the
 * last one come zeros, written ahead, or the tables and the footer of a sealed segment
 * (segment-footer.ts). Little-endian.
 *
 * | offset | bytes | field                                                       |
 * |--------|-------|-------------------------------------------------------------|
 * | 0      | 8     | magic `MILLRLOG`                                            |
 * | 8      | 2     | format version, 3; it counts changes of the entries, too    |
 * | 10     | 2     | physical partition                                          |
 * | 12     | 4     | CRC-32 of bytes 0-11 and 16-63                              |
 * | 16     | 16    | server id                                                   |
 * | 32     | 8     | position of the first entry in the stream, float64          |
 * | 40     | 8     | sequence number of the segment, float64                     |
 * | 48     | 8     | number of its first group commit, float64                   |
 * | 56     | 4     | how often the segment was cleaned (segment-cleaner.ts)      |
 * | 60     | 4     | reserved, 0                                                 |
 *
 * Its name is `SSSSSSSSSS-PPPPPPPPPPPPPPPPPPPP.seg`: sequence number and first position. The
 * stream's bytes [first position, next segment's first position) are this file's. After a failed
 * fdatasync the next segment begins at the last durable position, so whatever the failed commit
 * left behind lies outside every segment's range and is never read again.
 */
export const segmentHeaderBytes = 64;
/** Ends the name of a file that is being written and counts for nothing yet. */
export const draftSuffix = '.new';
const magic = Buffer.from('MILLRLOG', 'latin1');
const formatVersion = 3;

export interface SegmentName {
  readonly sequence: number;
  readonly start: number;
}

export interface SegmentHeader extends SegmentName {
  readonly partition: number;
  readonly firstCommit: number;
  readonly serverId: string;
  /** 0: as it was written. A cleaned segment lacks entries, and begins as a file with a footer. */
  readonly generation: number;
}

export function segmentFileName({ sequence, start }: SegmentName): string {
  return `${String(sequence).padStart(10, '0')}-${String(start).padStart(20, '0')}.seg`;
}

export function parseSegmentFileName(name: string): SegmentName | undefined {
  const match = /^(\d{10})-(\d{20})\.seg$/.exec(name);
  if (match === null) return undefined;
  return { sequence: Number(match[1]), start: Number(match[2]) };
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  magic.copy(bytes, 0);
  bytes.writeUInt16LE(formatVersion, 8);
  bytes.writeUInt16LE(header.partition, 10);
  bytes.write(header.serverId, 16, 16, 'hex');
  bytes.writeDoubleLE(header.start, 32);
  bytes.writeDoubleLE(header.sequence, 40);
  bytes.writeDoubleLE(header.firstCommit, 48);
  bytes.writeUInt32LE(header.generation, 56);
  bytes.writeUInt32LE(headerChecksum(bytes), 12);
  return bytes;
}

/** `undefined` when the bytes are no segment header at all (torn or damaged). */
export function decodeSegmentHeader(bytes: Buffer, path: string): SegmentHeader | undefined {
  if (bytes.length < segmentHeaderBytes || !bytes.subarray(0, 8).equals(magic)) return undefined;
  // The version first: another version may check itself in another way.
  const version = bytes.readUInt16LE(8);
  if (version !== formatVersion) {
    throw new MillraceError(
      'FORMAT_VERSION',
      `${path} has format version ${version}; this server reads version ${formatVersion}`,
    );
  }
  if (bytes.readUInt32LE(12) !== headerChecksum(bytes)) return undefined;
  return {
    partition: bytes.readUInt16LE(10),
    serverId: bytes.toString('hex', 16, 32),
    start: bytes.readDoubleLE(32),
    sequence: bytes.readDoubleLE(40),
    firstCommit: bytes.readDoubleLE(48),
    generation: bytes.readUInt32LE(56),
  };
}

/** Refuses a segment of another server or partition, by name. */
export function checkSegmentOwner(
  header: SegmentHeader,
  path: string,
  serverId: string,
  partition: number,
): void {
  if (header.serverId !== serverId || header.partition !== partition) {
    throw new MillraceError(
      'FORMAT_VERSION',
      `${path} belongs to server ${header.serverId}, partition ${header.partition}; ` +
        `this is server ${serverId}, partition ${partition}`,
    );
  }
}

function headerChecksum(bytes: Buffer): number {
  return crc32(bytes.subarray(16, segmentHeaderBytes), crc32(bytes.subarray(0, 12))) >>> 0;
}
