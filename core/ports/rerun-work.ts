/**
 * What the driver of reruns (lakehouse/core/reruns) asks of whoever can read the lake, run a plan and compare numbers.
 * Nothing in here changes what is committed: a split's files count when the control store's `commitSplit` says so.
 */
import type { GenerationPlace, GenerationSink } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { StagedFile } from './lake.ts'
import type { RerunBarrier, RerunRequest } from './rerun-store.ts'

/** Tables that hold what was accepted, between them: each accepted hit of a generation is a row of one of them. */
export const acceptedTables = ['hits', 'failed_hits'] as const
export type AcceptedTable = (typeof acceptedTables)[number]

/** Rows of one of the accepted tables, at a snapshot. `after` < `_publish` <= `through`; 0 and null: from the first, all. */
export interface AcceptedRows {
  readonly table: AcceptedTable
  /** null: the table has none, and no rows. */
  readonly snapshot: string | null
  readonly after: number
  readonly through: number | null
}

/**
 * A part of a rerun that is made as one, and again from its beginning where it was cut off. One day partition (UTC day of the
 * table's own time) of the generations that answer there, or the part `part` of `parts` of it by hash of the merchant.
 */
export interface RerunSplit {
  /** Unique in the rerun, of letters, digits, `-` and `.`: `backfill-hits-20260301-0.4`. */
  readonly name: string
  readonly phase: 'backfill' | 'catch-up'
  readonly rows: AcceptedRows
  readonly day: number
  readonly part: number
  readonly parts: number
  /** Of the partition's files, less nothing: what has to be read, about. */
  readonly estimatedRows: number
  readonly estimatedBytes: number
}

/** Splits of one rerun, at most; days beyond are put together by nobody: the range is to be narrowed. */
export const rerunSplitsMax = 20_000

/** How a split's rollups are made. */
export type SplitMethod = 'operators' | 'sql'

export interface SplitWork {
  readonly rerun: number
  readonly generation: number
  readonly request: RerunRequest
  readonly split: RerunSplit
  /** By sink. `hits` are always made by operators; rollups by SQL only of rows that need no step above them made anew. */
  readonly methods: Readonly<Partial<Record<GenerationSink, SplitMethod>>>
  /** Of catch-up: by sink, what the jobs write themselves, so what this split leaves out. Empty: nothing is left out. */
  readonly barriers: Readonly<Partial<Record<GenerationSink, readonly RerunBarrier[]>>>
  /** Begins the names of staged files: unique to the attempt. Letters, digits and `-`. */
  readonly attempt: string
}

export interface SplitOutput {
  readonly staged: readonly StagedFile[]
  /** (merchant, UTC day of bucket) of what it made. */
  readonly days: readonly { readonly merchant: MerchantId; readonly day: number }[]
  /** That were read of the split. */
  readonly rowsRead: number
  /** Hits that the plan stored, refused (by reason) and dropped (by rule). */
  readonly stored: number
  readonly failed: Readonly<Record<string, number>>
  readonly dropped: Readonly<Record<string, number>>
}

/** Runs splits: in threads of this process (embedded), in it (a maintenance process of a cluster). */
export interface RerunExecutor {
  /**
   * Splits of these rows that may hold hits of the places, in the order to be worked off: newest day first.
   * @throws SnapshotNotFoundError; TooManySplitsError
   */
  splits(
    phase: RerunSplit['phase'],
    rows: readonly AcceptedRows[],
    places: readonly GenerationPlace[],
  ): Promise<readonly RerunSplit[]>
  /** What the plan cannot be run again by, in words; null: it can. @throws PlanNotFoundError */
  refusal(request: Pick<RerunRequest, 'pipeline' | 'plan' | 'sinks' | 'via'>): Promise<string | null>
  /** How each sink will be made, and why so where SQL was possible or asked for. */
  methods(request: Pick<RerunRequest, 'pipeline' | 'plan' | 'sinks' | 'via'>): Promise<SplitWork['methods']>
  /** Stages; what it staged before it failed is garbage of its attempt, and `discard`ed by it where it can. */
  run(work: SplitWork, options: { readonly signal: AbortSignal }): Promise<SplitOutput>
  /** (merchant, first and last day) of failed hits with this reason ('' any), of the places; at most `limit` + 1. */
  failedPlaces(question: {
    readonly reason: string
    readonly places: readonly GenerationPlace[]
    readonly limit: number
  }): Promise<readonly GenerationPlace[]>
}

export const generationMetrics = ['hits', 'pageviews', 'orders', 'revenue', 'visitors'] as const
export type GenerationMetric = (typeof generationMetrics)[number]

/** A number that differs between two generations: of an hour, a breakdown and a value of it. */
export interface ChangedNumber {
  readonly merchant: MerchantId
  /** Start of the bucket, ms. */
  readonly bucket: number
  readonly breakdown: string
  readonly value: string
  /** As decimals; revenue in micros. Visitors beyond the size of a sketch are estimates. */
  readonly before: string
  readonly after: string
}

export interface MetricDiff {
  readonly metric: GenerationMetric
  readonly breakdown: string
  /** Buckets of a value that were compared, and of them those that differ. */
  readonly buckets: number
  readonly changed: number
  readonly before: string
  readonly after: string
  /** The largest absolute difference; null where none differs. */
  readonly largest: ChangedNumber | null
}

export interface MerchantDiff {
  readonly merchant: MerchantId
  /** Those with changes, by metric and breakdown in the order of both. */
  readonly metrics: readonly MetricDiff[]
}

/** Old and new numbers of the hours of a rerun's places: what answers there now, and its generation. */
export interface GenerationDiff {
  /** The moment, ms, and the snapshot of `hourly` that it compares. */
  readonly at: number
  readonly snapshot: string | null
  /** Over all merchants, by metric and breakdown; also where nothing changed. */
  readonly total: readonly MetricDiff[]
  /** Merchants with changes, those with most first; at most `diffMerchantsMax`. */
  readonly merchants: readonly MerchantDiff[]
  readonly merchantsCompared: number
  readonly merchantsChanged: number
}

export const diffMerchantsMax = 100

/** Compares generations of `hourly`. */
export interface GenerationComparer {
  /** `before`: as the generation map has it without this generation. */
  compare(question: {
    readonly generation: number
    readonly places: readonly GenerationPlace[]
    /** Entries of the map, in order, without those of this generation. */
    readonly before: readonly (GenerationPlace & { readonly generation: number })[]
  }): Promise<GenerationDiff>
}
