/**
 * The feed: partitions of records, each record an encoded `HitBatch` at a dense offset. Read only; a reader asks for what
 * comes after a position it holds itself, so there is nothing to acknowledge and any record can be read again until it is
 * trimmed. Delivery: in order per partition, every record, as often as asked. Back pressure: a reader that does not ask
 * is not sent anything.
 */
import type { Offset } from '../ids.ts'

/** Where a batch was accepted: a collector's log and the batch's offset in it. */
export interface BatchOrigin {
  readonly log: string
  readonly place: number
}

/**
 * One batch of a record. A record of a log holds one batch; a record of Kafka may hold several, packed: these come one
 * after the other with one offset, all in one answer of the reader, and are processed together or not at all.
 */
export interface FeedRecord {
  readonly offset: Offset
  /** Avro single-object encoding of a `HitBatch`. Valid until the next call of the reader. */
  readonly payload: Buffer
  /** null: it came into the feed past every collector. */
  readonly origin: BatchOrigin | null
}

export interface FeedReader {
  /**
   * The next records, in order, at least one where any is durable, together at most about `maxBytes`. Waits up to
   * `waitMs` for the first; empty when none came or `wake()` was called.
   * @throws CorruptLogError where the bytes at the position are not what was written; the reader stays there.
   */
  next(options: { readonly maxBytes: number; readonly waitMs: number }): Promise<readonly FeedRecord[]>
  /** Ends a waiting `next` early. */
  wake(): void
  close(): Promise<void>
}

export interface Feed {
  /** The incarnation: offsets mean something only together with it (`_src`). */
  readonly source: string
  readonly partitions: readonly number[]
  /** @throws OffsetTrimmedError where records from `from` on are gone already. */
  read(partition: number, from: Offset): Promise<FeedReader>
  /** One past the last durable record. */
  end(partition: number): Promise<Offset>
}

/** Which partitions of a feed this process is to work on; others work on the rest. Changes at any time. */
export interface Assignment {
  /** The newest; empty while there is none. */
  readonly partitions: readonly number[]
  /** Calls `listener` whenever it changed, or was given anew; returns how to stop. */
  onChange(listener: () => void): () => void
  /**
   * Resolves when the group has confirmed, by something asked after this call, that this process still is a member with
   * `partitions`. A process that was stopped for long learns here that it is not: the assignment changes first.
   */
  confirm(): Promise<void>
}
