import { beforeEach, describe, expect, it } from 'vitest'
import { CommitConflictError, SnapshotNotFoundError, TableChangeRefusedError } from '../../../core/errors.ts'
import { dataFile, racingStore, TableUnderTest } from '../../test/iceberg-table-under-test.ts'
import { appendFiles, publishedSnapshot } from './append.ts'
import { commitMaxAttempts } from './commit.ts'
import { expireSnapshots } from './expire.ts'
import { removeTag, rollback, setTag, setTags, tagNameMaxLength, tagsOf } from './refs.ts'

let table: TableUnderTest
let ids: string[]
beforeEach(async () => {
  table = new TableUnderTest()
  ids = [await table.publish('a'), await table.publish('b'), await table.publish('c')]
})
const id = (n: number) => ids[n] ?? ''
const versions = async () => (await table.objects.list('lake/failed_hits/metadata/v')).length
const logged = async () => ((await table.metadata())['snapshot-log'] ?? []).map((one) => String(one['snapshot-id']))

describe('tags of one prefix', () => {
  const prefix = 'pin.'
  const set = (...wanted: Parameters<typeof setTags>[2]) => setTags(table.open(), prefix, wanted)
  const named = async () => tagsOf(await table.metadata()).map(({ name, snapshot }) => `${name} ${snapshot}`)

  it('become those that are wanted in one commit; others stay', async () => {
    await setTag(table.open(), { name: 'release', snapshot: id(0), until: null })
    await set(
      { name: 'pin.a', snapshot: id(0), until: null },
      { name: 'pin.b', snapshot: id(1), until: table.clock.now() + 5 },
    )
    const count = await versions()
    await set(
      { name: 'pin.b', snapshot: id(1), until: table.clock.now() + 5 },
      { name: 'pin.c', snapshot: id(2), until: null },
    )
    expect(await versions()).toBe(count + 1)
    expect(await named()).toEqual([`pin.b ${id(1)}`, `pin.c ${id(2)}`, `release ${id(0)}`])
    await set()
    expect(await named()).toEqual([`release ${id(0)}`])
  })

  it('are not written where they are as wanted, nor for what the table lacks, nor with an end before their snapshot', async () => {
    const wanted = { name: 'pin.a', snapshot: id(0), until: null }
    await set(wanted)
    const count = await versions()
    const at = (await table.metadata()).snapshots?.[1]?.['timestamp-ms'] ?? 0
    await set(wanted, { name: 'pin.b', snapshot: '42', until: null }, { name: 'pin.c', snapshot: id(1), until: at })
    expect(await versions()).toBe(count)
    await set(wanted, { name: 'pin.c', snapshot: id(1), until: at + 1 })
    expect(await named()).toEqual([`pin.a ${id(0)}`, `pin.c ${id(1)}`])
  })

  it('keep their snapshots from an expiry, until they are gone', async () => {
    await set({ name: 'pin.a', snapshot: id(0), until: null })
    expect((await expireSnapshots(table.open(), { keep: new Set() })).snapshots).toEqual([id(1)])
    await set()
    expect((await expireSnapshots(table.open(), { keep: new Set() })).snapshots).toEqual([id(0)])
  })
})

