/** What a stream runner is given, and what it tells. */
import type { Clock, Random, Timers } from '../../core/ports/clock.ts'
import type { ControlStore, JobPosition } from '../../core/ports/control-store.ts'
import type { Assignment, Feed } from '../../core/ports/feed.ts'
import type { LakeWriter } from '../../core/ports/lake.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { TableName } from '../../core/tables.ts'
import type { SyncReader } from '../core/dedupe/sync-reader.ts'
import type { Pipeline } from '../plan/draft.ts'
import type { EpochCounts } from './epoch-output.ts'
import type { WindowStepFacts } from './plan-windows.ts'
import type { SideInputs } from './side-inputs.ts'
import type { OpenState } from './state.ts'
import type { PlanVersions } from './writing.ts'

/** An epoch ends at the latest so long after its first record was read. */
export const defaultEpochMs = 2_000
/** … or with so many hits (the last record may bring up to 1,000 more) … */
export const defaultEpochMaxHits = 200_000
/**
 * … or with so many bytes of records, whose rows take several times as much memory until they are staged. At 20,000
 * hits/s that is about an epoch a second; with three times as much the process needed 130 MB more and hits were seen later.
 */
export const defaultEpochMaxBytes = 8 * 1024 * 1024
/** … or with so many days of hits that it left out as erased (the last record may bring more): each is a row of its commit. */
export const defaultEpochMaxErasedDays = 10_000
/** Memory of the state of all partitions together. At it the runner stops reading; it never forgets. */
export const defaultStateMaxBytes = 256 * 1024 * 1024
/**
 * Where time was to bring something about and could not yet, as the feed had more of the partition to read, it is looked
 * again after so long.
 */
export const timeRetryMs = 1_000
/** How long after the state's limit was reached it is tried again: saved hours may have expired, or memory been folded. */
export const stateRetryMs = 10_000
/** A clean stop gives up after so many failed attempts: the feed keeps what was not committed. */
export const stopMaxAttempts = 3
/** The thread is given back to others after so many hits, or so many ms, of work in one stretch. */
export const turnMaxHits = 2_000
export const turnMaxMs = 10

export type BooksKeeping = 'kept' | 'left to another job'

export interface StreamRunnerOptions {
  readonly plan: Pipeline
  /**
   * Plans of the generations that the control store says the jobs of the plan write. Left out: one generation, by `plan`,
   * whatever the store says.
   */
  readonly versions?: PlanVersions
  /** Default: the plan's name. Embedded, all sinks of a plan are one job; in a cluster see `jobsOf`. */
  readonly job?: string
  /** Tables that this job writes. Default: all of the plan. */
  readonly tables?: readonly TableName[]
  /** Of jobs over one feed, one keeps the books. Default: this one. */
  readonly books?: BooksKeeping
  readonly feed: Feed
  /** Which partitions are this process's; without one, all of them for ever. */
  readonly assignment?: Assignment
  readonly store: Pick<
    ControlStore,
    'acquirePartitions' | 'commitEpoch' | 'erasuresAsked' | 'versionsSince' | 'writing'
  >
  readonly lake: Pick<LakeWriter, 'stage' | 'discard'>
  readonly objects: ObjectStore
  readonly inputs: SideInputs
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** Reads saved state of large jobs; without it, all of it is held in memory. */
  readonly stateReader?: SyncReader
  /** Names this process in the control store. */
  readonly owner: string
  readonly generation?: number
  readonly epochMs?: number
  readonly epochMaxHits?: number
  readonly epochMaxBytes?: number
  readonly epochMaxErasedDays?: number
  readonly stateMaxBytes?: number
  /** Lets other work of the thread run. Default: a timer of 0 ms; an adapter may know a cheaper way. */
  readonly turn?: () => Promise<void>
  /** Default: `openStateOf`. */
  readonly openState?: OpenState
  /** After each commit, at once. `commit` rises. */
  readonly onCommitted?: (committed: { readonly commit: number; readonly positions: readonly JobPosition[] }) => void
  /** Something went wrong. `retrying`: it is tried again and nothing is lost; `stopped`: somebody must act. */
  readonly onError?: (error: unknown, then: 'retrying' | 'stopped') => void
  /** For metrics, after each commit. */
  readonly onEpoch?: (facts: EpochFacts) => void
}

export interface EpochFacts {
  readonly records: number
  readonly bytes: number
  readonly counts: EpochCounts
  /** Batches that a collector had forwarded before, dropped whole. */
  readonly repeatedForwards: number
  readonly stateBytes: number
  /** Of the plan's windows, over the partitions of this process. */
  readonly windows: readonly WindowStepFacts[]
  /** From the first record to the commit, and the part of it that staging and commit took. */
  readonly totalMs: number
  readonly commitMs: number
  readonly positions: readonly JobPosition[]
  /** Bytes of the files it staged: they wait for publication. */
  readonly stagedBytes: number
}

/**
 * `running`: reading or waiting for records; `retrying`: waiting to try again after an error; `blocked`: at the state's
 * limit; `failed`: ended by an error that only a person mends.
 */
export type RunnerState = 'new' | 'running' | 'retrying' | 'blocked' | 'failed' | 'stopped'
