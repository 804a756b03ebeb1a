import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { erasedTest } from '../../../core/erased.ts'
import { dayMs, eventTime, hourMs, minuteMs, utcDay } from '../../../core/event-time.ts'
import { firstGenerations } from '../../../core/generations.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import type { Erasure, ErasureSubject } from '../../../core/ports/erasure-store.ts'
import { hitRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import { derivedRangesHoldMs } from '../../../core/ports/maintenance-store.ts'
import type { LakeRow, TableName } from '../../../core/tables.ts'
import { hourlyTable } from '../../../schemas/tables.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../../adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../../adapters/memory/memory-lake.ts'
import { foldRows } from '../fold.ts'
import { hourlyRows } from '../hourly-rows.ts'
import { createPublisher } from '../publisher.ts'
import { erasureSettleMs } from './erase-round.ts'
import { failedConditionsMax } from './removal-steps.ts'
import { retentionEveryMs } from './retention-round.ts'
import { createMaintenance, defaultDeriveAfterMs, type MaintenanceOptions } from './rounds.ts'

const monday = eventTime('2026-03-02T00:00:00Z')
const shop = 'shop' as MerchantId
const tea = 'tea' as MerchantId
const kolkata = 'Asia/Kolkata'

async function rig() {
  const clock = new ManualClock(monday + 12 * hourMs)
  const store = createMemoryControlStore()
  const state = new MemoryLakeState()
  const memory = { state, random: seededRandom(1), clock }
  const plain = createMemoryLake(memory)
  const lake = { ...plain, ...createMemoryDerive({ ...memory, lake: plain }) }
  for (const id of [shop, tea]) {
    const merchant = { id, name: id, timeZone: kolkata, currency: 'EUR', blockedNames: [], retentionDays: null }
    await store.createMerchant({ ...merchant, visitorSeed: '0'.repeat(16) }, [])
  }
  const tables: TableName[] = ['hits', 'failed_hits', 'hourly']
  const publisher = createPublisher({ store, lake, clock, timers: clock, owner: 'one', tables })
  const moves: string[] = []
  const errors: unknown[] = []
  const begin = (change: Partial<MaintenanceOptions> = {}) =>
    createMaintenance({
      ...{ store, lake, clock, timers: clock, owner: 'one', reads: 'pending' },
      onErasure: ({ subject, state }) => moves.push(`${subject.kind} ${state}`),
      onError: (error) => errors.push(error),
      ...change,
    })
  const fence = (await store.acquirePartitions('hits', 'log', 'one', [0])).fence
  let next = 0
  const accepted: LakeRow[] = []
  /** A hit, committed as an epoch of the stream. */
  async function hit(time: number, change: LakeRow = {}): Promise<LakeRow> {
    const row = hitRow({
      ...{ _off: next, id: String(next), time, received: Math.max(time, clock.now()), zone: kolkata, currency: 'EUR' },
      ...{ visitor_hash: BigInt(next % 3), revenue_home_micros: next, ...change },
    })
    accepted.push(row)
    const hours = hourlyRows(
      { merchants: [shop, tea], generation: 1, hitGenerations: firstGenerations, range: always },
      [row],
    )
    const failed = { step: 'govern', reason: 'x', original: '{}', ...row }
    const staged = [
      await lake.stage('hits', `staged/hits-${next}`, [row]),
      await lake.stage('failed_hits', `staged/failed-${next}`, [failed]),
      ...(hours.length === 0 ? [] : [await lake.stage('hourly', `staged/hourly-${next}`, hours)]),
    ]
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    const merchant = row.merchant as MerchantId
    const days = new Set([time, ...hours.map(({ bucket }) => Number(bucket))].map(utcDay))
    await store.commitEpoch({
      ...{ job: 'hits', source: 'log', plan: 'p', fence, staged, books: [] },
      partitions: [{ ...position, from: next as Offset, next: (next + 1) as Offset }],
      touched: [...days].map((day) => ({ merchant, day })),
    })
    next++
    return row
  }
  async function erase(subject: ErasureSubject, merchant = shop): Promise<Erasure> {
    const asked = { merchant, subject, through: clock.now(), by: 'test', now: clock.now() }
    const erasure = await store.eraseHits(asked)
    if (erasure === null) throw new Error('there are too many')
    const days = new Set(accepted.filter((row) => row.merchant === merchant).map(({ time }) => utcDay(Number(time))))
    await store.touchDays(merchant, [...days])
    return erasure
  }
  /** Rounds, with all else there is to do, until nothing is open. */
  async function untilRemoved(rounds = begin(), most = 30): Promise<number> {
    for (let round = 1; round <= most; round++) {
      clock.advance(10 * minuteMs)
      await publisher.publishNow()
      await rounds.runNow()
      if ((await store.erasures({ state: 'open', limit: 10 })).length === 0) return round
    }
    throw new Error(`it takes more than ${most} rounds: ${moves.join()}`)
  }
  const visible = async (table: TableName) => rowsOf(lake, await store.tableView(table))
  /** What readers find in `hourly`, and what is left of all hits by a plain count. */
  async function hourlyAndRecount(erasures: readonly Erasure[]) {
    const isErased = erasedTest(erasures)
    const left = accepted.filter(
      ({ merchant, visitor, user, received }) =>
        !isErased({
          merchant: String(merchant),
          visitor: visitor as string,
          user: (user ?? null) as string | null,
          received: Number(received),
        }),
    )
    return {
      found: folded(await visible('hourly')),
      expected: folded(
        hourlyRows({ merchants: [shop, tea], generation: 1, hitGenerations: firstGenerations, range: always }, left),
      ),
    }
  }
  /** Every row of every snapshot. */
  const everywhere = (table: TableName) => state.of(table).flatMap(({ files }) => files.flatMap(({ rows }) => rows))
  return {
    clock,
    store,
    lake,
    publisher,
    begin,
    moves,
    errors,
    hit,
    erase,
    untilRemoved,
    visible,
    hourlyAndRecount,
    everywhere,
    accepted,
  }
}

const always = { start: 0, end: 1e14 }

function folded(rows: readonly LakeRow[]) {
  const plain = rows.map((row) => ({ ...row, _publish: 1, _row: 1, _off_from: 0, _off_to: 0 }))
  return foldRows(hourlyTable, plain)
    .map((row) => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? Number(value) : value)))
    .map((text) => JSON.stringify(Object.entries(JSON.parse(text) as object).sort()))
    .sort()
}

