import { beforeEach, describe, expect, it } from 'vitest'
import { CorruptTableError } from '../../../core/errors.ts'
import { dataFile, nameOf, racingStore, TableUnderTest, tableFolder } from '../../test/iceberg-table-under-test.ts'
import { appendFiles } from './append.ts'
import { expireSnapshots, planExpiry } from './expire.ts'
import { referencedFiles } from './reachable.ts'
import { rollback, setTag, tagsOf } from './refs.ts'
import { replaceFiles } from './replace.ts'

let table: TableUnderTest
beforeEach(() => {
  table = new TableUnderTest()
})
const nobody = new Set<string>()
const expire = (keep: Iterable<string> = nobody) => expireSnapshots(table.open(), { keep: new Set(keep) })
const short = (names: readonly string[]) => names.map((uri) => nameOf({ uri }))
const snapshots = async () => ((await table.metadata()).snapshots ?? []).map((one) => String(one['snapshot-id']))

async function compact(wanted: readonly string[], into: string): Promise<string> {
  await table.objects.put(dataFile(into).name, Buffer.from(into))
  const removed = (await table.liveFiles()).filter((file) => wanted.includes(nameOf(file)))
  const id = await replaceFiles(table.open(), {
    removed,
    added: [dataFile(into)],
    operation: 'replace',
    partition: 'p',
  })
  table.clock.advance(60_000)
  return id
}

/** Every object of the table that is named by none of its metadata. */
async function leftOver(): Promise<readonly string[]> {
  const { reader } = table.open()
  const files = await referencedFiles(reader, await table.metadata())
  const named = new Set([...files.manifestLists, ...files.manifests, ...files.dataFiles])
  const all = await table.objects.list(tableFolder)
  return all.filter((name) => !/v\d+\.metadata\.json$|version-hint/.test(name) && !named.has(name))
}

