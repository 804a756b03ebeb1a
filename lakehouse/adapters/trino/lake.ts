/**
 * The lake of a cluster: rows staged as Parquet in the object store, tables in Trino's Iceberg catalog.
 *
 * A publication is one or more MERGEs, each of at most `mergeMaxPartitions` partitions, all under one id; a reader who reads
 * the snapshot that `publish` returns sees all of it. Any failure means: the same again, until every MERGE has said that
 * it is done; that one landed before is found by its rows (design.md, section 4). What a publisher does not finish, the
 * next one finishes: nothing it needs is kept anywhere but in the control store and the staged files.
 */
import type { DuckDBInstance } from '@duckdb/node-api'
import { TrinoQueryError } from '../../../core/errors.ts'
import type { Clock, Random, Timers } from '../../../core/ports/clock.ts'
import type {
  DeriveWork,
  LakeMaintainer,
  LakeReader,
  LakeUpkeep,
  LakeWriter,
  StagedFile,
} from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import type { PublicationTurn } from '../../core/publication-turn.ts'
import { createStaging } from '../local/staging.ts'
import type { Trino } from './client.ts'
import { createTrinoDerive } from './derive.ts'
import { createTrinoExpiry, type TrinoExpiry } from './expiry.ts'
import { createTrinoHistory, type TrinoHistory } from './history.ts'
import {
  mergeRun,
  type PreparedPublication,
  preparePublication,
  registerTable,
  unregisterTable,
} from './lake-publication.ts'
import { createTrinoRewrites, type TrinoRewrites } from './lake-rewrites.ts'
import { allSnapshots, currentSnapshot, currentSnapshotIfAny } from './lake-snapshots.ts'
import { createLakeStatements, untilCertain } from './lake-statements.ts'
import { removeFolder } from './lake-turn.ts'
import { createTrinoManifests, type TrinoManifests } from './manifests.ts'
import { createTrinoRemoval, type TrinoRemoval } from './removal.ts'
import type { TrinoPlace } from './tables.ts'
import { createTrinoVerify } from './verify.ts'

export interface TrinoLakeOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly objects: ObjectStore
  /** URI of the object store's root as Trino reaches it, without a slash at its end: `s3://bucket/prefix`. */
  readonly objectsUri: string
  /** Its memory limit and temporary folder bound what a merge takes. */
  readonly instance: DuckDBInstance
  /** Where rows are staged, if apart: an epoch must not wait for memory that a merge has taken. */
  readonly stagingInstance?: DuckDBInstance
  /** A folder of this machine for files on their way; emptied by whoever starts the process. */
  readonly scratch: string
  readonly random: Random
  readonly clock: Clock
  readonly timers: Timers
  readonly mergeTimeoutMs?: number
  readonly sliceMaxRows?: number
  /** Values that a merchant, breakdown and day keeps when it is folded; `foldMaxValues` of the tables where absent. */
  readonly foldMaxValues?: number
  /** Files nothing names stay this long; not below what Trino is configured to refuse. */
  readonly orphanMinAgeMs?: number
  readonly expiryMarginMs?: number
}

export interface TrinoLake
  extends Omit<LakeWriter, 'publish'>,
    Pick<LakeReader, 'currentSnapshot' | 'snapshots'>,
    Pick<LakeUpkeep, 'verify'>,
    TrinoRewrites,
    TrinoExpiry,
    TrinoRemoval,
    TrinoHistory,
    TrinoManifests {
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
  /** Ends the statements of earlier turns. @throws StaleLeaseError, TrinoUnavailableError */
  takeOver(table: TableName, turn: PublicationTurn): Promise<void>
  /** As `LakeMaintainer.derive`, with the same about its repeat and its `turn`. Pending files of the view are not read. */
  derive(work: DeriveWork, turn?: PublicationTurn): ReturnType<LakeMaintainer['derive']>
}

export function createTrinoLake(options: TrinoLakeOptions): TrinoLake {
  const { objects, timers } = options
  const staging = createStaging(options)
  /** Made for a publication that then failed: good for its repeat. */
  const kept = new Map<TableName, PreparedPublication>()

  const statements = createLakeStatements({ ...options, onTaken: (table) => kept.delete(table) })

  async function publishFiles(
    table: TableName,
    id: number,
    files: readonly StagedFile[],
    turn: PublicationTurn | undefined,
  ): Promise<void> {
    const run = statements.runner(table, turn)
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
      if (turn !== undefined) await statements.begin(table, turn)
      if (files.length > 0) await publishFiles(table, id, files, turn)
      return { snapshot: await currentSnapshot(options, tables[table]) }
    },

    ...createTrinoRewrites({ ...options, statements }),

    ...createTrinoExpiry({ ...options, statements }),

    ...createTrinoRemoval({ ...options, statements }),

    ...createTrinoHistory({ ...options, statements }),

    ...createTrinoManifests({ ...options, statements }),

    derive: createTrinoDerive({ ...options, statements }).derive,

    takeOver: (table, turn) => statements.begin(table, turn),

    verify: createTrinoVerify(options),

    snapshots: (table) => allSnapshots(options, tables[table]),

    currentSnapshot: (table) => currentSnapshotIfAny(options, tables[table]),
  }
}

/** The table may be registered already by the try before. */
async function registered(run: (sql: string) => Promise<unknown>, statement: string): Promise<void> {
  try {
    await run(statement)
  } catch (error) {
    if (!(error instanceof TrinoQueryError) || error.errorName !== 'ALREADY_EXISTS') throw error
  }
}
