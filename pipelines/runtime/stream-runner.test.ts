import { describe, expect, it } from 'vitest'
import { CorruptLogError, StateLimitError } from '../../core/errors.ts'
import { hourMs, minuteMs } from '../../core/event-time.ts'
import type { FeedHit } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import type { EpochCommit } from '../../core/ports/control-store.ts'
import { failedHitsTable, hitsTable } from '../../schemas/tables.ts'
import { hitFeed } from '../jobs/hit-feed.ts'
import { failedHits } from '../jobs/hit-sinks.ts'
import { pipeline } from '../plan/builder.ts'
import { table } from '../plan/sinks.ts'
import {
  at,
  batch,
  booksOf,
  createWorld,
  drain,
  during,
  hit,
  merged,
  morning,
  push,
  pushBytes,
  receivedAt,
  rowsOf,
  runnerOn,
  shop,
  until,
} from '../test/support/world.ts'
import { stagedFileMaxRows } from './commit-epoch.ts'
import type { EpochFacts } from './runner-options.ts'

describe('an epoch', () => {
  it('turns accepted hits into rows of hits and hourly, and moves the position past them', async () => {
    const world = await createWorld()
    push(world, [
      batch([hit({ id: 'a' }), hit({ id: 'b', name: 'purchase', revenue: { micros: 12_500_000n, currency: 'EUR' } })]),
      batch([hit({ id: 'c', visitor: 'v2', time: at(hourMs) })], { received: receivedAt(hourMs) }),
    ])

    await drain(world)

    const rows = await rowsOf(world, 'hits')
    expect(rows.map((row) => [row.id, row._src, row._part, row._off, row._idx])).toEqual([
      ['a', 'log-1', 0, 0, 0],
      ['b', 'log-1', 0, 0, 1],
      ['c', 'log-1', 0, 1, 0],
    ])
    const hours = merged(await rowsOf(world, 'hourly'))
    expect([...hours.keys()]).toEqual(['shop 2026-03-01T09:00:00.000Z', 'shop 2026-03-01T10:00:00.000Z'])
    expect(hours.get('shop 2026-03-01T09:00:00.000Z')).toMatchObject({
      hits: 2n,
      pageviews: 1n,
      orders: 1n,
      revenue: 12_500_000n,
    })
    const { positions } = await world.store.versionsSince(0)
    expect(positions).toMatchObject([
      { partition: 0, next: 2, received: morning + hourMs, watermark: morning + hourMs - minuteMs },
    ])
  })

  it('is committed in one transaction that names its files, its checkpoint, its books and the days it touched', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' }), hit({ id: 'a' }), hit({ id: 's', name: 'secret' })])])
    const commits: EpochCommit[] = []
    const store = {
      ...world.store,
      commitEpoch: (commit: EpochCommit) => {
        commits.push(commit)
        return world.store.commitEpoch(commit)
      },
    }

    await drain(world, { store })

    expect(commits).toHaveLength(1)
    const [commit] = commits
    expect(commit?.staged.map((file) => [file.table, file.rows]).sort()).toEqual([
      ['failed_hits', 1],
      ['hits', 1],
      // The total and seven breakdowns, one value of each.
      ['hourly', 8],
    ])
    expect(commit?.partitions).toMatchObject([
      { partition: 0, from: 0, next: 1, checkpoint: 'checkpoints/hits/0/0000000000000001-1.avro' },
    ])
    expect(commit?.books).toEqual([
      { merchant: 'shop', hour: morning, accepted: 0, stored: 1, duplicates: 1, failed: 1, dropped: {} },
    ])
    expect(commit?.touched).toEqual([{ merchant: 'shop', day: morning / 86_400_000 - 9 / 24 }])
  })

  it('without records writes nothing', async () => {
    const world = await createWorld()
    await drain(world)
    expect(await world.objects.list('')).toEqual([])
    expect((await world.store.versionsSince(0)).commit).toBe(0)
  })

  it('ends when its time has passed since its first record', async () => {
    const world = await createWorld()
    const commits: number[] = []
    const runner = runnerOn(world, { epochMs: 2_000, onCommitted: ({ commit }) => commits.push(commit) })
    await runner.start()
    push(world, [batch([hit()])])
    await until(() => world.clock.pendingTimers > 1)
    world.clock.advance(1_999)
    await turns(5)
    expect(commits).toEqual([])
    world.clock.advance(1)
    await until(() => commits.length > 0)
    expect(commits).toEqual([1])
    await runner.stop()
  })

  it('ends at its limit of hits, at the record that reaches it', async () => {
    const world = await createWorld()
    push(
      world,
      [0, 1, 2, 3, 4].map((n) => batch([hit({ id: `${n}a` }), hit({ id: `${n}b` })])),
    )
    const epochs: EpochFacts[] = []
    await drain(world, { epochMaxHits: 4, onEpoch: (facts) => epochs.push(facts) })
    expect(epochs.map((facts) => [facts.records, facts.counts.stored])).toEqual([
      [2, 4],
      [2, 4],
      [1, 2],
    ])
  })

  it('ends at its limit of bytes', async () => {
    const world = await createWorld()
    push(
      world,
      [0, 1, 2].map((n) => batch([hit({ id: `${n}`, title: 'x'.repeat(300) })])),
    )
    const epochs: EpochFacts[] = []
    await drain(world, { epochMaxBytes: 600, onEpoch: (facts) => epochs.push(facts) })
    expect(epochs.map((facts) => facts.records)).toEqual([2, 1])
  })

  it('is staged as several files where it has more rows than one may hold', async () => {
    const world = await createWorld()
    const hits = (from: number, count: number) => Array.from({ length: count }, (_, n) => hit({ id: `${from + n}` }))
    const batches = Array.from({ length: stagedFileMaxRows / 1_000 }, (_, n) => batch(hits(n * 1_000, 1_000)))
    push(world, [...batches, batch(hits(stagedFileMaxRows, 1))])
    await drain(world, { epochMaxBytes: 1e9, epochMaxHits: 1e6, epochMs: 600_000 })
    const files = await world.store.unpublished('hits')
    expect(files.map(({ rows }) => rows)).toEqual([stagedFileMaxRows, 1])
    expect(files.map(({ name }) => name.replace(/^.*-\d{10}/, ''))).toEqual(['.parquet', '-1.parquet'])
  })

  it('tells how many bytes it staged, of all its sinks', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })])])
    const epochs: EpochFacts[] = []
    await drain(world, { onEpoch: (facts) => epochs.push(facts) })
    const staged = await Promise.all((['hits', 'hourly'] as const).map((table) => world.store.unpublished(table)))
    expect(epochs.map(({ stagedBytes }) => stagedBytes)).toEqual([
      staged.flat().reduce((sum, { bytes }) => sum + bytes, 0),
    ])
    expect(epochs[0]?.stagedBytes).toBeGreaterThan(0)
  })

  it('ends at once when kicked', async () => {
    const world = await createWorld()
    const commits: number[] = []
    const runner = runnerOn(world, { onCommitted: ({ commit }) => commits.push(commit) })
    await runner.start()
    push(world, [batch([hit()])])
    await until(() => world.clock.pendingTimers > 1)
    runner.kick()
    await until(() => commits.length === 1)
    await runner.stop()
  })

  it('leaves one checkpoint a partition, the committed one', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })]), batch([hit({ id: 'b' })]), batch([hit({ id: 'c' })])])
    await drain(world, { epochMaxHits: 1 })
    expect(await world.objects.list('checkpoints/')).toEqual(['checkpoints/hits/0/0000000000000003-1.avro'])
  })

  it('removes what a crash left of checkpoints', async () => {
    const world = await createWorld()
    await world.objects.put('checkpoints/hits/0/0000000000000009-1.avro', Buffer.from('of an epoch never committed'))
    await drain(world)
    expect(await world.objects.list('checkpoints/')).toEqual([])
  })
})

