/** Publishers of several processes over one Trino; the control store is in memory, time is moved by hand. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { dayMs, eventTime } from '../../core/event-time.ts'
import type { Offset } from '../../core/ids.ts'
import { hitRow } from '../../core/ports/lake.contract.ts'
import { createMemoryControlStore } from '../adapters/memory/memory-control-store.ts'
import type { TrinoLake } from '../adapters/trino/lake.ts'
import { createPublisher, type PublisherOptions } from '../core/publisher.ts'
import { leftovers, openTrinoLake, type TrinoLakeUnderTest, watchedTrino } from './trino-lake-under-test.ts'

const noon = eventTime('2026-03-01T12:00:00Z')
const leaseTtlMs = 10_000

let under: TrinoLakeUnderTest
beforeEach(async () => {
  under = await openTrinoLake(['hits'])
})
afterEach(() => under.close())

function world() {
  const clock = new ManualClock()
  const store = createMemoryControlStore()
  let next = 0
  let fence: number | undefined
  return {
    clock,
    store,
    publisher: (lake: TrinoLake, owner: string, change: Partial<PublisherOptions> = {}) =>
      createPublisher({ store, lake, clock, timers: clock, owner, tables: ['hits'], leaseTtlMs, ...change }),
    /** Stages and commits rows of three days as one epoch. */
    async epoch(rows: number) {
      const lake = under.lake()
      fence ??= (await store.acquirePartitions('job', 'source', 'worker', [0])).fence
      const hits = Array.from({ length: rows }, (_, n) =>
        hitRow({ id: `${next}-${n}`, _off: next, _idx: n, time: noon - (n % 3) * dayMs }),
      )
      const staged = [await lake.stage('hits', `staged/hits/job-${fence}-${next}.parquet`, hits)]
      await store.commitEpoch({
        job: 'job',
        source: 'source',
        plan: 'plan',
        fence,
        partitions: [
          {
            partition: 0,
            checkpoint: null,
            watermark: null,
            received: null,
            forwarded: {},
            from: next as Offset,
            next: (next + 1) as Offset,
          },
        ],
        staged,
        touched: [],
        books: [],
      })
      next++
    },
  }
}

/** A lake whose first MERGE waits, as its process stands still, until `wake`. */
function frozenLake(when: 'before it is sent' | 'after it landed') {
  let wake = () => {}
  let reached = () => {}
  const isReached = new Promise<void>((resolve) => {
    reached = resolve
  })
  const woken = new Promise<void>((resolve) => {
    wake = resolve
  })
  const merges: string[] = []
  let frozen = false
  const freeze = async (sql: string) => {
    if (!sql.startsWith('MERGE') || frozen) return
    frozen = true
    reached()
    await woken
  }
  const watched = watchedTrino(under.trino, async (sql) => {
    if (when === 'before it is sent') await freeze(sql)
    if (sql.startsWith('MERGE')) merges.push(sql)
  })
  const trino = {
    async query(...given: Parameters<typeof watched.query>) {
      const rows = await watched.query(...given)
      if (when === 'after it landed') await freeze(given[0])
      return rows
    },
  }
  return { lake: under.lake({ trino }), reached: isReached, wake, merges }
}

describe('a publisher that stood still until another took its lease', () => {
  for (const when of ['before it is sent', 'after it landed'] as const) {
    it(`records nothing and begins nothing when it wakes; its MERGE stood ${when}`, async () => {
      const { clock, store, publisher, epoch } = world()
      await epoch(30)
      const frozen = frozenLake(when)
      // Its timers stand still too, so it does not renew.
      const one = publisher(frozen.lake, 'one', { timers: new ManualClock() })
      const doomed = one.publishNow().then(
        () => 'published',
        (error) => error.code,
      )
      await frozen.reached
      await publisher(under.lake(), 'early').publishNow()
      expect((await store.openPublication('hits'))?.id).toBe(1)

      clock.advance(leaseTtlMs + 1)
      const two = publisher(under.lake(), 'two')
      await two.publishNow()
      await epoch(30)
      await two.publishNow()
      const view = await store.tableView('hits')

      frozen.wake()
      expect(await doomed).toBe('LEASE_STALE')
      expect(frozen.merges).toHaveLength(1)
      expect(await store.tableView('hits')).toEqual(view)
      const rows = await under.rows('hits', view.snapshot ?? '')
      expect(rows).toHaveLength(60)
      expect(new Set(rows.map((row) => row.id)).size).toBe(60)
      expect(await under.rows('hits')).toHaveLength(60)
      expect(await leftovers(under)).toEqual([])
    })
  }
})

describe('a publisher that stops', () => {
  it('leaves a publication that does not end after its grace, for the next to finish', async () => {
    const { clock, publisher, epoch, store } = world()
    await epoch(10)
    const frozen = frozenLake('before it is sent')
    const one = publisher(frozen.lake, 'one', { stopGraceMs: 5_000 })
    const left = one.publishNow().catch((error: Error) => error.message)
    await frozen.reached
    const stopped = one.stop()
    clock.advance(5_000)
    frozen.wake()
    expect(await left).toContain('the publisher stops')
    await stopped
    expect(await under.rows('hits')).toEqual([])
    await publisher(under.lake(), 'two').publishNow()
    expect(await under.rows('hits')).toHaveLength(10)
    expect(await store.unpublished('hits')).toEqual([])
  })
})
