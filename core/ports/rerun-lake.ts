/**
 * What the executor of reruns asks of a lake: the days of what was accepted, their rows, and hours computed of rows that
 * need nothing made anew. Adapters: memory (without SQL), folder, Trino.
 */
import type { GenerationMap, GenerationPlace } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { LakeRow } from '../tables.ts'
import type { ErasedHits } from './erasure-store.ts'
import type { StagedFile } from './lake.ts'
import type { RerunBarrier } from './rerun-store.ts'
import type { AcceptedRows } from './rerun-work.ts'

/** A day partition of an accepted table, all generations together. */
export interface AcceptedDay {
  /** UTC days since 1970, of the column that the table is partitioned by. */
  readonly day: number
  /** By manifests: of files that may hold rows asked for. */
  readonly rows: number
  readonly bytes: number
}

/** Rows of a split: those it has to take, and perhaps more that its places or generations leave out. */
export interface SplitRows {
  readonly rows: AcceptedRows
  /** null: of all days. */
  readonly day: number | null
  /** Those whose merchant is of part `part` of `parts` (`merchantPart`). */
  readonly part: number
  readonly parts: number
  /** Rows of others may be left out. */
  readonly generations: readonly number[]
  /** Rows of others may be left out; null: of all. */
  readonly merchants: readonly string[] | null
  /** About how many there are; null: not known. It decides how they are read, never which. */
  readonly estimatedRows: number | null
  /** Hits that happened before `from`, or at `to` or later, may be left out; null: none for that. */
  readonly time: { readonly from: number | null; readonly to: number | null }
}

/** Rows of `hits` as they hold what was accepted: of the generation that answers at their place. */
export interface AnsweringRows extends SplitRows {
  readonly answers: GenerationMap
}

export interface SplitHours extends AnsweringRows {
  /** Of the split; at most `splitHoursMaxMerchants`. */
  readonly of: readonly MerchantId[]
  /** Hours that start in one of them. At least one. */
  readonly places: readonly GenerationPlace[]
  /** `_gen` of the hours. */
  readonly generation: number
  /** Only hits before the barrier of their source and partition, and none of one that has no barrier; null: all. */
  readonly barriers: readonly Pick<RerunBarrier, 'source' | 'partition' | 'next'>[] | null
  readonly erased: readonly ErasedHits[]
  /** Names of hits that their merchants refuse by now. */
  readonly blocked: ReadonlyMap<string, readonly string[]>
  /** By merchant: the zone of its hours; of others it is the one stamped on the hit. */
  readonly zones: ReadonlyMap<string, string>
  /** Of the staged file. */
  readonly name: string
}

/** Merchants of one `hours`. */
export const splitHoursMaxMerchants = 1_000

export interface RerunSql {
  /** Merchants that have rows of the split which answer, in no order. */
  merchants(rows: AnsweringRows, signal: AbortSignal): Promise<readonly MerchantId[]>
  /**
   * Partial hours of the split's hits, as the plan `hits` makes them of rows like these, staged; null where there are none.
   * `days`: (merchant, UTC day of bucket) of them; `rowsRead`: hits.
   */
  hours(
    split: SplitHours,
    signal: AbortSignal,
  ): Promise<{
    readonly staged: StagedFile | null
    readonly days: readonly { readonly merchant: MerchantId; readonly day: number }[]
    readonly rowsRead: number
  }>
}

export interface RerunLake {
  /**
   * Days that may hold rows asked for, in no order. `generations`: rows of others, such as those that a rerun makes itself,
   * need not be told of; left out: all. @throws SnapshotNotFoundError
   */
  days(rows: AcceptedRows, generations?: readonly number[]): Promise<readonly AcceptedDay[]>
  /** In batches, with all columns named, in no order. @throws SnapshotNotFoundError; the signal's reason */
  read(rows: SplitRows, columns: readonly string[], signal: AbortSignal): AsyncIterable<readonly LakeRow[]>
  /** null: it computes no hours. */
  readonly sql: RerunSql | null
}
