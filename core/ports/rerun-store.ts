/**
 * Reruns: a plan run over a snapshot, its rows a generation of their own beside those that answer, until it is promoted
 * (docs/adr/0025-a-rerun-is-a-generation.md). Part of `ControlStore`, with its adapters and contract.
 *
 * Three things have to move together with the rest of the store, and do: what a split made counts once (`commitSplit`);
 * from which position on jobs write the generation too (`beginDualWriting`, which every later epoch has to know of, or is
 * refused); and which generation answers (`promoteRerun`, `rollBackRerun`). All else is the driver's record of where it is.
 */
import type { GenerationPlace, GenerationSink } from '../generations.ts'
import type { MerchantId, Offset } from '../ids.ts'
import type { StagedFile } from './lake.ts'

/**
 * `planned`: asked for, nothing made yet. `backfilling`: splits of the snapshot. `catching_up`: jobs write the generation
 * too; splits of what came between. `ready`: complete, and compared. `promoted`: it answers. `rolled_back`: what answered
 * before answers again, and both are still written. `released`: for good; what it replaced is written no more and goes.
 * `paused`, `failed`: rests in `rests`. `cancelled`: nothing of it stays.
 */
export const rerunStates = [
  'planned',
  'backfilling',
  'catching_up',
  'ready',
  'promoted',
  'rolled_back',
  'released',
  'paused',
  'failed',
  'cancelled',
] as const
export type RerunState = (typeof rerunStates)[number]

/** Places of one rerun. Each is an entry of the generation map for as long as it answers. */
export const rerunPlacesMax = 1_000

/** Those that are over: their place is free for another rerun. */
export const endedRerunStates: readonly RerunState[] = ['released', 'cancelled']

/** What was asked for. It never changes. */
export interface RerunRequest {
  readonly pipeline: string
  /** At least one, at most `rerunPlacesMax`; none of them meets another. */
  readonly places: readonly GenerationPlace[]
  /** The plan it runs: its version in the plan repository. */
  readonly plan: string
  /** Of the table `hits`. */
  readonly snapshot: string
  /** At least one, each once. */
  readonly sinks: readonly GenerationSink[]
  /** How the rollups are made; null: by SQL where the plan can. `stream`: by the plan's operators. */
  readonly via: 'stream' | 'sql' | null
  /** What data sets say of a hit: as the row has it from when it was first processed, or as they say now. */
  readonly dataSets: 'recorded' | 'today'
  /** Hours of which zone: the one stamped on each hit, or the merchant's present one. */
  readonly zones: 'recorded' | 'today'
  /**
   * Of `zones: 'today'`, ms: all hits received before it had been processed when this was asked for, so none of them comes
   * to its generation by the zone stamped on it. Left out: not known.
   */
  readonly zonesAsOf?: number
  /** Where it was asked for to recover hits that a step refused for this reason ('' for any): the places are theirs. */
  readonly recovers: string | null
  readonly promote: 'manual' | 'auto'
  /** Who asked, for people. */
  readonly by: string
}

/** From here on a job writes the generation itself; everything before comes from splits. */
export interface RerunBarrier {
  readonly job: string
  readonly source: string
  readonly partition: number
  readonly next: Offset
}

export interface RerunEvent {
  readonly at: number
  readonly state: RerunState
  readonly by: string
  /** For people; what went wrong where something did. */
  readonly note: string | null
}

/** Events that a rerun keeps; of more the oldest go, but never the first. */
export const rerunEventsMax = 200

export interface Rerun {
  /** Rises. */
  readonly id: number
  /** `_gen` of its rows; rises, never used again. */
  readonly generation: number
  readonly request: RerunRequest
  readonly state: RerunState
  /** Of `paused` and `failed`: where it goes on. */
  readonly rests: RerunState | null
  readonly createdAt: number
  readonly movedAt: number
  /** Empty before dual writing began. */
  readonly barriers: readonly RerunBarrier[]
  readonly events: readonly RerunEvent[]
  /** What the driver keeps: plain JSON, at most `rerunNotesMaxBytes` of it. */
  readonly notes: RerunNotes
  /** Rises with every change of the record: of two who change the same, one is refused. */
  readonly revision: number
}

/** Plain data of the driver's own; the store keeps it and asks nothing. */
export type RerunNotes = { readonly [name: string]: unknown }

export const rerunNotesMaxBytes = 1_048_576

/** Reruns that are not over; more are refused. */
export const openRerunsMax = 20

/** Reruns that one page holds at most. */
export const rerunsPageMax = 1_000

export interface RerunMove {
  readonly revision: number
  readonly now: number
  readonly by: string
  readonly note?: string
}

/** What changes of a record; what is left out stays. */
export interface RerunChange {
  readonly state?: RerunState
  readonly rests?: RerunState | null
  readonly notes?: RerunNotes
}

/** A plan's version that a pipeline's jobs write a generation by, beside others. */
export interface WrittenGeneration {
  readonly generation: number
  /** Rows elsewhere are not written. */
  readonly places: readonly GenerationPlace[]
  /** Version in the plan repository; null: the plan of the release, whichever that is. */
  readonly plan: string | null
  readonly sinks: readonly GenerationSink[]
  /** Rows of records before these are not this job's to write in this generation. Empty: all are. */
  readonly barriers: readonly RerunBarrier[]
}