describe('an idle runner', () => {
  it('has one timer, that of the waiting feed reader, and writes nothing', async () => {
    const world = await createWorld()
    const runner = runnerOn(world)
    await runner.start()
    await turns(5)
    expect(world.clock.pendingTimers).toBe(1)
    world.clock.advance(24 * hourMs)
    await turns(5)
    expect(world.clock.pendingTimers).toBe(1)
    expect(await world.objects.list('')).toEqual([])
    await runner.stop()
  })
})

describe('what becomes of a hit', () => {
  it('is counted once, whenever the repeat comes within 24 hours of receipt, also after a restart', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })])])
    await drain(world)
    push(world, [batch([hit({ id: 'a' })], { received: receivedAt(24 * hourMs - 1) })])
    await drain(world)
    push(world, [batch([hit({ id: 'a' })], { received: receivedAt(24 * hourMs) })])
    await drain(world)
    expect((await rowsOf(world, 'hits')).map((row) => row._off)).toEqual([0, 2])
    expect(await booksOf(world, shop)).toMatchObject({ stored: 2, duplicates: 1 })
  })

  it('of a blocked name is set aside whole, with reason and step', async () => {
    const world = await createWorld()
    const revenue = { micros: 9_007_199_254_740_993n, currency: 'EUR' }
    push(world, [batch([hit({ name: 'secret', revenue, props: { a: 1 } })])])
    await drain(world)
    const [row] = await rowsOf(world, 'failed_hits')
    expect(row).toMatchObject({ merchant: 'shop', id: 'h1', step: 'govern', reason: 'blocked_name', _off: 0, _idx: 0 })
    const original = JSON.parse(row?.original as string)
    expect(original).toMatchObject({
      name: 'secret',
      revenue: { micros: '9007199254740993' },
      props: { a: 1 },
      zone: 'UTC',
    })
    expect(original).not.toHaveProperty('visitorHash')
    expect(await rowsOf(world, 'hits')).toEqual([])
    expect(await rowsOf(world, 'hourly')).toEqual([])
  })

  it('of a bot is stored, and counts in no rollup', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ context: { ...noContext, userAgent: 'a bot' } })])])
    await drain(world)
    expect(await rowsOf(world, 'hits')).toMatchObject([{ bot: true }])
    expect(await rowsOf(world, 'hourly')).toEqual([])
    expect(await booksOf(world, shop)).toMatchObject({ stored: 1 })
  })

  it('whose merchant is unknown fails at the step that needs it, and only there', async () => {
    const world = await createWorld()
    push(world, [batch([hit()], { merchant: 'gone' as MerchantId }), batch([hit()])])
    await drain(world)
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([
      { merchant: 'gone', step: 'enrich', reason: 'step_error' },
    ])
    expect(await rowsOf(world, 'hits')).toMatchObject([{ merchant: 'shop' }])
    expect(await booksOf(world)).toMatchObject({ stored: 1, failed: 1 })
  })

  it('that fails in its last step is in failed_hits and in no other table', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })], { zone: 'Not/AZone' }), batch([hit({ id: 'b' })])])
    await drain(world)
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([{ id: 'a', step: 'by-hour', reason: 'step_error' }])
    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['b'])
    expect(await booksOf(world, shop)).toMatchObject({ stored: 1, failed: 1 })
  })

  it('late by days is counted in the hour it happened', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })]), batch([hit({ id: 'b', time: at(-20 * 24 * hourMs) })])])
    const late: number[] = []
    await drain(world, { onEpoch: ({ counts }) => late.push(counts.late) })
    expect([...merged(await rowsOf(world, 'hourly')).keys()]).toContain('shop 2026-02-09T09:00:00.000Z')
    expect(late).toEqual([1])
  })

  it("takes effect of a merchant's change from the next epoch on", async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })])])
    const runner = runnerOn(world)
    await runner.start()
    await until(() => world.clock.pendingTimers > 1)
    await world.store.updateMerchant(shop, { blockedNames: ['page_view'] })
    push(world, [batch([hit({ id: 'b' })])])
    await turns(5)
    runner.kick()
    await until(() => runner.positions[0]?.next === 2)
    push(world, [batch([hit({ id: 'c' })])])
    await runner.stop()
    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['a', 'b'])
    expect((await rowsOf(world, 'failed_hits')).map((row) => row.id)).toEqual(['c'])
  })
})

