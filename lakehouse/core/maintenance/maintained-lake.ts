/** What maintenance needs of a lake. One that only this process writes to has no use for the turn. */
import type {
  DeriveWork,
  LakeExpiry,
  LakeMaintainer,
  LakeManifests,
  LakePartition,
  LakePins,
  LakeReader,
  OrphanLimits,
  RemovalMode,
} from '../../../core/ports/lake.ts'
import type { LakeHistory, RollbackStep } from '../../../core/ports/lake-history.ts'
import type { LakeRemoval, RecomputeWork, RemovedRows } from '../../../core/ports/lake-removal.ts'
import type { TableName } from '../../../core/tables.ts'
import type { PublicationTurn } from '../publication-turn.ts'

export interface RewriteTurn {
  readonly turn: PublicationTurn
  /**
   * Publications up to this id are finished. A lake that finds a repeated publication by its rows must not fold rows of a
   * later one: the repeat would bring them again.
   */
  readonly through: number
}

export interface MaintainedLake
  extends Pick<LakeReader, 'currentSnapshot' | 'snapshots'>,
    Pick<LakeMaintainer, 'countedDays' | 'lastPublish' | 'partitions' | 'partitionsWith' | 'expires'>,
    Pick<LakeManifests, 'manifests'>,
    Partial<LakePins>,
    Omit<LakeHistory, 'rollback'> {
  mergeManifests(table: TableName, turn: PublicationTurn): ReturnType<LakeManifests['mergeManifests']>
  rollback(table: TableName, step: RollbackStep, turn: PublicationTurn): ReturnType<LakeHistory['rollback']>
  /** Ends what earlier holders of the lease began. Left out where only this process writes. */
  takeOver?(table: TableName, turn: PublicationTurn): Promise<void>
  derive(work: DeriveWork, turn: PublicationTurn): ReturnType<LakeMaintainer['derive']>
  rewrite(table: TableName, partition: LakePartition, given: RewriteTurn): ReturnType<LakeMaintainer['rewrite']>
  removeRows(
    table: TableName,
    partition: LakePartition,
    rows: readonly RemovedRows[],
    given: RewriteTurn,
  ): ReturnType<LakeRemoval['removeRows']>
  removeGenerations(
    table: TableName,
    generations: readonly number[],
    given: RewriteTurn,
  ): ReturnType<LakeRemoval['removeGenerations']>
  recomputeHourly(work: RecomputeWork, given: RewriteTurn): ReturnType<LakeRemoval['recomputeHourly']>
  expire(
    table: TableName,
    snapshots: readonly string[],
    mode: RemovalMode,
    turn: PublicationTurn,
  ): ReturnType<LakeExpiry['expire']>
  removeOrphans(
    table: TableName,
    limits: OrphanLimits,
    mode: RemovalMode,
    turn: PublicationTurn,
  ): ReturnType<LakeExpiry['removeOrphans']>
}
