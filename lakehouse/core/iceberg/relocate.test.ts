import { beforeEach, describe, expect, it } from 'vitest'
import { CorruptTableError, TableChangeRefusedError } from '../../../core/errors.ts'
import { nameOf, racingStore, TableUnderTest } from '../../test/iceberg-table-under-test.ts'
import { encodeManifestList } from './encode-manifest.ts'
import { referencedFiles } from './reachable.ts'
import { setTag, tagsOf } from './refs.ts'
import { relocate } from './relocate.ts'
import { deleteFiles } from './replace.ts'

const from = 'file:///data/lake/failed_hits'
const to = 's3://bucket/elsewhere/failed_hits'
let table: TableUnderTest
let ids: string[]
beforeEach(async () => {
  table = new TableUnderTest()
  ids = [await table.publish('a', 'b'), await table.publish('c')]
})

describe('relocation', () => {
  it('rewrites every URI of metadata, lists and manifests; ids, numbers and rows stay', async () => {
    const removed = (await table.liveFiles()).filter((file) => nameOf(file) === 'a')
    await deleteFiles(table.open(), { removed, named: {} })
    await setTag(table.open(), { name: 'pin', snapshot: ids[0] ?? '', until: null })
    await table.edit((metadata) => ({
      ...metadata,
      properties: { ...metadata.properties, 'write.data.path': `${from}/data` },
      statistics: [{ 'snapshot-id': Number(ids[0]), 'statistics-path': `${from}/metadata/x.puffin` }],
    }))
    const before = await table.metadata()
    const entries = await Promise.all(ids.map((id) => table.entries(id)))
    await relocate(table.open(), { from, to })

    const after = await table.metadata()
    expect(JSON.stringify(after)).not.toContain(from)
    expect(after.location).toBe(to)
    expect(after.properties?.['write.data.path']).toBe(`${to}/data`)
    const constant = (metadata: typeof before) =>
      metadata.snapshots?.map(({ 'manifest-list': _list, ...snapshot }) => snapshot)
    expect(constant(after)).toEqual(constant(before))
    expect(after['snapshot-log']).toEqual(before['snapshot-log'])
    expect(tagsOf(after)).toEqual(tagsOf(before))
    for (const [n, id] of ids.entries()) {
      const moved = await table.entries(id)
      expect(moved.every(({ file }) => file.uri.startsWith(`${to}/data/`))).toBe(true)
      expect(moved.map((entry) => ({ ...entry, file: { ...entry.file, uri: nameOf(entry.file) } }))).toEqual(
        entries[n]?.map((entry) => ({ ...entry, file: { ...entry.file, uri: nameOf(entry.file) } })),
      )
    }
    for (const manifest of await table.manifests()) {
      const name = table.open().reader.nameOf(after, manifest.uri)
      expect(await table.objects.size(name)).toBe(manifest.bytes)
    }
    expect(await table.names()).toEqual(['b', 'c'])
  })

  it('says which files are named by older metadata alone, and touches none of them', async () => {
    const { reader } = table.open()
    const old = await referencedFiles(reader, await table.metadata())
    const { replaced } = await relocate(table.open(), { from, to })
    expect(replaced).toEqual([...old.manifestLists, ...old.manifests].sort())
    for (const name of replaced) expect(await table.objects.size(name)).toBeDefined()
    for (const name of replaced) await table.objects.remove(name)
    expect(await table.names(ids[0])).toEqual(['a', 'b'])
    expect(await table.names()).toEqual(['a', 'b', 'c'])
  })

  it('is followed by appends at the new place, also by a writer configured for the old one', async () => {
    await relocate(table.open(), { from, to })
    await table.publish('d')
    expect((await table.liveFiles()).every(({ uri }) => uri.startsWith(to))).toBe(true)
    expect(await table.names()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('there and back again is the table as it was', async () => {
    const before = await Promise.all(ids.map((id) => table.entries(id)))
    await relocate(table.open(), { from, to })
    await relocate(table.open(), { from: to, to: from })
    expect((await table.metadata()).location).toBe(from)
    expect(await Promise.all(ids.map((id) => table.entries(id)))).toEqual(before)
  })

  it('of a table that is there writes nothing; of one at neither place it is refused', async () => {
    await relocate(table.open(), { from, to })
    const before = await table.objects.list('')
    expect(await relocate(table.open(), { from, to })).toEqual({ replaced: [] })
    await expect(relocate(table.open(), { from, to: 's3://third/x' })).rejects.toThrow(TableChangeRefusedError)
    expect(await relocate(new TableUnderTest().open(), { from, to })).toEqual({ replaced: [] })
    expect(await table.objects.list('')).toEqual(before)
  })

  it.each(['s3://bucket/', '/no/scheme', '', 'file:///'])('to %j is refused', async (place) => {
    await expect(relocate(table.open(), { from, to: place })).rejects.toThrow('no URI')
  })

  it('knows the spelling of Hadoop', async () => {
    await table.edit((metadata) => ({ ...metadata, location: 'file:/data/lake/failed_hits' }))
    await relocate(table.open(), { from, to })
    expect((await table.metadata()).snapshots?.every((one) => one['manifest-list'].startsWith(to))).toBe(true)
  })

  it('racing with an append takes it along, and rewrites nothing twice', async () => {
    const objects = racingStore(table.objects, () => table.publish('d'))
    const { replaced } = await relocate(table.open({ objects }), { from, to })
    expect(replaced.filter((name) => name.includes('/snap-'))).toHaveLength(3)
    expect(await table.objects.list('lake/failed_hits/metadata/snap-')).toHaveLength(6)
    expect((await table.liveFiles()).every(({ uri }) => uri.startsWith(to))).toBe(true)
    expect(await table.names()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('is refused where delete files name data files by their old place', async () => {
    const { reader } = table.open()
    const { metadata, snapshot } = await reader.metadataOf(ids[1] ?? '')
    const [manifest] = await table.manifests()
    if (manifest === undefined) throw new Error('no manifest')
    const list = encodeManifestList(
      [{ ...manifest, content: 1 }],
      { id: 1n, parent: null, sequence: 2n },
      Buffer.alloc(16),
    )
    await table.objects.put(reader.nameOf(metadata, snapshot['manifest-list']), list)
    await expect(relocate(table.open(), { from, to })).rejects.toThrow('delete files')
  })

  it('is refused, with nothing changed, where a manifest is missing', async () => {
    const [manifest] = await table.manifests(ids[0])
    await table.objects.remove(table.open().reader.nameOf(await table.metadata(), manifest?.uri ?? ''))
    await expect(relocate(table.open(), { from, to })).rejects.toThrow(CorruptTableError)
    expect((await table.metadata()).location).toBe(from)
  })
})
