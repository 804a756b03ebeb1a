/**
 * A table written by the embedded lake, copied into a bucket and registered in Trino: Trino reads it, snapshot by snapshot,
 * and changes it; what it then is, our reader reads with equal rows, position deletes and all.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { dayMs, eventTime, utcDay } from '../../core/event-time.ts'
import { firstGenerations } from '../../core/generations.ts'
import type { MerchantId } from '../../core/ids.ts'
import { hitRow, rowsOf } from '../../core/ports/lake.contract.ts'
import type { ScanFilter } from '../../core/ports/lake.ts'
import { inOrder, rawQuestion } from '../../core/ports/query-engine-under-test.ts'
import type { LakeRow } from '../../core/tables.ts'
import { visitsRule } from '../../core/visits.ts'
import { hitsTable } from '../../schemas/tables.ts'
import { readFiles } from '../adapters/duckdb/deleted-rows.ts'
import { withConnection } from '../adapters/duckdb/parquet.ts'
import { chunkRows } from '../adapters/duckdb/parquet-columns.ts'
import { quoteName } from '../adapters/duckdb/parquet-sql.ts'
import { createDuckDbQueryEngine } from '../adapters/duckdb/query-engine.ts'
import { createLocalLake } from '../adapters/local/local-lake.ts'
import { createTableFiles } from '../adapters/local/table-files.ts'
import { trinoTable } from '../adapters/trino/tables.ts'
import { parseJson } from '../core/iceberg/json.ts'
import { tableLayout } from '../core/iceberg/layout.ts'
import { currentSnapshot } from '../core/iceberg/metadata.ts'
import { setTag } from '../core/iceberg/refs.ts'
import { TableReader } from '../core/iceberg/table-reader.ts'
import { plainRow } from '../core/plain-row.ts'
import type { TableFile } from '../core/table-files.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from './trino-lake-under-test.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const clock = new ManualClock()
/** Later than any metadata of ours: the registered copy's, which its catalog names. */
const foreignVersion = 1_000

let under: TrinoLakeUnderTest
let root: string
let instance: DuckDBInstance
let lakeUri: string
const published: string[] = []

beforeAll(async () => {
  under = await openTrinoLake()
  root = await mkdtemp(join(tmpdir(), 'hitlake-registered-'))
  instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const bucket = process.env.HITLAKE_OBJECTS_URI
  lakeUri = `${bucket}/${under.schema.replace('lake_', '')}/lake`
  const objects = await folderObjectStore(nodeDisk(root), 'store')
  const common = { objects, random: seededRandom(1), clock }
  const lake = createLocalLake({ ...common, instance, scratch: join(root, 'scratch'), location: lakeUri })
  for (let id = 1; id <= 3; id++) {
    clock.advance(60_000)
    const rows = ['alpha', 'beta', 'omega'].flatMap((merchant) =>
      [0, 1, 2, 3].map((n) =>
        hitRow({ merchant, id: `${merchant}-${id}-${n}`, _off: 10 * id + n, time: noon + (n % 2) * dayMs }),
      ),
    )
    published.push((await lake.publish('hits', id, [await lake.stage('hits', `staged/${id}`, rows)])).snapshot)
  }
  clock.advance(60_000)
  const rewritten = await lake.rewrite('hits', { generation: 1, period: utcDay(noon) })
  published.push(rewritten?.snapshot ?? '')
  const layout = tableLayout(hitsTable, lakeUri)
  const reader = new TableReader({ objects, definition: hitsTable, layout })
  await setTag(
    { ...common, definition: hitsTable, layout, reader },
    { name: 'first', snapshot: published[0] ?? '', until: null },
  )

  for (const name of await objects.list('lake/hits/')) {
    await under.objects.put(name, (await objects.get(name)) ?? Buffer.alloc(0))
  }
  const version = (await reader.load())?.version
  await register(`v${version}.metadata.json`)
})