/**
 * What a pipeline's jobs write, the base first: one generation, or one a sink after reruns of one sink were released
 * everywhere. `revision` rises with every change.
 */
export interface Writing {
  readonly revision: number
  readonly generations: readonly WrittenGeneration[]
}

/** When a generation began, or ceased, to answer a place. */
export interface GenerationChange extends GenerationPlace {
  readonly rerun: number
  readonly sink: GenerationSink
  readonly generation: number
  /** False: rolled back. */
  readonly answers: boolean
  /** Of those that answer, the one that was promoted last counts. Rises with promotions. */
  readonly order: number
  /** The commit that changed it last: numbers of the place from before are right no more. */
  readonly version: number
  /** `zonesAsOf` of the rerun. */
  readonly zonesAsOf?: number
}

/** A split's output: one split counts once. */
export interface SplitCommit {
  readonly rerun: number
  /** Unique in the rerun. */
  readonly split: string
  readonly staged: readonly StagedFile[]
  /** (merchant, UTC day of bucket) of what it made. */
  readonly days: readonly { readonly merchant: MerchantId; readonly day: number }[]
  /** As `EpochCommit.erasuresKnown`; only erasures of merchants of the rerun's places count. */
  readonly erasuresKnown?: number
}

export interface RerunStore {
  /**
   * Records a rerun in state `planned`, with the next generation. Of a pipeline, two reruns that are not over must not meet
   * in a sink and a place: then nothing changes, and the one in the way is named.
   * @throws RangeError for a request that contradicts itself; TooManyRerunsError beyond `openRerunsMax`
   */
  createRerun(
    request: RerunRequest,
    at: { readonly now: number; readonly notes: RerunNotes },
  ): Promise<{ readonly created: Rerun } | { readonly meets: Rerun }>
  rerun(id: number): Promise<Rerun | undefined>
  /** Newest first; before `before` where given. @throws RangeError */
  reruns(page: { readonly open?: boolean; readonly before?: number; readonly limit: number }): Promise<readonly Rerun[]>
  /**
   * The record as it is afterwards, undefined where its revision is another: read again. A change of state is an event, and
   * so is a note. Set by this are `planned` and `backfilling` after each other, `catching_up` and `ready` after each other,
   * and from and to all of these `paused` and `failed`, whose `rests` is where they came from unless said. States that change
   * what is written or answers are not: see below. @throws RangeError
   */
  updateRerun(id: number, change: RerunChange, move: RerunMove): Promise<Rerun | undefined>

  /**
   * `already`: the split counted before, whatever became of the rerun; the files given now are nobody's. Raises no version:
   * its days are known as changed from when the rerun answers. @throws StaleRerunError where it is not `backfilling` or
   * `catching_up`; StaleErasuresError where it knew too few erasures; RangeError where a file is committed already
   */
  commitSplit(commit: SplitCommit): Promise<'committed' | 'already'>
  /** Names of the splits that count. */
  splitsDone(id: number): Promise<ReadonlySet<string>>

  // Moves. Each is undefined where the revision is another, and refused where the state is: @throws StaleRerunError

  /**
   * `backfilling` → `catching_up`: from the committed positions of this moment on (per job, source and partition) the
   * pipeline's jobs write the generation too. `jobs`: by sink, the job that writes it.
   * @throws RangeError where a sink of the rerun has none
   */
  beginDualWriting(
    id: number,
    jobs: Readonly<Partial<Record<GenerationSink, string>>>,
    move: RerunMove,
  ): Promise<Rerun | undefined>
  /** `ready` or `rolled_back` → `promoted`. */
  promoteRerun(id: number, move: RerunMove): Promise<Rerun | undefined>
  /** `promoted` → `rolled_back`; what a later rerun was promoted over is not, before that one is. */
  rollBackRerun(id: number, move: RerunMove): Promise<Rerun | undefined>
  /**
   * `promoted` → `released`: generations that it covers whole are written no more; of one that it covers in one sink that
   * sink. Released everywhere it is the base, of its sinks.
   */
  releaseRerun(id: number, move: RerunMove): Promise<Rerun | undefined>
  /** Any state but `promoted`, `released`, `cancelled` → `cancelled`: written no more. */
  cancelRerun(id: number, move: RerunMove): Promise<Rerun | undefined>

  /** What the jobs of a pipeline write: at first generation 1 by the release's plan. */
  writing(pipeline: string): Promise<Writing>
  /**
   * The plan of the base generation, of each sink, from the next epoch on; null: the release's. Raises the revision where it
   * differs.
   */
  setBasePlan(pipeline: string, plan: string | null): Promise<Writing>
  /** Every generation that answers or may answer again, or is still written: all others are garbage. */
  generationsInUse(): Promise<{
    readonly inUse: readonly number[]
    /** The newest change of what answers, ms; null: none ever. */
    readonly changedAt: number | null
  }>
}
