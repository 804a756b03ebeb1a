/**
 * A table to which everything happened (evolved, tagged, branched, compacted, rolled back, deleted from, expired), copied into
 * a bucket and registered in Trino: Trino and our reader find the same rows and the same history; Trino then inserts, updates,
 * deletes and merges, and our reader, and PyIceberg where it is installed, find what Trino finds.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import type { Column } from '../../core/tables.ts'
import { openInspector, python } from '../../infra/local/pyiceberg/inspector.ts'
import { hitsTable } from '../../schemas/tables.ts'
import { readFiles } from '../adapters/duckdb/deleted-rows.ts'
import { withConnection } from '../adapters/duckdb/parquet.ts'
import { chunkRows } from '../adapters/duckdb/parquet-columns.ts'
import { createTableFiles } from '../adapters/local/table-files.ts'
import { trinoTable } from '../adapters/trino/tables.ts'
import { tableLayout } from '../core/iceberg/layout.ts'
import { currentSnapshot, findSnapshot, type TableMetadata } from '../core/iceberg/metadata.ts'
import { TableReader } from '../core/iceberg/table-reader.ts'
import { quotedName } from '../core/sql/printer.ts'
import { makeHistory, type TableHistory } from './iceberg-history-under-test.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from './trino-lake-under-test.ts'

/** Later than any metadata of ours: the registered copy's, which its catalog names. */
const foreignVersion = 1_000
/** Columns of every kind, and the renamed one, by which rows are compared. */
const comparedNames = ['merchant', 'id', 'time', 'title', 'revenue_micros', 'bot', 'visitor_hash', '_gen', '_publish']
const compared = comparedNames.map((name) => hitsTable.columns.find((column) => column.name === name) as Column)

/** Of what PyIceberg finds. */
interface Found {
  readonly rows: readonly { readonly id: string; readonly channel: string }[]
  readonly deleteFiles: number
  readonly filtered: { readonly ids: readonly string[] }
  readonly refs: { readonly release: unknown }
}

let under: TrinoLakeUnderTest
let root: string
let instance: DuckDBInstance
let lakeUri: string
let history: TableHistory

beforeAll(async () => {
  under = await openTrinoLake(['hits'])
  root = await mkdtemp(join(tmpdir(), 'hitlake-history-'))
  instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  lakeUri = `${process.env.HITLAKE_OBJECTS_URI}/${under.schema.replace('lake_', '')}/lake`
  const objects = await folderObjectStore(nodeDisk(root), 'store')
  history = await makeHistory({ objects, instance, scratch: root, lakeUri })
  for (const name of await objects.list('lake/hits/')) {
    await under.objects.put(name, (await objects.get(name)) ?? Buffer.alloc(0))
  }
  const { catalog, schema, trino } = under
  await trino.query(`CALL "${catalog}".system.unregister_table(schema_name => '${schema}', table_name => 'hits')`)
  await trino.query(
    `CALL "${catalog}".system.register_table(schema_name => '${schema}', table_name => 'hits', ` +
      `table_location => '${lakeUri}/hits', metadata_file_name => 'v${history.version}.metadata.json')`,
  )
})

afterAll(async () => {
  await under?.close()
  instance?.closeSync()
  await rm(root, { recursive: true, force: true })
})

const asked = (sql: string) => under.trino.query(sql)
const meta = (name: string) => trinoTable(under, `hits$${name}`)
const change = (sql: string) => asked(sql.replaceAll('HITS', trinoTable(under, 'hits')))

interface Opened {
  readonly reader: TableReader
  readonly metadata: TableMetadata
  readonly file: string
}

/** The copy as its catalog has it now. */
async function open(): Promise<Opened> {
  const [[file] = []] = await asked(
    `SELECT file FROM ${meta('metadata_log_entries')} ORDER BY timestamp DESC, file DESC LIMIT 1`,
  )
  const layout = tableLayout(hitsTable, lakeUri)
  const reader = new TableReader({ objects: under.objects, definition: hitsTable, layout })
  const metadata = await reader.metadataIn(String(file).replace(`${lakeUri}/`, 'lake/'))
  reader.loaded({ version: foreignVersion, metadata })
  return { reader, metadata, file: String(file) }
}

const currentId = ({ metadata }: Opened) => String(currentSnapshot(metadata)?.['snapshot-id'])

