import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { folderObjectStore } from '../../core/adapters/folder-object-store.ts'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { type CrashPolicy, MemoryDisk } from '../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { durableOf } from '../../core/log/durable-source.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import { rowsOf } from '../../core/ports/lake.contract.ts'
import { breakdowns } from '../../core/ports/query-engine.ts'
import { openDatabase } from '../../lakehouse/adapters/duckdb/database.ts'
import { createLocalLake } from '../../lakehouse/adapters/local/local-lake.ts'
import type { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createPublisher } from '../../lakehouse/core/publisher.ts'
import { logFeed } from '../../pipelines/adapters/log/log-feed.ts'
import { batch, createWorld, during, hit, runnerOn } from '../../pipelines/test/support/world.ts'
import { encodeHitBatch } from '../../schemas/avro/hit-batch.ts'

// One disk under everything: log, dedupe state, checkpoints, staged files, Iceberg tables. The power is cut at every
// operation on it, and what was not synced is dropped or torn. The control store stands apart (its durability is tested
// with its adapters): it is as it was at the cut. After a restart every acknowledged hit is there once, and so are the books.

let scratch: string
let instance: Awaited<ReturnType<typeof openDatabase>>
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'hitlake-power-'))
  instance = await openDatabase({ file: ':memory:', memoryLimitBytes: 64 * 2 ** 20, threads: 1, scratch })
})
afterAll(async () => {
  instance.closeSync()
  await rm(scratch, { recursive: true, force: true })
})

type Store = ReturnType<typeof createMemoryControlStore>

async function life(disk: MemoryDisk, store: Store, seed: number) {
  const clock = new ManualClock(Date.parse('2026-03-01T09:00:00Z'))
  const random = seededRandom(seed)
  const objects = await folderObjectStore(disk, '')
  const lake = createLocalLake({ objects, instance, scratch, random, clock, location: 'file:///lake' })
  const log = await openSegmentLog({ disk, folder: 'log', timers: clock, random, segmentMaxBytes: 256 })
  const feed = logFeed({ source: log.id, disk, folder: 'log', durable: durableOf(log), timers: clock })
  const publisher = createPublisher({ store, lake, clock, timers: clock, owner: 'one', tables: ['hits', 'hourly'] })

  return {
    store,
    lake,
    log,
    start: () => publisher.start(),
    append: (ids: readonly string[]) =>
      during({ clock }, log.append(encodeHitBatch(batch(ids.map((id) => hit({ id })))))),
    /** Processes and commits all that is durable. */
    async epoch() {
      const runner = runnerOn({ clock, random, store, feed, lake, objects })
      await during({ clock }, runner.start())
      await during({ clock }, runner.stop())
      if (runner.error !== null) throw runner.error
    },
    publish: () => during({ clock }, publisher.publishNow()),
    trim: () => log.trim(log.durable),
    async close() {
      await during({ clock }, publisher.stop())
      await log.close()
    },
  }
}

/** What is sent, in requests; `b` is sent twice. */
const requests = [['a', 'b'], ['c'], ['b', 'd'], ['e']]

/** A life of the system from a start to a stop: two epochs, two publications. Notes what was acknowledged. */
async function script(disk: MemoryDisk, store: Store, seed: number, acknowledged: Set<string>): Promise<void> {
  const system = await life(disk, store, seed)
  await system.start()
  for (const [index, ids] of requests.entries()) {
    await system.append(ids)
    for (const id of ids) acknowledged.add(id)
    if (index % 2 === 1) {
      await system.epoch()
      await system.publish()
      await system.trim()
    }
  }
  await system.close()
}

async function storeWithShop(): Promise<Store> {
  const { store } = await createWorld()
  return store
}

/** After a restart and a repeat of what is due: each acknowledged hit once, nothing that was not sent, books that agree. */
async function check(disk: MemoryDisk, store: Store, acknowledged: ReadonlySet<string>): Promise<void> {
  const system = await life(disk, store, 99)
  const view = async () =>
    (await rowsOf(system.lake, await store.tableView('hits'))).map((row) => String(row.id)).sort()
  const before = await view()
  expect(new Set(before).size).toBe(before.length)
  await system.start()
  await system.epoch()
  await system.publish()
  const ids = await view()
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of acknowledged) expect(ids).toContain(id)
  for (const id of ids) expect(['a', 'b', 'c', 'd', 'e']).toContain(id)
  const books = await store.books({ from: 0, to: Number.MAX_SAFE_INTEGER })
  expect(books.stored).toBe(ids.length)
  const hourly = await rowsOf(system.lake, await store.tableView('hourly'))
  for (const breakdown of ['total', ...breakdowns]) {
    const rows = hourly.filter((row) => row.breakdown === breakdown)
    expect(rows.reduce((sum, row) => sum + Number(row.hits), 0)).toBe(ids.length)
  }
  await system.close()
}

async function operationsOfAWholeLife(): Promise<number> {
  const disk = new MemoryDisk()
  const acknowledged = new Set<string>()
  await script(disk, await storeWithShop(), 1, acknowledged)
  expect([...acknowledged].sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
  const { operations } = disk
  disk.cleanup()
  return operations
}

describe('the power is cut at every operation of the disk', () => {
  for (const [name, policyAt] of [
    ['unsynced writes dropped', () => 'drop'],
    ['unsynced writes torn', (n: number) => ({ seed: n })],
  ] as const satisfies readonly (readonly [string, (n: number) => CrashPolicy])[]) {
    it(`${name}: every acknowledged hit is there once, and the books agree`, async () => {
      const operations = await operationsOfAWholeLife()
      expect(operations).toBeGreaterThan(100)
      let cuts = 0
      for (let n = 0; n < operations; n++) {
        const disk = new MemoryDisk()
        const store = await storeWithShop()
        const acknowledged = new Set<string>()
        disk.stopAt(n)
        const outcome = await script(disk, store, 1, acknowledged).then(
          () => 'whole',
          () => 'cut',
        )
        if (outcome === 'cut') cuts++
        const after = disk.crash(policyAt(n))
        await check(after, store, acknowledged).catch((error: unknown) => {
          throw new Error(`cut at operation ${n} of ${operations}, acknowledged ${[...acknowledged]}`, { cause: error })
        })
        disk.cleanup()
        after.cleanup()
      }
      expect(cuts).toBeGreaterThan(operations / 2)
    }, 900_000)
  }
})
