/**
 * What a control store must know besides when the parts of the system are processes of their own (adapters: PostgreSQL,
 * memory): how far each collector's log has come, so that a collector trims its log and says what is visible, and which
 * staged files nobody can commit any more.
 */
import type { ControlStore } from './control-store.ts'

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
}