describe('expiry', () => {
  it('names what only expired snapshots named: with that removed, no object is left over and none is missing', async () => {
    await table.publish('a', 'b')
    await table.publish('c')
    const kept = await table.publish('d')
    await compact(['a', 'c'], 'ac')
    const current = await compact(['ac', 'b'], 'all')
    const { snapshots: gone, files, tags } = await expire([kept])
    expect(gone).toHaveLength(3)
    expect(tags).toEqual([])
    expect(short(files.dataFiles)).toEqual(['ac'])
    expect(files.manifestLists).toHaveLength(3)
    for (const name of [...files.dataFiles, ...files.manifestLists, ...files.manifests]) {
      expect(await table.objects.size(name)).toBeDefined()
      await table.objects.remove(name)
    }
    expect(await leftOver()).toEqual([])
    expect(await table.names(kept)).toEqual(['a', 'b', 'c', 'd'])
    expect(await table.names(current)).toEqual(['all', 'd'])
    expect(await snapshots()).toEqual([kept, current])
  })

  it('of everything but the current snapshot leaves exactly its files', async () => {
    await table.publish('a')
    await table.publish('b')
    const current = await compact(['a', 'b'], 'ab')
    const { files } = await expire()
    expect(short(files.dataFiles)).toEqual(['a', 'b'])
    expect(await snapshots()).toEqual([current])
    expect((await table.metadata())['snapshot-log']?.map((one) => String(one['snapshot-id']))).toEqual([current])
    expect(await table.names()).toEqual(['ab'])
  })

  it('asks a rule about each snapshot that nothing else holds', async () => {
    const ids = [await table.publish('a'), await table.publish('b'), await table.publish('c')]
    const asked: string[] = []
    await expireSnapshots(table.open(), {
      keep: ({ 'snapshot-id': id }) => {
        asked.push(String(id))
        return String(id) === ids[0]
      },
    })
    expect(asked).toEqual(ids.slice(0, 2))
    expect(await snapshots()).toEqual([ids[0], ids[2]])
  })

  it('with nothing to do writes nothing', async () => {
    expect((await expire()).snapshots).toEqual([])
    const id = await table.publish('a')
    const before = await table.objects.list(tableFolder)
    expect((await expire([id])).files.dataFiles).toEqual([])
    expect((await expire()).snapshots).toEqual([])
    expect(await table.objects.list(tableFolder)).toEqual(before)
  })

  it('planned says the same and writes nothing', async () => {
    await table.publish('a')
    await compact(['a'], 'b')
    const before = await table.objects.list(tableFolder)
    const planned = await planExpiry(table.open(), { keep: nobody })
    expect(short(planned.files.dataFiles)).toEqual(['a'])
    expect(await table.objects.list(tableFolder)).toEqual(before)
    expect(await expire()).toEqual(planned)
  })

  it('keeps what a tag names until the time of the tag is over, to the millisecond', async () => {
    const tagged = await table.publish('a')
    await compact(['a'], 'b')
    const until = table.clock.now() + 1_000
    await setTag(table.open(), { name: 'pin', snapshot: tagged, until })
    table.clock.advance(1_000)
    expect(await expire()).toMatchObject({ snapshots: [], tags: [] })
    expect(await table.names(tagged)).toEqual(['a'])
    table.clock.advance(1)
    const { tags, snapshots: gone, files } = await expire()
    expect([tags, gone, short(files.dataFiles)]).toEqual([['pin'], [tagged], ['a']])
    expect(tagsOf(await table.metadata())).toEqual([])
  })

  it('removes a tag that is over although its snapshot stays', async () => {
    const id = await table.publish('a')
    await setTag(table.open(), { name: 'pin', snapshot: id, until: table.clock.now() + 1 })
    table.clock.advance(2)
    expect(await expire()).toMatchObject({ snapshots: [], tags: ['pin'] })
  })

  it("keeps a branch of another writer's with the ancestors that are its own", async () => {
    const first = await table.publish('a')
    const theirs = [await table.publish('b'), await table.publish('c')]
    await table.edit((metadata) => ({
      ...metadata,
      refs: {
        ...metadata.refs,
        theirs: { 'snapshot-id': Number(theirs[1]), type: 'branch', 'max-ref-age-ms': 1 },
      },
    }))
    await rollback(table.open(), first)
    const ours = await table.publish('d')
    const newest = await table.publish('e')
    const { snapshots: gone } = await expire()
    expect(gone).toEqual([first, ours])
    expect(await snapshots()).toEqual([...theirs, newest])
    expect(await table.names(theirs[1])).toEqual(['a', 'b', 'c'])
  })

  it('takes what a rollback left, and never a file that is live again', async () => {
    const first = await table.publish('a')
    await compact(['a'], 'b')
    await rollback(table.open(), first)
    const { files } = await expire()
    expect(short(files.dataFiles)).toEqual(['b'])
    expect(await table.names()).toEqual(['a'])
  })

  it('names statistics files that go with their snapshot', async () => {
    const first = await table.publish('a')
    const second = await table.publish('b')
    const path = (name: string) => `file:///data/${tableFolder}metadata/${name}.puffin`
    await table.edit((metadata) => ({
      ...metadata,
      statistics: [first, second].map((id) => ({ 'snapshot-id': Number(id), 'statistics-path': path(id) })),
    }))
    const { files } = await expire()
    expect(files.statistics).toEqual([`${tableFolder}metadata/${first}.puffin`])
    expect((await table.metadata()).statistics).toHaveLength(1)
  })

  it('decides anew where another writer tagged meanwhile', async () => {
    const first = await table.publish('a')
    await compact(['a'], 'b')
    const objects = racingStore(table.objects, () =>
      setTag(table.open(), { name: 'pin', snapshot: first, until: null }),
    )
    expect(await expireSnapshots(table.open({ objects }), { keep: nobody })).toMatchObject({ snapshots: [] })
    expect(await table.names(first)).toEqual(['a'])
  })

  it('decides anew where another writer rolled back meanwhile: what is live again stays', async () => {
    const first = await table.publish('a')
    const second = await compact(['a'], 'b')
    const objects = racingStore(table.objects, () => rollback(table.open(), first))
    const { snapshots: gone, files } = await expireSnapshots(table.open({ objects }), { keep: nobody })
    expect([gone, short(files.dataFiles)]).toEqual([[second], ['b']])
    expect(await table.names()).toEqual(['a'])
  })

  it('and an append at the same moment both land', async () => {
    await table.publish('a')
    await compact(['a'], 'b')
    const objects = racingStore(table.objects, () => appendFiles(table.open(), 99, [dataFile('c')]))
    const { files } = await expireSnapshots(table.open({ objects }), { keep: nobody })
    expect(short(files.dataFiles)).toEqual(['a'])
    expect(await table.names()).toEqual(['b', 'c'])
  })

  it('removes nothing where a snapshot that stays cannot be read', async () => {
    await table.publish('a')
    const kept = await table.publish('b')
    await compact(['a', 'b'], 'ab')
    const { metadata, snapshot } = await table.open().reader.metadataOf(kept)
    await table.objects.remove(table.open().reader.nameOf(metadata, snapshot['manifest-list']))
    await expect(expire([kept])).rejects.toThrow(CorruptTableError)
    expect(await snapshots()).toHaveLength(3)
  })

  it('never names a file outside the table, whatever the metadata says', async () => {
    await table.publish('a')
    await table.publish('b')
    await table.edit((metadata) => ({
      ...metadata,
      statistics: [
        {
          'snapshot-id': metadata.snapshots?.[0]?.['snapshot-id'] ?? 0,
          'statistics-path': 'file:///data/lake/failed_hits/../../etc/passwd',
        },
      ],
    }))
    await expect(expire()).rejects.toThrow(CorruptTableError)
  })
})