const visitor = (value: string) => ({ kind: 'visitor', value }) as const

describe('an erasure', () => {
  it('rests so that what jobs began before it is committed as a rule, then goes on to its end', async () => {
    const { clock, store, begin, moves, errors, hit, erase, publisher, hourlyAndRecount } = await rig()
    await hit(monday - 2 * dayMs, { visitor: 'v1' })
    await hit(monday - 2 * dayMs, { visitor: 'v2' })
    await publisher.publishNow()
    const erasure = await erase(visitor('v1'))
    const rounds = begin()
    clock.advance(erasureSettleMs - 1)
    await rounds.runNow()
    expect(moves).toEqual([])
    clock.advance(1)
    await rounds.runNow()
    expect(moves).toEqual(['visitor removing'])
    const { found, expected } = await hourlyAndRecount([erasure])
    expect(found).toEqual(expected)
    for (let n = 0; n < 8; n++) {
      clock.advance(10 * minuteMs)
      await rounds.runNow()
    }
    expect(moves).toEqual(['visitor removing', 'visitor removed'])
    expect((await store.erasure(erasure.id))?.state).toBe('removed')
    expect(errors).toEqual([])
  })

  it('ends with no row of it in any snapshot of any table, whatever pins there were', async () => {
    const { clock, store, lake, hit, erase, untilRemoved, everywhere, begin, errors, publisher } = await rig()
    await hit(monday - 2 * dayMs, { visitor: 'v1', user: 'u1' })
    await hit(monday - 3 * dayMs + hourMs, { visitor: 'v1' })
    await hit(monday - 3 * dayMs, { visitor: 'v2' })
    await publisher.publishNow()
    const rounds = begin()
    await rounds.runNow()
    for (const table of ['hits', 'sessions'] as const) {
      const snapshot = String((await lake.snapshots(table))[0]?.id)
      await store.pinSnapshot({ table, snapshot, name: 'kept', until: clock.now() + 99 * dayMs, by: 'test' })
    }
    expect(everywhere('sessions').some((row) => row.visitor === 'v1')).toBe(true)
    await erase(visitor('v1'))
    await untilRemoved(rounds)
    for (const table of ['hits', 'failed_hits', 'sessions'] as const) {
      expect(everywhere(table).filter((row) => row.visitor === 'v1')).toEqual([])
      expect(everywhere(table).filter((row) => row.visitor === 'v2').length).toBeGreaterThan(0)
    }
    expect(await store.pins('hits')).toEqual([])
    expect(errors).toEqual([])
  })

  it('leaves what the same visitor sends later, in the tables and in the numbers', async () => {
    const { clock, hit, erase, untilRemoved, visible, hourlyAndRecount } = await rig()
    await hit(monday - dayMs, { visitor: 'v1' })
    const erasure = await erase(visitor('v1'))
    clock.advance(1)
    await hit(monday - dayMs, { visitor: 'v1' })
    await untilRemoved()
    expect((await visible('hits')).map(({ id }) => id)).toEqual(['1'])
    const { found, expected } = await hourlyAndRecount([erasure])
    expect(found).toEqual(expected)
  })

  it('of hits of a day that is not over waits for its end, and days that are over do not wait for it', async () => {
    const { clock, hit, erase, begin, moves, publisher, visible } = await rig()
    await hit(monday - 2 * dayMs, { visitor: 'v1' })
    await hit(monday + hourMs, { visitor: 'v1' })
    await publisher.publishNow()
    await erase(visitor('v1'))
    clock.advance(erasureSettleMs)
    const rounds = begin()
    await rounds.runNow()
    expect(moves).toEqual([])
    expect(new Set((await visible('hourly')).map(({ bucket }) => utcDay(Number(bucket))))).toEqual(
      new Set([utcDay(monday)]),
    )
    clock.advance(12 * hourMs + defaultDeriveAfterMs)
    await rounds.runNow()
    expect(moves).toEqual(['visitor removing'])
    expect(await visible('hourly')).toEqual([])
  })

  it('waits while files are unpublished that may hold its hits', async () => {
    const { clock, hit, erase, begin, moves, publisher } = await rig()
    // A bot's: it is in no hour, so nothing else holds it up.
    await hit(monday - 2 * dayMs, { visitor: 'v1', bot: true })
    await erase(visitor('v1'))
    clock.advance(erasureSettleMs)
    const rounds = begin()
    await rounds.runNow()
    expect(moves).toEqual([])
    await publisher.publishNow()
    await rounds.runNow()
    expect(moves).toEqual(['visitor removing'])
  })

  it('waits for a day of which hits were dropped in flight, until it is counted again', async () => {
    const { clock, store, hit, erase, begin, moves, publisher } = await rig()
    await hit(monday - 2 * dayMs, { visitor: 'v1' })
    await publisher.publishNow()
    const { asking } = await erase(visitor('v1'))
    const { fence } = await store.acquirePartitions('other', 'log', 'one', [0])
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    await store.commitEpoch({
      ...{ job: 'other', source: 'log', plan: 'p', fence, staged: [], books: [], touched: [] },
      partitions: [{ ...position, from: 0 as Offset, next: 1 as Offset }],
      ...{ erasuresKnown: asking, droppedDays: [{ merchant: shop, day: utcDay(monday) }] },
    })
    clock.advance(erasureSettleMs)
    const rounds = begin()
    await rounds.runNow()
    expect(moves).toEqual([])
    clock.advance(12 * hourMs + defaultDeriveAfterMs)
    await rounds.runNow()
    expect(moves).toEqual(['visitor removing'])
    expect(await store.droppedDays({ limit: 10 })).toEqual([])
  })

  it('leaves visits that a newer derivation superseded as long as readers may go by them', async () => {
    const { clock, hit, erase, begin, moves, publisher, visible } = await rig()
    await hit(monday - 3 * dayMs, { visitor: 'v1' })
    await hit(monday - 3 * dayMs, { visitor: 'v2' })
    await publisher.publishNow()
    const rounds = begin()
    await rounds.runNow()
    const hasVisit = async () => (await visible('sessions')).some((row) => row.visitor === 'v1')
    expect(await hasVisit()).toBe(true)
    await erase(visitor('v1'))
    clock.advance(erasureSettleMs)
    for (let round = 0; round < 3; round++) await rounds.runNow()
    expect(moves).toEqual(['visitor removing'])
    expect(await hasVisit()).toBe(true)
    clock.advance(derivedRangesHoldMs)
    for (let round = 0; round < 3; round++) await rounds.runNow()
    expect(await hasVisit()).toBe(false)
  })

  it('begins anew where hits of it turn up after its days were computed', async () => {
    const { clock, store, hit, erase, begin, moves, publisher, untilRemoved, hourlyAndRecount, visible } = await rig()
    await hit(monday - 2 * dayMs, { visitor: 'v1' })
    await publisher.publishNow()
    const erasure = await erase(visitor('v1'))
    clock.advance(erasureSettleMs)
    const rounds = begin()
    await rounds.runNow()
    expect(moves).toEqual(['visitor removing'])
    // An epoch that had begun before the erasure, and took longer than any may.
    await hit(monday - 2 * dayMs, { visitor: 'v1', received: erasure.through })
    await publisher.publishNow()
    await rounds.runNow()
    expect(moves).toEqual(['visitor removing', 'visitor asked', 'visitor removing'])
    await untilRemoved(rounds)
    const { found, expected } = await hourlyAndRecount([erasure])
    expect([found, expected]).toEqual([[], []])
    expect(await visible('hits')).toEqual([])
    expect((await store.erasure(erasure.id))?.state).toBe('removed')
  })

  it('that was asked for again while it was under way is carried out once more, for all of it', async () => {
    const { clock, hit, erase, begin, publisher, untilRemoved, visible } = await rig()
    await hit(monday - 2 * dayMs, { visitor: 'v1' })
    await publisher.publishNow()
    await erase(visitor('v1'))
    clock.advance(erasureSettleMs)
    const rounds = begin()
    await rounds.runNow()
    await hit(monday - 3 * dayMs, { visitor: 'v1' })
    await erase(visitor('v1'))
    await untilRemoved(rounds)
    expect(await visible('hits')).toEqual([])
    expect(await visible('hourly')).toEqual([])
  })

  it('ends too in a lake that takes only snapshots an hour older than the oldest that stays', async () => {
    const { clock, lake, hit, erase, begin, publisher, untilRemoved, everywhere, errors } = await rig()
    const marginMs = hourMs
    /** As Trino's (lakehouse/adapters/trino/expiry.ts). */
    const expire: typeof lake.expire = async (table, snapshots, mode) => {
      const all = await lake.snapshots(table)
      const kept = all[all.length - 1 - snapshots.length]
      const isQuiet = kept?.id === all[0]?.id && clock.now() - Number(kept?.at) > marginMs
      const early = all.filter(
        ({ id, at }) => snapshots.includes(id) && at <= Number(kept?.at) - (isQuiet ? 0 : marginMs),
      )
      return lake.expire(
        table,
        early.map(({ id }) => id),
        mode,
      )
    }
    await hit(monday - 2 * dayMs, { visitor: 'v1' })
    await hit(monday - 3 * dayMs, { visitor: 'v2' })
    await publisher.publishNow()
    const rounds = begin({ lake: { ...lake, expires: 'oldest', expire } })
    await rounds.runNow()
    await erase(visitor('v1'))
    for (let round = 0; round < 6; round++) {
      clock.advance(10 * minuteMs)
      await hit(monday + 10 * hourMs, { visitor: 'v2' })
      await publisher.publishNow()
      await rounds.runNow()
    }
    await untilRemoved(rounds)
    for (const table of ['hits', 'failed_hits', 'sessions'] as const) {
      expect(everywhere(table).filter((row) => row.visitor === 'v1')).toEqual([])
    }
    expect(errors).toEqual([])
  })

  it('leaves numbers that equal a recount of what is left, for any hits, erasures, and processes that die', async () => {
    const aHit = fc.record({
      merchant: fc.constantFrom(shop, tea),
      visitor: fc.constantFrom('v1', 'v2'),
      user: fc.constantFrom(null, 'u1'),
      halves: fc.integer({ min: -150, max: 20 }),
      bot: fc.constantFrom(false, false, true),
    })
    const step = fc.oneof(
      { weight: 6, arbitrary: aHit.map((hit) => ({ do: 'hit', hit }) as const) },
      { weight: 1, arbitrary: fc.constant({ do: 'publish' } as const) },
      { weight: 2, arbitrary: fc.constant({ do: 'round' } as const) },
      { weight: 1, arbitrary: fc.constant({ do: 'die' } as const) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(
            fc.constantFrom<ErasureSubject>(visitor('v1'), { kind: 'user', value: 'u1' }, { kind: 'merchant' }),
            fc.constantFrom(shop, tea),
          )
          .map(([subject, merchant]) => ({ do: 'erase', subject, merchant }) as const),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const {
          clock,
          store,
          hit,
          erase,
          begin,
          publisher,
          untilRemoved,
          everywhere,
          hourlyAndRecount,
          visible,
          accepted,
          errors,
        } = await rig()
        let rounds = begin()
        for (const each of steps) {
          clock.advance(minuteMs)
          if (each.do === 'hit') {
            const { halves, ...row } = each.hit
            await hit(monday + (halves * hourMs) / 2, row)
          } else if (each.do === 'publish') await publisher.publishNow()
          else if (each.do === 'erase') await erase(each.subject, each.merchant)
          else if (each.do === 'die') rounds = begin()
          else {
            clock.advance(10 * minuteMs)
            await rounds.runNow()
          }
        }
        // Hits of today are removed when it is over.
        clock.advance(2 * dayMs)
        await untilRemoved(rounds)
        const erasures = await store.erasures({ limit: 100 })
        const { found, expected } = await hourlyAndRecount(erasures)
        expect(found).toEqual(expected)
        const isErased = erasedTest(erasures)
        const gone = new Set(
          accepted
            .filter((row) =>
              isErased({
                merchant: String(row.merchant),
                visitor: row.visitor as string,
                user: row.user as string | null,
                received: Number(row.received),
              }),
            )
            .map(({ id }) => id),
        )
        expect(everywhere('hits').filter(({ id }) => gone.has(id))).toEqual([])
        expect(everywhere('failed_hits').filter(({ id }) => gone.has(id))).toEqual([])
        expect(new Set((await visible('hits')).map(({ id }) => id))).toEqual(
          new Set(accepted.map(({ id }) => id).filter((id) => !gone.has(id))),
        )
        const places = new Set(accepted.filter(({ id }) => gone.has(id)).map(({ _off }) => _off))
        expect(everywhere('sessions').filter(({ _off }) => places.has(_off))).toEqual([])
        expect(errors).toEqual([])
      }),
      { numRuns: 60 },
    )
  })
})

