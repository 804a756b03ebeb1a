/**
 * `derive` of the embedded lake: DuckDB computes the units' rows into a file of the scratch folder, which is then merged and
 * appended as a publication is. A derivation that landed is found in the table's history; one that did not leaves files
 * nobody names.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { utcDay } from '../../../core/event-time.ts'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { DeriveWork, LakeMaintainer } from '../../../core/ports/lake.ts'
import type { DerivedUnit } from '../../../core/ports/maintenance-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { appendFiles, publishedSnapshot } from '../../core/iceberg/append.ts'
import { findSnapshot, snapshotId, snapshotInfo } from '../../core/iceberg/metadata.ts'
import { deriveSelect } from '../../core/sql/derive-select.ts'
import { printDuckDb } from '../../core/sql/duckdb-printer.ts'
import { amongOf, sinkOfTable } from '../../core/sql/of-generations.ts'
import type { TableFiles } from '../../core/table-files.ts'
import { isOutOfMemory } from '../duckdb/database.ts'
import { readFiles } from '../duckdb/deleted-rows.ts'
import { copyToParquet, withConnection } from '../duckdb/parquet.ts'
import { quoteName, sqlType, stagedColumns } from '../duckdb/parquet-sql.ts'
import type { LocalTable } from './rewrites.ts'
import type { Staging } from './staging.ts'

export interface LocalDeriveOptions {
  readonly objects: ObjectStore
  readonly instance: DuckDBInstance
  readonly scratch: string
  readonly random: Random
  readonly clock: Clock
  readonly smallManifestsMax?: number
  /** Values that a merchant, breakdown and day keeps; `foldMaxValues` of the tables where absent. */
  readonly foldMaxValues?: number
  readonly table: (name: TableName) => LocalTable
  readonly staging: Pick<Staging, 'mergeLocal'>
  readonly files: TableFiles
}

/** A row may hold a sketch of 32 KB, and a row group is held in memory. */
const rowGroupMaxRows = 2_048

export function createLocalDerive(options: LocalDeriveOptions): Pick<LakeMaintainer, 'derive'> {
  const { instance, random, staging } = options

  /** Rows of the units in files of the scratch folder, each added to `written`; half of them at a time where memory runs out. */
  async function write(work: DeriveWork, units: readonly DerivedUnit[], written: string[]): Promise<void> {
    const { select, base, span } = deriveSelect({ ...work, units }, options.foldMaxValues)
    const found = await options.files.files(work.view, {
      generations: amongOf(work.generations, sinkOfTable[base], {
        merchants: units.map(({ merchant }) => merchant),
        range: span,
      }),
      firstDay: utcDay(span.start),
      lastDay: utcDay(span.end - 1),
      ...onlyMerchant(units),
    })
    if (found.length === 0) return
    const sql = printDuckDb(select, (_table, columns) =>
      readFiles(
        tables[base].columns.filter(({ name }) => columns.includes(name)),
        found,
      ),
    )
    const path = join(options.scratch, `${Buffer.from(random.bytes(12)).toString('hex')}.parquet`)
    written.push(path)
    const columns = stagedColumns(tables[work.table])
    const typed = columns.map(({ name, type }) => `CAST(${quoteName(name)} AS ${sqlType(type)}) AS ${quoteName(name)}`)
    try {
      await withConnection(instance, (connection) =>
        copyToParquet(connection, `SELECT ${typed.join(', ')} FROM (${sql})`, columns, path, {
          use: 'staged',
          rowGroupMaxRows,
        }),
      )
    } catch (error) {
      if (!isOutOfMemory(error) || units.length === 1) throw error
      written.pop()
      await rm(path, { force: true })
      const half = Math.ceil(units.length / 2)
      await write(work, units.slice(0, half), written)
      await write(work, units.slice(half), written)
    }
  }

  return {
    async derive(work) {
      const { definition, layout, reader } = options.table(work.table)
      const done = await publishedSnapshot(reader, work.id)
      if (done !== undefined) return { snapshot: done, rows: await addedRows(reader, done) }
      await mkdir(options.scratch, { recursive: true })
      const written: string[] = []
      try {
        await write(work, work.units, written)
        const files = written.length === 0 ? [] : await staging.mergeLocal({ definition, layout }, work.id, written)
        const rows = files.reduce((sum, file) => sum + file.rows, 0)
        if (rows === 0) return { snapshot: await newest(reader), rows: 0 }
        return { snapshot: await appendFiles({ ...options, definition, layout, reader }, work.id, files), rows }
      } finally {
        for (const path of written) await rm(path, { force: true })
      }
    },
  }
}

async function addedRows(reader: LocalTable['reader'], id: string): Promise<number> {
  const loaded = await reader.load()
  const snapshot = loaded && findSnapshot(loaded.metadata, id)
  return snapshot === undefined ? 0 : snapshotInfo(snapshot).addedRows
}

async function newest(reader: LocalTable['reader']): Promise<string | null> {
  const loaded = await reader.load()
  return (loaded && snapshotId(loaded.metadata['current-snapshot-id'])) ?? null
}

function onlyMerchant(units: readonly DerivedUnit[]): { readonly merchant?: string } {
  const [first] = units
  return first !== undefined && units.every(({ merchant }) => merchant === first.merchant)
    ? { merchant: first.merchant }
    : {}
}
