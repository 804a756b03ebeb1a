import { mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { nodeDisk } from '../../../core/adapters/node/node-disk.ts'
import { eventTime, utcDay } from '../../../core/event-time.ts'
import { hitRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { lakeExpiryContract } from '../../core/lake-expiry.contract.ts'
import { createLocalLake, type LocalLakeOptions } from './local-lake.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const partition = { generation: 1, period: utcDay(noon) }
const root = await mkdtemp(join(tmpdir(), 'hitlake-expiry-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
afterAll(async () => {
  instance.closeSync()
  await rm(root, { recursive: true, force: true })
})

let count = 0
async function openLake(change: Partial<LocalLakeOptions> = {}, folder = `lake-${count++}`) {
  const objects = change.objects ?? (await folderObjectStore(nodeDisk(root), folder, { leftovers: 'keep' }))
  const lake = createLocalLake({
    objects,
    instance,
    scratch: join(root, folder, 'scratch'),
    random: seededRandom(count++),
    clock: new ManualClock(),
    location: `file://${root}/${folder}/lake`,
    ...change,
  })
  const rows = (snapshot: string) => rowsOf(lake, { table: 'hits', snapshot, pending: [] })
  const publish = async (id: number) => {
    const file = await lake.stage('hits', `staged/${id}`, [hitRow({ id: String(id), _off: id, time: noon + id })])
    return (await lake.publish('hits', id, [file])).snapshot
  }
  return { lake, objects, rows, publish, folder, path: join(root, folder) }
}

lakeExpiryContract('in a folder', {
  says: 'all',
  open: async () => ({ ...(await openLake()), pass: async () => undefined }),
})
lakeExpiryContract('in a folder, manifests merged at every commit', {
  says: 'all',
  open: async () => ({ ...(await openLake({ smallManifestsMax: 1 })), pass: async () => undefined }),
})

const future = { before: Number.MAX_SAFE_INTEGER, through: 1_000 }

describe('files that nothing names', () => {
  it('go from the folders of the table, once they are old, and from nowhere else', async () => {
    const { lake, objects, publish, rows } = await openLake()
    const snapshot = await publish(1)
    const orphans = [
      'lake/hits/data/_gen=1/time_day=2026-03-01/r-00.parquet',
      'lake/hits/data/_gen=1/time_day=2026-03-01/p00000000001-00.parquet',
      'lake/hits/metadata/m-00.avro',
      'lake/hits/metadata/snap-1-00.avro',
    ]
    const others = [
      'lake/hits/notes.txt',
      'lake/hits_copy/data/x.parquet',
      'lake/hourly/data/x.parquet',
      'staged/x.parquet',
    ]
    for (const name of [...orphans, ...others]) await objects.put(name, Buffer.from('12345'))
    expect(await lake.removeOrphans('hits', { ...future, before: 0 }, 'remove')).toMatchObject({ files: 0 })
    const would = await lake.removeOrphans('hits', future, 'dry run')
    expect(would).toEqual({ snapshots: [], files: 4, bytes: 20 })
    for (const name of orphans) expect(await objects.size(name)).toBe(5)
    expect(await lake.removeOrphans('hits', future, 'remove')).toEqual(would)
    for (const name of orphans) expect(await objects.size(name)).toBeUndefined()
    for (const name of others) expect(await objects.size(name)).toBe(5)
    // A table that no metadata tells of may be one that is being made.
    expect(await lake.removeOrphans('hourly', future, 'remove')).toMatchObject({ files: 0 })
    expect(await objects.size('lake/hourly/data/x.parquet')).toBe(5)
    expect(await rows(snapshot)).toHaveLength(1)
    await publish(2)
  })

  it('are as old as their file, to the millisecond', async () => {
    const { lake, objects, publish, path } = await openLake()
    await publish(1)
    const name = 'lake/hits/metadata/m-00.avro'
    await objects.put(name, Buffer.from('1'))
    await utimes(join(path, name), 1_000, 1_000)
    const before = 1_000_000
    expect((await lake.removeOrphans('hits', { ...future, before }, 'dry run')).files).toBe(0)
    expect((await lake.removeOrphans('hits', { ...future, before: before + 1 }, 'dry run')).files).toBe(1)
  })

  it('stay where a publication that is not finished may write them again', async () => {
    const { lake, objects, publish } = await openLake()
    await publish(7)
    const name = (id: number) => `lake/hits/data/_gen=1/time_day=2026-03-01/p0000000000${id}-00.parquet`
    for (const id of [7, 8]) await objects.put(name(id), Buffer.from('1'))
    expect(await lake.removeOrphans('hits', { ...future, through: 7 }, 'remove')).toMatchObject({ files: 1 })
    expect(await objects.size(name(8))).toBe(1)
  })

  it('stay where the metadata that would name them cannot be read', async () => {
    const { lake, objects, publish } = await openLake()
    await publish(1)
    await publish(2)
    const lists = (await objects.list('lake/hits/metadata/')).filter((name) => name.includes('/snap-'))
    await objects.put('lake/hits/metadata/m-00.avro', Buffer.from('1'))
    await objects.put(lists[0] ?? '', Buffer.from('nothing'))
    const { lake: again } = await openLake({ objects })
    await expect(again.removeOrphans('hits', future, 'remove')).rejects.toMatchObject({ code: 'LAKE_TABLE_CORRUPT' })
    expect(await objects.size('lake/hits/metadata/m-00.avro')).toBe(1)
    await expect(again.expire('hits', ['1'], 'remove')).resolves.toMatchObject({ snapshots: [] })
    expect(lake.expires).toBe('each')
  })
})

describe('an expiry that is cut off', () => {
  it('at any call to the store leaves the old state or the new one, and nothing that the next run does not mend', async () => {
    for (let at = 0, done = false; !done; at++) {
      const folder = `crash-${at}`
      const first = await openLake({}, folder)
      const made = [await first.publish(1), await first.publish(2), await first.publish(3)]
      await first.lake.rewrite('hits', partition)
      const [newest] = await first.lake.snapshots('hits')
      await first.publish(4)

      const cut = cutOff(first.objects, at)
      const { lake } = await openLake({ objects: cut.objects }, folder)
      await lake.expire('hits', made, 'remove').catch(() => undefined)
      done = !cut.wasCut()

      const { lake: after, rows } = await openLake({}, folder)
      const left = (await after.snapshots('hits')).map(({ id }) => id)
      expect([2, 5]).toContain(left.length)
      for (const id of left) expect((await rows(id)).length).toBeGreaterThan(0)
      await after.expire('hits', made, 'remove')
      await after.removeOrphans('hits', future, 'remove')
      expect((await after.snapshots('hits')).map(({ id }) => id)).toContain(newest?.id)
      const files = await readdir(join(root, folder, 'lake/hits/data/_gen=1/time_day=2026-03-01'))
      expect(files).toHaveLength(2)
      expect((await rows((await after.snapshots('hits'))[0]?.id ?? '')).length).toBe(4)
      expect((await stat(join(root, folder, 'lake/hits/data'))).isDirectory()).toBe(true)
    }
  }, 120_000)
})

describe('a removal of orphans that is cut off', () => {
  it('at any call to the store takes nothing that is named, and the next one takes the rest', async () => {
    for (let at = 0, done = false; !done; at++) {
      const folder = `orphans-${at}`
      const first = await openLake({}, folder)
      await first.publish(1)
      const snapshot = await first.publish(2)
      const named = await first.objects.list('lake/')
      const orphans = ['data/_gen=1/time_day=2026-03-01/r-00.parquet', 'metadata/m-00.avro', 'metadata/snap-1-00.avro']
      for (const name of orphans) await first.objects.put(`lake/hits/${name}`, Buffer.from('1'))

      const cut = cutOff(first.objects, at)
      const { lake } = await openLake({ objects: cut.objects }, folder)
      await lake.removeOrphans('hits', future, 'remove').catch(() => undefined)
      done = !cut.wasCut()

      const { lake: after, rows, objects } = await openLake({}, folder)
      expect(await objects.list('lake/')).toEqual(expect.arrayContaining([...named]))
      expect(await rows(snapshot)).toHaveLength(2)
      await after.removeOrphans('hits', future, 'remove')
      expect(await objects.list('lake/')).toEqual(named)
    }
  }, 60_000)
})

describe('pins', () => {
  it('are tags of the table, as they are in the control store, whatever they are cut off at', async () => {
    const pin = (name: string, snapshot: string) => ({ table: 'hits', snapshot, name, until: 9e12, by: 'me' }) as const
    for (let at = 0, done = false; !done; at++) {
      const folder = `pins-${at}`
      const first = await openLake({}, folder)
      const [one, two] = [await first.publish(1), await first.publish(2), await first.publish(3)]
      await first.lake.showPins('hits', [pin('a', one)])
      const cut = cutOff(first.objects, at)
      const { lake } = await openLake({ objects: cut.objects }, folder)
      await lake.showPins('hits', [pin('b', two)]).catch(() => undefined)
      done = !cut.wasCut()

      const { lake: after } = await openLake({}, folder)
      await after.showPins('hits', [pin('b', two)])
      // A tag keeps its snapshot, even from whoever does not ask the control store.
      expect((await after.expire('hits', [one, two], 'remove')).snapshots).toEqual([one])
      await after.showPins('hits', [])
      expect((await after.expire('hits', [one, two], 'remove')).snapshots).toEqual([two])
    }
  }, 60_000)
})

/** The store until its `at`-th change, from which on nothing more happens: the process is gone. */
function cutOff(store: ObjectStore, at: number) {
  let changes = 0
  const dies = () => {
    if (changes++ >= at) throw new Error('the process is gone')
  }
  const objects: ObjectStore = {
    get: (name) => store.get(name),
    getRange: (name, from, length) => store.getRange(name, from, length),
    list: (prefix) => store.list(prefix),
    size: (name) => store.size(name),
    localPath: (name) => store.localPath(name),
    forgetLocal: (name) => store.forgetLocal(name),
    async put(name, body) {
      dies()
      await store.put(name, body)
    },
    async putIfAbsent(name, body) {
      dies()
      return store.putIfAbsent(name, body)
    },
    async remove(name) {
      dies()
      await store.remove(name)
    },
  }
  return { objects, wasCut: () => changes > at }
}