/** The same, ending the process before or after the nth of its calls that change something. */
function crashing<T extends object>(of: T, names: readonly string[], fate: { left: number; after: boolean }): T {
  return new Proxy(of, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function' || !names.includes(String(name))) return member
      return async (...given: unknown[]) => {
        fate.left--
        if (fate.left === 0 && !fate.after) throw new Crash()
        const answer: unknown = await member.apply(target, given)
        if (fate.left === 0) throw new Crash()
        if (fate.left < 0) throw new Crash()
        return answer
      }
    },
  })
}

class Crash extends Error {}

const lakeChanges = ['removeRows', 'recomputeHourly', 'expire', 'removeOrphans', 'derive', 'rewrite']
const storeChanges = [
  ...['moveErasure', 'finishRewrite', 'condemnSnapshots', 'unpinSnapshot', 'beginDerivation', 'finishDerivation'],
  'setDerivationMark',
]

describe('a process that dies in the middle of a round', () => {
  it.each([true, false])(
    'leaves the next one what it needs to end it, whatever was done last (done: %s)',
    async (after) => {
      for (let calls = 1; ; calls++) {
        const {
          clock,
          store,
          lake,
          publisher,
          hit,
          erase,
          begin,
          untilRemoved,
          hourlyAndRecount,
          everywhere,
          visible,
        } = await rig()
        await hit(monday - 2 * dayMs, { visitor: 'v1' })
        await hit(monday - 2 * dayMs + hourMs, { visitor: 'v2' })
        await hit(monday - 3 * dayMs, { visitor: 'v1', user: 'u1' })
        await hit(monday - 3 * dayMs, { visitor: 'v2', merchant: tea })
        await publisher.publishNow()
        await begin().runNow()
        const snapshot = String((await lake.snapshots('hits'))[0]?.id)
        await store.pinSnapshot({ table: 'hits', snapshot, name: 'kept', until: clock.now() + dayMs, by: 'test' })
        const erasure = await erase(visitor('v1'))
        const fate = { left: calls, after }
        const dying = begin({
          store: crashing(store, storeChanges, fate),
          lake: crashing(lake, lakeChanges, fate),
          onError: () => undefined,
        })
        for (let round = 0; round < 8 && fate.left > 0; round++) {
          clock.advance(10 * minuteMs)
          await dying.runNow().catch(() => undefined)
        }
        const hasDied = fate.left <= 0
        clock.advance(minuteMs)
        if (hasDied) await untilRemoved()
        const { found, expected } = await hourlyAndRecount([erasure])
        expect(found, `${calls} calls`).toEqual(expected)
        for (const table of ['hits', 'failed_hits', 'sessions'] as const) {
          expect(
            everywhere(table).filter((row) => row.visitor === 'v1'),
            `${table}, ${calls} calls`,
          ).toEqual([])
        }
        expect((await visible('hits')).map(({ id }) => id)).toEqual(['3', '1'])
        if (!hasDied) {
          expect(calls).toBeGreaterThan(15)
          return
        }
      }
    },
  )
})