/** Rows of a snapshot as our reader reads them, one text a row, sorted. */
async function ourRows({ reader }: Opened, snapshot: string): Promise<readonly string[]> {
  const files = await createTableFiles({ objects: under.objects, reader: () => reader }).files({
    table: 'hits',
    snapshot,
    pending: [],
  })
  return withConnection(instance, async (connection) => {
    const names = compared.map(({ name }) => quotedName(name)).join(', ')
    const rows: string[] = []
    const result = await connection.stream(`SELECT ${names} FROM ${readFiles(hitsTable.columns, files)}`)
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) return rows.sort()
      rows.push(...chunkRows(chunk, compared).map((row) => compared.map(({ name }) => String(row[name])).join('|')))
    }
  })
}

/** The same of Trino: `version` is what stands behind FOR VERSION AS OF; columns by their names in that snapshot's schema. */
async function trinoRows({ metadata }: Opened, version: string, snapshot: string): Promise<readonly string[]> {
  const id = findSnapshot(metadata, snapshot)?.['schema-id']
  const fields = metadata.schemas.find((schema) => schema['schema-id'] === id)?.fields ?? []
  const cells = compared.map((column) => {
    const name = fields.find((field) => (field as { id: number }).id === column.id) as { name: string } | undefined
    const quoted = quotedName(name?.name ?? '')
    return column.type === 'timestamptz'
      ? `CAST(CAST(to_unixtime(${quoted}) * 1000 AS bigint) AS varchar)`
      : `CAST(${quoted} AS varchar)`
  })
  const rows = await change(`SELECT ${cells.join(', ')} FROM HITS FOR VERSION AS OF ${version}`)
  return rows.map((row) => row.map(String).join('|')).sort()
}

