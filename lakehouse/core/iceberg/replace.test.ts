import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { CommitConflictError } from '../../../core/errors.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { failedHitsTable } from '../../../schemas/tables.ts'
import { appendFiles, publishedSnapshot } from './append.ts'
import type { AppendFile, CommitOptions } from './commit.ts'
import { tableLayout } from './layout.ts'
import type { DataFile } from './manifest.ts'
import { currentSnapshot, snapshotInfo } from './metadata.ts'
import { type Replacement, replaceFiles } from './replace.ts'
import { TableReader } from './table-reader.ts'

const day = 20_513
const none = new Map<number, never>()
const file = (name: string, rows = 10): AppendFile => ({
  name: `lake/failed_hits/data/received_day=2026-03-01/${name}.parquet`,
  partition: [day],
  rows,
  bytes: 100 * rows,
  columnBytes: none,
  valueCounts: none,
  nullCounts: none,
  lowerBounds: none,
  upperBounds: none,
})

let objects: ObjectStore
let seed = 0
beforeEach(() => {
  objects = memoryObjectStore()
})

function open(store: ObjectStore = objects, change: Partial<CommitOptions> = {}): CommitOptions {
  const definition = failedHitsTable
  const layout = tableLayout(definition, 'file:///data/lake')
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

async function liveFiles({ reader }: CommitOptions = open(), id?: string): Promise<DataFile[]> {
  const loaded = await reader.load()
  const metadata = loaded?.metadata
  const snapshot = id === undefined ? metadata && currentSnapshot(metadata) : (await reader.metadataOf(id)).snapshot
  const files: DataFile[] = []
  if (metadata === undefined || snapshot === undefined) return files
  for await (const { file } of reader.liveFiles(metadata, snapshot, () => true)) files.push(file)
  return files
}

const nameOf = ({ uri }: DataFile) => uri.replace(/^.*\//, '').replace('.parquet', '')
const names = (files: readonly DataFile[]) => files.map(nameOf).sort()

async function replacing(wanted: readonly string[], by: readonly AppendFile[]): Promise<Replacement> {
  const removed = (await liveFiles()).filter((one) => wanted.includes(nameOf(one)))
  return { removed, added: by, operation: 'replace', partition: 'received_day=2026-03-01' }
}

describe('an exchange of files', () => {
  it('takes out the old and adds the new as one snapshot, whose summary counts both', async () => {
    for (const [n, name] of ['a', 'b', 'c'].entries()) await appendFiles(open(), n + 1, [file(name)])
    const id = await replaceFiles(open(), await replacing(['a', 'b'], [file('ab', 15)]))
    expect(names(await liveFiles())).toEqual(['ab', 'c'])
    const { snapshot } = await open().reader.metadataOf(id)
    expect(snapshot.summary).toEqual({
      operation: 'replace',
      'hitlake.rewrite': 'received_day=2026-03-01',
      'added-data-files': '1',
      'added-records': '15',
      'added-files-size': '1500',
      'deleted-data-files': '2',
      'deleted-records': '20',
      'removed-files-size': '2000',
      'changed-partition-count': '1',
      'total-records': '25',
      'total-files-size': '2500',
      'total-data-files': '2',
      'total-delete-files': '0',
      'total-position-deletes': '0',
      'total-equality-deletes': '0',
    })
    expect(snapshotInfo(snapshot)).toMatchObject({ publish: null, totalRows: 25 })
  })

  it('leaves older snapshots as they were, and what was published known', async () => {
    const first = await appendFiles(open(), 1, [file('a')])
    await appendFiles(open(), 2, [file('b')])
    await replaceFiles(open(), await replacing(['a', 'b'], [file('ab')]))
    expect(names(await liveFiles(open(), first))).toEqual(['a'])
    expect(await publishedSnapshot(open().reader, 1)).toBe(first)
    await appendFiles(open(), 1, [file('a')])
    expect(names(await liveFiles())).toEqual(['ab'])
  })

  // Spec, "Manifest Entry Fields": status 2 with the deleting snapshot, sequence numbers those the file had.
  it('marks the old files as deleted by it, and files that stay keep their sequence numbers', async () => {
    await appendFiles(open(), 1, [file('a'), file('b')])
    const id = await replaceFiles(open(), await replacing(['a'], [file('new')]))
    const { reader } = open()
    const { metadata, snapshot } = await reader.metadataOf(id)
    const entries = []
    for (const manifest of await reader.manifestList(metadata, snapshot)) {
      for (const { status, snapshot: by, sequence, file: of } of await reader.manifest(metadata, manifest)) {
        entries.push([nameOf(of), status, by === BigInt(id), sequence ?? manifest.sequence])
      }
      expect(manifest.minSequence).toBe(manifest.deleted.files > 0 ? 1n : 2n)
    }
    expect(entries.sort()).toEqual([
      ['a', 'deleted', true, 1n],
      ['b', 'existing', false, 1n],
      ['new', 'added', true, 2n],
    ])
  })

  it('carries no mark on: the next snapshots list what is live', async () => {
    await appendFiles(open(), 1, [file('a')])
    await replaceFiles(open(), await replacing(['a'], [file('b')]))
    await appendFiles(open(), 2, [file('c')])
    const { reader } = open()
    const loaded = await reader.load()
    const snapshot = loaded && currentSnapshot(loaded.metadata)
    if (loaded === undefined || snapshot === undefined) throw new Error('no table')
    const manifests = await reader.manifestList(loaded.metadata, snapshot)
    expect(manifests.map(({ deleted }) => deleted.files)).toEqual([0, 0])
    expect(names(await liveFiles())).toEqual(['b', 'c'])
  })

  it('keeps its marks where small manifests are merged by the same commit', async () => {
    for (let n = 1; n <= 4; n++) await appendFiles(open(), n, [file(`f${n}`)])
    await replaceFiles(open(objects, { smallManifestsMax: 1 }), await replacing(['f1', 'f2'], [file('new')]))
    expect(names(await liveFiles())).toEqual(['f3', 'f4', 'new'])
  })

  it('lands on top of a publication that came in between, and takes nothing of it away', async () => {
    await appendFiles(open(), 1, [file('a'), file('b')])
    const replacement = await replacing(['a', 'b'], [file('ab')])
    await appendFiles(open(), 2, [file('c')])
    await replaceFiles(open(), replacement)
    expect(names(await liveFiles())).toEqual(['ab', 'c'])
  })

  it('does nothing where another one took a file first', async () => {
    await appendFiles(open(), 1, [file('a'), file('b')])
    const late = await replacing(['a', 'b'], [file('late')])
    await replaceFiles(open(), await replacing(['a', 'b'], [file('ab')]))
    await expect(replaceFiles(open(), late)).rejects.toThrow(CommitConflictError)
    expect(names(await liveFiles())).toEqual(['ab'])
  })

  it('is there wholly or not at all, whatever write a process dies at, and can be done again', async () => {
    for (let survives = 0; ; survives++) {
      objects = memoryObjectStore()
      for (let n = 1; n <= 3; n++) await appendFiles(open(), n, [file(`f${n}`)])
      const replacement = await replacing(['f1', 'f2'], [file('new')])
      let writes = 0
      const dying = (): void => {
        if (writes++ >= survives) throw new Error('killed')
      }
      const store: ObjectStore = {
        getRange: (...given) => objects.getRange(...given),
        get: (name) => objects.get(name),
        list: (prefix) => objects.list(prefix),
        size: (name) => objects.size(name),
        localPath: (name) => objects.localPath(name),
        forgetLocal: (name) => objects.forgetLocal(name),
        remove: async (name) => objects.remove(name),
        async put(name, body) {
          dying()
          return objects.put(name, body)
        },
        async putIfAbsent(name, body) {
          dying()
          return objects.putIfAbsent(name, body)
        },
      }
      const died = await replaceFiles(open(store), replacement).then(
        () => false,
        (error) => error.message === 'killed',
      )
      const found = names(await liveFiles()).join()
      expect(['f1,f2,f3', 'f3,new']).toContain(found)
      if (found === 'f1,f2,f3') await replaceFiles(open(), replacement)
      expect(names(await liveFiles())).toEqual(['f3', 'new'])
      if (!died && writes < survives) break
    }
  })
})
