/** What the driver of reruns is given, and what it tells. */
import type { GenerationSink } from '../../../core/generations.ts'
import type { Clock, Random, Timers } from '../../../core/ports/clock.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { LakeReader, LakeWriter } from '../../../core/ports/lake.ts'
import type { Rerun } from '../../../core/ports/rerun-store.ts'
import type { AcceptedTable, GenerationComparer, RerunExecutor } from '../../../core/ports/rerun-work.ts'
import type { RerunTrouble } from '../../../core/rerun-notes.ts'

export interface DriverLake extends Pick<LakeReader, 'snapshots'>, Pick<LakeWriter, 'discard' | 'stagedNames'> {
  /**
   * The largest `_publish` of the snapshot's rows, 0 for none. Asked only where the history does not tell.
   * @throws SnapshotNotFoundError
   */
  publishedThrough(table: AcceptedTable, snapshot: string): Promise<number>
}

export type RerunStoreOfDriver = Pick<
  ControlStore,
  | 'acquireLease'
  | 'beginDualWriting'
  | 'commitSplit'
  | 'erasuresAsked'
  | 'openPublication'
  | 'pins'
  | 'pinSnapshot'
  | 'promoteRerun'
  | 'releaseLease'
  | 'rerun'
  | 'reruns'
  | 'splitsDone'
  | 'tableView'
  | 'unpinSnapshot'
  | 'unpublished'
  | 'updateRerun'
  | 'versionsSince'
  | 'writing'
>

export interface RerunDriverOptions {
  readonly store: RerunStoreOfDriver
  readonly lake: DriverLake
  readonly executor: RerunExecutor
  readonly comparer: GenerationComparer
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** Who holds the lease. A process that alone owns its data folder gives a fixed name: a restart has it at once. */
  readonly owner: string
  /** The job that writes each sink: embedded the same for both. */
  readonly jobs: Readonly<Record<GenerationSink, string>>
  /** Splits that run at once; as many as the executor has threads. */
  readonly parallel?: number
  /** A rerun waits for a publication, and asks for one before its time; called again while it waits. */
  readonly publishSoon?: () => void
  /** A rerun is in another state by this driver's doing; `failed` says why in its last event. */
  readonly onMoved?: (rerun: Rerun) => void
  readonly onSplit?: (rerun: Rerun, split: { readonly name: string; readonly rows: number }) => void
  /** It goes on by itself. */
  readonly onTrouble?: (rerun: Rerun, trouble: RerunTrouble) => void
  /** Promoted, or rolled back, and not released for so many days: both plans still run. */
  readonly onReminder?: (rerun: Rerun, days: number) => void
  /** The store could not be asked; it is tried again. */
  readonly onError?: (error: unknown) => void
}

/** Who moves a rerun where the driver does. */
export const driverName = 'the driver'
