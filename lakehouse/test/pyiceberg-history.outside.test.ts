/**
 * A table that was evolved, tagged, compacted, expired and moved, as PyIceberg and DuckDB in Python read it after each step.
 * Needs `infra/local/pyiceberg/setup.sh` run once; part of `npm run test:outside`.
 */
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../core/adapters/node/node-disk.ts'
import { eventTime, utcDay } from '../../core/event-time.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { openInspector } from '../../infra/local/pyiceberg/inspector.ts'
import { failedHitsTable } from '../../schemas/tables.ts'
import { createLocalLake, type LocalLake } from '../adapters/local/local-lake.ts'
import type { CommitOptions } from '../core/iceberg/commit.ts'
import { evolveSchema } from '../core/iceberg/evolve-schema.ts'
import { expireSnapshots } from '../core/iceberg/expire.ts'
import { tableLayout } from '../core/iceberg/layout.ts'
import { currentSnapshot, type TableMetadata } from '../core/iceberg/metadata.ts'
import { removeTag, rollback, setTag } from '../core/iceberg/refs.ts'
import { relocate } from '../core/iceberg/relocate.ts'
import { deleteFiles } from '../core/iceberg/replace.ts'
import { rewriteManifests } from '../core/iceberg/rewrite-manifests.ts'
import { TableReader } from '../core/iceberg/table-reader.ts'

interface Found {
  readonly location: string
  readonly columns: readonly string[]
  readonly refs: Readonly<Record<string, readonly [string, string, number]>>
  readonly snapshots: readonly {
    readonly id: string
    readonly operation: string
    readonly rows: number
    readonly columns: readonly string[]
    readonly manifests: number
  }[]
  readonly log: readonly string[]
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly duckdb: { readonly columns: readonly string[]; readonly rows: number }
}

const inspector = openInspector('inspect_history.py')
const definition = failedHitsTable
const names = definition.columns.map(({ name }) => name)
const day = eventTime('2026-03-01T12:00:00Z')

