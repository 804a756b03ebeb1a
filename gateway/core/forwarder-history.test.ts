import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogProgress } from '../../core/ports/cluster-store.ts'
import { createForwardHistory } from './forwarder-history.ts'

const jobs = ['a', 'b']
const both = (partition: number, committed: number, published = committed): LogProgress[] =>
  jobs.map((job) => ({ job, partition, committed, published }))

describe('the history of a log', () => {
  it('holds a moment back until every job has the last place before it in each partition', () => {
    const history = createForwardHistory({ jobs, partitions: 2, from: 0 })
    history.assign(0, 0, 10)
    history.assign(1, 1, 11)
    history.assign(2, 0, 12)
    history.sample(50, 3)
    history.apply(both(0, 3))
    expect([history.trimmable, history.visibleThrough]).toEqual([0, 0])
    history.apply([...both(0, 3), { job: 'a', partition: 1, committed: 2, published: 2 }])
    expect(history.trimmable).toBe(0)
    history.apply([...both(0, 3), ...both(1, 2, 0)])
    expect([history.trimmable, history.publishedThrough, history.visibleThrough]).toEqual([3, 0, 0])
    history.apply([...both(0, 3), ...both(1, 2)])
    expect([history.publishedThrough, history.visibleThrough]).toEqual([3, 50])
  })

  it('waits for the records before a moment that are not assigned yet', () => {
    const history = createForwardHistory({ jobs, partitions: 1, from: 0 })
    history.sample(50, 2)
    history.assign(0, 0, 10)
    history.apply(both(0, 1))
    expect(history.trimmable).toBe(0)
    history.assign(1, 0, 10)
    history.apply(both(0, 2))
    expect([history.trimmable, history.visibleThrough]).toEqual([2, 50])
  })

  it('is not stopped by a place that a failed append gave back', () => {
    const history = createForwardHistory({ jobs, partitions: 1, from: 0 })
    history.sample(50, 3)
    history.sample(60, 0)
    history.apply([])
    expect(history.visibleThrough).toBe(60)
  })

  it('rises through a backlog that has no samples in it, by the times in its records', () => {
    const history = createForwardHistory({ jobs, partitions: 1, from: 0 })
    history.sample(1_000, 10)
    for (let place = 0; place < 5; place++) history.assign(place, 0, 100 + place)
    history.mark()
    history.apply(both(0, 5))
    // Of the hits received at 104 more may come.
    expect([history.trimmable, history.visibleThrough]).toEqual([5, 104])
  })

  it('that begins in the middle says nothing of what is visible before all is published that was committed then', () => {
    const history = createForwardHistory({ jobs, partitions: 2, from: 100 })
    history.assign(100, 0, 10)
    history.sample(50, 101)
    history.apply([...both(0, 101), ...both(1, 90, 80)])
    expect([history.trimmable, history.visibleThrough]).toEqual([101, 0])
    history.apply([...both(0, 101), ...both(1, 95, 90)])
    expect(history.visibleThrough).toBe(50)
  })

  it('that begins in the middle and knows the last places waits for those', () => {
    const history = createForwardHistory({ jobs, partitions: 2, from: 100, last: [99, 7] })
    history.sample(50, 100)
    history.apply([...both(0, 99), ...both(1, 8)])
    expect(history.trimmable).toBe(0)
    history.apply([...both(0, 100), ...both(1, 8)])
    expect([history.trimmable, history.visibleThrough]).toEqual([100, 50])
  })

  it('forgets every second moment beyond its limit, and the newest stays', () => {
    const history = createForwardHistory({ jobs, partitions: 1, from: 0, maxMoments: 10 })
    for (let place = 1; place <= 10; place++) history.sample(place, place)
    expect(history.moments).toBe(10)
    history.sample(11, 11)
    expect(history.moments).toBe(6)
    for (let place = 0; place < 11; place++) history.assign(place, 0, null)
    history.apply(both(0, 11))
    expect([history.trimmable, history.visibleThrough, history.moments]).toEqual([11, 11, 0])
    for (let place = 12; place < 10_000; place++) history.sample(place, place)
    expect(history.moments).toBeLessThanOrEqual(10)
  })

  it('never says more than is so, and says all that is so once everything is done', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), partition: fc.nat({ max: 2 }) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('assign' as const), count: fc.nat({ max: 4 }) }) },
      fc.record({ kind: fc.constant('sample' as const) }),
      fc.record({ kind: fc.constant('mark' as const) }),
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('commit' as const), row: fc.nat({ max: 5 }), by: fc.nat() }),
      },
      fc.record({ kind: fc.constant('publish' as const), row: fc.nat({ max: 5 }) }),
      fc.record({ kind: fc.constant('restart' as const), lost: fc.boolean() }),
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('apply' as const) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const log: { readonly partition: number; readonly received: number }[] = []
        const rows = jobs.flatMap((job) =>
          [0, 1, 2].map((partition) => ({ job, partition, committed: 0, published: 0 })),
        )
        let history = createForwardHistory({ jobs, partitions: 3, from: 0, maxMoments: 6 })
        let assigned = 0
        let trimmed = 0
        let now = 1_000
        const isDone = (place: number, of: 'committed' | 'published') =>
          rows.every((row) => row.partition !== log[place]?.partition || row[of] > place)
        const apply = () => {
          history.apply(rows.filter(({ committed }) => committed > 0).map((row) => ({ ...row })))
          trimmed = Math.max(trimmed, history.trimmable)
          for (let place = 0; place < log.length; place++) {
            if (place < history.trimmable) expect(isDone(place, 'committed')).toBe(true)
            if (place < history.publishedThrough) expect(isDone(place, 'published')).toBe(true)
            if ((log[place]?.received ?? 0) < history.visibleThrough) expect(isDone(place, 'published')).toBe(true)
          }
        }
        const assign = (count: number) => {
          for (let i = 0; i < count && assigned < log.length; i++, assigned++) {
            const { partition, received } = log[assigned] as (typeof log)[number]
            history.assign(assigned, partition, received)
          }
        }
        for (const each of steps) {
          now++
          if (each.kind === 'append') log.push({ partition: each.partition, received: now })
          if (each.kind === 'assign') assign(each.count)
          if (each.kind === 'sample') history.sample(now, log.length)
          if (each.kind === 'mark') history.mark()
          const row = 'row' in each ? rows[each.row] : undefined
          if (each.kind === 'commit' && row !== undefined) {
            // A job takes only what was forwarded: some more of its partition.
            const mine = log.flatMap(({ partition }, place) =>
              partition === row.partition && place >= row.committed && place < assigned ? [place + 1] : [],
            )
            row.committed = mine[each.by % Math.max(1, mine.length)] ?? row.committed
          }
          if (each.kind === 'publish' && row !== undefined) row.published = row.committed
          if (each.kind === 'apply') apply()
          if (each.kind === 'restart') {
            const last = [...history.last]
            assigned = each.lost ? trimmed : assigned
            history = createForwardHistory({
              jobs,
              partitions: 3,
              from: assigned,
              maxMoments: 6,
              ...(!each.lost && { last }),
            })
          }
        }
        assign(log.length)
        history.sample(++now, log.length)
        apply()
        for (const row of rows) {
          row.committed = Math.max(row.committed, log.findLastIndex(({ partition }) => partition === row.partition) + 1)
          row.published = row.committed
        }
        apply()
        expect([history.trimmable, history.publishedThrough, history.visibleThrough]).toEqual([
          log.length,
          log.length,
          now,
        ])
      }),
      { numRuns: 500 },
    )
  })
})
