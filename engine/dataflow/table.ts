/** One piece of a table's checkpoint: a chunk as a whole, or its changed rows. */
export interface ChunkPiece {
  /** Number of the chunk in its table. */
  readonly chunk: number;
  /** 0: the whole chunk, replacing all before; n: the n-th delta on top. */
  readonly delta: number;
  readonly bytes: Uint8Array;
}

/** A piece still to be encoded. Its rows are pinned: later changes do not show in it. */
export interface ChunkChange extends Omit<ChunkPiece, 'bytes'> {
  /** Deltas of the chunk that a whole makes void: 1 to `replaced`. */
  readonly replaced: number;
  encode(): Uint8Array;
}

export interface StateSize {
  readonly rows: number;
  readonly bytes: number;
}

/** State that a checkpoint keeps. After a restart it is restored before anything reads it. */
export interface StateTable {
  /** Present rows, and the bytes of their arrays and indexes. Absent: not measured. */
  readonly size?: StateSize;
  /** What changed since the last call. */
  checkpoint(): ChunkChange[];
  /** Takes one piece back; of each chunk the whole comes first, then its deltas in order. */
  restore(piece: ChunkPiece): void;
  /** Every piece was restored: rebuilds what is derived. */
  restored(): void;
}
