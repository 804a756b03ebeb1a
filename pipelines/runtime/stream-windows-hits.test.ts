/** Plans that keep windows, as a stream: where each hit ends. */
import { describe, expect, it } from 'vitest'
import { utcDay } from '../../core/event-time.ts'
import type { FeedHit } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import { failedHitsTable, hourlyTable, sessionsTable } from '../../schemas/tables.ts'
import { hitFeed } from '../jobs/hit-feed.ts'
import { failedHits } from '../jobs/hit-sinks.ts'
import { count, sum } from '../plan/aggregates.ts'
import { pipeline } from '../plan/builder.ts'
import { table, upsertTable } from '../plan/sinks.ts'
import { fixed } from '../plan/windows.ts'
import { apart, minutePipeline } from '../test/support/minute-plans.ts'
import { commit, minute, panesOf, pass, second, send, started } from '../test/support/stream-under-test.ts'
import { paneRow } from '../test/support/window-plans.ts'
import {
  at,
  batch,
  booksOf,
  createWorld,
  hit,
  push,
  pushBytes,
  receivedAt,
  rowsOf,
  shop,
} from '../test/support/world.ts'

describe('a hit of a plan with windows', () => {
  it('ends in one column of the books, whatever becomes of it', async () => {
    const world = await createWorld()
    const { runner, facts } = await started(world, { plan: minutePipeline() })
    send(world, 0, { id: 'a' }, { id: 'a' }, { id: 'n', name: 'noise' }, { id: 's', name: 'secret' })
    send(world, 2 * minute, { id: 'b' }, { id: 'x', name: 'broken' })
    send(world, 2 * minute, { id: 'late', time: at(0) }, { id: 'c', time: at(2 * minute - second) })
    pushBytes(world, Buffer.from('poison'))
    await commit(runner, 4)
    await runner.stop()
    const dropped = { 'no-noise': 1, too_late: 1 }
    expect(await booksOf(world, shop)).toMatchObject({ stored: 3, duplicates: 1, failed: 2, dropped })
    expect((await booksOf(world)).failed).toBe(3)
    const failed = await rowsOf(world, 'failed_hits')
    expect(failed.map(({ id, step, reason, _off }) => [id, step, reason, _off])).toEqual([
      [null, 'decode', 'poison_record', 3],
      ['s', 'judge', 'secret', 0],
      ['x', 'judge', 'step_error', 1],
    ])
    expect(facts[0]?.counts).toEqual({ stored: 3, duplicates: 1, failed: 3, dropped: 2, late: 1, poison: 1 })
    expect(await panesOf(world)).toEqual(['page_view on time 0 1'])
  })

  it('is booked for its merchant and the hour it was received in, whatever else an epoch holds', async () => {
    const world = await createWorld({ merchants: ['other'] })
    const { runner, commits } = await started(world, { plan: minutePipeline() })
    const lots = [
      { merchant: shop, received: 0, ids: ['a', 'b', 'a'] },
      { merchant: 'other' as MerchantId, received: 0, ids: ['a'] },
      { merchant: shop, received: 60 * minute, ids: ['a', 'c'] },
    ]
    for (const { merchant, received, ids } of lots) {
      const hits = ids.map((id) => hit({ id, time: at(received) }))
      push(world, [batch(hits, { merchant, received: receivedAt(received) })])
    }
    await commit(runner, 3)
    await runner.stop()
    const none = { accepted: 0, failed: 0, dropped: {} }
    expect(commits[0]?.books).toEqual([
      { merchant: shop, hour: at(0), stored: 2, duplicates: 1, ...none },
      { merchant: shop, hour: at(60 * minute), stored: 1, duplicates: 1, ...none },
      { merchant: 'other', hour: at(0), stored: 1, duplicates: 0, ...none },
    ])
  })

  it('is booked in its hour where the record before is the same merchant’s, of the hour before', async () => {
    const world = await createWorld()
    const { runner, commits } = await started(world, { plan: minutePipeline() })
    send(world, 0, { id: 'a' })
    send(world, 60 * minute, { id: 'b' }, { id: 'c' })
    await commit(runner, 2)
    await runner.stop()
    expect(commits[0]?.books.map(({ hour, stored }) => [hour, stored])).toEqual([
      [at(0), 1],
      [at(60 * minute), 2],
    ])
  })

  it('that comes too late goes by the branch, where there is one, and is counted', async () => {
    const world = await createWorld()
    const { runner, facts } = await started(world, { plan: minutePipeline({ tooLate: 'kept apart' }) })
    send(world, 0, { id: 'a' })
    send(world, 2 * minute, { id: 'b' })
    send(world, 2 * minute, { id: 'late', time: at(0) })
    await commit(runner, 3)
    await runner.stop()
    expect((await rowsOf(world, 'hourly')).map(({ value }) => value)).toEqual(['late'])
    expect(await booksOf(world, shop)).toMatchObject({ stored: 3, dropped: {} })
    expect(facts[0]?.windows).toMatchObject([
      { step: 'minutes', watermark: at(2 * minute - 10 * second), windows: 1, late: 0, tooLate: 1 },
    ])
  })
})

