import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { CommitConflictError, CorruptTableError } from '../../../core/errors.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { failedHitsTable } from '../../../schemas/tables.ts'
import {
  type AppendFile,
  type AppendOptions,
  appendFiles,
  commitMaxAttempts,
  publishedSnapshot,
  smallManifestsMax,
} from './append.ts'
import { encodeManifest, encodeManifestList } from './encode-manifest.ts'
import { tableLayout } from './layout.ts'
import { history, metadataLogMaxEntries, printMetadata, type TableMetadata } from './metadata.ts'
import { TableReader } from './table-reader.ts'

const day = 20_513
const none = new Map<number, never>()

function file(name: string, change: Partial<AppendFile> = {}): AppendFile {
  return {
    name: `lake/failed_hits/data/received_day=2026-03-01/${name}.parquet`,
    partition: [day],
    rows: 10,
    bytes: 1_000,
    columnBytes: none,
    valueCounts: none,
    nullCounts: none,
    lowerBounds: none,
    upperBounds: none,
    ...change,
  }
}

let objects: ObjectStore
let seed = 0
beforeEach(() => {
  objects = memoryObjectStore()
})

/** A writer (and reader) that knows nothing yet: another process. */
function open(change: Partial<AppendOptions> = {}): AppendOptions {
  const definition = change.definition ?? failedHitsTable
  const layout = tableLayout(definition, 'file:///data/lake')
  const store = change.objects ?? objects
  const reader = new TableReader({ objects: store, definition, layout })
  return {
    objects: store,
    definition,
    layout,
    reader,
    random: seededRandom(++seed),
    clock: new ManualClock(),
    ...change,
  }
}

