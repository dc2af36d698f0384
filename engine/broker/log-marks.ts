import { limits } from '../../platform/limits.ts';
import { col, type IndexRows, indexRowWidth } from '../../storage/queues/index-rows.ts';
import type { DerivedKeys } from '../../storage/store.ts';

/** An entry's place in its partition, and when it was stored. */
interface Mark {
  readonly position: number;
  readonly timeMs: number;
}

/**
 * Places in the log from which its end can be read: entries begin at known positions only. One mark
 * every limits.logMarkBytes, the last limits.logMarksMax of each partition.
 *
 * | key           | value                                                     |
 * |---------------|-----------------------------------------------------------|
 * | `marks/N`     | of partition N, oldest first: f64 position, f64 time, ms  |
 */
export class LogMarks {
  readonly #keys: DerivedKeys;
  readonly #marks = new Map<number, Mark[]>();

  constructor(keys: DerivedKeys) {
    this.#keys = keys;
  }

  async open(): Promise<void> {
    for (const [key, value] of await this.#keys.load('marks/')) {
      const bytes = Buffer.from(value);
      const marks: Mark[] = [];
      for (let at = 0; at < bytes.length; at += 16) {
        marks.push({ position: bytes.readDoubleBE(at), timeMs: bytes.readDoubleBE(at + 8) });
      }
      this.#marks.set(Number(key.slice('marks/'.length)), marks);
    }
  }

  /** Where to begin, to read at least what was stored since `timeMs`, if the marks go back so far. */
  startOf(partition: number, timeMs: number): number | undefined {
    const marks = this.#marks.get(partition) ?? [];
    const first = marks.findLastIndex((mark) => mark.timeMs < timeMs);
    return marks[Math.max(0, first)]?.position;
  }

  take({ values, rowCount }: IndexRows): void {
    for (let row = 0; row < rowCount; row++) {
      const at = row * indexRowWidth;
      const partition = values[at + col.partition]!;
      const position = values[at + col.position]!;
      const marks = this.#marks.get(partition) ?? [];
      const last = marks.at(-1);
      if (last !== undefined && position - last.position < limits.logMarkBytes) continue;
      marks.push({ position, timeMs: values[at + col.storeTimeMs]! });
      this.#marks.set(partition, marks.slice(-limits.logMarksMax));
      this.#save(partition);
    }
  }

  #save(partition: number): void {
    const marks = this.#marks.get(partition)!;
    const bytes = Buffer.alloc(marks.length * 16);
    for (const [i, { position, timeMs }] of marks.entries()) {
      bytes.writeDoubleBE(position, i * 16);
      bytes.writeDoubleBE(timeMs, i * 16 + 8);
    }
    this.#keys.put(`marks/${partition}`, bytes);
  }
}
