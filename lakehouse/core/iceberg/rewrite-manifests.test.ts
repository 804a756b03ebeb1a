import { beforeEach, describe, expect, it } from 'vitest'
import { CommitConflictError } from '../../../core/errors.ts'
import { dataFile, nameOf, racingStore, TableUnderTest } from '../../test/iceberg-table-under-test.ts'
import { appendFiles } from './append.ts'
import { currentSnapshot } from './metadata.ts'
import { deleteFiles, overwriteFiles } from './replace.ts'
import { rewriteManifests } from './rewrite-manifests.ts'

let table: TableUnderTest
beforeEach(() => {
  table = new TableUnderTest()
})
const files = async (...wanted: string[]) => (await table.liveFiles()).filter((file) => wanted.includes(nameOf(file)))
const summary = async () => currentSnapshot(await table.metadata())?.summary

describe('deleting files', () => {
  it('takes their rows out, and says so in the summary', async () => {
    await table.publish('a', 'b')
    await table.publish('c')
    await deleteFiles(table.open(), { removed: await files('a', 'c'), named: { 'hitlake.retention': 'shop' } })
    expect(await table.names()).toEqual(['b'])
    expect(await summary()).toMatchObject({
      operation: 'delete',
      'hitlake.retention': 'shop',
      'added-data-files': '0',
      'deleted-data-files': '2',
      'deleted-records': '20',
      'total-records': '10',
      'total-data-files': '1',
    })
  })

  it('of all files leaves an empty table that can be appended to', async () => {
    await table.publish('a')
    await deleteFiles(table.open(), { removed: await files('a'), named: {} })
    expect(await table.names()).toEqual([])
    await table.publish('b')
    expect(await table.names()).toEqual(['b'])
  })

  it('does nothing where one of them is gone', async () => {
    await table.publish('a', 'b')
    const late = await files('a', 'b')
    await deleteFiles(table.open(), { removed: await files('a'), named: {} })
    await expect(deleteFiles(table.open(), { removed: late, named: {} })).rejects.toThrow(CommitConflictError)
    expect(await table.names()).toEqual(['b'])
  })
})

describe('overwriting files', () => {
  it('puts other rows in their place', async () => {
    await table.publish('a', 'b')
    await overwriteFiles(table.open(), { removed: await files('a'), added: [dataFile('a2', { rows: 7 })], named: {} })
    expect(await table.names()).toEqual(['a2', 'b'])
    expect(await summary()).toMatchObject({ operation: 'overwrite', 'total-records': '17', 'total-data-files': '2' })
  })
})

describe('rewriting manifests', () => {
  it('makes one of many, ordered by partition; files, sequence numbers and snapshots stay', async () => {
    for (const [n, name] of ['e', 'd', 'c', 'b', 'a'].entries()) {
      await appendFiles(table.open(), n, [dataFile(name, { partition: [100 - n] })])
    }
    const of = (entries: Awaited<ReturnType<typeof table.entries>>) =>
      entries.map(({ file, sequence, snapshot }) => [nameOf(file), sequence, snapshot])
    const before = await table.entries()
    const earlier = String((await table.metadata())['current-snapshot-id'])
    await rewriteManifests(table.open(), { named: { 'hitlake.manifests': '1' } })
    const after = await table.entries()
    expect(of(after).sort()).toEqual(of(before).sort())
    expect(after.map(({ file }) => nameOf(file))).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(new Set(after.map(({ status }) => status))).toEqual(new Set(['existing']))
    const manifests = await table.manifests()
    expect(manifests).toMatchObject([
      { sequence: 6n, minSequence: 1n, existing: { files: 5, rows: 50 }, added: { files: 0 }, deleted: { files: 0 } },
    ])
    expect(await table.manifests(earlier)).toHaveLength(5)
    expect(await summary()).toMatchObject({
      operation: 'replace',
      'hitlake.manifests': '1',
      'manifests-created': '1',
      'manifests-kept': '0',
      'manifests-replaced': '5',
      'entries-processed': '5',
      'total-records': '50',
      'total-data-files': '5',
    })
  })

  it('aims at a size, and leaves what is near it alone', async () => {
    for (let n = 0; n < 12; n++) await table.publish(`f${n}`)
    const bytes = (await table.manifests())[0]?.bytes ?? 0
    await rewriteManifests(table.open(), { targetBytes: bytes * 4 })
    expect(await table.manifests()).toHaveLength(3)
    expect((await table.names()).length).toBe(12)
    const large = await table.manifests()
    const target = Math.min(...large.map((manifest) => manifest.bytes))
    for (const name of ['x', 'y', 'z']) await table.publish(name)
    await rewriteManifests(table.open(), { targetBytes: target })
    const uris = (await table.manifests()).map(({ uri }) => uri)
    for (const { uri } of large) expect(uris).toContain(uri)
  })

  it('where no fewer would be left writes nothing', async () => {
    expect(await rewriteManifests(table.open())).toBeNull()
    await table.publish('a')
    const before = await table.objects.list('')
    expect(await rewriteManifests(table.open())).toBeNull()
    await table.publish('b')
    await rewriteManifests(table.open())
    expect(await rewriteManifests(table.open())).toBeNull()
    expect((await table.objects.list('')).length).toBeGreaterThan(before.length)
  })

  it('on top of an append that was faster takes it along', async () => {
    await table.publish('a')
    await table.publish('b')
    const objects = racingStore(table.objects, () => table.publish('c'))
    await rewriteManifests(table.open({ objects }))
    expect(await table.names()).toEqual(['a', 'b', 'c'])
    expect(await table.manifests()).toHaveLength(1)
  })

  it('drops the marks of files that are gone', async () => {
    await table.publish('a', 'b')
    await table.publish('c')
    await deleteFiles(table.open(), { removed: await files('a'), named: {} })
    await rewriteManifests(table.open())
    expect((await table.entries()).map(({ status }) => status)).toEqual(['existing', 'existing'])
    expect(await table.names()).toEqual(['b', 'c'])
  })
})
