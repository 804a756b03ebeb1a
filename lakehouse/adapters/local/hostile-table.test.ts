/**
 * A table of unknown origin: what it names or links to outside its own folder is neither read nor written nor removed, by
 * whatever is done with it. Reading alone, byte by byte: table-files.test.ts.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { PlatformError } from '../../../core/errors.ts'
import { eventTime, utcDay } from '../../../core/event-time.ts'
import { hitRow, hourlyRow, rowsOf, snapshotView } from '../../../core/ports/lake.contract.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import { encodeManifest, encodeManifestList } from '../../core/iceberg/encode-manifest.ts'
import { tableLayout } from '../../core/iceberg/layout.ts'
import type { ManifestEntry, ManifestFile } from '../../core/iceberg/manifest.ts'
import {
  currentSchema,
  currentSnapshot,
  printMetadata,
  type SnapshotJson,
  type TableMetadata,
} from '../../core/iceberg/metadata.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import { createLocalLake } from './local-lake.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const root = await mkdtemp(join(tmpdir(), 'hitlake-hostile-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

const location = 'file:///lake'
let count = 0

async function openLake(path: string) {
  const objects = await folderObjectStore(nodeDisk(path), 'store')
  return createLocalLake({
    objects,
    instance,
    scratch: join(path, 'scratch'),
    random: seededRandom(count++),
    clock: new ManualClock(),
    location,
  })
}

/** `hits` of three publications; beside it `hourly`, and a folder that is no business of any table. */
const sound = join(root, 'sound')
await mkdir(join(sound, 'outside'), { recursive: true })
const first = await openLake(sound)
for (let id = 1; id <= 3; id++) {
  await first.publish('hits', id, [await first.stage('hits', `staged/${id}`, [hitRow({ id: `${id}`, _off: id })])])
}
await first.publish('hourly', 1, [await first.stage('hourly', 'staged/h', [hourlyRow()])])

/** A copy of it, to be damaged. */
async function world() {
  const path = join(root, `world-${count++}`)
  await cp(sound, path, { recursive: true })
  const objects = await folderObjectStore(nodeDisk(path), 'store')
  const lake = await openLake(path)
  const layout = tableLayout(hitsTable, location)
  const reader = new TableReader({ objects, definition: hitsTable, layout })
  const loaded = await reader.load()
  const snapshot = loaded && currentSnapshot(loaded.metadata)
  if (loaded === undefined || snapshot === undefined) throw new Error('no table')
  const { metadata, version } = loaded
  const manifests = await reader.manifestList(metadata, snapshot)
  return { path, objects, lake, layout, reader, metadata, version, snapshot, manifests, home: metadata.location }
}
type World = Awaited<ReturnType<typeof world>>

const pathOf = ({ path, home }: World, uri: string) => join(path, 'store/lake/hits', uri.slice(home.length))
const newestOf = ({ manifests }: World): ManifestFile => manifests[0] as ManifestFile

async function edit({ objects, layout, metadata, version }: World, change: Partial<TableMetadata>): Promise<void> {
  await objects.put(layout.metadataFile(version), printMetadata({ ...metadata, ...change }))
}

async function putList(of: World, list: readonly ManifestFile[]): Promise<void> {
  const bytes = encodeManifestList(list, { id: 1n, parent: null, sequence: 9n }, Buffer.alloc(16))
  await of.objects.put(of.reader.nameOf(of.metadata, of.snapshot['manifest-list']), bytes)
}

async function putEntries(of: World, uri: string, entries: readonly ManifestEntry[], content: 0 | 1): Promise<void> {
  const [spec] = of.metadata['partition-specs']
  if (spec === undefined) throw new Error('no spec')
  const context = { schema: currentSchema(of.metadata), spec, sortOrderId: 1, sync: Buffer.alloc(16), content }
  await of.objects.put(of.reader.nameOf(of.metadata, uri), encodeManifest(entries, context))
}

/** The newest data file is said to be elsewhere. */
async function dataFileAt(of: World, uri: string): Promise<void> {
  const newest = newestOf(of)
  const entries = await of.reader.manifest(of.metadata, newest)
  await putEntries(
    of,
    newest.uri,
    entries.map((entry) => ({ ...entry, file: { ...entry.file, uri } })),
    0,
  )
}