describe('Trino, of a table of ours to which everything happened', () => {
  it('reads every snapshot by its id as we do, with the columns it was made with', async () => {
    const opened = await open()
    const { first, second, compacted, deleted, current } = history
    const counts = []
    for (const id of [first, second, compacted, deleted, current]) {
      const rows = await trinoRows(opened, id, id)
      expect(rows).toEqual(await ourRows(opened, id))
      counts.push(rows.length)
    }
    expect(counts).toEqual([6, 12, 18, 24, 30])
  })

  it('shows the columns as they are now, the added one empty', async () => {
    const columns = await change('SHOW COLUMNS FROM HITS')
    expect(columns.map(([name]) => name)).toEqual(history.columns)
    expect(await change('SELECT count(channel), count(heading) FROM HITS')).toEqual([[0, 30]])
  })

  it('reads the tag and the branch by name', async () => {
    const opened = await open()
    for (const [name, id] of [
      ['release', history.first],
      ['trial', history.second],
    ] as const) {
      const [[count] = []] = await change(`SELECT count(*) FROM HITS FOR VERSION AS OF '${name}'`)
      expect(count).toBe((await ourRows(opened, id)).length)
    }
    const refs = await asked(`SELECT name, type, CAST(snapshot_id AS varchar) FROM ${meta('refs')} ORDER BY name`)
    expect(refs).toEqual([
      ['main', 'BRANCH', history.current],
      ['release', 'TAG', history.first],
      ['trial', 'BRANCH', history.second],
    ])
    await expect(change("SELECT count(*) FROM HITS FOR VERSION AS OF 'passing'")).rejects.toThrow()
  })

  it('shows the snapshots, the history, the manifests, the files and the partitions that are there', async () => {
    const { first, second, compacted, deleted, current } = history
    const snapshots = await asked(
      `SELECT CAST(snapshot_id AS varchar), operation, summary['total-records'] FROM ${meta('snapshots')} ORDER BY committed_at`,
    )
    expect(snapshots).toEqual([
      [first, 'append', '6'],
      [second, 'append', '12'],
      [compacted, 'replace', '18'],
      [deleted, 'delete', '24'],
      [current, 'append', '30'],
    ])
    const opened = await open()
    const log = await asked(`SELECT CAST(snapshot_id AS varchar) FROM ${meta('history')} ORDER BY made_current_at`)
    // Trino puts older snapshots that are still there before what the table's own log says.
    const logged = (opened.metadata['snapshot-log'] ?? []).map((entry) => String(entry['snapshot-id']))
    expect(log.flat().slice(-logged.length)).toEqual(logged)
    expect(logged).toEqual([deleted, current])
    const snapshot = currentSnapshot(opened.metadata)
    const manifests = snapshot === undefined ? [] : await opened.reader.manifestList(opened.metadata, snapshot)
    const shown = await asked(
      `SELECT path, added_data_files_count, existing_data_files_count, deleted_data_files_count FROM ${meta('manifests')} ORDER BY path`,
    )
    const expected = manifests.map((one) => [one.uri, one.added.files, one.existing.files, one.deleted.files])
    expect(shown).toEqual(expected.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
    const files = await asked(`SELECT CAST(sum(record_count) AS varchar), count(*) FROM ${meta('files')}`)
    expect(files).toEqual([['30', 8]])
    const partitions = await asked(
      `SELECT partition._gen, CAST(partition.time_day AS varchar), CAST(record_count AS varchar), CAST(file_count AS varchar) FROM ${meta('partitions')} ORDER BY 2`,
    )
    expect(partitions).toEqual([
      [1, '2026-03-01', '15', '3'],
      [1, '2026-03-02', '15', '5'],
    ])
  })
})

describe('our reader, of the same table after Trino changed it', () => {
  const rest = "TIMESTAMP '2026-03-02 20:00:00.123 UTC', false, 1, 9"
  it.each([
    [
      'INSERT',
      `INSERT INTO HITS (merchant, id, heading, time, bot, _gen, _publish) VALUES ('alpha', 'in', 'x', ${rest})`,
    ],
    ['DELETE', "DELETE FROM HITS WHERE merchant = 'beta' AND id LIKE '%-1-%'"],
    ['UPDATE', "UPDATE HITS SET heading = 'said otherwise', channel = 'mail' WHERE merchant = 'omega'"],
    [
      'MERGE',
      `MERGE INTO HITS t USING (VALUES ('alpha-2-0', 'new'), ('alpha-2-1', 'gone'), ('made', 'new')) s (id, heading) ON t.id = s.id
WHEN MATCHED AND s.heading = 'gone' THEN DELETE WHEN MATCHED THEN UPDATE SET heading = s.heading
WHEN NOT MATCHED THEN INSERT (merchant, id, heading, time, bot, _gen, _publish) VALUES ('delta', s.id, s.heading, ${rest})`,
    ],
    ['DELETE of what was changed before', "DELETE FROM HITS WHERE id IN ('in', 'made', 'omega-2-0')"],
  ])('finds the rows that Trino finds: %s', async (_what, sql) => {
    const before = currentId(await open())
    await change(sql)
    const opened = await open()
    const now = currentId(opened)
    expect(now).not.toBe(before)
    expect(await ourRows(opened, now)).toEqual(await trinoRows(opened, now, now))
    for (const id of [history.first, history.compacted, before]) {
      expect(await ourRows(opened, id)).toEqual(await trinoRows(opened, id, id))
    }
  })

  it('leaves the deleted rows to position delete files', async () => {
    const files = await asked(`SELECT content, count(*) FROM ${meta('files')} GROUP BY 1 ORDER BY 1`)
    expect(files.map(([content]) => content)).toEqual([0, 1])
  })
})

describe('PyIceberg, of the same table with position deletes', () => {
  it.skipIf(!existsSync(python))('finds the rows that Trino finds', async () => {
    const { file } = await open()
    const store = {
      's3.endpoint': process.env.HITLAKE_S3_ENDPOINT,
      's3.region': process.env.HITLAKE_S3_REGION,
      's3.access-key-id': process.env.HITLAKE_S3_ACCESS_KEY,
      's3.secret-access-key': process.env.HITLAKE_S3_SECRET_KEY,
    }
    const inspector = openInspector('inspect_history.py')
    const found = await inspector.ask<Found>(file, "merchant = 'omega'", store)
    inspector.close()
    const ids = (await change('SELECT id FROM HITS ORDER BY id')).flat()
    expect(found.rows.map(({ id }) => id)).toEqual(ids)
    expect(found.deleteFiles).toBeGreaterThan(0)
    expect(found.filtered.ids).toEqual(ids.filter((id) => String(id).startsWith('omega')))
    const channels = (await change('SELECT channel FROM HITS ORDER BY id')).flat()
    expect(found.rows.map(({ channel }) => channel)).toEqual(channels)
    expect(found.refs.release).toEqual(['tag', history.first, 6])
  })
})
