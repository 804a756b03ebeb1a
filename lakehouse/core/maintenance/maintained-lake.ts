/** What maintenance needs of a lake. One that only this process writes to has no use for the turn. */
import type {
  DeriveWork,
  LakeExpiry,
  LakeMaintainer,
  LakeManifests,
  LakePartition,
  LakeReader,
  OrphanLimits,
  RemovalMode,
} from '../../../core/ports/lake.ts'
import type { LakeHistory, RollbackStep } from '../../../core/ports/lake-history.ts'
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
  extends Pick<LakeReader, 'snapshots'>,
    Pick<LakeMaintainer, 'lastPublish' | 'partitions' | 'expires'>,
    Pick<LakeManifests, 'manifests'>,
    Omit<LakeHistory, 'rollback'> {
  mergeManifests(table: TableName, turn: PublicationTurn): ReturnType<LakeManifests['mergeManifests']>
  rollback(table: TableName, step: RollbackStep, turn: PublicationTurn): ReturnType<LakeHistory['rollback']>
  derive(work: DeriveWork, turn: PublicationTurn): ReturnType<LakeMaintainer['derive']>
  rewrite(table: TableName, partition: LakePartition, given: RewriteTurn): ReturnType<LakeMaintainer['rewrite']>
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
