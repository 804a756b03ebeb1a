/**
 * One table to which everything happened, as PyIceberg and DuckDB in Python find it in the end: schema, partitions, counts,
 * names, filtered scans. What each single step leaves is in `pyiceberg-history.outside.test.ts`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { openInspector } from '../../infra/local/pyiceberg/inspector.ts'
import { hitsTable } from '../../schemas/tables.ts'
import { makeHistory, type TableHistory } from './iceberg-history-under-test.ts'

interface Found {
  readonly columns: readonly string[]
  readonly refs: Readonly<Record<string, readonly [type: string, snapshot: string, rows: number]>>
  readonly snapshots: readonly {
    readonly id: string
    readonly operation: string
    readonly rows: number
    readonly columns: readonly string[]
  }[]
  readonly byName: Readonly<Record<string, readonly string[]>>
  readonly partitions: readonly (readonly [partition: readonly string[], rows: number, files: number])[]
  readonly deleteFiles: number
  readonly filtered: { readonly files: number; readonly ids: readonly string[] }
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly duckdb: { readonly columns: readonly string[]; readonly rows: number }
}

const inspector = openInspector('inspect_history.py')
let root: string
let instance: DuckDBInstance
let history: TableHistory
let found: Found

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hitlake happened '))
  instance = await DuckDBInstance.create(':memory:')
  const objects = await folderObjectStore(nodeDisk(root), 'store')
  history = await makeHistory({ objects, instance, scratch: root, lakeUri: `file://${root}/store/lake` })
  found = await inspect("merchant = 'beta' and time >= '2026-03-02T00:00:00+00:00'")
}, 120_000)
afterAll(async () => {
  inspector.close()
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

function inspect(filter: string): Promise<Found> {
  return inspector.ask(join(root, `store/lake/hits/metadata/v${history.version}.metadata.json`), filter)
}

describe('a table that was evolved, tagged, branched, compacted, rolled back, deleted from and expired', () => {
  it('has its columns as they are now, and each old snapshot those it was made with', () => {
    expect(found.columns).toEqual(history.columns)
    const old = hitsTable.columns.map(({ name }) => name)
    expect(found.snapshots.map(({ columns }) => columns)).toEqual([
      old,
      old,
      history.columns,
      history.columns,
      history.columns,
    ])
    expect(found.rows[0]).toMatchObject({ heading: 'Tea “über” 茶 😀', channel: null })
    expect(found.duckdb).toEqual({ columns: expect.arrayContaining(['heading', 'channel']), rows: 30 })
  })

  it('has the snapshots that were kept, each with the rows of its time', () => {
    const { first, second, compacted, deleted, current } = history
    expect(found.snapshots.map(({ id, operation, rows }) => [id, operation, rows])).toEqual([
      [first, 'append', 6],
      [second, 'append', 12],
      [compacted, 'replace', 18],
      [deleted, 'delete', 24],
      [current, 'append', 30],
    ])
  })

  it('opens by the names of its tag and its branch; a tag whose time is over is gone', () => {
    expect(found.refs).toEqual({
      main: ['branch', history.current, 30],
      release: ['tag', history.first, 6],
      trial: ['branch', history.second, 12],
    })
    expect(found.byName.release).toEqual(
      ['alpha', 'beta', 'omega'].flatMap((merchant) => [`${merchant}-1-0`, `${merchant}-1-1`]),
    )
    expect([found.byName.trial?.length, found.byName.main?.length]).toEqual([12, 30])
  })

  it('has a partition for each day that is left, of the files that compaction left', () => {
    expect(found.partitions).toEqual([
      [['1', '2026-03-01'], 15, 3],
      [['1', '2026-03-02'], 15, 5],
    ])
    expect(found.deleteFiles).toBe(0)
  })

  it('is read by merchant and day from the files of that day alone', async () => {
    expect(found.filtered).toEqual({ files: 5, ids: [1, 2, 3, 4, 6].map((id) => `beta-${id}-1`) })
    expect((await inspect("merchant = 'zeta'")).filtered).toEqual({ files: 0, ids: [] })
    expect((await inspect("heading = 'Coffee'")).filtered.ids).toEqual([])
  })
})
