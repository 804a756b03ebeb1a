import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { EngineUnavailableError } from '../../core/errors.ts'
import { dayMs, eventTime, hourMs, utcDay } from '../../core/event-time.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { ErasureSubject } from '../../core/ports/erasure-store.ts'
import type { QueryEngine } from '../../core/ports/query-engine.ts'
import type { LakeRow } from '../../core/tables.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createMemoryLake } from '../../lakehouse/adapters/memory/memory-lake.ts'
import { createMemoryQueryEngine } from '../../lakehouse/adapters/memory/memory-query-engine.ts'
import { createCells } from './cells.ts'
import { createEraser } from './erase.ts'
import { createVersions } from './versions.ts'

const shop = 'shop' as MerchantId
const noon = eventTime('2026-03-29T12:00:00Z')
const day = utcDay(noon)
const v1: ErasureSubject = { kind: 'visitor', value: 'v1' }

function hitRow(visitor: string, more: LakeRow = {}): LakeRow {
  const place = { _src: 'feed', _part: 0, _off: 0, _idx: 0, _gen: 1 }
  const row = { merchant: shop, id: visitor, name: 'page_view', time: noon, received: noon, visitor, currency: 'EUR' }
  return { ...row, bot: false, visitor_hash: 7n, ...place, ...more }
}

async function world() {
  const clock = new ManualClock(noon)
  const store = createMemoryControlStore()
  const shopOf = { id: shop, name: 'Shop', timeZone: 'UTC', currency: 'EUR', blockedNames: [], retentionDays: null }
  await store.createMerchant({ ...shopOf, visitorSeed: '00ff00ff00ff00ff' }, [])
  const lake = createMemoryLake({ random: seededRandom(1), clock })
  const engine = createMemoryQueryEngine({ lake })
  const versions = createVersions({ store, timers: clock })
  await versions.start()
  const { fence } = await store.acquirePartitions('hits', 'feed', 'me', [0])
  let next = 0

  /** One epoch, visible when it resolves. */
  async function commit(rows: readonly LakeRow[], received = noon): Promise<void> {
    const staged = await lake.stage('hits', `staged/hits-${next}`, rows)
    const position = { partition: 0, checkpoint: null, watermark: null, received, forwarded: {} }
    const days = new Set(rows.map(({ time }) => utcDay(Number(time))))
    const touched = [...days].map((each) => ({ merchant: shop, day: each }))
    const moved = { ...position, from: next as Offset, next: (next + 1) as Offset }
    const job = { job: 'hits', source: 'feed', plan: 'p', fence, books: [] }
    await store.commitEpoch({ ...job, partitions: [moved], staged: [staged], touched })
    next += 1
    await versions.refresh()
  }

  const cellsOver = (
    reading: Pick<ControlStore, 'tableView' | 'derivedRanges' | 'erasedOf' | 'versionsSince'> = store,
  ) => createCells({ engine, store: reading, versions })
  const eraserOver = (asked: Pick<QueryEngine, 'erasedDays'> = engine) =>
    createEraser({ store, engine: asked, versions, clock })
  return { clock, store, lake, engine, versions, commit, cellsOver, eraserOver, erase: eraserOver() }
}

const wholeDay = { start: day * dayMs, end: (day + 1) * dayMs }
const question = { merchant: shop, buckets: [wholeDay], dimensions: [], filter: null, asOf: 0 }

/** Hits counted one by one, visits, and where the cells came from. */
async function asked(cells: ReturnType<typeof createCells>) {
  const raw = await cells.hits({ ...question, source: { from: 'raw', unaligned: false }, parts: [] })
  const visits = await cells.visits(question)
  return {
    hits: Number(raw.cells[0]?.groups[0]?.numbers.hits ?? 0n),
    sessions: Number(visits.cells[0]?.groups[0]?.numbers.sessions ?? 0n),
    served: [...raw.served, ...visits.served],
  }
}

