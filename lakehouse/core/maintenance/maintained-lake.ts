/** What maintenance needs of a lake. One that only this process writes to has no use for the turn. */
import type { DeriveWork, LakeMaintainer, LakePartition, LakeReader } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import type { PublicationTurn } from '../publication-turn.ts'

export interface MaintainedLake
  extends Pick<LakeReader, 'snapshots'>,
    Pick<LakeMaintainer, 'lastPublish' | 'partitions'> {
  derive(work: DeriveWork, turn: PublicationTurn): ReturnType<LakeMaintainer['derive']>
  rewrite(table: TableName, partition: LakePartition, turn: PublicationTurn): ReturnType<LakeMaintainer['rewrite']>
}