describe('a poison record', () => {
  it('goes to failed_hits whole and stops nothing', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })], { received: receivedAt(5) })])
    pushBytes(world, Buffer.from('not Avro at all'))
    push(world, [batch([hit({ id: 'b' })], { received: receivedAt(6) })])
    const epochs: EpochFacts[] = []
    await drain(world, { onEpoch: (facts) => epochs.push(facts) })

    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['a', 'b'])
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([
      { merchant: '', id: null, step: 'decode', reason: 'poison_record', received: morning + 5, _off: 1, _idx: 0 },
    ])
    const [row] = await rowsOf(world, 'failed_hits')
    expect(Buffer.from(row?.original as string, 'base64').toString()).toBe('not Avro at all')
    expect(epochs[0]?.counts).toMatchObject({ poison: 1, failed: 1, stored: 2 })
    expect(await booksOf(world)).toMatchObject({ stored: 2, failed: 1 })
  })

  it('as the very first record takes the time it was read as received', async () => {
    const world = await createWorld()
    pushBytes(world, Buffer.alloc(3))
    await drain(world)
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([{ received: morning }])
  })
})

describe('trouble', () => {
  it('of staging is tried again, from the last commit, until it passes', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' }), hit({ id: 'a' })])])
    let failures = 3
    const errors: string[] = []
    const lake = {
      ...world.lake,
      stage: async (...args: Parameters<typeof world.lake.stage>) => {
        if (args[0] === 'hourly' && failures-- > 0) throw new Error('disk full')
        return world.lake.stage(...args)
      },
    }
    const runner = runnerOn(world, {
      lake,
      onError: (error, then) => errors.push(`${(error as Error).message}: ${then}`),
    })
    await runner.start()
    runner.kick()
    await during(
      world,
      until(() => runner.positions[0]?.next === 1),
    )
    await during(world, runner.stop())

    expect(errors).toEqual(Array(3).fill('disk full: retrying'))
    expect(await rowsOf(world, 'hits')).toHaveLength(1)
    expect(await booksOf(world)).toMatchObject({ stored: 1, duplicates: 1 })
    expect(await world.lake.stagedNames()).toHaveLength(2)
  })

  it('that outlasts a clean stop ends it all the same, with nothing committed', async () => {
    const world = await createWorld()
    push(world, [batch([hit()])])
    const lake = { ...world.lake, stage: async () => Promise.reject(new Error('disk full')) }
    const errors: string[] = []
    const runner = await drain(world, { lake, onError: (_, then) => errors.push(then) })
    expect(runner.state).toBe('stopped')
    expect(errors).toEqual(['retrying', 'retrying', 'stopped'])
    await drain(world)
    expect(await rowsOf(world, 'hits')).toHaveLength(1)
  })

  it('of an unknown kind after the commit was sent: the store is asked, and what is committed is not repeated', async () => {
    const world = await createWorld()
    push(world, [batch([hit()])])
    const commits: number[] = []
    const epochs: EpochFacts[] = []
    let lose = true
    const store = {
      ...world.store,
      commitEpoch: async (commit: EpochCommit) => {
        const done = await world.store.commitEpoch(commit)
        if (!lose) return done
        lose = false
        throw new Error('connection lost')
      },
    }
    const runner = runnerOn(world, {
      store,
      onCommitted: ({ commit }) => commits.push(commit),
      onEpoch: (facts) => epochs.push(facts),
    })
    await runner.start()
    await until(() => world.clock.pendingTimers > 1)
    runner.kick()
    await during(
      world,
      until(() => commits.length > 0),
    )
    push(world, [batch([hit({ id: 'b' })])])
    await during(world, runner.stop())
    expect(commits).toEqual([1, 2])
    expect(epochs.map((facts) => facts.counts.stored)).toEqual([1, 1])
    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['h1', 'b'])
    expect(await world.objects.list('checkpoints/')).toHaveLength(1)
  })

  it('of an unknown kind before the commit landed: its files go, the epoch is made again', async () => {
    const world = await createWorld()
    push(world, [batch([hit()])])
    let lose = true
    const store = {
      ...world.store,
      commitEpoch: async (commit: EpochCommit) => {
        if (!lose) return world.store.commitEpoch(commit)
        lose = false
        throw new Error('connection lost')
      },
    }
    await drain(world, { store })
    expect(await rowsOf(world, 'hits')).toHaveLength(1)
    expect(await world.lake.stagedNames()).toHaveLength(2)
  })

  it('of a damaged feed: what came before is committed, then the runner ends with the error', async () => {
    const world = await createWorld()
    push(world, [batch([hit()])])
    const feed = {
      ...world.feed,
      read: async (...args: Parameters<typeof world.feed.read>) => {
        const reader = await world.feed.read(...args)
        let reads = 0
        return {
          ...reader,
          next: (options: Parameters<typeof reader.next>[0]) =>
            reads++ === 0 ? reader.next(options) : Promise.reject(new CorruptLogError('00.log', 17, 'checksum')),
        }
      },
    }
    const errors: unknown[] = []
    const runner = runnerOn(world, { feed, onError: (error) => errors.push(error) })
    await runner.start()
    await runner.ended
    expect(runner.state).toBe('failed')
    expect(errors).toEqual([new CorruptLogError('00.log', 17, 'checksum')])
    expect(await rowsOf(world, 'hits')).toHaveLength(1)
  })
})