describe('a tag', () => {
  it('names a snapshot, until a time or for ever, and changes nothing else', async () => {
    const before = await table.metadata()
    const until = table.clock.now() + 5_000
    await setTag(table.open(), { name: 'release-1.2_x', snapshot: id(0), until: null })
    await setTag(table.open(), { name: 'audit', snapshot: id(1), until })
    const after = await table.metadata()
    expect(tagsOf(after)).toEqual([
      { name: 'audit', snapshot: id(1), until },
      { name: 'release-1.2_x', snapshot: id(0), until: null },
    ])
    const snapshot = after.snapshots?.[1]
    expect(after.refs?.audit).toEqual({
      'snapshot-id': Number(id(1)),
      type: 'tag',
      'max-ref-age-ms': until - (snapshot?.['timestamp-ms'] ?? 0),
    })
    expect(after['snapshot-log']).toEqual(before['snapshot-log'])
    expect(after['current-snapshot-id']).toBe(before['current-snapshot-id'])
    expect(after['metadata-log']).toHaveLength((before['metadata-log'] ?? []).length + 2)
  })

  it('set again as it is writes nothing; set otherwise it moves', async () => {
    await setTag(table.open(), { name: 'a', snapshot: id(0), until: null })
    const count = await versions()
    await setTag(table.open(), { name: 'a', snapshot: id(0), until: null })
    expect(await versions()).toBe(count)
    await setTag(table.open(), { name: 'a', snapshot: id(2), until: null })
    expect(tagsOf(await table.metadata())).toEqual([{ name: 'a', snapshot: id(2), until: null }])
  })

  it('removed is gone; removing what is not there writes nothing', async () => {
    await setTag(table.open(), { name: 'a', snapshot: id(0), until: null })
    await removeTag(table.open(), 'a')
    const count = await versions()
    await removeTag(table.open(), 'a')
    expect([tagsOf(await table.metadata()), await versions()]).toEqual([[], count])
  })

  it.each(['main', '', '-a', 'a b', 'ä', 'x'.repeat(tagNameMaxLength + 1)])('is never called %j', async (name) => {
    await expect(setTag(table.open(), { name, snapshot: id(0), until: null })).rejects.toThrow(TableChangeRefusedError)
  })

  it(`has a name of ${tagNameMaxLength} characters at most`, async () => {
    const name = 'x'.repeat(tagNameMaxLength)
    await setTag(table.open(), { name, snapshot: id(0), until: null })
    expect(tagsOf(await table.metadata())[0]?.name).toBe(name)
  })

  it('is refused for a snapshot that is not there, and for a time before the snapshot', async () => {
    await expect(setTag(table.open(), { name: 'a', snapshot: '7', until: null })).rejects.toThrow(SnapshotNotFoundError)
    await expect(setTag(table.open(), { name: 'a', snapshot: id(0), until: 5 })).rejects.toThrow('must end after')
    await expect(setTag(new TableUnderTest().open(), { name: 'a', snapshot: '7', until: null })).rejects.toThrow(
      SnapshotNotFoundError,
    )
  })

  it("is never taken from a branch of another writer's", async () => {
    await table.edit((metadata) => ({
      ...metadata,
      refs: { ...metadata.refs, theirs: { 'snapshot-id': Number(id(0)), type: 'branch' } },
    }))
    await expect(setTag(table.open(), { name: 'theirs', snapshot: id(1), until: null })).rejects.toThrow('a branch')
    await expect(removeTag(table.open(), 'theirs')).rejects.toThrow('a branch')
  })

  it('and an append at the same moment both land, the append without writing its files again', async () => {
    const slow = racingStore(table.objects, () => setTag(table.open(), { name: 'a', snapshot: id(0), until: null }))
    const before = (await table.objects.list('lake/failed_hits/metadata/snap-')).length
    await appendFiles(table.open({ objects: slow }), 4, [dataFile('d')])
    expect(await table.names()).toEqual(['a', 'b', 'c', 'd'])
    expect(tagsOf(await table.metadata())).toHaveLength(1)
    expect(await table.objects.list('lake/failed_hits/metadata/snap-')).toHaveLength(before + 1)
  })

  it(`gives up after ${commitMaxAttempts} rivals`, async () => {
    const objects = racingStore(table.objects, async () => {})
    const beaten = { ...objects, putIfAbsent: async () => false }
    await expect(setTag(table.open({ objects: beaten }), { name: 'a', snapshot: id(0), until: null })).rejects.toThrow(
      CommitConflictError,
    )
  })
})

describe('a rollback', () => {
  it('makes an ancestor current again: no snapshot more, an entry in the log', async () => {
    await rollback(table.open(), id(0))
    expect(await table.names()).toEqual(['a'])
    expect(await logged()).toEqual([...ids, id(0)])
    const { snapshots, refs } = await table.metadata()
    expect(snapshots).toHaveLength(3)
    expect(refs?.main).toEqual({ 'snapshot-id': Number(id(0)), type: 'branch' })
    expect(await publishedSnapshot(table.open().reader, 2)).toBeUndefined()
  })

  it('to the current snapshot writes nothing', async () => {
    const count = await versions()
    await rollback(table.open(), id(2))
    expect(await versions()).toBe(count)
  })

  it('can be taken back, since what was left was current once', async () => {
    await rollback(table.open(), id(0))
    await rollback(table.open(), id(2))
    expect(await table.names()).toEqual(['a', 'b', 'c'])
  })

  it('is followed by commits with sequence numbers never used before', async () => {
    await rollback(table.open(), id(0))
    const next = await table.publish('d')
    expect(await table.names()).toEqual(['a', 'd'])
    const snapshot = (await table.metadata()).snapshots?.find((one) => String(one['snapshot-id']) === next)
    expect(snapshot).toMatchObject({ 'sequence-number': 4, 'parent-snapshot-id': Number(id(0)) })
    expect(snapshot?.summary?.['total-records']).toBe('20')
  })

  it('to a snapshot that is not there, or was never current, is refused', async () => {
    await expect(rollback(table.open(), '7')).rejects.toThrow(SnapshotNotFoundError)
    await table.edit((metadata) => ({
      ...metadata,
      snapshots: (metadata.snapshots ?? []).flatMap((one, n) =>
        n === 0 ? [one, { ...one, 'snapshot-id': 77 }] : [one],
      ),
    }))
    await expect(rollback(table.open(), '77')).rejects.toThrow('no ancestor')
  })

  it('racing with the expiry of its snapshot fails, and the table stays whole', async () => {
    const objects = racingStore(table.objects, () => expireSnapshots(table.open(), { keep: new Set() }))
    await expect(rollback(table.open({ objects }), id(0))).rejects.toThrow(SnapshotNotFoundError)
    expect(await table.names()).toEqual(['a', 'b', 'c'])
  })
})