describe('conditions of many erasures', () => {
  it('go to the lake a few at a time where each of them is compiled by itself', async () => {
    const { begin, lake, hit, erase, publisher, untilRemoved, everywhere } = await rig()
    const asked = { failed_hits: [] as number[], hits: [] as number[] }
    const counting: typeof lake = {
      ...lake,
      async partitionsWith(table, rows) {
        if (table === 'hits' || table === 'failed_hits') asked[table].push(rows.length)
        return lake.partitionsWith(table, rows)
      },
    }
    for (const value of ['first', 'last']) await hit(monday - 2 * dayMs, { visitor: value })
    await publisher.publishNow()
    await erase(visitor('first'))
    for (let n = 0; n < failedConditionsMax - 1; n++) await erase(visitor(`v${n}`))
    await erase(visitor('last'))
    await untilRemoved(begin({ lake: counting }))
    expect(Math.max(...asked.failed_hits)).toBe(failedConditionsMax)
    expect(Math.max(...asked.hits)).toBe(failedConditionsMax + 1)
    expect(everywhere('failed_hits')).toEqual([])
  })
})

describe('retention', () => {
  it('takes hits, failed hits and visits of before the first kept day, and leaves the numbers', async () => {
    const { clock, store, hit, begin, publisher, visible, errors } = await rig()
    for (let day = 1; day <= 6; day++) {
      await hit(monday - day * dayMs, { id: `${day}` })
      await hit(monday - day * dayMs, { id: `tea ${day}`, merchant: tea })
    }
    await publisher.publishNow()
    const rounds = begin()
    await rounds.runNow()
    const before = folded(await visible('hourly'))
    await store.updateMerchant(shop, { retentionDays: 3 })
    clock.advance(retentionEveryMs)
    await rounds.runNow()
    const ids = (await visible('hits')).filter(({ merchant }) => merchant === shop).map(({ id }) => id)
    expect(ids.sort()).toEqual(['1', '2', '3'])
    expect((await visible('hits')).filter(({ merchant }) => merchant === tea)).toHaveLength(6)
    expect(await visible('failed_hits')).not.toEqual([])
    const starts = (await visible('sessions'))
      .filter(({ merchant }) => merchant === shop)
      .map(({ start }) => Number(start))
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(monday - 3 * dayMs)
    expect(folded(await visible('hourly'))).toEqual(before)
    expect(errors).toEqual([])
  })
})
