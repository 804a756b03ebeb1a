import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { dayMs, eventTime, hourMs, minuteMs, utcDay } from '../../../core/event-time.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { hitRow, hourlyRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import { type DerivedTable, derivedRangesHoldMs } from '../../../core/ports/maintenance-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../../adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../../adapters/memory/memory-lake.ts'
import { createPublisher } from '../publisher.ts'
import { closedRewriteMinFiles, openRewriteMinFiles } from './rewrite-policy.ts'
import { createMaintenance, defaultDeriveAfterMs, defaultMaintainEveryMs, type MaintenanceOptions } from './rounds.ts'

const monday = eventTime('2026-03-02T00:00:00Z')
const shop = 'shop' as MerchantId
const berlin = 'Europe/Berlin'

const noReach = { daysBefore: 0, daysAfter: 0 }
const everything = { merchant: shop, from: 0, to: monday + 99 * dayMs, reach: noReach }

async function rig() {
  const clock = new ManualClock(monday + 12 * hourMs)
  const store = createMemoryControlStore()
  const memory = { state: new MemoryLakeState(), random: seededRandom(1), clock }
  const plain = createMemoryLake(memory)
  const lake = { ...plain, ...createMemoryDerive({ ...memory, lake: plain }) }
  await store.createMerchant(
    {
      id: shop,
      name: 'Shop',
      timeZone: berlin,
      currency: 'EUR',
      blockedNames: [],
      visitorSeed: '0'.repeat(16),
      retentionDays: null,
    },
    [],
  )
  const publisher = createPublisher({ store, lake, clock, timers: clock, owner: 'one', tables: ['hits', 'hourly'] })
  const done: string[] = []
  const errors: string[] = []
  const maintenance = (change: Partial<MaintenanceOptions> = {}) =>
    createMaintenance({
      store,
      lake,
      clock,
      timers: clock,
      owner: 'one',
      reads: 'pending',
      onDerived: ({ table, units }) => {
        done.push(`${table} ${units.map(({ start }) => new Date(start).toISOString().slice(5, 16)).join(' ')}`)
      },
      onRewritten: ({ table, partition }) => done.push(`${table} of ${partition.files} files`),
      onError: (error, { step, table }) => errors.push(`${step} ${table}: ${(error as Error).message}`),
      ...change,
    })
  let next = 0
  const fence = (await store.acquirePartitions('hits', 'log', 'one', [0])).fence
  /** A hit, committed as an epoch and, unless said otherwise, published. */
  async function hit(time: number, { publish = true } = {}): Promise<void> {
    const place = { _off: next }
    const bucket = Math.floor(time / hourMs) * hourMs
    const staged = [
      await lake.stage('hits', `staged/hits-${next}`, [hitRow({ ...place, time, id: String(next) })]),
      await lake.stage('hourly', `staged/hourly-${next}`, [hourlyRow({ bucket, _off_from: next, _off_to: next })]),
    ]
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    const [from, to] = [next as Offset, (next + 1) as Offset]
    await store.commitEpoch({
      job: 'hits',
      source: 'log',
      plan: 'p',
      fence,
      partitions: [{ ...position, from, next: to }],
      staged,
      touched: [{ merchant: shop, day: utcDay(time) }],
      books: [],
    })
    next++
    if (publish) await publisher.publishNow()
  }
  const ranges = async (table: DerivedTable) => {
    const reach = table === 'sessions' ? { daysBefore: 2, daysAfter: 1 } : noReach
    const found = await store.derivedRanges({ ...everything, table, reach })
    return found.map(({ start }) => new Date(start).toISOString().slice(5, 16))
  }
  const visible = async (table: TableName) => rowsOf(lake, await store.tableView(table))
  return { clock, store, lake, publisher, maintenance, done, errors, hit, ranges, visible }
}

