/**
 * What administration asks before a rerun is recorded: whether it can be made, what of, and what it will cost. Answered by
 * the process that reads the lake and runs plans; gateways only ask.
 */
import type { GenerationSink } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { RerunRequest } from './rerun-store.ts'
import type { SplitMethod } from './rerun-work.ts'

/** As people ask; what is null is chosen by the planner. */
export interface RerunQuestion {
  readonly pipeline: string
  /** Of the table `hits`. */
  readonly snapshot: string
  /** null: those that the plan's difference says need it; where it says none, all. */
  readonly sinks: readonly GenerationSink[] | null
  /** [from, to), ms, at UTC midnight; null: without end. */
  readonly from: number | null
  readonly to: number | null
  /** null: all. */
  readonly merchant: MerchantId | null
  readonly via: RerunRequest['via']
  readonly dataSets: RerunRequest['dataSets']
  readonly zones: RerunRequest['zones']
  /** Only places with hits that were refused for this reason ('' for any); null: all places. */
  readonly recovers: string | null
  readonly promote: RerunRequest['promote']
  /** A version in the plan repository; null: the release's. */
  readonly plan: string | null
  readonly by: string
}

/** What a rerun will do and cost, as far as it can be known before: counts are estimates from the lake's manifests. */
export interface RerunEstimate {
  /** Of the rows it makes; of a dry run the next one. */
  readonly generation: number
  readonly snapshot: string
  /** The snapshot of `hits` holds all publications up to this one. */
  readonly publish: number
  readonly places: number
  /** Parts of it that are made one after the other; what comes between the snapshot and now is not in here. */
  readonly splits: number
  /** To be read. */
  readonly rows: number
  readonly bytes: number
  /** First and last UTC day that holds hits, days since 1970; null: none. */
  readonly days: { readonly first: number; readonly last: number } | null
  /** Hours of a merchant that may change, at most about. */
  readonly buckets: number
  readonly methods: Readonly<Partial<Record<GenerationSink, SplitMethod>>>
  /** For people, by sink: why it is made so. */
  readonly methodReasons: Readonly<Partial<Record<GenerationSink, string>>>
  /** Versions: which plan's numbers answer by default now (null: not known), and which is run. */
  readonly plan: { readonly live: string | null; readonly rerun: string }
  readonly dataSets: RerunRequest['dataSets']
  readonly zones: RerunRequest['zones']
  /** For people: what it goes on costing until it is released. */
  readonly goesOnCosting: string
}

export interface PlannedRerun {
  readonly request: RerunRequest
  readonly estimate: RerunEstimate
}

export interface RerunPlanner {
  /**
   * Changes nothing.
   * @throws SnapshotNotFoundError where `hits` lacks the snapshot; RerunRefusedError where it cannot be made, and why
   */
  plan(question: RerunQuestion): Promise<PlannedRerun>
}

/** Which plans of a pipeline there are. */
export interface ReleasePlans {
  /** undefined: there is no such pipeline, or it keeps no generations. */
  of(pipeline: string): Promise<
    | {
        /** The plan that writes the base generation; null: not recorded yet, so the release's. */
        readonly live: string | null
        readonly release: string
        /** Sinks whose rows of the past the release's plan would make otherwise. */
        readonly rebuild: readonly GenerationSink[]
      }
    | undefined
  >
}