async function deleteFileAt(of: World, uri: string): Promise<void> {
  const newest = newestOf(of)
  const [entry] = await of.reader.manifest(of.metadata, newest)
  if (entry === undefined) throw new Error('no entry')
  const manifest = `${of.home}/metadata/deletes.avro`
  const none = new Map<number, never>()
  const file = { ...entry.file, uri, content: 1, lowerBounds: none, upperBounds: none }
  await putEntries(of, manifest, [{ ...entry, sequence: 9n, fileSequence: 9n, file }], 1)
  await putList(of, [...of.manifests, { ...newest, uri: manifest, content: 1, sequence: 9n }])
}

/** A file or folder of the table moves out of it, and a link to it takes its place. */
async function linkOut({ path }: World, place: string): Promise<void> {
  const target = join(path, 'outside/moved')
  await rename(place, target)
  await symlink(target, place)
}

const operations = {
  scan: async ({ lake, snapshot }: World) => rowsOf(lake, snapshotView('hits', String(snapshot['snapshot-id']))),
  rewrite: async ({ lake }: World) => lake.rewrite('hits', { generation: 1, period: utcDay(noon) }),
  expire: async ({ lake, metadata }: World) =>
    lake.expire(
      'hits',
      (metadata.snapshots ?? []).map((one) => String(one['snapshot-id'])),
      'remove',
    ),
  removeOrphans: async ({ lake }: World) =>
    lake.removeOrphans('hits', { before: Number.MAX_SAFE_INTEGER, through: 1_000 }, 'remove'),
} as const
type Operation = keyof typeof operations
const all = Object.keys(operations) as readonly Operation[]
/** Expiry opens no manifest where all of them stay. */
const openManifests = all.filter((operation) => operation !== 'expire')

const outsides: Readonly<Record<string, (of: World) => string>> = {
  'an absolute path': ({ path }) => `${path}/outside/victim`,
  'a path by ..': ({ home }) => `${home}/data/../../../../outside/victim`,
  'another scheme': () => 's3://outside/victim',
  'another table': ({ home }) => home.replace(/hits$/, 'hourly/data/victim'),
  'a percent-encoded ..': ({ home }) => `${home}/data/%2e%2e/%2e%2e/hourly/data/victim`,
  'a backslash': ({ home }) => `${home}/data\\..\\..\\victim`,
}

/** What is named outside, where, and what must not even be tried with it. */
const lies: readonly (readonly [string, (of: World, uri: string) => Promise<void>, readonly Operation[]])[] = [
  ['a data file', dataFileAt, ['scan', 'rewrite']],
  ['a delete file', deleteFileAt, ['scan', 'rewrite']],
  ['a manifest', (of, uri) => putList(of, [{ ...newestOf(of), uri }, ...of.manifests.slice(1)]), openManifests],
  [
    'a manifest list',
    (of, uri) =>
      edit(of, {
        snapshots: (of.metadata.snapshots ?? []).map((one): SnapshotJson => ({ ...one, 'manifest-list': uri })),
      }),
    all,
  ],
  [
    'a statistics file',
    (of, uri) =>
      edit(of, {
        statistics: (of.metadata.snapshots ?? []).map((one) => ({
          'snapshot-id': one['snapshot-id'],
          'statistics-path': uri,
        })),
      }),
    [],
  ],
  [
    'an older metadata file',
    (of, uri) => edit(of, { 'metadata-log': [{ 'timestamp-ms': 1, 'metadata-file': uri }] }),
    [],
  ],
]

const links: readonly (readonly [string, (of: World) => Promise<void>, readonly Operation[]])[] = [
  ['a data file', async (of) => linkOut(of, pathOf(of, (await newestFile(of)).uri)), ['scan', 'rewrite']],
  [
    'a folder of data files',
    async (of) => linkOut(of, dirname(pathOf(of, (await newestFile(of)).uri))),
    ['scan', 'rewrite'],
  ],
  ['a manifest', (of) => linkOut(of, pathOf(of, newestOf(of).uri)), openManifests],
  ['a manifest list', (of) => linkOut(of, pathOf(of, of.snapshot['manifest-list'])), all],
  ['the newest metadata', (of) => linkOut(of, join(of.path, 'store', of.layout.metadataFile(of.version))), all],
  ['the version hint', (of) => linkOut(of, join(of.path, 'store', of.layout.versionHint)), all],
  ['the folder of metadata', (of) => linkOut(of, join(of.path, 'store/lake/hits/metadata')), all],
]