afterAll(async () => {
  await under.close()
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

async function register(metadataFile: string): Promise<void> {
  const { catalog, schema, trino } = under
  await trino.query(`CALL "${catalog}".system.unregister_table(schema_name => '${schema}', table_name => 'hits')`)
  await trino.query(
    `CALL "${catalog}".system.register_table(schema_name => '${schema}', table_name => 'hits', ` +
      `table_location => '${lakeUri}/hits', metadata_file_name => '${metadataFile}')`,
  )
}

const asked = (sql: string) => under.trino.query(sql)
const meta = (name: string) => trinoTable(under, `hits$${name}`)

async function trinoRows(snapshot?: string): Promise<string[]> {
  const lists = hitsTable.columns.filter(({ type }) => typeof type !== 'string').map(({ name }) => name)
  const rows = (await under.rows('hits', snapshot)).map((row) => {
    const parsed = lists.map((name) => [name, typeof row[name] === 'string' ? parseJson(row[name]) : null])
    return plainRow(hitsTable.columns, { ...row, ...Object.fromEntries(parsed) })
  })
  return rows.map(printed).sort()
}

function printed(row: LakeRow): string {
  return JSON.stringify(row, (_name, value) => (typeof value === 'bigint' ? `${value}n` : value))
}

/** Object name of the metadata file that its catalog names. */
async function newestFile(): Promise<string> {
  const [[file] = []] = await under.trino.query(
    `SELECT file FROM ${meta('metadata_log_entries')} ORDER BY timestamp DESC LIMIT 1`,
  )
  return String(file).replace(`${lakeUri}/`, 'lake/')
}

/** Our lake over the bucket, whose next version is what the catalog has now. */
async function adopted() {
  const layout = tableLayout(hitsTable, lakeUri)
  const reader = new TableReader({ objects: under.objects, definition: hitsTable, layout })
  const version = ((await reader.load())?.version ?? 0) + 1
  const bytes = (await under.objects.get(await newestFile())) ?? Buffer.alloc(0)
  await under.objects.put(layout.metadataFile(version), bytes)
  const lake = createLocalLake({
    objects: under.objects,
    random: seededRandom(version),
    clock,
    instance,
    scratch: join(root, `scratch-${version}`),
    location: lakeUri,
  })
  const [newest] = await lake.snapshots('hits')
  return { lake, version, view: { table: 'hits', snapshot: newest?.id ?? null, pending: [] } as const }
}

/** The copy as its catalog has it now. */
async function open(): Promise<{ readonly reader: TableReader; readonly snapshot: string }> {
  const layout = tableLayout(hitsTable, lakeUri)
  const reader = new TableReader({ objects: under.objects, definition: hitsTable, layout })
  const metadata = await reader.metadataIn(await newestFile())
  reader.loaded({ version: foreignVersion, metadata })
  return { reader, snapshot: String(currentSnapshot(metadata)?.['snapshot-id']) }
}

async function scanned(snapshot: string, filter?: ScanFilter): Promise<readonly TableFile[]> {
  const { reader } = await open()
  const files = createTableFiles({ objects: under.objects, reader: () => reader })
  return files.files({ table: 'hits', snapshot, pending: [] }, filter)
}

async function ourRows(files: readonly TableFile[]): Promise<string[]> {
  const names = hitsTable.columns.map(({ name }) => quoteName(name)).join(', ')
  return withConnection(instance, async (connection) => {
    const rows: string[] = []
    const result = await connection.stream(`SELECT ${names} FROM ${readFiles(hitsTable.columns, files)}`)
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) return rows.sort()
      rows.push(...chunkRows(chunk, hitsTable.columns).map((row) => printed(plainRow(hitsTable.columns, row))))
    }
  })
}