describe('a hit that is stored and counted in a window', () => {
  const stored = table<FeedHit>(hourlyTable, (h, run) => {
    if (h.name === 'unmapped') throw new TypeError('cannot be written')
    return apart.toRow(h, run)
  })
  const plan = pipeline(
    'both',
    (p) => {
      const all = p.read(hitFeed, {
        ...{ eventTime: (h) => h.time, failed: failedHits },
        watermark: { from: (h) => h.received, delay: '10s' },
      })
      all.filter('no-bots', (h) => h.name !== 'bot').write(stored)
      all
        .map('sized', ({ merchant, name }) => ({ merchant, name, size: name === 'odd' ? ('big' as never) : 1n }), {
          columns: { merchant: 'string', name: 'string', size: 'bigint' },
        })
        .window('minutes', fixed('1m'))
        .groupBy('by', ['merchant', 'name'])
        .aggregate({ hits: count(), amount: sum('size') })
        .emit({ on: 'close', panes: 'accumulating' })
        .write(upsertTable(sessionsTable, paneRow))
    },
    { jobs: { all: [hourlyTable, sessionsTable, failedHitsTable] }, state: { maxBytes: 1_000_000 } },
  )

  it('is in both, or where any part of it fails, in the failed sink and nowhere else', async () => {
    const world = await createWorld()
    const { runner } = await started(world, { plan })
    send(world, 0, { id: 'a' }, { id: 'b', name: 'odd' }, { id: 'c', name: 'unmapped' }, { id: 'd', name: 'bot' })
    await commit(runner, 1)
    await pass(world, 2 * minute)
    await runner.stop()
    expect((await rowsOf(world, 'hourly')).map(({ value }) => value)).toEqual(['a'])
    expect((await rowsOf(world, 'failed_hits')).map(({ id, step }) => [id, step])).toEqual([
      ['b', 'minutes'],
      ['c', 'write:hourly'],
    ])
    expect(await panesOf(world)).toEqual(['bot on time 0 1', 'page_view on time 0 1'])
    // In a plan that stores rows, only what it stores is stored.
    expect(await booksOf(world, shop)).toMatchObject({ stored: 1, failed: 2, dropped: { unwritten: 1 } })
  })

  it('touches the day it is stored in, and that of each pane', async () => {
    const world = await createWorld()
    const { runner, commits } = await started(world, { plan })
    send(world, 0, { id: 'a' })
    await commit(runner, 1)
    await pass(world, 2 * minute)
    await runner.stop()
    const day = utcDay(at(0))
    expect(commits.map(({ touched }) => touched)).toEqual([[{ merchant: shop, day }], [{ merchant: shop, day }]])
  })
})

describe('what cannot be processed', () => {
  const bought = (h: FeedHit) => {
    if (h.name === 'broken') throw new Error('a bug in the step')
    return { ...h, name: 'bought' }
  }
  const times = {
    ...{ eventTime: (h: FeedHit) => h.time, failed: failedHits },
    watermark: { from: (h: FeedHit) => h.received, delay: '10s' },
  } as const
  const jobs = { jobs: { all: [hourlyTable, failedHitsTable] } }

  it.each([
    ['closures', pipeline('p', (p) => p.read(hitFeed, times).map('bought', bought).write(apart), jobs)],
    [
      'operators',
      pipeline(
        'p',
        (p) =>
          p
            .read(hitFeed, times)
            .flatMap('two', (h) => [bought(h), h])
            .write(apart),
        jobs,
      ),
    ],
  ])('goes to the sink that the feed is read with, in a plan run by %s', async (by, plan) => {
    const world = await createWorld()
    const { runner } = await started(world, { plan })
    send(world, 0, { id: 'a' }, { id: 'b', name: 'broken' })
    pushBytes(world, Buffer.from('poison'))
    await commit(runner, 2)
    await runner.stop()
    const failed = await rowsOf(world, 'failed_hits')
    expect(failed.map(({ id, reason }) => [id, reason])).toEqual([
      [null, 'poison_record'],
      ['b', 'step_error'],
    ])
    expect(await rowsOf(world, 'hourly')).toHaveLength(by === 'operators' ? 2 : 1)
  })
})
