import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { RollbackRefusedError, SnapshotNotFoundError } from '../../../core/errors.ts'
import { dayMs, eventTime, minuteMs, utcDay } from '../../../core/event-time.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { hitRow, rowsOf } from '../../../core/ports/lake.contract.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../../adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../../adapters/memory/memory-lake.ts'
import { addSnapshot } from '../../adapters/memory/memory-lake-state.ts'
import { createPublisher } from '../publisher.ts'
import {
  type RollbackRoundOptions,
  rollbackRound,
  rollbackSnapshotsMax,
  settleRollback,
  toldDaysMax,
} from './rollback-round.ts'
import { createMaintenance } from './rounds.ts'
import { leaseName } from './turns.ts'

const noon = eventTime('2026-03-02T12:00:00Z')
const day = utcDay(noon)
const shop = 'shop' as MerchantId
const lease = leaseName('hits')

async function rig() {
  const clock = new ManualClock(noon)
  const store = createMemoryControlStore()
  const memory = { state: new MemoryLakeState(), random: seededRandom(1), clock }
  const plain = createMemoryLake(memory)
  const lake = { ...plain, ...createMemoryDerive({ ...memory, lake: plain }) }
  const merchant = { id: shop, name: 'Shop', timeZone: 'UTC', currency: 'EUR', visitorSeed: '0'.repeat(16) }
  await store.createMerchant({ ...merchant, blockedNames: [], retentionDays: null }, [])
  const options: RollbackRoundOptions = {
    ...{ store, lake, clock, timers: clock, owner: 'one' },
    leaseTtlMs: 60_000,
    stop: new AbortController().signal,
  }
  const publisher = createPublisher({ store, lake, clock, timers: clock, owner: 'one', tables: ['hits'] })
  const { fence } = await store.acquirePartitions('hits', 'log', 'one', [0])
  let next = 0
  async function commit(time: number = noon): Promise<void> {
    const staged = [await lake.stage('hits', `staged/${next}`, [hitRow({ _off: next, id: String(next), time })])]
    const [from, to] = [next as Offset, ++next as Offset]
    const position = { partition: 0, checkpoint: null, watermark: null, received: null, forwarded: {} }
    const epoch = { job: 'hits', source: 'log', plan: 'p', fence, books: [] }
    const touched = [{ merchant: shop, day: utcDay(time) }]
    await store.commitEpoch({ ...epoch, partitions: [{ ...position, from, next: to }], staged, touched })
  }
  const read = async () => (await store.tableView('hits')).snapshot ?? ''
  async function publish(time?: number): Promise<string> {
    await commit(time)
    await publisher.publishNow()
    return read()
  }
  /** A commit of somebody else: every row of the table goes. Readers read it once a round has been. */
  async function emptied({ isRead = true } = {}): Promise<string> {
    clock.advance(minuteMs)
    const change = { operation: 'delete', publish: null, addedRows: 0, files: [] }
    const { snapshot } = addSnapshot(memory, 'hits', change)
    if (!isRead) return snapshot
    const held = await store.acquireLease(lease, 'one', 60_000, clock.now())
    const rewrite = { snapshot, replaces: await read(), touched: [] }
    await store.finishRewrite('hits', lease, held?.fence ?? 0, rewrite)
    return snapshot
  }
  const current = async () => (await lake.snapshots('hits'))[0]?.id
  const version = async () => (await store.versionsSince(0)).commit
  const touchedSince = async (since: number) =>
    (await store.versionsSince(since)).changes.map(({ merchant, day }) => `${merchant} ${day}`)
  return { clock, store, lake, options, publisher, commit, publish, emptied, read, current, version, touchedSince }
}

