import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { dayMs, eventTime, hourMs, minuteMs, utcDay } from '../../../core/event-time.ts'
import { type GenerationPlace, type GenerationSink, isInPlace } from '../../../core/generations.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { hitRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import { setUpReruns } from '../../../core/ports/rerun-under-test.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../../adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../../adapters/memory/memory-lake.ts'
import { hourlyRows } from '../hourly-rows.ts'
import { createPublisher } from '../publisher.ts'
import { createMaintenance } from './rounds.ts'

const monday = eventTime('2026-03-02T00:00:00Z')
const shop = 'shop' as MerchantId
const dayOf = (back: number) => monday - back * dayMs
/** The third day before, of the shop. */
const place: GenerationPlace = { merchant: shop, from: dayOf(3), to: dayOf(2) }
const both = ['hits', 'hourly'] as const

async function rig() {
  const clock = new ManualClock(monday + 12 * hourMs)
  const store = createMemoryControlStore()
  const reruns = await setUpReruns({ open: async () => store })
  const memory = { state: new MemoryLakeState(), random: seededRandom(1), clock }
  const plain = createMemoryLake(memory)
  const lake = { ...plain, ...createMemoryDerive({ ...memory, lake: plain }) }
  const facts = { id: shop, name: shop, timeZone: 'UTC', currency: 'EUR', blockedNames: [], retentionDays: null }
  await store.createMerchant({ ...facts, visitorSeed: '0'.repeat(16) }, [])
  const common = { store, lake, clock, timers: clock, owner: 'one' }
  const publisher = createPublisher({ ...common, tables: ['hits', 'failed_hits', 'hourly'] })
  const errors: unknown[] = []
  const maintenance = createMaintenance({ ...common, reads: 'pending', onError: (error) => errors.push(error) })
  const { fence } = await store.acquirePartitions('hits', 'log', 'one', [0])
  let next = 0

  /** A hit as the plan of a generation has it: its path names the generation. */
  const rowOf = (time: number, visitor: string, _gen: number) =>
    hitRow({
      ...{ _off: next, id: String(next), time, received: clock.now(), zone: 'UTC', currency: 'EUR' },
      ...{ visitor, path: `/${_gen}`, revenue_home_micros: next, _gen },
    })
  async function stage(rows: readonly LakeRow[], { generation, places, sinks }: Written, of: string) {
    const isIn = (time: unknown) => places.some((each) => isInPlace(each, shop, Number(time)))
    const hitGenerations = { base: generation, entries: [] }
    const range = { start: 0, end: 1e14 }
    const hours = hourlyRows({ merchants: [shop], generation, hitGenerations, range }, rows)
    const staged: StagedFile[] = []
    for (const [table, made] of [
      ['hits', rows.filter(({ time }) => isIn(time))],
      ['hourly', hours.filter(({ bucket }) => isIn(bucket))],
    ] as const) {
      if (!sinks.includes(table) || made.length === 0) continue
      staged.push(await lake.stage(table, `staged/${table}-${of}-${generation}`, made))
    }
    return staged
  }
  async function commit(time: number, visitor: string): Promise<void> {
    const { revision, generations } = await store.writing('hits')
    const staged: StagedFile[] = []
    for (const each of generations)
      staged.push(...(await stage([rowOf(time, visitor, each.generation)], each, String(next))))
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    await store.commitEpoch({
      ...{ job: 'hits', source: 'log', plan: 'p', fence, staged, books: [] },
      partitions: [{ ...position, from: next as Offset, next: (next + 1) as Offset }],
      touched: [{ merchant: shop, day: utcDay(time) }],
      writing: { pipeline: 'hits', revision },
    })
    next += 1
  }
  async function round(): Promise<void> {
    clock.advance(10 * minuteMs)
    await publisher.publishNow()
    await maintenance.runNow()
  }
  const visible = async (table: TableName) => rowsOf(lake, await store.tableView(table))
  return {
    store,
    reruns,
    errors,
    stage,
    commit,
    round,
    visible,
    split: async (rerun: number, staged: readonly StagedFile[]) =>
      store.commitSplit({ rerun, split: 'all', staged, days: [{ merchant: shop, day: utcDay(dayOf(3)) }] }),
    erase: async () => {
      const now = clock.now()
      await store.eraseHits({ merchant: shop, subject: { kind: 'visitor', value: 'v1' }, through: now, by: 'me', now })
    },
    open: async () => (await store.erasures({ state: 'open', limit: 10 })).map(({ state }) => state),
    async untilRemoved(): Promise<void> {
      for (let n = 0; n < 30; n++) {
        await round()
        if ((await store.erasures({ state: 'open', limit: 10 })).length === 0) return
      }
      throw new Error('it is never done')
    },
    /** Day, generation, visitor of hits; day, generation, page and hits of hours. */
    async told() {
      const day = (time: unknown) => (monday - Number(time) + dayMs - 1) / dayMs
      const hits = (await visible('hits')).map((row) => `${Math.floor(day(row.time))} ${row._gen} ${row.visitor}`)
      const hours = (await visible('hourly'))
        .filter(({ breakdown }) => breakdown === 'page')
        .map((row) => `${Math.floor(day(row.bucket))} ${row._gen} ${row.value} ${row.hits}`)
      return { hits: hits.sort(), hours: hours.sort() }
    },
  }
}

