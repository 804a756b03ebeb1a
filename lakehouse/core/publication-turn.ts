/** The time in which a process may publish into a table: while it holds the lease under one fence. */
import type { StagedFile } from '../../core/ports/lake.ts'
import type { TableName } from '../../core/tables.ts'

export interface PublicationTurn {
  readonly fence: number
  /** Aborts when the lease is lost, or the publisher stops. */
  readonly signal: AbortSignal
  /** To be called before anything is begun that others see. @throws what the turn was lost by */
  throwIfOver(): void
}

/** What a publisher needs of a lake. One that only this process writes to has no use for the turn. */
export interface PublishingLake {
  discard(name: string): Promise<void>
  stagedNames(): Promise<readonly string[]>
  publish(
    table: TableName,
    id: number,
    files: readonly StagedFile[],
    turn: PublicationTurn,
  ): Promise<{ readonly snapshot: string }>
}
