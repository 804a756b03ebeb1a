import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { dayMs, eventTime, utcDay } from '../../../core/event-time.ts'
import type { Offset } from '../../../core/ids.ts'
import { hitRow, hourlyRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import type { RerunMove } from '../../../core/ports/rerun-store.ts'
import { setUpReruns } from '../../../core/ports/rerun-under-test.ts'
import type { TableName } from '../../../core/tables.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../../adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../../adapters/memory/memory-lake.ts'
import { createPublisher } from '../publisher.ts'
import { deadGenerations, generationRestMs, generationsEveryMs } from './generations-round.ts'
import type { RowsRemoved } from './removal-steps.ts'
import { createMaintenance } from './rounds.ts'

const noon = eventTime('2026-03-02T12:00:00Z')
const jobTables = ['hits', 'failed_hits', 'hourly'] as const

async function rig() {
  const clock = new ManualClock(noon)
  const store = createMemoryControlStore()
  const reruns = await setUpReruns({ open: async () => store })
  const memory = { state: new MemoryLakeState(), random: seededRandom(1), clock }
  const plain = createMemoryLake(memory)
  const lake = { ...plain, ...createMemoryDerive({ ...memory, lake: plain }) }
  const common = { store, lake, clock, timers: clock, owner: 'one' }
  const publisher = createPublisher({ ...common, tables: jobTables })
  const removed: RowsRemoved[] = []
  const maintenance = createMaintenance({
    ...common,
    reads: 'pending',
    onRowsRemoved: (each) => removed.push(each),
    onError: (error) => {
      throw error
    },
  })
  await store.createMerchant(merchant, [])
  const { fence } = await store.acquirePartitions('hits', 'log', 'one', [0])
  let next = 0
  /** Rows of these generations in all tables that jobs write; published unless said otherwise. */
  async function write(generations: readonly number[], { publish = true } = {}): Promise<void> {
    const place = (n: number) => ({ _off: next, _idx: n, _gen: generations[n] ?? 1 })
    const { revision } = await store.writing('hits')
    const staged = [
      await lake.stage(
        'hits',
        `staged/hits-${next}`,
        generations.map((_, n) => hitRow({ ...place(n), time: noon - 3 * dayMs, id: `${next}` })),
      ),
      await lake.stage(
        'failed_hits',
        `staged/failed-${next}`,
        generations.map((_, n) => ({ ...failedRow, ...place(n), received: noon - 3 * dayMs })),
      ),
      await lake.stage(
        'hourly',
        `staged/hourly-${next}`,
        generations.map((_gen) => hourlyRow({ bucket: noon - 3 * dayMs, _off_from: next, _off_to: next, _gen })),
      ),
    ]
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    await store.commitEpoch({
      ...{ job: 'hits', source: 'log', plan: 'p', fence, staged, books: [] },
      partitions: [{ ...position, from: next as Offset, next: (next + 1) as Offset }],
      touched: [{ merchant: 'shop' as never, day: utcDay(noon - 3 * dayMs) }],
      writing: { pipeline: 'hits', revision },
    })
    next += 1
    if (publish) await publisher.publishNow()
  }
  const generationsOf = async (table: TableName) => {
    const rows = await rowsOf(lake, await store.tableView(table))
    return [...new Set(rows.map(({ _gen }) => Number(_gen)))].sort()
  }
  const all = async () => Promise.all(jobTables.map(generationsOf))
  const move = async (id: number): Promise<RerunMove> => ({
    revision: (await store.rerun(id))?.revision ?? 0,
    now: clock.now(),
    by: 'me',
  })
  return { clock, store, lake, reruns, publisher, maintenance, removed, write, generationsOf, all, move }
}

const failedRow = {
  ...{ merchant: 'shop', id: 'x', name: 'x', time: noon, step: 'govern', reason: 'blocked', original: '{}' },
  ...{ _src: 'log', _part: 0 },
}
const everywhere = (generations: readonly number[]) => jobTables.map(() => generations)

describe('rows of generations', () => {
  it('of a rerun that was cancelled go from all tables, and no others do', async () => {
    const { reruns, maintenance, removed, write, all } = await rig()
    const rerun = await reruns.of('ready')
    await write([1, 2])
    await maintenance.runNow()
    expect(await all()).toEqual(everywhere([1, 2]))
    await reruns.cancel(rerun)
    await maintenance.runNow()
    expect(await all()).toEqual(everywhere([1]))
    expect(removed.map(({ table, rows }) => `${table} ${rows}`).sort()).toEqual(['failed_hits 1', 'hits 1', 'hourly 1'])
  })

  it('that a released rerun replaced go, with what was derived of them, once the map has rested', async () => {
    const { clock, store, reruns, maintenance, write, all, generationsOf, move } = await rig()
    await write([1])
    const rerun = await reruns.of('ready')
    await write([1, 2])
    await maintenance.runNow()
    expect(await generationsOf('daily')).toEqual([1])
    await store.promoteRerun(rerun.id, await move(rerun.id))
    await maintenance.runNow()
    expect(await all()).toEqual(everywhere([1, 2]))
    expect(await generationsOf('daily')).toEqual([1, 2])
    await store.releaseRerun(rerun.id, await move(rerun.id))
    clock.advance(generationRestMs - 1)
    await maintenance.runNow()
    expect(await all()).toEqual(everywhere([1, 2]))
    clock.advance(1)
    await maintenance.runNow()
    expect(await all()).toEqual(everywhere([2]))
    expect([await generationsOf('daily'), await generationsOf('sessions')]).toEqual([[2], [2]])
  })

  it('that answer, may answer again, are made or are written stay', async () => {
    const { store, reruns, clock } = await rig()
    for (const state of ['planned', 'backfilling', 'paused', 'failed', 'ready', 'promoted', 'rolled_back'] as const) {
      const place = { merchant: state as never, from: null, to: null }
      await reruns.of(state, { places: [place] })
    }
    clock.advance(2 * generationRestMs)
    expect(await deadGenerations({ store, clock })).toEqual([])
    const released = await reruns.of('released', { places: [{ merchant: 'x' as never, from: null, to: null }] })
    expect(released.generation).toBe(9)
    clock.advance(2 * generationRestMs)
    expect(await deadGenerations({ store, clock })).toEqual([])
    await reruns.of('cancelled', { places: [{ merchant: 'y' as never, from: null, to: null }] })
    expect(await deadGenerations({ store, clock })).toEqual([10])
  })

  it('that were committed and not published are published first, and taken out by a later round', async () => {
    const { clock, reruns, publisher, maintenance, write, all, generationsOf } = await rig()
    const rerun = await reruns.of('ready')
    await write([1, 2])
    await write([1, 2], { publish: false })
    await reruns.cancel(rerun)
    await maintenance.runNow()
    expect(await generationsOf('hits')).toEqual([1, 2])
    await publisher.publishNow()
    expect(await all()).toEqual(everywhere([1, 2]))
    await maintenance.runNow()
    expect(await all()).toEqual(everywhere([1]))
    // Now nothing can come any more, and tables are looked through seldom: as after a rollback of a table.
    await write([1, 2])
    await maintenance.runNow()
    expect(await all()).toEqual(everywhere([1, 2]))
    clock.advance(generationsEveryMs)
    await maintenance.runNow()
    expect(await all()).toEqual(everywhere([1]))
  })
})

const merchant = {
  ...{ id: 'shop' as never, name: 'Shop', timeZone: 'UTC', currency: 'EUR', blockedNames: [] },
  ...{ visitorSeed: '0'.repeat(16), retentionDays: null },
}