describe('a rollback', () => {
  it('undoes what others committed: readers read the snapshot again, and ask its days anew', async () => {
    const { options, publish, emptied, read, current, version, touchedSince } = await rig()
    const good = await publish()
    const bad = await emptied()
    expect(await read()).toBe(bad)
    const before = await version()
    const undone = { from: bad, to: good, undone: [bad], days: 1 }
    expect(await rollbackRound(options, 'hits', good, 'dry run')).toEqual(undone)
    expect([await read(), await version()]).toEqual([bad, before])
    expect(await rollbackRound(options, 'hits', good, 'roll back')).toEqual(undone)
    expect([await read(), await current()]).toEqual([good, good])
    expect(await touchedSince(before)).toEqual([`${shop} ${day}`])
    // Once is enough.
    expect(await rollbackRound(options, 'hits', good, 'roll back')).toMatchObject({ undone: [], days: 0 })
  })

  it('never takes a publication out of view: it is refused, and names them', async () => {
    const { options, publish, emptied, read } = await rig()
    const first = await publish()
    await publish()
    await publish()
    const bad = await emptied()
    const refused = rollbackRound(options, 'hits', first, 'roll back')
    await expect(refused).rejects.toThrow(RollbackRefusedError)
    await expect(refused).rejects.toThrow('the hits of 2 publications (2, 3) out of view')
    await expect(rollbackRound(options, 'hits', first, 'dry run')).rejects.toThrow(RollbackRefusedError)
    expect(await read()).toBe(bad)
  })

  it('is refused while an erasure is under way, whose rows would come back', async () => {
    const { options, store, publish, emptied, clock } = await rig()
    const good = await publish()
    await emptied()
    const subject = { kind: 'visitor', value: 'v' } as const
    await store.eraseHits({ merchant: shop, subject, through: noon, by: 'me', now: clock.now() })
    await expect(rollbackRound(options, 'hits', good, 'roll back')).rejects.toThrow('an erasure is under way')
  })

  it('is refused to what the table does not have, does not follow, or only over what has expired', async () => {
    const { options, lake, publish, emptied, read } = await rig()
    const good = await publish()
    const bad = await emptied()
    await expect(rollbackRound(options, 'hits', '42', 'roll back')).rejects.toThrow(SnapshotNotFoundError)
    await rollbackRound(options, 'hits', good, 'roll back')
    await expect(rollbackRound(options, 'hits', bad, 'roll back')).rejects.toThrow('does not follow it')
    const worse = await emptied()
    await emptied()
    await lake.expire('hits', [worse], 'remove')
    await expect(rollbackRound(options, 'hits', good, 'roll back')).rejects.toThrow('are gone')
    expect(await read()).not.toBe(good)
  })

  it(`undoes ${rollbackSnapshotsMax} snapshots and no more`, async () => {
    const { options, publish, emptied } = await rig()
    const good = await publish()
    for (let n = 0; n < rollbackSnapshotsMax; n++) await emptied({ isRead: n > 97 })
    const would = await rollbackRound(options, 'hits', good, 'dry run')
    expect(would?.undone).toHaveLength(rollbackSnapshotsMax)
    await emptied()
    await expect(rollbackRound(options, 'hits', good, 'dry run')).rejects.toThrow(String(rollbackSnapshotsMax + 1))
  })

  it(`tells of more than ${toldDaysMax} days in several calls`, async () => {
    const { options, lake, store, publish, emptied, read } = await rig()
    const good = await publish()
    await emptied()
    const days = Array.from({ length: toldDaysMax + 1 }, (_, n) => ({ merchant: shop, day: day - n }))
    const told: number[] = []
    const finishRewrite: typeof store.finishRewrite = async (...args) => {
      told.push(args[3].touched.length)
      return store.finishRewrite(...args)
    }
    const done = { ...options, lake: { ...lake, daysOf: async () => days }, store: { ...store, finishRewrite } }
    expect(await rollbackRound(done, 'hits', good, 'roll back')).toMatchObject({ days: toldDaysMax + 1 })
    expect(told).toEqual([toldDaysMax, 1, toldDaysMax, 1])
    expect(await read()).toBe(good)
  })

  it('waits for what is under way, and for another process that has the lease', async () => {
    const { clock, options, store, lake, commit, publish, emptied } = await rig()
    const good = await publish()
    await emptied()
    const other = { ...options, owner: 'two' }
    expect(await rollbackRound(other, 'hits', good, 'roll back')).toBeNull()
    await commit()
    const held = await store.acquireLease(lease, 'one', 60_000, clock.now())
    const [file] = await store.unpublished('hits')
    const { id, files } = await store.beginPublication('hits', lease, held?.fence ?? 0, [file?.name ?? ''])
    expect(await rollbackRound(options, 'hits', good, 'roll back')).toBeNull()
    const { snapshot } = await lake.publish('hits', id, files)
    await store.finishPublication('hits', lease, held?.fence ?? 0, id, snapshot)
    await expect(rollbackRound(options, 'hits', good, 'roll back')).rejects.toThrow('publication 2')
  })

  it('holds the publisher off while it works, and hands the lease back', async () => {
    const { clock, options, store, lake, publish, emptied } = await rig()
    const good = await publish()
    await emptied()
    let during: unknown = 'not asked'
    const watched = {
      ...lake,
      async rollback(...args: Parameters<typeof lake.rollback>) {
        during = await store.acquireLease(lease, 'one', 60_000, clock.now())
        return lake.rollback(...args)
      },
    }
    await rollbackRound({ ...options, lake: watched }, 'hits', good, 'roll back')
    expect(during).toBeUndefined()
    await publish()
    expect(await store.acquireLease(lease, 'one', 60_000, clock.now())).toBeDefined()
  })

  it('of a derived table undoes derivations: their days are asked of the base until they are derived again', async () => {
    const { clock, store, lake, publish } = await rig()
    const maintenance = createMaintenance({
      ...{ store, lake, clock, timers: clock, owner: 'one' },
      reads: 'pending',
    })
    const sessions = async () => (await store.tableView('sessions')).snapshot ?? ''
    const derived = async () => {
      const everything = { merchant: shop, from: 0, to: noon, reach: { daysBefore: 2, daysAfter: 1 } }
      return (await store.derivedRanges({ ...everything, table: 'sessions' })).map(({ publish }) => publish)
    }
    await publish(noon - 3 * dayMs)
    await maintenance.runNow()
    const [first, ranges] = [await sessions(), await derived()]
    await publish(noon - 3 * dayMs + minuteMs)
    await maintenance.runNow()
    expect(await sessions()).not.toBe(first)
    const later = await derived()
    expect(later).not.toEqual(ranges)

    expect(await maintenance.rollback('sessions', first, 'roll back')).toMatchObject({ to: first, days: 1 })
    expect(await sessions()).toBe(first)
    expect(await derived()).toEqual([])
    await maintenance.runNow()
    expect((await derived()).length).toBeGreaterThan(0)
    const rows = await rowsOf(lake, await store.tableView('sessions'))
    const newest = Math.max(...rows.map(({ _publish }) => Number(_publish)))
    expect(newest).toBeGreaterThan(Math.max(...later))
    expect(rows.filter(({ _publish }) => Number(_publish) === newest).map(({ hits }) => hits)).toEqual([2])
    await maintenance.stop()
  })

  it('is asked of maintenance, between its rounds', async () => {
    const { clock, store, lake, publish, emptied, read } = await rig()
    const good = await publish()
    await emptied()
    const maintenance = createMaintenance({
      ...{ store, lake, clock, timers: clock, owner: 'one' },
      reads: 'pending',
    })
    expect(await maintenance.rollback('hits', good, 'roll back')).toMatchObject({ to: good })
    expect(await read()).toBe(good)
    await maintenance.stop()
  })
})

