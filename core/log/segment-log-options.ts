/** What a segment log is given, its limits, and what it tells an operator. */
import type { Random, Timers } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import type { RecoveredLog } from './recover-log.ts'

const mib = 1024 * 1024
export const defaultSegmentMaxBytes = 32 * mib
/** For collectors; see `segmentMaxAgeMs`. */
export const defaultSegmentMaxAgeMs = 3_600_000
export const defaultLogMaxBytes = 10 * 1024 * mib
export const defaultDiskMaxShare = 0.9
export const defaultRecordMaxBytes = 5 * mib
export const defaultQueueMaxBytes = 64 * mib
export const defaultReopenDelayMs = 5_000

/** What an operator should hear of. Nothing acknowledged is lost in any of them. */
export type LogEvent =
  | ({ readonly kind: 'tail-cut' } & NonNullable<RecoveredLog['cut']>)
  | { readonly kind: 'unavailable'; readonly reason: 'full' | 'failed'; readonly cause: unknown }
  | { readonly kind: 'available' }

export interface SegmentLogOptions {
  readonly disk: Disk
  /** Made where it is missing. One log at a time may be open on it. */
  readonly folder: string
  readonly timers: Timers
  readonly random: Random
  /** A segment that reached this size is sealed and another begun; it exceeds it by one group at most. */
  readonly segmentMaxBytes?: number
  /**
   * A segment is sealed so long after its first record, so that `trim` can remove what it was asked to: where few hits come,
   * one that was erased would stay for as long as the segment is not full. Left out: never.
   */
  readonly segmentMaxAgeMs?: number
  /** Of all segments; appends beyond are refused until `trim` makes room. */
  readonly maxBytes?: number
  /** Share of the file system in use, by anybody, above which appends are refused. */
  readonly diskMaxShare?: number
  readonly recordMaxBytes?: number
  /** Of records that wait for their sync. */
  readonly queueMaxBytes?: number
  /** Between attempts to go on after a failure, and between looks at a full disk. */
  readonly reopenDelayMs?: number
  readonly onEvent?: (event: LogEvent) => void
}
