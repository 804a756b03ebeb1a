import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { PlatformError } from '../../../core/errors.ts'
import { eventTime, utcDay } from '../../../core/event-time.ts'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import type { ScanFilter } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { hitsTable } from '../../../schemas/tables.ts'
import { avroType, encodeContainer, longType } from '../../core/iceberg/avro-container.ts'
import { encodeManifest, encodeManifestList } from '../../core/iceberg/encode-manifest.ts'
import { evolveSchema, type SchemaChange } from '../../core/iceberg/evolve-schema.ts'
import { tableLayout } from '../../core/iceberg/layout.ts'
import type { ManifestEntry, ManifestFile } from '../../core/iceberg/manifest.ts'
import { manifestEntrySchema } from '../../core/iceberg/manifest-schema.ts'
import { currentSnapshot, printMetadata, type SnapshotJson, type TableMetadata } from '../../core/iceberg/metadata.ts'
import { containerMaxBytes, readContainer } from '../../core/iceberg/read-container.ts'
import { metadataMaxBytes } from '../../core/iceberg/read-metadata.ts'
import { planScan, wholeTable } from '../../core/iceberg/read-scan.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import type { TableFile } from '../../core/table-files.ts'
import { readFiles } from '../duckdb/deleted-rows.ts'
import { withConnection } from '../duckdb/parquet.ts'
import { confinedObjects } from './confined-objects.ts'
import { createLocalLake } from './local-lake.ts'
import { createTableFiles } from './table-files.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const day = utcDay(noon)
const roots: string[] = []
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
afterAll(async () => {
  instance.closeSync()
  for (const root of roots) await rm(root, { recursive: true, force: true })
})

let root: string
let objects: ObjectStore
let metadata: TableMetadata
let snapshot: SnapshotJson
let version: number
const layout = tableLayout(hitsTable, 'file:///lake')
const newReader = (store = objects) => new TableReader({ objects: store, definition: hitsTable, layout })
const pathOf = (uri: string) => join(root, 'store', uri.replace('file:///', ''))

/** Hits `a0`…`a4` published as 1, `b0`…`b4` as 2, each one file of one day. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hitlake-files-'))
  roots.push(root)
  objects = confinedObjects({
    objects: await folderObjectStore(nodeDisk(root), 'store'),
    folders: new Map([['lake/hits/', 'hits']]),
  })
  const lake = createLocalLake({
    objects,
    instance,
    scratch: join(root, 'scratch'),
    random: seededRandom(1),
    clock: new ManualClock(),
    location: 'file:///lake',
  })
  for (const [n, letter] of ['a', 'b'].entries()) {
    const rows = [0, 1, 2, 3, 4].map((off) => hitRow({ id: `${letter}${off}`, _off: 10 * n + off }))
    await lake.publish('hits', n + 1, [await lake.stage('hits', `staged/${letter}`, rows)])
  }
  await reload()
})

async function reload(): Promise<void> {
  const loaded = await newReader().load()
  const current = loaded && currentSnapshot(loaded.metadata)
  if (loaded === undefined || current === undefined) throw new Error('no table')
  metadata = loaded.metadata
  version = loaded.version
  snapshot = current
}

async function scanned(filter?: ScanFilter, store = objects) {
  const reader = newReader(store)
  const view = { table: 'hits', snapshot: String(snapshot['snapshot-id']), pending: [] } as const
  return createTableFiles({ objects: store, reader: () => reader }).files(view, filter)
}

async function ids(filter?: ScanFilter): Promise<string[]> {
  const columns = hitsTable.columns.filter(({ name }) => name === 'id')
  const files = await scanned(filter)
  return withConnection(instance, async (connection) =>
    (await connection.runAndReadAll(`SELECT "id" FROM ${readFiles(columns, files)} ORDER BY 1`))
      .getRows()
      .map(([id]) => String(id)),
  )
}

async function manifests(): Promise<readonly ManifestFile[]> {
  return newReader().manifestList(metadata, snapshot)
}

/** Entries of the data files, oldest first. */
async function dataEntries() {
  const reader = newReader()
  const found = []
  for (const manifest of [...(await manifests())].reverse()) {
    if (manifest.content === 1) continue
    for (const entry of await reader.manifest(metadata, manifest)) {
      found.push({ manifest, entry, sequence: entry.sequence ?? manifest.sequence })
    }
  }
  return found
}

const put = (uri: string, bytes: Uint8Array) => objects.put(newReader().nameOf(metadata, uri), bytes)

async function putList(list: readonly ManifestFile[]): Promise<void> {
  await put(
    snapshot['manifest-list'],
    encodeManifestList(list, { id: 1n, parent: null, sequence: 9n }, Buffer.alloc(16)),
  )
}