describe('a table of ours, registered in Trino', () => {
  it('is read there as here, every snapshot by its id', async () => {
    for (const snapshot of published) expect(await trinoRows(snapshot)).toEqual(await ourRows(await scanned(snapshot)))
    expect(await trinoRows()).toHaveLength(36)
  })

  it('shows its snapshots, tags, files and partitions', async () => {
    const ids = await asked(`SELECT CAST(snapshot_id AS varchar) FROM ${meta('snapshots')} ORDER BY committed_at`)
    expect(ids.flat()).toEqual(published)
    const refs = await asked(`SELECT name, type, CAST(snapshot_id AS varchar) FROM ${meta('refs')} ORDER BY name`)
    expect(refs).toEqual([
      ['first', 'TAG', published[0]],
      ['main', 'BRANCH', published[3]],
    ])
    const [files] = await asked(
      `SELECT CAST(count(*) AS varchar), CAST(sum(record_count) AS varchar) FROM ${meta('files')}`,
    )
    expect(files).toEqual(['4', '36'])
    const partitions = await asked(
      `SELECT CAST(partition.time_day AS varchar), CAST(record_count AS varchar), CAST(file_count AS varchar) FROM ${meta('partitions')} ORDER BY 1`,
    )
    expect(partitions).toEqual([
      ['2026-03-01', '18', '1'],
      ['2026-03-02', '18', '3'],
    ])
    const [tagged] = await under.trino.query(
      `SELECT CAST(count(*) AS varchar) FROM ${trinoTable(under, 'hits')} FOR VERSION AS OF 'first'`,
    )
    expect(tagged).toEqual(['12'])
  })

  it('is read here with equal rows after INSERT, DELETE and MERGE there', async () => {
    const hits = trinoTable(under, 'hits')
    const changes = [
      `INSERT INTO ${hits} (merchant, id, time, received, bot, _gen, _publish, _row)
VALUES ('alpha', 'inserted', TIMESTAMP '2026-03-01 20:00:00.123456 UTC', TIMESTAMP '2026-03-01 20:00:01 UTC', false, 1, 9, 0),
('gamma', 'elsewhere', TIMESTAMP '2026-04-01 00:00:00 UTC', TIMESTAMP '2026-04-01 00:00:01 UTC', true, 2, 9, 1)`,
      `DELETE FROM ${hits} WHERE merchant = 'beta' AND id LIKE '%-1'`,
      `DELETE FROM ${hits} WHERE merchant = 'omega' AND id LIKE '%-0'`,
      `MERGE INTO ${hits} t USING (VALUES ('alpha-2-0', 'changed'), ('alpha-2-1', 'gone'), ('new', 'made')) s (id, title)
ON t.id = s.id WHEN MATCHED AND s.title = 'gone' THEN DELETE WHEN MATCHED THEN UPDATE SET title = s.title
WHEN NOT MATCHED THEN INSERT (merchant, id, title, time, received, _gen, _publish, _row)
VALUES ('delta', s.id, s.title, TIMESTAMP '2026-03-02 01:00:00 UTC', TIMESTAMP '2026-03-02 01:00:00 UTC', 1, 10, 0)`,
      `DELETE FROM ${hits} WHERE id IN ('inserted', 'alpha-1-0')`,
    ]
    for (const change of changes) {
      await under.trino.query(change)
      const { snapshot } = await open()
      const files = await scanned(snapshot)
      expect(await ourRows(files)).toEqual(await trinoRows())
    }
    const { snapshot } = await open()
    expect(BigInt(snapshot)).toBeGreaterThan(0n)
    const files = await scanned(snapshot)
    expect(files.filter(({ deletes }) => deletes !== undefined).length).toBeGreaterThan(1)
    for (const id of published) expect(await ourRows(await scanned(id))).toEqual(await trinoRows(id))
  })

  it('has the rows that are left there in scan, question and derivation, and rewritten here is read there', async () => {
    const hits = trinoTable(under, 'hits')
    await under.trino.query(`DELETE FROM ${hits} WHERE merchant = 'omega' AND id LIKE '%-1'`)
    const { lake, view, version } = await adopted()
    const there = await trinoRows()
    const here = (rows: readonly LakeRow[]) => rows.map((row) => printed(plainRow(hitsTable.columns, row))).sort()
    expect(here(await rowsOf(lake, view))).toEqual(there)

    const engine = createDuckDbQueryEngine({ instance, files: lake, timers: clock })
    const days = [0, 1].map((bucket) => {
      const start = (utcDay(noon) + bucket) * dayMs
      return { start, end: start + dayMs, bucket, stored: null }
    })
    for (const merchant of ['alpha', 'beta', 'omega'] as readonly string[] as readonly MerchantId[]) {
      const counted = await under.trino.query(
        `SELECT CAST(date(time) AS varchar), CAST(count(*) AS varchar) FROM ${hits}
WHERE merchant = '${merchant}' AND _gen = 1 AND time < TIMESTAMP '2026-03-03 00:00:00 UTC' GROUP BY 1 ORDER BY 1`,
      )
      const groups = await engine.hits(rawQuestion(view, days, { merchant }), {})
      const asked = inOrder(groups).map(({ bucket, hits }) => [`2026-03-0${1 + bucket}`, String(hits)])
      expect(asked).toEqual(counted)
    }
    const units = days.map(({ start, end }) => ({ merchant: 'omega' as MerchantId, start, end }))
    const work = {
      table: 'sessions',
      id: 1,
      generations: firstGenerations,
      view,
      units,
      rule: visitsRule,
      erased: [],
    } as const
    const derived = await lake.derive(work)
    const visits = await rowsOf(lake, { table: 'sessions', snapshot: derived.snapshot, pending: [] })
    const [[left] = []] = await under.trino.query(
      `SELECT CAST(count(*) AS varchar) FROM ${hits} WHERE merchant = 'omega'`,
    )
    expect(visits.reduce((sum, row) => sum + Number(row.hits), 0)).toBe(Number(left))

    for (const period of [utcDay(noon), utcDay(noon) + 1]) await lake.rewrite('hits', { generation: 1, period })
    const [newest] = await lake.snapshots('hits')
    expect(here(await rowsOf(lake, { ...view, snapshot: newest?.id ?? null }))).toEqual(there)
    await register(`v${version + 2}.metadata.json`)
    expect(await trinoRows()).toEqual(there)
    const files = await asked(
      `SELECT CAST(partition.time_day AS varchar), CAST(count(*) AS varchar) FROM ${meta('partitions')} WHERE partition._gen = 1 GROUP BY 1 ORDER BY 1`,
    )
    expect(files).toEqual([
      ['2026-03-01', '1'],
      ['2026-03-02', '1'],
    ])
    const deleteFiles = await asked(`SELECT CAST(count(*) AS varchar) FROM ${meta('files')} WHERE content <> 0`)
    expect(deleteFiles).toEqual([['0']])
    await under.trino.query(`DELETE FROM ${hits} WHERE merchant = 'alpha' AND id LIKE '%-3'`)
    const again = await adopted()
    expect(here(await rowsOf(again.lake, again.view))).toEqual(await trinoRows())
    const faults = await again.lake.verify('hits')
    // Nobody goes by a hint where a catalog names the newest version.
    expect(faults.filter(({ at }) => !at.endsWith('version-hint.text'))).toEqual([])
  })

  it('is pruned by day and merchant, Trino’s files too, and by the bounds of their columns in another layout', async () => {
    const { snapshot } = await open()
    const all = (await scanned(snapshot)).length
    const some = await scanned(snapshot, { firstDay: utcDay(noon) + 31, lastDay: utcDay(noon) + 31 })
    expect(some.map(({ rows }) => rows)).toEqual([1])
    expect((await scanned(snapshot, { merchant: 'delta' })).length).toBeLessThan(all)

    await under.trino.query(`ALTER TABLE ${trinoTable(under, 'hits')} SET PROPERTIES partitioning = ARRAY['merchant']`)
    await under.trino.query(
      `INSERT INTO ${trinoTable(under, 'hits')} (merchant, id, time, received, _gen, _publish, _row)
VALUES ('zeta', 'z', TIMESTAMP '2026-05-01 00:00:00 UTC', TIMESTAMP '2026-05-01 00:00:00 UTC', 1, 11, 0)`,
    )
    await under.trino.query(`DELETE FROM ${trinoTable(under, 'hits')} WHERE id IN ('new', 'alpha-3-0')`)
    const { snapshot: next } = await open()
    expect(await ourRows(await scanned(next))).toEqual(await trinoRows())
    const may = await scanned(next, { firstDay: utcDay(noon) + 61, lastDay: utcDay(noon) + 61 })
    expect(may).toHaveLength(1)
    const march = await scanned(next, { firstDay: utcDay(noon), lastDay: utcDay(noon) })
    expect(march.map(({ localPath }) => localPath)).not.toContain(may[0]?.localPath)
    expect(await scanned(next, { merchant: 'zeta' })).toEqual(may)
  })

  it('keeps its values under a renamed column, and has none in one that files do not have', async () => {
    const before = await ourRows(await scanned((await open()).snapshot))
    await under.trino.query(`ALTER TABLE ${trinoTable(under, 'hits')} RENAME COLUMN title TO heading`)
    await under.trino.query(`ALTER TABLE ${trinoTable(under, 'hits')} ADD COLUMN added varchar`)
    await under.trino.query(
      `INSERT INTO ${trinoTable(under, 'hits')} (merchant, id, heading, added, time, received, _gen, _publish, _row)
VALUES ('eta', 'e', 'said', 'new', TIMESTAMP '2026-05-02 00:00:00 UTC', TIMESTAMP '2026-05-02 00:00:00 UTC', 1, 12, 0)`,
    )
    const after = await ourRows(await scanned((await open()).snapshot))
    const [added, ...more] = after.filter((row) => !before.includes(row))
    expect(more).toEqual([])
    expect(JSON.parse(added ?? '{}')).toMatchObject({ merchant: 'eta', id: 'e', title: 'said' })
    expect(after).toHaveLength(before.length + 1)
  })

  it('has nulls in a column that was dropped there, though files still hold it, and old snapshots as they were', async () => {
    const { snapshot: older } = await open()
    const before = await ourRows(await scanned(older))
    expect(before.some((row) => JSON.parse(row).utm_source !== null || JSON.parse(row).url !== null)).toBe(true)
    await under.trino.query(`ALTER TABLE ${trinoTable(under, 'hits')} DROP COLUMN url`)
    const { snapshot } = await open()
    expect(snapshot).toBe(older)
    const after = await ourRows(await scanned(snapshot))
    expect(after.every((row) => JSON.parse(row).url === null)).toBe(true)
    expect(after).toEqual(before.map((row) => JSON.stringify({ ...JSON.parse(row), url: null })).sort())
    expect((await ourRows(await scanned(published[0] ?? ''))).some((row) => JSON.parse(row).url !== null)).toBe(true)
  })
})