let root: string
let instance: DuckDBInstance
let objects: ObjectStore
let lake: LocalLake
const clock = new ManualClock()

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hitlake history '))
  instance = await DuckDBInstance.create(':memory:')
  await use(root)
})
afterAll(async () => {
  inspector.close()
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

async function use(folder: string): Promise<void> {
  objects = await folderObjectStore(nodeDisk(folder), 'store')
  const random = seededRandom(folder.length)
  const location = `file://${folder}/store/lake`
  lake = createLocalLake({ objects, instance, scratch: join(folder, 'scratch'), random, clock, location })
}

function open(): CommitOptions {
  const layout = tableLayout(definition, `file://${root}/store/lake`)
  const reader = new TableReader({ objects, definition, layout })
  return { objects, definition, layout, reader, random: seededRandom(clock.now() % 10_000), clock }
}

let published = 0
async function publish(): Promise<string> {
  const id = ++published
  const rows = [{ merchant: 'shop', id: `h${id}`, received: day, reason: `r${id}`, step: `s${id}`, _part: 0, _off: id }]
  const { snapshot } = await lake.publish(definition.name, id, [
    await lake.stage(definition.name, `staged/${id}`, rows),
  ])
  clock.advance(60_000)
  return snapshot
}

async function newest(): Promise<{ readonly file: string; readonly metadata: TableMetadata }> {
  const { reader, layout } = open()
  const loaded = await reader.load()
  if (loaded === undefined) throw new Error('no table')
  return { file: await objects.localPath(layout.metadataFile(loaded.version)), metadata: loaded.metadata }
}

async function inspect(): Promise<Found> {
  const { file } = await newest()
  return inspector.ask(file)
}

it('PyIceberg and DuckDB read what each change of a table left', async () => {
  const ids = [await publish(), await publish(), await publish()]
  const [first = '', second = ''] = ids

  // Tagged: by name, with an age, beside main.
  await setTag(open(), { name: 'release-1', snapshot: first, until: null })
  await setTag(open(), { name: 'audit', snapshot: second, until: clock.now() + 60_000 })
  const tagged = await inspect()
  expect(tagged.refs).toEqual({
    main: ['branch', ids[2], 3],
    'release-1': ['tag', first, 1],
    audit: ['tag', second, 2],
  })
  expect(tagged.log).toEqual(ids)

  // Evolved: old snapshots keep their columns, rows of old files are read under the new names.
  const idOf = (name: string) => definition.columns.find((column) => column.name === name)?.id ?? 0
  const channel = { id: definition.columns.length + 1, name: 'channel', type: 'string', doc: 'added' } as const
  await evolveSchema(open(), [
    { kind: 'rename', id: idOf('reason'), name: 'why' },
    { kind: 'drop', id: idOf('step') },
    { kind: 'add', column: channel },
  ])
  const wanted = [
    ...names.filter((name) => name !== 'step').map((name) => (name === 'reason' ? 'why' : name)),
    'channel',
  ]
  await evolveSchema(open(), [
    {
      kind: 'reorder',
      ids: [channel.id, ...definition.columns.map(({ id }) => id).filter((id) => id !== idOf('step'))],
    },
  ])
  await publish()
  const evolved = await inspect()
  expect(evolved.columns).toEqual(['channel', ...wanted.slice(0, -1)])
  expect(evolved.duckdb).toEqual({ columns: evolved.columns, rows: 4 })
  expect(evolved.rows.map((row) => [row.id, row.why, row.channel])).toEqual(
    [1, 2, 3, 4].map((n) => [`h${n}`, `r${n}`, null]),
  )
  expect(evolved.snapshots.map(({ columns }) => columns.includes('step'))).toEqual([true, true, true, false])

  // Manifests rewritten, files compacted into one.
  await rewriteManifests(open())
  await publish()
  const compacted = await lake.rewrite(definition.name, { generation: null, period: utcDay(day) })
  const after = await inspect()
  expect(after.snapshots.map(({ operation, rows }) => [operation, rows])).toEqual([
    ['append', 1],
    ['append', 2],
    ['append', 3],
    ['append', 4],
    ['replace', 4],
    ['append', 5],
    ['replace', 5],
  ])
  expect(after.snapshots[4]?.manifests).toBe(1)
  expect(after.rows.map((row) => row.why)).toEqual(['r1', 'r2', 'r3', 'r4', 'r5'])
  expect([after.refs.main?.[1], after.duckdb.rows]).toEqual([compacted?.snapshot, 5])

  // Expired, and what nobody names removed: the tag whose time is over is gone, the other one still opens.
  clock.advance(3_600_000)
  const { files, tags } = await expireSnapshots(open(), { keep: new Set([after.snapshots[3]?.id ?? '']) })
  expect(tags).toEqual(['audit'])
  for (const name of [...files.dataFiles, ...files.manifests, ...files.manifestLists]) await objects.remove(name)
  const expired = await inspect()
  expect(expired.snapshots.map(({ id, rows }) => [id, rows])).toEqual([
    [first, 1],
    [after.snapshots[3]?.id, 4],
    [compacted?.snapshot, 5],
  ])
  expect(Object.keys(expired.refs).sort()).toEqual(['main', 'release-1'])
  expect(expired.log).toEqual([compacted?.snapshot])

  // Rolled back, and files deleted.
  await publish()
  await rollback(open(), compacted?.snapshot ?? '')
  expect((await inspect()).rows).toHaveLength(5)
  const { metadata } = await newest()
  const current = currentSnapshot(metadata)
  const removed = []
  if (current !== undefined)
    for await (const { file } of open().reader.liveFiles(metadata, current, () => true)) removed.push(file)
  await deleteFiles(open(), { removed, named: {} })
  const emptied = await inspect()
  expect([emptied.rows, emptied.snapshots.at(-1)?.operation]).toEqual([[], 'delete'])
  await rollback(open(), compacted?.snapshot ?? '')

  // Moved: nothing but the new place is left, and everything opens there.
  const from = (await newest()).metadata.location
  const moved = join(root, 'moved here')
  const { replaced } = await relocate(open(), { from, to: `file://${moved}/store/lake/${definition.name}` })
  for (const name of replaced) await objects.remove(name)
  await nodeDisk(root).makeFolder('moved here')
  await rename(join(root, 'store'), join(moved, 'store'))
  await use(moved)
  const there = await inspect()
  expect(there.location).toBe(`file://${moved}/store/lake/${definition.name}`)
  expect(there.rows.map((row) => row.why)).toEqual(['r1', 'r2', 'r3', 'r4', 'r5'])
  expect(there.snapshots.slice(0, 3)).toEqual(expired.snapshots)
  expect([there.refs['release-1'], there.duckdb.rows]).toEqual([['tag', first, 1], 5])
  await removeTag(open(), 'release-1')
  expect(Object.keys((await inspect()).refs)).toEqual(['main'])
}, 300_000)