async function putManifest(uri: string, entries: readonly ManifestEntry[], format = 'PARQUET'): Promise<void> {
  const [spec] = metadata['partition-specs']
  const [schema] = metadata.schemas
  if (spec === undefined || schema === undefined) throw new Error('no spec')
  const bytes = encodeManifest(entries, { schema, spec, sortOrderId: 1, sync: Buffer.alloc(16) })
  if (format === 'PARQUET') return put(uri, bytes)
  const { records, header } = readContainer(bytes)
  const entrySchema = manifestEntrySchema(spec)
  const changed = records.map((record) => {
    const entry = record as { readonly data_file: object }
    return { ...entry, data_file: { ...entry.data_file, file_format: format } }
  })
  const { 'avro.schema': schemaJson = '', 'avro.codec': _codec, ...rest } = Object.fromEntries(header)
  await put(
    uri,
    encodeContainer({
      schemaJson,
      type: avroType(entrySchema),
      records: changed,
      header: rest,
      sync: Buffer.alloc(16),
    }),
  )
}

interface Deletes {
  /** Places in the file whose rows are gone, by its URI. */
  readonly rows: readonly (readonly [uri: string, pos: number])[]
  readonly sequence: bigint
  readonly day?: number
  readonly content?: number
  readonly format?: string
  readonly stated?: number
}

/** Adds a position delete file to the current snapshot, as another engine would. */
async function addDeletes(name: string, { rows, sequence, ...change }: Deletes): Promise<void> {
  const uri = `${metadata.location}/data/${name}.parquet`
  const path = pathOf(uri)
  const values = rows.map(([file, pos]) => `('${file}', ${pos}::BIGINT)`).join(', ')
  await withConnection(instance, (connection) =>
    connection.run(
      `COPY (SELECT * FROM (VALUES ${values}) t(file_path, pos)) TO '${path}' (FORMAT parquet, FIELD_IDS {file_path: 2147483546, pos: 2147483545})`,
    ),
  )
  const none = new Map<number, never>()
  const file = {
    uri,
    partition: [1, change.day ?? day],
    rows: change.stated ?? rows.length,
    bytes: (await readFile(path)).length,
    columnBytes: none,
    valueCounts: none,
    nullCounts: none,
    lowerBounds: none,
    upperBounds: none,
    content: change.content ?? 1,
  }
  const manifest = `${metadata.location}/metadata/${name}.avro`
  await putManifest(
    manifest,
    [{ status: 'added', snapshot: 1n, sequence, fileSequence: sequence, file }],
    change.format,
  )
  const before = await manifests()
  const [like] = before
  if (like === undefined) throw new Error('no manifest')
  // What a list says of the number of delete files is not believed.
  const nothing = { files: 0, rows: 0 }
  await putList([...before, { ...like, uri: manifest, content: 1, sequence, added: nothing, existing: nothing }])
}

