/**
 * The statements by which a lake's tables are written: each only while the turn lasts, none before the statements of earlier
 * turns are ended, repeated until it is certain that they took effect.
 */
import { TrinoOutcomeUnknownError, TrinoQueryError } from '../../../core/errors.ts'
import { type Clock, sleep, type Timers } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { PublicationTurn } from '../../core/publication-turn.ts'
import type { StatementOptions, Trino } from './client.ts'
import { publicationSource, takeOver } from './lake-turn.ts'
import type { TrinoPlace } from './tables.ts'

/** Tries of one MERGE before the publication fails as a whole; the publisher then repeats it after a pause of its own. */
export const mergeMaxAttempts = 4
export const mergeRetryMinMs = 500
/** One MERGE. At the goal of 50,000 rows/s it would be 30 million rows, far more than a publication has. */
export const defaultMergeTimeoutMs = 600_000

export interface LakeStatementsOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly objects: ObjectStore
  readonly clock: Clock
  readonly timers: Timers
  readonly mergeTimeoutMs?: number
  /** Called when this process took a table over: what it kept for one of its statements is of no use. */
  readonly onTaken?: (table: TableName) => void
}

type Answer = Awaited<ReturnType<Trino['query']>>

export interface LakeStatements {
  /** Takes the table over, once a fence. @throws StaleLeaseError, TrinoUnavailableError */
  begin(table: TableName, turn: PublicationTurn): Promise<void>
  /** Runs statements, each only while the turn lasts. */
  runner(table: TableName, turn: PublicationTurn | undefined): (sql: string) => Promise<Answer>
}

export function createLakeStatements(options: LakeStatementsOptions): LakeStatements {
  /** The fence under which this process took over a table's publication. */
  const taken = new Map<TableName, number>()

  return {
    async begin(table, turn) {
      if (taken.get(table) === turn.fence) return
      await takeOver(options, table, turn.fence, turn.signal)
      options.onTaken?.(table)
      taken.set(table, turn.fence)
    },

    runner(table, turn) {
      const given: StatementOptions = {
        effect: 'writes',
        source: publicationSource(options, table, turn?.fence ?? 0),
        session: mergeSession(options.catalog),
        timeoutMs: options.mergeTimeoutMs ?? defaultMergeTimeoutMs,
        ...(turn && { signal: turn.signal }),
      }
      return async (sql) => {
        turn?.throwIfOver()
        return options.trino.query(sql, given)
      }
    },
  }
}

/**
 * Settings of the statements that write. Tried and left alone: sorted writing costs a quarter of a MERGE and is what lets
 * readers skip by merchant; broadcast joins and another task concurrency were slower.
 */
function mergeSession(catalog: string): Readonly<Record<string, string>> {
  // Without: a second commit per statement, for distinct counts that nothing of ours plans by.
  return { [`${catalog}.collect_extended_statistics_on_write`]: 'false' }
}

/** Repeats until success: 0 rows moved is success too. @throws the last error */
export async function untilCertain(timers: Timers, merge: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await merge()
      return
    } catch (error) {
      const isTrinos = error instanceof TrinoQueryError || error instanceof TrinoOutcomeUnknownError
      if (!isTrinos || attempt === mergeMaxAttempts) throw error
      await sleep(timers, mergeRetryMinMs * 2 ** (attempt - 1))
    }
  }
}
