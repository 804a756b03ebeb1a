/** What steps do to a hit, in plans other than the shipped one, and what the runner owes those who wait for it. */
import { describe, expect, it } from 'vitest'
import { minuteMs, utcDay } from '../../core/event-time.ts'
import type { FeedHit } from '../../core/hit.ts'
import type { EpochCommit } from '../../core/ports/control-store.ts'
import { failedHitsTable, hitsTable } from '../../schemas/tables.ts'
import { enrich } from '../jobs/enrich.ts'
import { hitFeed } from '../jobs/hit-feed.ts'
import { failedHits, hits } from '../jobs/hit-sinks.ts'
import { createHitsJob, type HitsContext } from '../jobs/hits.ts'
import { pipeline } from '../plan/builder.ts'
import { type FailedSink, failedTable } from '../plan/sinks.ts'
import {
  at,
  batch,
  booksOf,
  createWorld,
  drain,
  during,
  hit,
  morning,
  nextTurn,
  push,
  rowsOf,
  runnerOn,
  shop,
  until,
} from '../test/support/world.ts'
import { retryFirstMs } from './backoff.ts'
import { turnMaxHits } from './runner-options.ts'

const uses = ['visitorSeed', 'visitorHash', 'country', 'userAgents'] as const

/** Keeps page views and stores them; `refunds` are refused. */
function filteringPlan(failed: FailedSink<FeedHit>) {
  return pipeline<HitsContext>(
    'views',
    (p) => {
      const { good, bad } = p
        .read(hitFeed, { eventTime: (h) => h.time, watermark: { from: (h) => h.received, delay: '1m' } })
        .filter('views-only', (h) => h.name !== 'noise')
        .split('judge', judge, { to: { good: 'rows', bad: 'refused' } })
      bad.write(failed)
      good.map('enrich', enrich, { uses }).write(hits)
    },
    { jobs: { all: [hitsTable, failedHitsTable] } },
  )
}
function judge(row: FeedHit) {
  if (row.name === 'broken') throw new Error('a bug in the step')
  return row.name === 'refund' ? ({ to: 'bad', row, reason: 'refund' } as const) : ({ to: 'good', row } as const)
}

describe('a hit', () => {
  it('that a filter stops before any sink is dropped, by the name of the filter', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a', name: 'noise' }), hit({ id: 'b', name: 'refund' }), hit({ id: 'c' })])])
    await drain(world, { plan: filteringPlan(failedHits) })
    expect(await booksOf(world, shop)).toMatchObject({
      stored: 1,
      failed: 1,
      duplicates: 0,
      dropped: { 'views-only': 1 },
    })
  })

  it('that the failed sink cannot hold goes there as its whole record', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' }), hit({ id: 'b', name: 'broken' })])])
    const picky = failedTable<FeedHit>(failedHitsTable, (failed, run) => {
      if (failed.kind === 'refused') throw new TypeError('cannot be written')
      return failedHits.toRow(failed, run)
    })
    await drain(world, { plan: filteringPlan(picky) })
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([
      { merchant: '', step: 'judge', reason: 'step_error', _off: 0, received: morning },
    ])
    expect(await booksOf(world, shop)).toMatchObject({ stored: 1, failed: 1 })
  })

  it('with a column that cannot be aggregated fails at the window, and is stored nowhere', async () => {
    const world = await createWorld()
    push(world, [batch([hit()])])
    const { store } = world
    const userAgents = { read: () => ({ bot: false, device: 'other' as const, browser: null, os: null }) }
    const visitorHash = () => 5 as unknown as bigint
    await drain(world, createHitsJob({ store, visitorHash, country: () => null, userAgents, dataSets: {} }))
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([{ step: 'by-hour', reason: 'step_error' }])
    expect(await rowsOf(world, 'hits')).toEqual([])
    expect(await rowsOf(world, 'hourly')).toEqual([])
  })

  // UTC      Feb 28 |23:15 ------ 00:00| Mar 1 -- 00:15
  // Nepal           [ 05:00 ---------------- 06:00 )
  it('touches the UTC day of its bucket and that of its own time', async () => {
    const world = await createWorld()
    const time = at(-9 * 60 * minuteMs + 5 * minuteMs)
    push(world, [batch([hit({ time })], { zone: 'Asia/Kathmandu' })])
    await drain(world)
    const { changes } = await world.store.versionsSince(0)
    expect(changes.map((change) => change.day).sort()).toEqual([utcDay(time) - 1, utcDay(time)])
  })
})