describe('position deletes', () => {
  it('leave out the rows they name, of the file they name, and no others', async () => {
    const [a, b] = await dataEntries()
    const of = (entry: typeof a) => entry?.entry.file.uri ?? ''
    await addDeletes('d1', {
      rows: [
        [of(a), 0],
        [of(a), 3],
        ['file:///lake/hits/data/unknown.parquet', 1],
      ],
      sequence: 3n,
    })
    await addDeletes('d2', {
      rows: [
        [of(a), 3],
        [of(b), 4],
      ],
      sequence: 4n,
    })
    expect(await ids()).toEqual(['a1', 'a2', 'a4', 'b0', 'b1', 'b2', 'b3'])
    await expect(scanned({ firstDay: day + 1 })).resolves.toEqual([])
  })

  it('count for files as old as they are or older, not for younger ones', async () => {
    const [a, b] = await dataEntries()
    expect([a?.sequence, b?.sequence]).toEqual([1n, 2n])
    await addDeletes('d', {
      rows: [
        [a?.entry.file.uri ?? '', 0],
        [b?.entry.file.uri ?? '', 0],
      ],
      sequence: 1n,
    })
    expect(await ids()).toEqual(['a1', 'a2', 'a3', 'a4', 'b0', 'b1', 'b2', 'b3', 'b4'])
  })

  it('count for files of their own partition only', async () => {
    const [a] = await dataEntries()
    await addDeletes('d', { rows: [[a?.entry.file.uri ?? '', 0]], sequence: 5n, day: day + 1 })
    expect(await ids()).toHaveLength(10)
  })

  it('may take every row', async () => {
    const [a, b] = await dataEntries()
    const all = [a, b].flatMap((one) => [0, 1, 2, 3, 4].map((pos) => [one?.entry.file.uri ?? '', pos] as const))
    await addDeletes('d', { rows: all, sequence: 5n })
    expect(await ids()).toEqual([])
  })

  it('are looked at for as many pairs of data and delete files as allowed, not one more', async () => {
    for (const name of ['d1', 'd2']) await addDeletes(name, { rows: [['file:///elsewhere', 0]], sequence: 5n })
    const plan = (deletePairsMax: number) =>
      planScan(newReader(), metadata, snapshot, { pruner: wholeTable, deletePairsMax })
    expect((await plan(4)).map(({ deletes }) => deletes.length)).toEqual([2, 2])
    await expect(plan(3)).rejects.toThrow('has more than 3 pairs of data and delete files')
  })

  it.each<[string, Partial<Deletes>, string, string]>([
    ['equality deletes', { content: 2 }, 'LAKE_TABLE_UNSUPPORTED', 'has equality deletes'],
    ['deletion vectors', { format: 'PUFFIN' }, 'LAKE_TABLE_UNSUPPORTED', 'has deletion vectors'],
    ['deletes in ORC', { format: 'ORC' }, 'LAKE_TABLE_UNSUPPORTED', 'has the format orc'],
    ['a data file among the deletes', { content: 0 }, 'LAKE_TABLE_CORRUPT', 'in one manifest'],
    ['a lying count of deletes', { stated: 2 }, 'LAKE_TABLE_CORRUPT', 'it has 1 rows, its manifest says 2'],
  ])('%s are refused, naming table and file', async (_case, change, code, message) => {
    const [a] = await dataEntries()
    await addDeletes('d', { rows: [[a?.entry.file.uri ?? '', 0]], sequence: 5n, ...change })
    const refusal = await scanned().catch((error) => error)
    expect(refusal).toMatchObject({ code, table: 'hits' })
    expect(refusal.message).toContain(message)
  })
})

describe('a column that another engine dropped', () => {
  async function change(...changes: readonly SchemaChange[]): Promise<void> {
    const random = seededRandom(3)
    const common = { objects, definition: hitsTable, layout, reader: newReader(), random, clock: new ManualClock() }
    await evolveSchema(common, changes)
    await reload()
  }
  const idOf = (name: string) => hitsTable.columns.find((column) => column.name === name)?.id ?? 0
  const readTitles = (files: readonly TableFile[]) =>
    withConnection(instance, async (connection) => {
      const columns = hitsTable.columns.filter(({ name }) => name === 'title' || name === 'id')
      const rows = await connection.runAndReadAll(`SELECT DISTINCT "title" FROM ${readFiles(columns, files)}`)
      return rows.getRows().flat()
    })

  it('reads as null from the files that hold it, also under deletes; before, and under another name, it is there', async () => {
    const [a] = await dataEntries()
    const [title] = await readTitles(await scanned())
    expect(title).toContain('茶')
    await change({ kind: 'rename', id: idOf('title'), name: 'heading' })
    expect(await readTitles(await scanned())).toEqual([title])
    await addDeletes('d', { rows: [[a?.entry.file.uri ?? '', 0]], sequence: 5n })
    await change({ kind: 'drop', id: idOf('title') })
    expect(await readTitles(await scanned())).toEqual([null])
    const [parent] = metadata.snapshots ?? []
    const view = { table: 'hits', snapshot: String(parent?.['snapshot-id']), pending: [] } as const
    expect(await readTitles(await createTableFiles({ objects, reader: () => newReader() }).files(view))).toEqual([
      title,
    ])
  })

  it('is not looked for under its name: another column that is called so is another one', async () => {
    await change({ kind: 'drop', id: idOf('title') })
    await change({
      kind: 'add',
      column: { id: metadata['last-column-id'] + 1, name: 'title', type: 'string', doc: '' },
    })
    expect(await readTitles(await scanned())).toEqual([null])
  })
})

