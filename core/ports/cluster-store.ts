/**
 * What a control store must know besides when the parts of the system are processes of their own (adapters: PostgreSQL,
 * memory): how far each collector's log has come, so that a collector trims its log and says what is visible, and which
 * staged files nobody can commit any more.
 */
import type { ControlStore } from './control-store.ts'
import type { Rerun, SplitCommit, Writing } from './rerun-store.ts'

/** How far one job's partition has processed one collector's log. Places are offsets of that log. */
export interface LogProgress {
  readonly job: string
  readonly partition: number
  /** One past the last place of the log that is committed there; 0 before the first. */
  readonly committed: number
  /** The same, of what every table of the job shows already: all files of that commit and those before are published. */
  readonly published: number
}

export interface CollectorReport {
  readonly log: string
  /** Ms since 1970: every hit this collector received before is published. Never falls. */
  readonly visibleThrough: number
  /** `retired`: drained and gone for good; it holds nothing back. */
  readonly state: 'live' | 'retired'
}

/** Where a rerun stands in the generation map. */
export interface RerunAnswer {
  readonly answers: boolean
  readonly order: number
  readonly version: number
  /** When it last changed, ms. */
  readonly at: number
}

/** All that a store knows of a rerun beside its splits. */
export interface KeptRerun {
  readonly rerun: Rerun
  /** Null before it was first promoted. */
  readonly answer: RerunAnswer | null
}

export interface ClusterStore extends ControlStore {
  /** Every (job, partition) that ever committed a record of the log. */
  logProgress(log: string): Promise<readonly LogProgress[]>
  /** Keeps the collector's newest report; an older `visibleThrough` changes nothing but the state. */
  reportCollector(report: CollectorReport): Promise<void>
  collectors(): Promise<readonly CollectorReport[]>
  /**
   * Forgets every derived range, mark and open derivation, so that all is derived again: after the store was put back from
   * an older copy, for the derived tables may have gone on meanwhile and dropped rows that its ranges name.
   */
  forgetDerivations(): Promise<void>
  /**
   * The lowest fence that a partition of the job is stamped with, in any source; undefined where the job is unknown.
   * An epoch of a lower fence can never be committed: what it staged is garbage.
   */
  lowestFence(job: string): Promise<number | undefined>

  /** The newest asking of an erasure that is fenced: an epoch that knew less can never be committed. Never falls. */
  newestFenced(): Promise<number>

  keptRerun(id: number): Promise<KeptRerun | undefined>

  // What brings a store up to date that was put back from an older copy. Each says how something was later, whatever the
  // store has; what it has as new stays.

  /** By revision. Its change of the map gets a new version. */
  restoreRerun(kept: KeptRerun): Promise<void>
  /** By revision. */
  restoreWriting(pipeline: string, writing: Writing): Promise<void>
  /** As `commitSplit`, whatever state the rerun is in, and whether it is there or not. */
  restoreSplit(commit: SplitCommit): Promise<'committed' | 'already'>
  /** A commit that changes nothing. Returns its number. */
  skipCommit(): Promise<number>
}