describe('a job of several partitions', () => {
  it('commits all that moved in one transaction, each partition with its own place and checkpoint', async () => {
    const world = await createWorld({ partitions: [0, 1, 2] })
    push(world, [batch([hit({ id: 'a' })])], 0)
    push(world, [batch([hit({ id: 'b' })]), batch([hit({ id: 'c' })])], 2)
    await drain(world)
    const { commit, positions } = await world.store.versionsSince(0)
    expect(commit).toBe(1)
    expect(positions).toMatchObject([
      { partition: 0, next: 1 },
      { partition: 2, next: 2 },
    ])
    expect(await world.objects.list('checkpoints/')).toHaveLength(2)
    const totals = (await rowsOf(world, 'hourly')).filter((row) => row.breakdown === 'total')
    expect(totals.map((row) => [row._part, row._off_from, row._off_to])).toEqual([
      [0, 0, 0],
      [2, 0, 1],
    ])
  })

  it('goes on with the others when the feed of one is damaged', async () => {
    const world = await createWorld({ partitions: [0, 1] })
    const feed = {
      ...world.feed,
      read: async (...args: Parameters<typeof world.feed.read>) => {
        const reader = await world.feed.read(...args)
        const damaged = () => Promise.reject(new CorruptLogError('00.log', 17, 'checksum'))
        return args[0] === 0 ? { ...reader, next: damaged } : reader
      },
    }
    const errors: unknown[] = []
    const runner = runnerOn(world, { feed, onError: (error) => errors.push(error) })
    await runner.start()
    await until(() => errors.length > 0)
    push(world, [batch([hit()])], 1)
    await during(world, runner.stop())
    expect(errors).toHaveLength(1)
    expect(await rowsOf(world, 'hits')).toMatchObject([{ _part: 1 }])
  })
})