describe('derived tables', () => {
  it('come to be after a process died amid their derivation, though the files that it read were published and are gone', async () => {
    const { clock, store, lake, publisher, maintenance, hit, ranges } = await rig()
    await hit(monday - dayMs + hourMs, { publish: false })
    clock.advance(12 * hourMs + defaultDeriveAfterMs)
    const dying = { ...lake, derive: () => Promise.reject(new Error('the process dies')) }
    await expect(maintenance({ lake: dying }).runNow()).rejects.toThrow('dies')
    const read = (await store.openDerivation('sessions'))?.view.pending ?? []
    expect(read).toHaveLength(1)
    await publisher.publishNow()
    for (const { name } of read) await lake.discard(name)
    await maintenance().runNow()
    expect(await store.openDerivation('sessions')).toBeUndefined()
    expect(await ranges('sessions')).toContain('03-01T00:00')
  })

  it('hold the days that are over, and those around them that their hits may decide', async () => {
    const { clock, maintenance, hit, ranges, visible, done } = await rig()
    await hit(monday - dayMs + hourMs)
    await hit(monday + hourMs)
    await maintenance().runNow()
    // Monday is not over; a visit of Sunday could still be decided by it.
    expect(await ranges('sessions')).toEqual(['02-28T00:00'])
    // Berlin's days begin at 23:00 UTC.
    expect(await ranges('daily')).toEqual(['02-28T23:00'])
    clock.advance(12 * hourMs + defaultDeriveAfterMs)
    done.length = 0
    await maintenance().runNow()
    expect(await ranges('sessions')).toEqual(['02-28T00:00', '03-01T00:00'])
    expect(await ranges('daily')).toEqual(['02-28T23:00', '03-01T23:00'])
    expect((await visible('sessions')).map(({ start, hits }) => [start, hits])).toEqual([[monday - dayMs + hourMs, 1]])
  })

  it('are made once: a round that finds nothing changed makes nothing', async () => {
    const { maintenance, hit, done } = await rig()
    await hit(monday - 3 * dayMs)
    await maintenance().runNow()
    expect(done.length).toBeGreaterThan(0)
    done.length = 0
    await maintenance().runNow()
    expect(done).toEqual([])
  })

  it('are made again where a late hit changed their days, and nowhere else', async () => {
    const { maintenance, hit, ranges, done } = await rig()
    for (let day = 9; day >= 3; day--) await hit(monday - day * dayMs + hourMs)
    const rounds = maintenance()
    await rounds.runNow()
    const before = await ranges('daily')
    await hit(monday - 6 * dayMs + hourMs)
    expect(await ranges('daily')).toEqual(before.filter((day) => !/02-2[34]T/.test(day)))
    done.length = 0
    await rounds.runNow()
    expect(done.filter((step) => !step.includes('files'))).toEqual([
      'sessions 02-23T00:00 02-24T00:00 02-25T00:00 02-26T00:00',
      'daily 02-23T23:00 02-24T23:00',
    ])
    expect(await ranges('daily')).toEqual(before)
  })

  it('are made again where a day changed while the clock was set back to before its end', async () => {
    const { clock, maintenance, hit, ranges } = await rig()
    await hit(monday - dayMs + hourMs)
    clock.advance(12 * hourMs + defaultDeriveAfterMs)
    await maintenance().runNow()
    expect(await ranges('daily')).toContain('02-28T23:00')
    const back = { now: () => clock.now() - 2 * dayMs, monotonic: () => clock.monotonic() }
    await hit(monday - dayMs + 2 * hourMs)
    await maintenance({ clock: back }).runNow()
    expect(await ranges('daily')).not.toContain('02-28T23:00')
    await maintenance().runNow()
    expect(await ranges('daily')).toContain('02-28T23:00')
  })

  it('of visits are not made again of days whose hits are no longer all kept; numbers by day are', async () => {
    const { maintenance, hit, store, done } = await rig()
    const rounds = maintenance()
    for (let day = 9; day >= 3; day--) await hit(monday - day * dayMs + hourMs)
    await rounds.runNow()
    // Hits are kept from 25 February on; visits are decided by two days before them too.
    await store.updateMerchant(shop, { retentionDays: 5 })
    for (const day of [6, 3]) await hit(monday - day * dayMs + 2 * hourMs)
    done.length = 0
    await rounds.runNow()
    expect(done.filter((step) => !step.includes('files'))).toEqual([
      'sessions 02-27T00:00 02-28T00:00',
      'daily 02-23T23:00 02-24T23:00 02-26T23:00 02-27T23:00',
    ])
  })

  it('hold what is committed and not published where readers see it, and else wait for it', async () => {
    for (const [reads, hits] of [
      ['pending', [1]],
      ['published', []],
    ] as const) {
      const { maintenance, hit, visible, publisher } = await rig()
      await hit(monday - 3 * dayMs, { publish: false })
      const rounds = maintenance({ reads })
      await rounds.runNow()
      expect((await visible('sessions')).map((row) => row.hits)).toEqual(hits)
      await publisher.publishNow()
      await rounds.runNow()
      expect((await visible('sessions')).map((row) => row.hits)).toEqual([1])
    }
  })

  it('take up what a dead process began: the same rows, once', async () => {
    const { maintenance, hit, lake, visible, errors, store } = await rig()
    await hit(monday - 3 * dayMs)
    for (const dies of ['before', 'after'] as const) {
      const derive: MaintenanceOptions['lake']['derive'] = async (work) => {
        if (dies === 'after') await lake.derive(work)
        throw new Error('killed')
      }
      await expect(maintenance({ lake: { ...lake, derive } }).runNow()).rejects.toThrow('killed')
      expect(await store.openDerivation('sessions')).toBeDefined()
    }
    expect(errors).toContain('derive daily: killed')
    await maintenance().runNow()
    for (const table of ['sessions', 'daily'] as const) {
      const right = new Set((await store.derivedRanges({ ...everything, table })).map(({ publish }) => publish))
      const rows = (await visible(table)).filter((row) => right.has(Number(row._publish)))
      expect(rows.map((row) => row.hits)).toEqual([1])
    }
  })

  it('are left to the process that holds the lease', async () => {
    const { maintenance, hit, done, store, clock } = await rig()
    await hit(monday - 3 * dayMs)
    await store.acquireLease('publish/sessions', 'other', dayMs, clock.now())
    await maintenance().runNow()
    expect(done.some((step) => step.startsWith('sessions'))).toBe(false)
    expect(done.some((step) => step.startsWith('daily'))).toBe(true)
  })
})