interface Written {
  readonly generation: number
  readonly places: readonly GenerationPlace[]
  readonly sinks: readonly GenerationSink[]
}

describe('an erasure where generations share the tables', () => {
  it('takes the hits out of all of them, and computes the hours of each that is written', async () => {
    const { reruns, errors, commit, stage, split, erase, untilRemoved, told, visible } = await rig()
    for (const back of [4, 3]) for (const visitor of ['v1', 'v2']) await commit(dayOf(back) + hourMs, visitor)
    const made = await reruns.create({ places: [place], sinks: both })
    const running = await reruns.update(made, { state: 'backfilling' })
    const again = (await visible('hits')).map((row) => ({ ...row, path: '/2', _gen: 2 }))
    await split(made.id, await stage(again, { generation: 2, places: [place], sinks: both }, 'split'))
    const ready = await reruns.update(await reruns.begin(running), { state: 'ready' })
    await commit(dayOf(3) + hourMs, 'v1')
    await commit(dayOf(3) + hourMs, 'v2')
    const promoted = await reruns.promote(ready)
    await erase()
    await untilRemoved()
    const left = {
      hits: ['3 1 v2', '3 1 v2', '3 2 v2', '3 2 v2', '4 1 v2'],
      hours: ['3 1 /1 2', '3 2 /2 2', '4 1 /1 1'],
    }
    expect(await told()).toEqual(left)
    await reruns.rollBack(promoted)
    expect(await told()).toEqual(left)
    expect(errors).toEqual([])
  })

  it('computes hours that were made of the hits of another generation of these', async () => {
    const { reruns, errors, commit, stage, split, erase, untilRemoved, told, visible } = await rig()
    for (const visitor of ['v1', 'v2', 'v2']) await commit(dayOf(3) + hourMs, visitor)
    const made = await reruns.create({ places: [place], sinks: ['hourly'] })
    const running = await reruns.update(made, { state: 'backfilling' })
    const again = (await visible('hits')).map((row) => ({ ...row, _gen: 2 }))
    await split(made.id, await stage(again, { generation: 2, places: [place], sinks: ['hourly'] }, 'split'))
    await reruns.update(await reruns.begin(running), { state: 'ready' })
    await erase()
    await untilRemoved()
    expect(await told()).toEqual({ hits: ['3 1 v2', '3 1 v2'], hours: ['3 1 /1 2', '3 2 /1 2'] })
    expect(errors).toEqual([])
  })

  it('waits while a rerun makes rows of the merchant, or rests in doing so; not for one that is another’s', async () => {
    const { store, reruns, errors, commit, erase, open, round, untilRemoved, told } = await rig()
    for (const visitor of ['v1', 'v2']) await commit(dayOf(3) + hourMs, visitor)
    const other = await reruns.create({ places: [{ ...place, merchant: 'tea' as MerchantId }], sinks: both })
    await reruns.update(other, { state: 'backfilling' })
    const made = await reruns.create({ places: [place], sinks: both })
    const running = await reruns.update(made, { state: 'backfilling' })
    await erase()
    for (let n = 0; n < 4; n++) await round()
    expect(await open()).toEqual(['asked'])
    const paused = await reruns.update(running, { state: 'paused' })
    for (let n = 0; n < 4; n++) await round()
    expect(await open()).toEqual(['asked'])
    expect((await told()).hours).toEqual(['3 1 /1 2'])
    await reruns.cancel(paused)
    await untilRemoved()
    expect(await told()).toEqual({ hits: ['3 1 v2'], hours: ['3 1 /1 1'] })
    expect((await store.reruns({ open: true, limit: 9 })).map(({ id }) => id)).toEqual([other.id])
    expect(errors).toEqual([])
  })
})