describe('what cannot be right is refused', () => {
  it('a checkpoint that is gone stops the start', async () => {
    const world = await createWorld()
    push(world, [batch([hit()])])
    await drain(world)
    for (const name of await world.objects.list('checkpoints/')) await world.objects.remove(name)
    await expect(runnerOn(world).start()).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' })
  })

  it('a feed that no longer holds the position stops the start', async () => {
    const world = await createWorld()
    push(world, [batch([hit()]), batch([hit({ id: 'b' })])])
    world.feed.trim(0, 1 as Offset)
    await expect(runnerOn(world).start()).rejects.toMatchObject({ code: 'LOG_OFFSET_TRIMMED' })
  })

  it('a side input that nobody brings stops the start', async () => {
    const world = await createWorld()
    const inputs = { context: { isErased: () => false }, dataSets: {}, beginEpoch: () => {}, prepare: async () => {} }
    await expect(runnerOn(world, { inputs }).start()).rejects.toThrow(
      "'enrich' uses 'visitorSeed', 'visitorHash', 'country', 'userAgents', which nobody brings",
    )
  })

  it('saved state of a step that the plan has no more stops the start', async () => {
    const world = await createWorld()
    push(world, [batch([hit()])])
    await drain(world)
    const { plan } = planOfAnotherRelease()
    await expect(runnerOn(world, { plan }).start()).rejects.toThrow("'drop-repeats' has saved state in job 'hits'")
  })

  it('a sink whose rows are not those of its table ends the runner before anything is staged', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ name: 'secret' })])])
    const { plan } = planOfAnotherRelease()
    const runner = await drain(world, { plan, job: 'other' })
    expect(runner.state).toBe('failed')
    expect((runner.error as Error).message).toContain('the sink of hits leaves out [merchant,')
    expect(await world.lake.stagedNames()).toEqual([])
  })
})