describe('files', () => {
  async function filesOf({ lake }: Awaited<ReturnType<typeof rig>>, table: TableName): Promise<number[]> {
    return (await lake.partitions(table)).map(({ files }) => files)
  }

  it(`of a day that is over become one when there are ${closedRewriteMinFiles}, and rows stay`, async () => {
    const world = await rig()
    for (let n = 1; n < closedRewriteMinFiles; n++) await world.hit(monday - 3 * dayMs + n)
    const rounds = world.maintenance()
    await rounds.runNow()
    expect(await filesOf(world, 'hits')).toEqual([closedRewriteMinFiles - 1])
    await world.hit(monday - 3 * dayMs)
    const before = await world.visible('hits')
    await rounds.runNow()
    expect(await filesOf(world, 'hits')).toEqual([1])
    expect(await filesOf(world, 'hourly')).toEqual([1])
    expect(new Set((await world.visible('hits')).map(({ id }) => id))).toEqual(new Set(before.map(({ id }) => id)))
    expect((await world.visible('hourly')).map(({ hits }) => hits)).toEqual([closedRewriteMinFiles])
    expect((await world.store.tableView('hits')).snapshot).toBe((await world.lake.snapshots('hits'))[0]?.id)
    expect(world.done).toContain(`hits of ${closedRewriteMinFiles} files`)
  })

  it(`of a day that goes on wait until there are ${openRewriteMinFiles}`, async () => {
    const world = await rig()
    for (let n = 1; n < openRewriteMinFiles; n++) await world.hit(monday + n)
    await world.maintenance().runNow()
    expect(await filesOf(world, 'hits')).toEqual([openRewriteMinFiles - 1])
    await world.hit(monday)
    await world.maintenance().runNow()
    expect(await filesOf(world, 'hits')).toEqual([1])
  })

  it('of derived tables stay while readers may hold ranges of rows that would be left out', async () => {
    const world = await rig()
    const rounds = world.maintenance()
    for (let n = 0; n < 6; n++) {
      await world.hit(monday - 3 * dayMs + n)
      await rounds.runNow()
    }
    expect(Math.max(...(await filesOf(world, 'sessions')))).toBe(6)
    world.clock.advance(derivedRangesHoldMs - minuteMs)
    await rounds.runNow()
    expect(Math.max(...(await filesOf(world, 'sessions')))).toBe(6)
    world.clock.advance(minuteMs)
    await rounds.runNow()
    expect(Math.max(...(await filesOf(world, 'sessions')))).toBe(1)
    expect((await world.visible('sessions')).map(({ hits }) => hits)).toEqual([6])
  })

  it('that were rewritten by a process that died then are told to readers by the next', async () => {
    const world = await rig()
    for (let n = 0; n < closedRewriteMinFiles; n++) await world.hit(monday - 3 * dayMs + n)
    const finishRewrite = async () => {
      throw new Error('killed')
    }
    await expect(world.maintenance({ store: { ...world.store, finishRewrite } }).runNow()).rejects.toThrow('killed')
    const newest = (await world.lake.snapshots('hits'))[0]?.id
    expect((await world.store.tableView('hits')).snapshot).not.toBe(newest)
    await world.maintenance().runNow()
    expect((await world.store.tableView('hits')).snapshot).toBe(newest)
  })

  it('that nobody changed cost no look at all snapshots of the table', async () => {
    const world = await rig()
    await world.hit(monday)
    const asked: string[] = []
    const lake: MaintenanceOptions['lake'] = {
      ...world.lake,
      async currentSnapshot(table) {
        asked.push(`current of ${table}`)
        return world.lake.currentSnapshot(table)
      },
      async snapshots(table) {
        asked.push(`all of ${table}`)
        return world.lake.snapshots(table)
      },
    }
    const rounds = world.maintenance({ lake })
    await rounds.runNow()
    asked.length = 0
    await rounds.runNow()
    expect(asked).toContain('current of hits')
    expect(asked.filter((what) => what.startsWith('all of'))).toEqual([])
  })

  it('are rewritten though a publication lands meanwhile, and readers lose nothing of it', async () => {
    const world = await rig()
    for (let n = 0; n < closedRewriteMinFiles; n++) await world.hit(monday - 3 * dayMs + n)
    const rewrite: MaintenanceOptions['lake']['rewrite'] = async (table, partition) => {
      const done = await world.lake.rewrite(table, partition)
      if (table === 'hits') await world.hit(monday - 9 * dayMs)
      return done
    }
    await world.maintenance({ lake: { ...world.lake, rewrite } }).runNow()
    expect(await world.visible('hits')).toHaveLength(closedRewriteMinFiles + 1)
    expect(await world.visible('hourly')).toHaveLength(2)
    expect(world.errors).toEqual([])
  })
})