async function newestFile(of: World): Promise<ManifestEntry['file']> {
  const [entry] = await of.reader.manifest(of.metadata, newestOf(of))
  if (entry === undefined) throw new Error('no entry')
  return entry.file
}

/** Every file below a folder with its bytes; links are not followed. */
async function contents(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) found.set(path, (await readFile(path)).toString('base64'))
  }
  return found
}

async function others({ path }: World): Promise<Map<string, string>> {
  return new Map([...(await contents(join(path, 'outside'))), ...(await contents(join(path, 'store/lake/hourly')))])
}

async function expectRefused(of: World, operation: Operation, must: readonly Operation[]): Promise<void> {
  await writeFile(join(of.path, 'outside/victim'), 'not yours')
  await writeFile(join(of.path, 'store/lake/hourly/data/victim'), 'not yours')
  for (const file of await readdir(join(of.path, 'outside'))) await utimes(join(of.path, 'outside', file), 1, 1)
  const before = await others(of)
  const end = await operations[operation](of).then(
    () => 'done',
    (error) => (error instanceof PlatformError ? error.code : error),
  )
  expect(await others(of)).toEqual(before)
  if (must.includes(operation)) expect(end).toBe('LAKE_TABLE_CORRUPT')
  else expect(['done', 'LAKE_TABLE_CORRUPT']).toContain(end)
}

describe.each(all)('a table outside of which nothing is touched by %s', (operation) => {
  it.each(lies)('names %s there', async (_what, lie, must) => {
    for (const [how, uriOf] of Object.entries(outsides)) {
      const of = await world()
      await lie(of, uriOf(of))
      await expectRefused(of, operation, must).catch((error) => {
        throw new Error(`${how}: ${error.message}`, { cause: error })
      })
    }
  })

  it.each(links)('has a link there instead of %s', async (_what, link, must) => {
    const of = await world()
    await link(of)
    await expectRefused(of, operation, must)
  })
})

describe('files that expired snapshots alone named', () => {
  it('are not removed through a folder that is a link out of the table', async () => {
    const of = await world()
    const file = pathOf(of, (await newestFile(of)).uri)
    await of.lake.rewrite('hits', { generation: 1, period: utcDay(noon) })
    await linkOut(of, dirname(file))
    await expectRefused(of, 'expire', ['expire'])
    expect([...(await others(of)).keys()].filter((path) => path.endsWith('.parquet')).length).toBeGreaterThan(3)
  })
})

describe('a table with lies in its history', () => {
  it('whose snapshots are each other’s parents, or whose log names the newest file itself, is refused or comes to an end', async () => {
    const of = await world()
    const snapshots = (of.metadata.snapshots ?? []).map(
      (one, at, list): SnapshotJson => ({
        ...one,
        'parent-snapshot-id': list[(at + 1) % list.length]?.['snapshot-id'] ?? 0,
      }),
    )
    await edit(of, { snapshots })
    for (const operation of all) await expectRefused(of, operation, all)

    const other = await world()
    const own = other.layout.uriOf(other.layout.metadataFile(other.version), other.home)
    await edit(other, { 'metadata-log': [{ 'timestamp-ms': 1, 'metadata-file': own }] })
    for (const operation of all) await expectRefused(other, operation, [])
    expect(
      await rowsOf(other.lake, snapshotView('hits', (await other.lake.snapshots('hits'))[0]?.id ?? '')),
    ).toHaveLength(3)
  })

  it('is said to be so by verification, which reads nothing outside', async () => {
    for (const [what, lie] of lies) {
      const of = await world()
      await lie(of, outsides['a path by ..']?.(of) ?? '')
      const faults = await of.lake.verify('hits')
      expect(faults.map(({ says }) => says).join(), what).toContain(
        "it is no name of a file below the table's location",
      )
    }
    for (const [what, link] of links) {
      const of = await world()
      await link(of)
      const faults = await of.lake.verify('hits')
      expect(faults.map(({ says }) => says).join(), what).toContain("a link leads out of the table's folder")
    }
  })
})