describe('a rollback cut off', () => {
  /** Dies at the n-th call that changes something. */
  async function cutOff(survives: number) {
    const world = await rig()
    const good = await world.publish()
    const bad = await world.emptied()
    let calls = 0
    const dying =
      <Args extends readonly unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        if (calls++ >= survives) throw new Error('killed')
        return work(...args)
      }
    const { store, lake } = world
    const options = {
      ...world.options,
      store: {
        ...store,
        finishRewrite: dying(store.finishRewrite),
        releaseLease: dying(store.releaseLease),
      },
      lake: { ...lake, rollback: dying(lake.rollback) },
    }
    const outcome = await rollbackRound(options, 'hits', good, 'roll back').catch((error: Error) => error.message)
    return { ...world, good, bad, outcome, calls }
  }

  it('anywhere leaves readers with the old snapshot or the new one, and a round brings them where the lake is', async () => {
    const seen = new Set<string>()
    for (let survives = 0; ; survives++) {
      const world = await cutOff(survives)
      const { clock, good, bad, read, current, version, touchedSince } = world
      const lakeIsBack = (await current()) === good
      expect([good, bad]).toContain(await read())
      if ((await read()) === good) expect(lakeIsBack).toBe(true)
      // The lease of the one that died runs out.
      clock.advance(2 * minuteMs)
      const before = await version()
      const maintenance = createMaintenance({
        ...{ store: world.store, lake: world.lake, clock, timers: clock, owner: 'one' },
        reads: 'pending',
      })
      const wasRead = await read()
      await maintenance.runNow()
      expect(await read()).toBe(await current())
      expect((await current()) === good).toBe(lakeIsBack)
      if (lakeIsBack && wasRead === bad) expect(await touchedSince(before)).toContain(`${shop} ${day}`)
      seen.add(`${lakeIsBack} ${wasRead === good}`)
      await world.publish()
      expect((await world.lake.snapshots('hits')).length).toBeGreaterThan(2)
      await maintenance.stop()
      if (world.outcome !== 'killed') break
    }
    expect(seen).toEqual(new Set(['false false', 'true false', 'true true']))
  })

  it('and by others that took a publication out of the table: readers stay, and somebody must act', async () => {
    const { lake, options, publish, read } = await rig()
    const first = await publish()
    const second = await publish()
    await lake.rollback('hits', { from: second, to: first })
    await expect(settleRollback(options, 'hits')).rejects.toThrow('publication 2')
    expect(await read()).toBe(second)
  })
})