describe('maintenance', () => {
  it('runs by itself, one round after the other, until it is stopped', async () => {
    const { clock, maintenance, hit, done } = await rig()
    await hit(monday - 3 * dayMs)
    const rounds = maintenance()
    await rounds.start()
    const settle = async () => {
      for (let n = 0; n < 500; n++) await Promise.resolve()
    }
    clock.advance(defaultMaintainEveryMs - 1)
    await settle()
    expect(done).toEqual([])
    clock.advance(1)
    await settle()
    expect(done.length).toBeGreaterThan(0)
    await hit(monday - 3 * dayMs)
    done.length = 0
    clock.advance(defaultMaintainEveryMs)
    await settle()
    expect(done.length).toBeGreaterThan(0)
    await rounds.stop()
    await hit(monday - 3 * dayMs)
    done.length = 0
    clock.advance(2 * defaultMaintainEveryMs)
    await settle()
    expect(done).toEqual([])
  })

  it('stops at the next step, and the rest is made by the next', async () => {
    const { maintenance, hit, ranges, lake } = await rig()
    await hit(monday - 3 * dayMs)
    const rounds = maintenance({
      lake: {
        ...lake,
        async derive(work) {
          void rounds.stop()
          return lake.derive(work)
        },
      },
    })
    await rounds.runNow()
    expect(await ranges('daily')).toEqual([])
    await maintenance().runNow()
    expect(await ranges('daily')).not.toEqual([])
  })
})