describe('a visitor that is erased', () => {
  it('counts in no answer from then on, not in kept ones either; others do, and what it sends later', async () => {
    const { commit, cellsOver, erase, clock } = await world()
    const cells = cellsOver()
    await commit([hitRow('v1'), hitRow('v1', { _idx: 1, time: noon + hourMs, received: noon + hourMs }), hitRow('v2')])
    expect(await asked(cells)).toMatchObject({ hits: 3, sessions: 3 })
    expect(await asked(cells)).toMatchObject({ hits: 3, served: ['cache', 'cache'] })
    clock.advance(hourMs - 1)
    expect(await erase({ merchant: shop, subject: v1, by: 'me' })).toMatchObject({ id: 1, through: noon + hourMs - 1 })
    expect(await asked(cells)).toMatchObject({ hits: 2, sessions: 2, served: ['raw', 'raw'] })
    expect(await asked(cells)).toMatchObject({ hits: 2, sessions: 2, served: ['cache', 'cache'] })
    // An epoch that was in flight, and a hit received after.
    const late = { _off: 1, time: noon + 3 * hourMs }
    await commit([hitRow('v1', late), hitRow('v1', { ...late, _idx: 1, received: noon + 3 * hourMs })])
    expect(await asked(cells)).toMatchObject({ hits: 3, sessions: 3 })
  })

  it('turns over only the days it sent hits on', async () => {
    const { commit, erase, store } = await world()
    await commit([
      hitRow('v1'),
      hitRow('v2', { time: noon - dayMs }),
      hitRow('v1', { time: noon - 9 * dayMs, bot: true }),
    ])
    const { commit: before } = await store.versionsSince(0)
    await erase({ merchant: shop, subject: v1, by: 'me' })
    const { changes } = await store.versionsSince(before)
    expect(changes.map((each) => each.day).sort()).toEqual([day - 9, day])
  })

  it('is erased of all that was received where the clock was set back since', async () => {
    const { commit, erase, clock, cellsOver } = await world()
    await commit([hitRow('v1', { received: noon + hourMs })], (noon + hourMs) as typeof noon)
    clock.advance(hourMs / 2)
    expect((await erase({ merchant: shop, subject: v1, by: 'me' }))?.through).toBe(noon + hourMs)
    expect(await asked(cellsOver())).toMatchObject({ hits: 0, sessions: 0 })
  })

  // The cell knows nothing of the erasure: kept under a version of after it, it would be taken for right for ever.
  it('is in no answer that is kept though the erasure came while it was computed', async () => {
    const { commit, cellsOver, erase, store } = await world()
    await commit([hitRow('v1')])
    let first = true
    const cells = cellsOver({
      ...store,
      async erasedOf(...of) {
        const read = await store.erasedOf(...of)
        if (first) {
          first = false
          await erase({ merchant: shop, subject: v1, by: 'me' })
        }
        return read
      },
    })
    const raw = { ...question, source: { from: 'raw', unaligned: false }, parts: [] } as const
    await cells.hits(raw)
    expect((await cells.hits(raw)).cells[0]?.groups).toEqual([])
    expect(await asked(cells)).toMatchObject({ hits: 0, sessions: 0 })
  })

  // Between two readings the last of its rows may go, and the erasure with it: an older view holds them still.
  it('is left out of a view from before its removal was done', async () => {
    const { commit, cellsOver, erase, store } = await world()
    await commit([hitRow('v1')])
    const asking = await erase({ merchant: shop, subject: v1, by: 'me' })
    const cells = cellsOver({
      ...store,
      async tableView(table) {
        const view = await store.tableView(table)
        const through = asking?.through ?? 0
        if (table === 'hits') await store.moveErasure(1, { from: 'asked', to: 'removed', through, now: 0 })
        return view
      },
    })
    expect((await asked(cells)).hits).toBe(0)
    expect((await store.erasure(1))?.state).toBe('removed')
  })

  it('is recorded where its days cannot be looked up; asked again they are', async () => {
    const { commit, engine, eraserOver, store, cellsOver } = await world()
    await commit([hitRow('v1')])
    const cells = cellsOver()
    expect((await asked(cells)).hits).toBe(1)
    let away = 3
    const erase = eraserOver({
      async erasedDays(...of) {
        if (away-- > 0) throw new EngineUnavailableError({ cause: new Error('away') })
        return engine.erasedDays(...of)
      },
    })
    const request = { merchant: shop, subject: v1, by: 'me' }
    await expect(erase(request)).rejects.toThrow(EngineUnavailableError)
    expect(await store.erasures({ limit: 10 })).toMatchObject([{ id: 1, state: 'asked' }])
    // The third failure is repeated at once, on another view.
    expect(await erase(request)).toMatchObject({ id: 1 })
    expect((await asked(cells)).hits).toBe(0)
  })

  it('of a merchant that is not there is null, and nothing is asked', async () => {
    const { eraserOver } = await world()
    const erase = eraserOver({ erasedDays: () => Promise.reject(new Error('nobody asks')) })
    expect(await erase({ merchant: 'none' as MerchantId, subject: v1, by: 'me' })).toBeNull()
  })
})