async function filesOf({ reader }: AppendOptions, id: string): Promise<string[]> {
  const { metadata, snapshot } = await reader.metadataOf(id)
  const names = []
  for await (const { file: found } of reader.liveFiles(metadata, snapshot, () => true)) names.push(found.uri)
  return names.map((uri) => uri.replace(/^.*\//, '').replace('.parquet', '')).sort()
}

async function metadataOf(table: AppendOptions): Promise<TableMetadata> {
  const loaded = await table.reader.load()
  if (loaded === undefined) throw new Error('no table')
  return loaded.metadata
}

const metadataFile = (version: number) => `lake/failed_hits/metadata/v${version}.metadata.json`
const hint = 'lake/failed_hits/metadata/version-hint.text'

describe('the newest version of a table', () => {
  it('is none where nothing was ever committed', async () => {
    expect(await open().reader.load()).toBeUndefined()
  })

  it.each([
    ['is missing', undefined],
    ['trails', '2'],
    ['is nonsense', 'x'],
    ['names a version that is not there', '99'],
  ])('is found where the hint %s', async (_case, text) => {
    const writer = open()
    for (let id = 1; id <= 5; id++) await appendFiles(writer, id, [file(`f${id}`)])
    if (text === undefined) await objects.remove(hint)
    else await objects.put(hint, Buffer.from(text))
    expect((await open().reader.load())?.version).toBe(5)
  })

  it('is found although old metadata files are gone', async () => {
    const writer = open()
    for (let id = 1; id <= metadataLogMaxEntries + 5; id++) await appendFiles(writer, id, [])
    expect(await objects.size(metadataFile(3))).toBeUndefined()
    expect(await objects.size(metadataFile(5))).toBeDefined()
    await objects.put(hint, Buffer.from('1'))
    expect((await open().reader.load())?.version).toBe(metadataLogMaxEntries + 5)
  })

  it('that cannot be read is an error with its name, not an older one', async () => {
    await appendFiles(open(), 1, [file('a')])
    await objects.put(metadataFile(2), Buffer.from('{"format-version":2'))
    await expect(open().reader.load()).rejects.toThrow(`failed_hits: ${metadataFile(2)} cannot be read: not JSON`)
    await objects.put(metadataFile(2), Buffer.from('{"format-version":1}'))
    await expect(open().reader.load()).rejects.toThrow('format version 1, only 2 is read')
  })
})

describe('an append', () => {
  it('adds its files and keeps those before, each snapshot for itself', async () => {
    const writer = open()
    const one = await appendFiles(writer, 1, [file('a'), file('b')])
    const two = await appendFiles(writer, 2, [file('c')])
    for (const reader of [writer, open()]) {
      expect(await filesOf(reader, one)).toEqual(['a', 'b'])
      expect(await filesOf(reader, two)).toEqual(['a', 'b', 'c'])
    }
  })

  it('of an id in the history writes nothing at all', async () => {
    const writer = open()
    const one = await appendFiles(writer, 1, [file('a')])
    await appendFiles(writer, 2, [file('b')])
    const before = await objects.list('')
    expect(await appendFiles(open(), 1, [file('other')])).toBe(one)
    expect(await publishedSnapshot(open().reader, 1)).toBe(one)
    expect(await publishedSnapshot(open().reader, 3)).toBeUndefined()
    expect(await objects.list('')).toEqual(before)
  })

  it('raises sequence numbers and never steps back in time', async () => {
    const clock = new ManualClock()
    const writer = open({ clock })
    await appendFiles(writer, 1, [file('a')])
    clock.setNow(0)
    await appendFiles(writer, 2, [file('b')])
    const [newest, oldest] = [...history(await metadataOf(writer))]
    expect(newest?.['sequence-number']).toBe(2)
    expect(newest?.['timestamp-ms']).toBe(oldest?.['timestamp-ms'])
    expect(newest?.['parent-snapshot-id']).toBe(oldest?.['snapshot-id'])
  })

  it(`merges small manifests when more than ${smallManifestsMax} are listed, losing no file and no number`, async () => {
    const writer = open()
    let id = ''
    const lengths = []
    for (let n = 0; n <= 2 * smallManifestsMax; n++) {
      id = await appendFiles(writer, n, [file(`f${String(n).padStart(3, '0')}`)])
      const { metadata, snapshot } = await writer.reader.metadataOf(id)
      lengths.push((await writer.reader.manifestList(metadata, snapshot)).length)
    }
    expect(Math.max(...lengths)).toBe(smallManifestsMax)
    expect(lengths[smallManifestsMax]).toBe(1)
    const reader = open()
    expect(await filesOf(reader, id)).toHaveLength(2 * smallManifestsMax + 1)
    const { metadata, snapshot } = await reader.reader.metadataOf(id)
    const sequences = new Map<string, bigint>()
    for (const manifest of await reader.reader.manifestList(metadata, snapshot)) {
      const entries = await reader.reader.manifest(metadata, manifest)
      const count = (status: string) => entries.filter((entry) => entry.status === status).length
      expect(manifest.added.files).toBe(count('added'))
      expect(manifest.existing.files).toBe(count('existing'))
      expect(manifest.existing.rows).toBe(10 * count('existing'))
      for (const entry of entries) {
        const sequence = entry.sequence ?? manifest.sequence
        expect(sequence >= manifest.minSequence).toBe(true)
        sequences.set(entry.file.uri.replace(/^.*f(\d+)\.parquet$/, '$1'), sequence)
      }
    }
    for (const [number, sequence] of sequences) expect(sequence).toBe(BigInt(Number(number) + 1))
  })

  it('leaves manifests that have grown large as they are', async () => {
    const many = Array.from({ length: 200 }, (_, n) => file(`large${n}`))
    const large = await appendFiles(open(), 1, many)
    const [kept] = await objects.list('lake/failed_hits/metadata/m-')
    const limit = (await objects.size(kept ?? '')) ?? 0
    let id = large
    for (let n = 2; n <= 6; n++) {
      id = await appendFiles(open({ smallManifestsMax: 2, smallManifestMaxBytes: limit }), n, [file(`small${n}`)])
    }
    expect(await filesOf(open(), id)).toHaveLength(205)
    const { metadata, snapshot } = await open().reader.metadataOf(id)
    const uris = (await open().reader.manifestList(metadata, snapshot)).map((manifest) => manifest.uri)
    expect(uris).toContain(`file:///data/${kept}`)
    expect(uris.length).toBeLessThanOrEqual(3)
  })

  it('keeps the metadata log bounded', async () => {
    const writer = open()
    for (let id = 1; id <= metadataLogMaxEntries + 3; id++) await appendFiles(writer, id, [])
    const log = (await metadataOf(writer))['metadata-log'] ?? []
    expect(log).toHaveLength(metadataLogMaxEntries)
    expect(log.at(-1)?.['metadata-file']).toMatch(new RegExp(`/v${metadataLogMaxEntries + 2}\\.metadata\\.json$`))
    for (const { 'metadata-file': uri } of log) {
      expect(await objects.size(uri.replace('file:///data/', ''))).toBeDefined()
    }
  })
})

describe('two writers', () => {
  /** Lets `act` happen at the moment before the first commit of whoever uses the store. */
  function racing(act: () => Promise<unknown>): ObjectStore {
    let done = false
    return {
      ...bound(objects),
      async putIfAbsent(name, body) {
        if (!done) {
          done = true
          await act()
        }
        return objects.putIfAbsent(name, body)
      },
    }
  }
  // Methods of a class do not survive a spread.
  function bound(store: ObjectStore): ObjectStore {
    return {
      put: (name, body) => store.put(name, body),
      putIfAbsent: (name, body) => store.putIfAbsent(name, body),
      get: (name) => store.get(name),
      getRange: (name, at, length) => store.getRange(name, at, length),
      remove: (name) => store.remove(name),
      list: (prefix) => store.list(prefix),
      size: (name) => store.size(name),
      localPath: (name) => store.localPath(name),
      forgetLocal: (name) => store.forgetLocal(name),
    }
  }

  it('both land, one on top of the other', async () => {
    await appendFiles(open(), 1, [file('a')])
    const slow = open({ objects: racing(() => appendFiles(open(), 2, [file('b')])) })
    const snapshot = await appendFiles(slow, 3, [file('c')])
    expect(await filesOf(open(), snapshot)).toEqual(['a', 'b', 'c'])
  })

  it('of one publication: the second finds the first’s snapshot', async () => {
    let first = ''
    const slow = open({
      objects: racing(async () => {
        first = await appendFiles(open(), 1, [file('a')])
      }),
    })
    expect(await appendFiles(slow, 1, [file('a')])).toBe(first)
    expect(await filesOf(open(), first)).toEqual(['a'])
  })

  it(`give up after ${commitMaxAttempts} tries, with nothing of it visible`, async () => {
    let id = 100
    const tries: number[] = []
    const beaten: ObjectStore = {
      ...bound(objects),
      async putIfAbsent(name, body) {
        tries.push(await appendFiles(open(), id++, [file(`rival${id}`)]).then(() => id))
        return objects.putIfAbsent(name, body)
      },
    }
    await expect(appendFiles(open({ objects: beaten }), 1, [file('mine')])).rejects.toThrow(CommitConflictError)
    expect(tries).toHaveLength(commitMaxAttempts)
    expect(await publishedSnapshot(open().reader, 1)).toBeUndefined()
  })

  it('where one slept through so many commits that its next name is free again: its late commit does not count', async () => {
    await appendFiles(open(), 1, [file('a')])
    const rivals = metadataLogMaxEntries + 5
    const sleeper = open({
      objects: racing(async () => {
        const rival = open()
        for (let id = 2; id <= rivals; id++) await appendFiles(rival, id, [])
        expect(await objects.size(metadataFile(2))).toBeUndefined()
      }),
    })
    const snapshot = await appendFiles(sleeper, 1_000, [file('late')])
    expect(await objects.size(metadataFile(2))).toBeUndefined()
    expect((await open().reader.load())?.version).toBe(rivals + 1)
    expect(await filesOf(open(), snapshot)).toEqual(['a', 'late'])
    expect(await publishedSnapshot(open().reader, rivals)).toBeDefined()
  })
})

describe('a table that others touched', () => {
  async function change(edit: (metadata: TableMetadata) => TableMetadata): Promise<void> {
    const { version, metadata } = (await open().reader.load()) ?? { version: 0, metadata: undefined }
    if (metadata === undefined) throw new Error('no table')
    await objects.put(metadataFile(version + 1), printMetadata(edit(metadata)))
  }

  it('keeps 63-bit ids through our commits', async () => {
    await appendFiles(open(), 1, [file('a')])
    const foreign = 9_223_372_036_854_775_001n
    await change((metadata) => ({
      ...metadata,
      'current-snapshot-id': foreign,
      snapshots: metadata.snapshots?.map((one) => ({ ...one, 'snapshot-id': foreign, 'x-unknown': 'kept' })) ?? [],
    }))
    const next = await appendFiles(open(), 2, [file('b')])
    expect(await filesOf(open(), String(foreign))).toEqual(['a'])
    expect(await filesOf(open(), next)).toEqual(['a', 'b'])
    const [newest, oldest] = [...history(await metadataOf(open()))]
    expect(newest?.['parent-snapshot-id']).toBe(foreign)
    expect(oldest).toMatchObject({ 'x-unknown': 'kept' })
  })

  it('moved to another place on disk is still read: URIs are taken from its own location', async () => {
    const id = await appendFiles(open(), 1, [file('a')])
    const moved = open({ layout: tableLayout(failedHitsTable, 's3://elsewhere/lake') })
    const reader = new TableReader({ objects, definition: failedHitsTable, layout: moved.layout })
    expect(await filesOf({ ...moved, reader }, id)).toEqual(['a'])
  })

  it('with files outside its location is refused by name', async () => {
    const id = await appendFiles(open(), 1, [file('a')])
    await change((metadata) => ({ ...metadata, location: 'file:///other' }))
    await expect(filesOf(open(), id)).rejects.toThrow("is not below the table's location file:///other")
  })

  it('with delete files is refused rather than read with rows that are gone', async () => {
    const id = await appendFiles(open(), 1, [file('a')])
    const table = open()
    const { metadata, snapshot } = await table.reader.metadataOf(id)
    const [manifest] = await table.reader.manifestList(metadata, snapshot)
    if (manifest === undefined) throw new Error('no manifest')
    const list = encodeManifestList(
      [{ ...manifest, content: 1 }],
      { id: 1n, parent: null, sequence: 2n },
      Buffer.alloc(16),
    )
    await objects.put(table.reader.nameOf(metadata, snapshot['manifest-list']), list)
    await expect(filesOf(open(), id)).rejects.toThrow('delete files')
  })

  it('has no more the files that a manifest marks as deleted', async () => {
    const id = await appendFiles(open(), 1, [file('a'), file('b')])
    const { reader } = open()
    const { metadata, snapshot } = await reader.metadataOf(id)
    const [manifest] = await reader.manifestList(metadata, snapshot)
    const [spec] = metadata['partition-specs']
    const [schema] = metadata.schemas
    if (manifest === undefined || spec === undefined || schema === undefined) throw new Error('no manifest')
    const [one, ...others] = await reader.manifest(metadata, manifest)
    if (one === undefined) throw new Error('no entry')
    const entries = [{ ...one, status: 'deleted' as const }, ...others]
    await objects.put(
      reader.nameOf(metadata, manifest.uri),
      encodeManifest(entries, { schema, spec, sortOrderId: 1, sync: Buffer.alloc(16) }),
    )
    expect(await filesOf(open(), id)).toEqual(['b'])
    for (let n = 2; n < 5; n++) await appendFiles(open({ smallManifestsMax: 1 }), n, [file(String(n))])
    const newest = await publishedSnapshot(open().reader, 4)
    expect(await filesOf(open(), newest ?? '')).toEqual(['2', '3', '4', 'b'])
  })

  it('whose URIs are spelled as Hadoop does is the same table', async () => {
    const id = await appendFiles(open(), 1, [file('a')])
    await change((metadata) => ({ ...metadata, location: 'file:/data/lake/failed_hits/' }))
    expect(await filesOf(open(), id)).toEqual(['a'])
  })

  it('with a damaged or missing manifest is refused by its name', async () => {
    const id = await appendFiles(open(), 1, [file('a')])
    const [manifest] = (await objects.list('lake/failed_hits/metadata/m-')).slice()
    if (manifest === undefined) throw new Error('no manifest')
    const bytes = (await objects.get(manifest)) ?? Buffer.alloc(0)
    await objects.put(manifest, bytes.subarray(0, bytes.length - 1))
    await expect(filesOf(open(), id)).rejects.toThrow(CorruptTableError)
    await objects.remove(manifest)
    await expect(filesOf(open(), id)).rejects.toThrow(`${manifest} cannot be read: it does not exist`)
  })

  it('partitioned in a way of its own is refused by our writer', async () => {
    await appendFiles(open(), 1, [file('a')])
    await change((metadata) => ({ ...metadata, 'partition-specs': [{ 'spec-id': 0, fields: [] }] }))
    await expect(appendFiles(open(), 2, [file('b')])).rejects.toThrow('no partition spec of ours')
  })
})

describe('a column added to the definition', () => {
  const added: TableDefinition = {
    ...failedHitsTable,
    columns: [...failedHitsTable.columns, { id: 19, name: 'later', type: 'string', doc: 'new' }],
  }

  it('becomes a new schema with the next commit, once', async () => {
    await appendFiles(open(), 1, [file('a')])
    await appendFiles(open({ definition: added }), 2, [file('b')])
    await appendFiles(open({ definition: added }), 3, [file('c')])
    const metadata = await metadataOf(open())
    expect(metadata.schemas.map((schema) => schema.fields.length)).toEqual([18, 19])
    expect([metadata['current-schema-id'], metadata['last-column-id']]).toEqual([1, 19])
  })

  it('stays when an older program commits after it', async () => {
    await appendFiles(open({ definition: added }), 1, [file('a')])
    await appendFiles(open(), 2, [file('b')])
    const metadata = await metadataOf(open())
    expect(metadata.schemas).toHaveLength(1)
    expect(metadata['last-column-id']).toBe(19)
  })
})