/** A plan without dedupe, whose rows of the table hits have one column, of another name. */
function planOfAnotherRelease() {
  const plan = pipeline(
    'hits',
    (p) => {
      const rows = p.read(hitFeed, { eventTime: (h) => h.time, watermark: { from: (h) => h.received, delay: '1m' } })
      const { good, bad } = rows.split('judge', judge, { to: { good: 'rows', bad: 'refused' } })
      good.write(table<FeedHit>(hitsTable, () => ({ colour: 'red' })))
      bad.write(failedHits)
    },
    { jobs: { all: [hitsTable, failedHitsTable] } },
  )
  return { plan }
}
const judge = (row: FeedHit) =>
  row.id === '' ? ({ to: 'bad', row, reason: 'no_id' } as const) : ({ to: 'good', row } as const)

describe('two owners of one job', () => {
  it('the older one stops with a clear error, and leaves nothing of its epoch', async () => {
    const world = await createWorld()
    const older = runnerOn(world, { owner: 'older' })
    await older.start()
    push(world, [batch([hit()])])
    await until(() => world.clock.pendingTimers > 1)

    await drain(world, { owner: 'newer' })
    older.kick()
    await older.ended

    expect(older.state).toBe('failed')
    expect(older.error).toMatchObject({ code: 'EPOCH_STALE' })
    expect(await rowsOf(world, 'hits')).toHaveLength(1)
    expect(await world.lake.stagedNames()).toHaveLength(2)
    expect(await world.objects.list('checkpoints/')).toEqual(['checkpoints/hits/0/0000000000000001-2.avro'])
  })
})

describe('the limit of the state', () => {
  it('stops reading at the hit that has no room, commits all before it, and goes on once there is room', async () => {
    const world = await createWorld()
    push(
      world,
      ['a', 'b', 'c', 'd'].map((id) => batch([hit({ id: `${id}1` }), hit({ id: `${id}2` })])),
    )
    const room = { ids: 5 }
    const errors: unknown[] = []
    const runner = runnerOn(world, { openState: countingState(room), onError: (error) => errors.push(error) })
    await runner.start()
    await until(() => runner.state === 'blocked' && runner.positions[0]?.next === 2)

    expect(errors).toEqual([expect.any(StateLimitError)])
    expect((await rowsOf(world, 'hits')).map((row) => row.id)).toEqual(['a1', 'a2', 'b1', 'b2'])
    await turns(5)
    expect(runner.positions[0]?.next).toBe(2)

    room.ids = 100
    world.clock.advance(10_000)
    await until(() => runner.state === 'running')
    await during(world, runner.stop())
    expect(await rowsOf(world, 'hits')).toHaveLength(8)
    expect(await booksOf(world)).toMatchObject({ stored: 8, duplicates: 0 })
  })

  it('does not hold up a clean stop', async () => {
    const world = await createWorld()
    push(
      world,
      ['a', 'b'].map((id) => batch([hit({ id })])),
    )
    const runner = await drain(world, { openState: countingState({ ids: 1 }) })
    expect(runner.state).toBe('stopped')
    expect(runner.positions[0]?.next).toBe(1)
  })
})

const noContext = { userAgent: null, language: null, screen: null, timeZone: null, campaign: null }

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** State that has room for so many ids. */
function countingState(room: { ids: number }) {
  return async ({ saved, job }: { readonly saved: Uint8Array | null; readonly job: string }) => {
    const seen = new Set<string>(saved === null ? [] : JSON.parse(Buffer.from(saved).toString()))
    return {
      firstSeen(merchant: string, id: string) {
        const key = `${merchant} ${id}`
        if (seen.has(key)) return false
        if (seen.size >= room.ids) throw new StateLimitError(job, seen.size + 1, room.ids)
        seen.add(key)
        return true
      },
      bytes: 0,
      checkpoint: async () => ({ saved: Buffer.from(JSON.stringify([...seen])), obsolete: [] }),
      close: async () => {},
    }
  }
}
