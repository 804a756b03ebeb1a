/**
 * The segment log as its users see it: a collector appends, a worker follows, retention trims. Every record is one encoded
 * `HitBatch`. Offsets are dense from 0; `durable` is one past the last record that is on disk for certain.
 */
import type { Offset } from '../ids.ts'

export interface HitLog {
  /** Drawn when the log was made: the feed incarnation (`_src`). */
  readonly id: string
  /** The oldest record kept. */
  readonly oldest: Offset
  /** The offset the next append gets. */
  readonly next: Offset
  readonly durable: Offset
  /** Bytes on disk. */
  readonly bytes: number
  /** `full`: at its limit of bytes or of disk; `failed`: a write or fdatasync failed and the log is mending itself. */
  readonly state: 'open' | 'full' | 'failed' | 'closed'
  /**
   * Resolves when the record is on disk (fdatasync, many appends a sync), in order of the calls. Takes the bytes at once:
   * the caller may reuse its buffer. Records whose append failed are in the log for nobody.
   * @throws LogUnavailableError
   */
  append(payload: Uint8Array): Promise<Offset>
  /** Called after `durable` rose; returns how to stop. */
  onDurable(listener: (durable: Offset) => void): () => void
  /** Removes whole segments that hold only records before `before`. */
  trim(before: Offset): Promise<void>
  /** Waits for what was appended, then closes. */
  close(): Promise<void>
}