describe('the runner', () => {
  it('keeps its watermark over a restart', async () => {
    const world = await createWorld()
    push(world, [batch([hit()])])
    await drain(world)
    world.feed.push(0, Buffer.from('poison'))
    await drain(world)
    const { positions } = await world.store.versionsSince(0)
    expect(positions).toMatchObject([{ next: 2, watermark: morning - minuteMs, received: morning }])
  })

  it('gives the thread back after so many hits', async () => {
    const world = await createWorld()
    const records = Array.from({ length: 50 }, (_, n) =>
      batch(Array.from({ length: turnMaxHits / 10 }, (_, i) => hit({ id: `${n}-${i}` }))),
    )
    push(world, records)
    let turns = 0
    const turn = async () => {
      turns += 1
      await nextTurn()
    }
    await drain(world, { turn })
    expect(turns).toBeGreaterThanOrEqual(5)
  })

  it('leaves no timer behind an epoch', async () => {
    const world = await createWorld()
    const runner = runnerOn(world)
    await runner.start()
    push(world, [batch([hit()])])
    await until(() => world.clock.pendingTimers > 1)
    runner.kick()
    await until(() => runner.positions[0]?.next === 1)
    await nextTurn()
    expect(world.clock.pendingTimers).toBe(1)
    await runner.stop()
    expect(world.clock.pendingTimers).toBe(0)
  })

  it('waits longer after each failure, and as little as at first after a success', async () => {
    const world = await createWorld()
    const waits: number[] = []
    const timers = {
      after: (delayMs: number, action: () => void) => {
        if (delayMs === retryFirstMs || delayMs === 2 * retryFirstMs) waits.push(delayMs)
        return world.clock.after(delayMs, action)
      },
    }
    let call = 0
    const lake = {
      ...world.lake,
      stage: async (...args: Parameters<typeof world.lake.stage>) => {
        if ([1, 2, 5].includes(++call)) throw new Error('busy')
        return world.lake.stage(...args)
      },
    }
    const runner = runnerOn(world, { lake, timers, epochMs: 10 })
    push(world, [batch([hit({ id: 'a' })])])
    await runner.start()
    await during(
      world,
      until(() => runner.positions[0]?.next === 1),
      50,
    )
    push(world, [batch([hit({ id: 'b' })])])
    await during(
      world,
      until(() => runner.positions[0]?.next === 2),
      50,
    )
    await during(world, runner.stop())
    expect(waits).toEqual([retryFirstMs, 2 * retryFirstMs, retryFirstMs])
  })

  it('that waits to try again stops without waiting', async () => {
    const world = await createWorld()
    const lake = { ...world.lake, stage: async () => Promise.reject(new Error('disk full')) }
    const runner = runnerOn(world, { lake })
    push(world, [batch([hit()])])
    await runner.start()
    await until(() => world.clock.pendingTimers > 1)
    runner.kick()
    await until(() => runner.state === 'retrying')
    // No time passes from here on.
    await runner.stop()
    expect(runner.state).toBe('stopped')
  })

  it('never removes the files of a commit in doubt from which another owner went on', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })])])
    const store = {
      ...world.store,
      commitEpoch: async (commit: EpochCommit) => {
        await world.store.commitEpoch(commit)
        push(world, [batch([hit({ id: 'b' })])])
        await drain(world, { owner: 'newer' })
        throw new Error('connection lost')
      },
    }
    const older = runnerOn(world, { store, owner: 'older' })
    await older.start()
    await until(() => world.clock.pendingTimers > 1)
    older.kick()
    await during(
      world,
      until(() => older.positions[0]?.next === 2),
    )
    await during(world, older.stop())
    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['a', 'b'])
    expect(await booksOf(world, shop)).toMatchObject({ stored: 2 })
  })
})