describe('a hostile table', () => {
  const refused = (message: string, code = 'LAKE_TABLE_CORRUPT') =>
    expect.objectContaining({ code, table: 'hits', message: expect.stringContaining(message) })

  /** Changes the file of the newest publication as its manifest has it. */
  async function lie(change: Partial<ManifestEntry['file']>): Promise<void> {
    const [, b] = await dataEntries()
    if (b === undefined) throw new Error('no file')
    await putManifest(b.manifest.uri, [{ ...b.entry, file: { ...b.entry.file, ...change } }])
  }

  it.each<[string, Partial<ManifestEntry['file']>, string]>([
    ['more rows than there are', { rows: 6 }, 'it has 5 rows, its manifest says 6'],
    ['fewer rows than there are', { rows: 4 }, 'it has 5 rows, its manifest says 4'],
    ['another size', { bytes: 1 }, 'bytes, its manifest says 1'],
    ['a file that is not there', { uri: 'file:///lake/hits/data/none.parquet' }, 'it does not exist'],
    ['an absolute path', { uri: '/etc/passwd' }, "is not below the table's location"],
    ['a path by ..', { uri: 'file:///lake/hits/data/../../../../etc/passwd' }, 'it is no name of a file below'],
    ['a path by .', { uri: 'file:///lake/hits/./data/x' }, 'it is no name of a file below'],
    ['another scheme', { uri: 's3://lake/hits/data/x.parquet' }, "is not below the table's location"],
    ['another table', { uri: 'file:///lake/hits2/data/x.parquet' }, "is not below the table's location"],
    ['a backslash', { uri: 'file:///lake/hits/..\\..\\x' }, 'it is no name of a file below'],
    ['a NUL', { uri: 'file:///lake/hits/x\0.parquet' }, 'it is no name of a file below'],
    ['an endless name', { uri: `file:///lake/hits/${'x/'.repeat(1e6)}` }, 'its name has more than'],
  ])('that names %s is refused', async (_case, change, message) => {
    await lie(change)
    await expect(scanned()).rejects.toEqual(refused(message))
  })

  it('that lists a file twice is refused', async () => {
    const [a, b] = await dataEntries()
    await lie({ ...a?.entry.file })
    expect(b?.entry.file.uri).not.toBe(a?.entry.file.uri)
    await expect(scanned()).rejects.toEqual(refused('it is listed twice'))
  })

  it('whose list lies outside is refused', async () => {
    const outside = { ...snapshot, 'manifest-list': 'file:///lake/hits/../../outside.avro' }
    await objects.put(
      layout.metadataFile(version + 1),
      printMetadata({ ...metadata, snapshots: [outside] as readonly SnapshotJson[] }),
    )
    await expect(scanned()).rejects.toEqual(refused('it is no name of a file below'))
  })

  it('with a symbolic link out of it, to a file or a folder, is refused; the table’s own folder may be a link', async () => {
    const [, b] = await dataEntries()
    const path = pathOf(b?.entry.file.uri ?? '')
    await rename(path, join(root, 'outside.parquet'))
    await symlink(join(root, 'outside.parquet'), path)
    await expect(scanned()).rejects.toEqual(refused("a link leads out of the table's folder"))

    await rm(path)
    await rename(join(root, 'outside.parquet'), path)
    await rename(dirname(path), join(root, 'outside'))
    await symlink(join(root, 'outside'), dirname(path))
    await expect(scanned()).rejects.toEqual(refused("a link leads out of the table's folder"))

    await rm(dirname(path))
    await rename(join(root, 'outside'), dirname(path))
    await mkdir(join(root, 'elsewhere'))
    await rename(join(root, 'store/lake/hits'), join(root, 'elsewhere/hits'))
    await symlink(join(root, 'elsewhere/hits'), join(root, 'store/lake/hits'))
    expect(await ids()).toHaveLength(10)
  })

  it('with a manifest that is a link out of it is refused', async () => {
    const [, b] = await dataEntries()
    const path = pathOf(b?.manifest.uri ?? '')
    await rename(path, join(root, 'outside.avro'))
    await symlink(join(root, 'outside.avro'), path)
    await expect(scanned()).rejects.toEqual(refused("a link leads out of the table's folder"))
  })

  it('whose file has no field ids is refused rather than read as nulls', async () => {
    const [, b] = await dataEntries()
    const path = pathOf(b?.entry.file.uri ?? '')
    await withConnection(instance, (connection) =>
      connection.run(`COPY (SELECT range AS id FROM range(5)) TO '${path}' (FORMAT parquet)`),
    )
    await lie({ bytes: (await readFile(path)).length })
    await expect(scanned()).rejects.toEqual(refused('has columns without field ids', 'LAKE_TABLE_UNSUPPORTED'))
  })

  it('has metadata and manifests of as many bytes as allowed, not one more', async () => {
    const list = newReader().nameOf(metadata, snapshot['manifest-list'])
    const sized = (name: string, bytes: number) =>
      new Proxy(objects, {
        get: (store, key) => (given: string, at: number, length: number) =>
          key === 'size' && given === name ? bytes : Reflect.apply(Reflect.get(store, key), store, [given, at, length]),
      })
    for (const [name, most] of [
      [layout.metadataFile(version), metadataMaxBytes],
      [list, containerMaxBytes],
    ] as const) {
      expect(await scanned(undefined, sized(name, most))).toHaveLength(2)
      await expect(scanned(undefined, sized(name, most + 1))).rejects.toEqual(refused(`at most ${most} are read`))
    }
  })

  it('whose data file is no Parquet, or has a footer longer than itself, is refused', async () => {
    const [, b] = await dataEntries()
    const path = pathOf(b?.entry.file.uri ?? '')
    const bytes = await readFile(path)
    await writeFile(path, Buffer.alloc(bytes.length))
    await expect(scanned()).rejects.toEqual(refused('it is no Parquet file'))
    bytes.writeUInt32LE(2 ** 31, bytes.length - 8)
    await writeFile(path, bytes)
    await expect(scanned()).rejects.toEqual(refused('its footer has 2147483648 bytes'))
  })

  it('changed anywhere, byte by byte, is read or refused with a code, and nothing outside it is touched', async () => {
    const [, b] = await dataEntries()
    await addDeletes('d', { rows: [[b?.entry.file.uri ?? '', 0]], sequence: 5n })
    const reader = newReader()
    const names = [
      'lake/hits/metadata/d.avro',
      'lake/hits/data/d.parquet',
      layout.metadataFile(version),
      reader.nameOf(metadata, snapshot['manifest-list']),
      reader.nameOf(metadata, b?.manifest.uri ?? ''),
      reader.nameOf(metadata, b?.entry.file.uri ?? ''),
    ]
    const sound = new Map<string, Buffer>()
    for (const name of names) sound.set(name, plain((await objects.get(name)) ?? Buffer.alloc(0)))
    for (const [name, bytes] of sound) await objects.put(name, bytes)
    expect(await ids()).toHaveLength(9)
    const ends = { read: 0, LAKE_TABLE_CORRUPT: 0, LAKE_TABLE_UNSUPPORTED: 0, SNAPSHOT_NOT_FOUND: 0 }
    const touched = new Set<string>()
    const changed = { name: '', bytes: Buffer.alloc(0) }
    const answers: Readonly<Record<string, (at: number, length: number) => unknown>> = {
      get: () => changed.bytes,
      size: () => changed.bytes.length,
      getRange: (at, length) => changed.bytes.subarray(at, at + length),
    }
    const watched = new Proxy(objects, {
      get:
        (store, key) =>
        async (name: string, at: number, length: number): Promise<unknown> => {
          touched.add(name)
          const answer = name === changed.name ? answers[String(key)] : undefined
          return answer === undefined
            ? Reflect.apply(Reflect.get(store, key), store, [name, at, length])
            : answer(at, length)
        },
    })
    const odd = [Buffer.from('/../'), Buffer.alloc(9, 0xff), Buffer.from('null'), Buffer.from('[]'), Buffer.alloc(1)]
    const change = fc.record({
      name: fc.constantFrom(...names),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      bytes: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 2 }), fc.constantFrom(...odd)),
      removed: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(12) }),
    })
    await fc.assert(
      fc.asyncProperty(change, async ({ name, at, bytes, removed }) => {
        const before = sound.get(name) ?? Buffer.alloc(0)
        const from = Math.floor(at * before.length)
        // Mostly in place, so that lengths stay right and what follows is reached.
        const rest = before.subarray(from + (removed ?? bytes.length))
        Object.assign(changed, { name, bytes: Buffer.concat([before.subarray(0, from), bytes, rest]) })
        try {
          await scanned(undefined, watched)
          ends.read++
        } catch (error) {
          if (!(error instanceof PlatformError && error.code in ends)) throw error
          ends[error.code as keyof typeof ends]++
        }
      }),
      { numRuns: 600 },
    )
    expect(Math.min(ends.read, ends.LAKE_TABLE_CORRUPT)).toBeGreaterThan(20)
    for (const name of touched) expect(name).toMatch(/^lake\/hits\//)
  })
})

/** A container without compression, so that changes reach what is in it. */
function plain(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', 0, 3) !== 'Obj') return bytes
  const { header, records, schema } = readContainer(bytes)
  const { 'avro.schema': schemaJson = '', ...rest } = Object.fromEntries(header)
  const type = avroType(schema)
  const sync = Buffer.alloc(16, 7)
  const head = encodeContainer({ schemaJson, type, records: [], header: { ...rest, 'avro.codec': 'null' }, sync })
  const block = Buffer.concat(records.map((record) => type.toBuffer(record)))
  const lengths = [records.length, block.length].map((value) => longType.toBuffer(BigInt(value)))
  return Buffer.concat([head, ...lengths, block, sync])
}
