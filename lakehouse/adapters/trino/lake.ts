/**
 * The lake of a cluster: rows staged as Parquet in the object store, tables in Trino's Iceberg catalog.
 *
 * A publication is one or more MERGEs, each of at most `mergeMaxPartitions` partitions, all under one id; a reader who reads
 * the snapshot that `publish` returns sees all of it. Any failure means: the same again, until every MERGE has said that
 * it is done; that one landed before is found by its rows (design.md, section 4). What a publisher does not finish, the
 * next one finishes: nothing it needs is kept anywhere but in the control store and the staged files.
 */
import type { DuckDBInstance } from '@duckdb/node-api'
import { TrinoOutcomeUnknownError, TrinoQueryError } from '../../../core/errors.ts'
import { type Clock, type Random, sleep, type Timers } from '../../../core/ports/clock.ts'
import type { LakeReader, LakeWriter, StagedFile } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import type { PublicationTurn } from '../../core/publication-turn.ts'
import { createStaging } from '../local/staging.ts'
import type { StatementOptions, Trino } from './client.ts'
import {
  mergeRun,
  type PreparedPublication,
  preparePublication,
  registerTable,
  unregisterTable,
} from './lake-publication.ts'
import { allSnapshots, currentSnapshot } from './lake-snapshots.ts'
import { publicationSource, removeFolder, takeOver } from './lake-turn.ts'
import type { TrinoPlace } from './tables.ts'

/** Tries of one MERGE before the publication fails as a whole; the publisher then repeats it after a pause of its own. */
export const mergeMaxAttempts = 4
export const mergeRetryMinMs = 500
/** One MERGE. At the goal of 50,000 rows/s it would be 30 million rows, far more than a publication has. */
export const defaultMergeTimeoutMs = 600_000

export interface TrinoLakeOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly objects: ObjectStore
  /** URI of the object store's root as Trino reaches it, without a slash at its end: `s3://bucket/prefix`. */
  readonly objectsUri: string
  /** The process's one DuckDB; its memory limit and temporary folder bound what a merge takes. */
  readonly instance: DuckDBInstance
  /** A folder of this machine for files on their way; emptied by whoever starts the process. */
  readonly scratch: string
  readonly random: Random
  readonly clock: Clock
  readonly timers: Timers
  readonly mergeTimeoutMs?: number
  readonly sliceMaxRows?: number
}

export interface TrinoLake extends Omit<LakeWriter, 'publish'>, Pick<LakeReader, 'snapshots'> {
  /**
   * As `LakeWriter.publish`, but the table's history does not name the id: a repeat returns the newest snapshot, which
   * holds the rows once. With a `turn` the statements of earlier turns are ended first, and nothing is begun once the
   * turn is lost.
   * @throws TrinoUnavailableError, TrinoOutcomeUnknownError, TrinoQueryError: to be repeated; what the turn was lost by
   */
  publish(
    table: TableName,
    id: number,
    files: readonly StagedFile[],
    turn?: PublicationTurn,
  ): Promise<{ readonly snapshot: string }>
}

export function createTrinoLake(options: TrinoLakeOptions): TrinoLake {
  const { trino, objects, timers } = options
  const staging = createStaging(options)
  /** The fence under which this process took over a table's publication. */
  const taken = new Map<TableName, number>()
  /** Made for a publication that then failed: good for its repeat. */
  const kept = new Map<TableName, PreparedPublication>()

  async function begin(table: TableName, turn: PublicationTurn): Promise<void> {
    if (taken.get(table) === turn.fence) return
    await takeOver(options, table, turn.fence, turn.signal)
    kept.delete(table)
    taken.set(table, turn.fence)
  }

  /** Runs statements of a publication, each only while the turn lasts. */
  function runner(table: TableName, turn: PublicationTurn | undefined): (sql: string) => Promise<unknown> {
    const given: StatementOptions = {
      effect: 'writes',
      source: publicationSource(options, table, turn?.fence ?? 0),
      session: mergeSession(options.catalog),
      timeoutMs: options.mergeTimeoutMs ?? defaultMergeTimeoutMs,
      ...(turn && { signal: turn.signal }),
    }
    return async (sql) => {
      turn?.throwIfOver()
      return trino.query(sql, given)
    }
  }

  async function publishFiles(
    table: TableName,
    id: number,
    files: readonly StagedFile[],
    turn: PublicationTurn | undefined,
  ): Promise<void> {
    const run = runner(table, turn)
    const before = kept.get(table)
    const publication =
      before?.id === id ? before : await preparePublication({ ...options, staging }, tables[table], id, files)
    kept.set(table, publication)
    try {
      await registered(run, registerTable(options, publication))
      for (const each of publication.runs) {
        await untilCertain(timers, () => run(mergeRun(options, tables[table], publication, each)))
      }
    } catch (error) {
      // Trino was away, or is: the same again. Else what was made may be damaged or removed: it is made anew.
      if (error instanceof TrinoQueryError) kept.delete(table)
      throw error
    }
    kept.delete(table)
    try {
      await run(unregisterTable(options, publication.tableName))
      await removeFolder(objects, publication.folder)
    } catch {
      // It is published. What is left of the way there, the next who takes over removes.
    }
  }

  return {
    stage: staging.stage,
    discard: staging.discard,
    stagedNames: staging.stagedNames,

    async publish(table, id, files, turn) {
      if (turn !== undefined) await begin(table, turn)
      if (files.length > 0) await publishFiles(table, id, files, turn)
      return { snapshot: await currentSnapshot(options, tables[table]) }
    },

    snapshots: (table) => allSnapshots(options, tables[table]),
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

/** The table may be registered already by the try before. */
async function registered(run: (sql: string) => Promise<unknown>, statement: string): Promise<void> {
  try {
    await run(statement)
  } catch (error) {
    if (!(error instanceof TrinoQueryError) || error.errorName !== 'ALREADY_EXISTS') throw error
  }
}

/** Repeats until success: 0 rows moved is success too. @throws the last error */
async function untilCertain(timers: Timers, merge: () => Promise<unknown>): Promise<void> {
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
