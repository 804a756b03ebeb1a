import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { seededRandom } from '../../../core/adapters/memory/seeded-random.ts'
import { dayMs, eventTime, hourMs, minuteMs, utcDay } from '../../../core/event-time.ts'
import { epochOf, fileOf } from '../../../core/ports/control-store-epochs.contract.ts'
import { hitRow } from '../../../core/ports/lake.contract.ts'
import { createMemoryControlStore } from '../../adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../../adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../../adapters/memory/memory-lake.ts'
import { type ExpireRoundOptions, expireRound, noteView, orphanMinAgeMs, orphanRound } from './expire-round.ts'
import { createMaintenance, defaultMaintainEveryMs, expireEveryMs, type MaintenanceOptions } from './rounds.ts'
import { defaultSnapshotLadder } from './snapshot-ladder.ts'
import { leaseName } from './turns.ts'
import { createViewTrail, leftSnapshotHoldMs } from './view-trail.ts'

const start = eventTime('2026-03-02T00:00:00Z')
const partition = { generation: 1, period: utcDay(start) }
const lease = leaseName('hits')

async function rig() {
  const clock = new ManualClock(start)
  const store = createMemoryControlStore()
  const memory = { state: new MemoryLakeState(), random: seededRandom(1), clock }
  const plain = createMemoryLake(memory)
  const lake = { ...plain, ...createMemoryDerive({ ...memory, lake: plain }) }
  const options: ExpireRoundOptions = {
    store,
    lake,
    clock,
    timers: clock,
    owner: 'one',
    leaseTtlMs: 60_000,
    stop: new AbortController().signal,
    ladder: defaultSnapshotLadder,
    views: createViewTrail(),
  }
  const fence = async () => (await store.acquireLease(lease, 'one', 60_000, clock.now()))?.fence ?? 0
  const job = await store.acquirePartitions('hits', 'feed-1', 'one', [0])
  let next = 0
  async function begin() {
    const staged = await lake.stage('hits', `staged/${next}`, [hitRow({ _off: next, id: String(next), time: start })])
    await store.commitEpoch(epochOf(job.fence, next, ++next, { staged: [staged] }))
    return store.beginPublication('hits', lease, await fence(), [staged.name])
  }
  async function publish(): Promise<string> {
    const { id, files } = await begin()
    const { snapshot } = await lake.publish('hits', id, files)
    await store.finishPublication('hits', lease, await fence(), id, snapshot)
    return snapshot
  }
  /** Readers are seen where they are, and time passes until they cannot hold anything else. */
  async function settle(): Promise<void> {
    await noteView(options, 'hits')
    clock.advance(leftSnapshotHoldMs)
  }
  const expire = async (change: Partial<ExpireRoundOptions> = {}) =>
    (await expireRound({ ...options, ...change }, 'hits', 'remove')).removed?.snapshots ?? null
  const left = async () => (await lake.snapshots('hits')).map(({ id }) => id)
  return { clock, store, lake, options, fence, begin, publish, settle, expire, left }
}

describe('a round of expiry', () => {
  it('takes what is off the ladder once nobody can hold it, and never what readers read', async () => {
    const { clock, publish, settle, expire, left } = await rig()
    const made: string[] = []
    for (let n = 0; n < 3; n++) {
      clock.advance(minuteMs)
      made.push(await publish())
    }
    clock.advance(400 * dayMs)
    // What readers held before the first look is not known.
    expect(await expire()).toBeNull()
    clock.advance(leftSnapshotHoldMs - 1)
    expect(await expire()).toBeNull()
    clock.advance(1)
    expect(await expire()).toEqual([made[0], made[1]])
    expect(await left()).toEqual([made[2]])
    await settle()
    expect(await expire()).toEqual([])
  })

  it('leaves what readers left a moment ago, however old it is', async () => {
    const { clock, publish, settle, expire } = await rig()
    const first = await publish()
    const second = await publish()
    clock.advance(400 * dayMs)
    await settle()
    await publish()
    expect(await expire()).toEqual([first])
    await settle()
    expect(await expire()).toEqual([second])
  })

  it('leaves what is pinned until the pin is over', async () => {
    const { clock, store, publish, settle, expire } = await rig()
    const [one, two] = [await publish(), await publish(), await publish()]
    const until = clock.now() + 500 * dayMs
    await store.pinSnapshot({ table: 'hits', snapshot: one, name: 'audit', until, by: 'me' })
    clock.advance(499 * dayMs)
    await settle()
    expect(await expire()).toEqual([two])
    clock.advance(dayMs)
    expect(await expire()).toEqual([one])
    const late = { table: 'hits', snapshot: one, name: 'late', until: until + 9 * dayMs, by: 'me' } as const
    expect(await store.pinSnapshot(late)).toBe('expiring')
  })

  it('ends what earlier holders of the lease began before it condemns anything, and shows pins that hold before it takes', async () => {
    const { clock, store, lake, publish, settle, expire } = await rig()
    const [one, two] = [await publish(), await publish(), await publish()]
    const until = clock.now() + 300 * dayMs
    await store.pinSnapshot({ table: 'hits', snapshot: one, name: 'over', until, by: 'me' })
    await store.pinSnapshot({ table: 'hits', snapshot: two, name: 'holds', until: until + 300 * dayMs, by: 'me' })
    clock.advance(400 * dayMs)
    await settle()
    const done: string[] = []
    const watched = {
      ...lake,
      takeOver: async () => void done.push('taken over'),
      showPins: async (_table: string, pins: readonly { readonly name: string }[]) =>
        void done.push(`shows ${pins.map(({ name }) => name)}`),
      expire: (...args: Parameters<typeof lake.expire>) => {
        done.push('expires')
        return lake.expire(...args)
      },
    }
    const condemnSnapshots: typeof store.condemnSnapshots = (...args) => {
      done.push('condemns')
      return store.condemnSnapshots(...args)
    }
    expect(await expire({ lake: watched, store: { ...store, condemnSnapshots } })).toEqual([one])
    expect(done).toEqual(['shows holds', 'taken over', 'condemns', 'expires'])
  })

  it('obeys a pin that comes between its look and its work', async () => {
    const { clock, store, lake, publish, settle, expire, left } = await rig()
    const [one, two] = [await publish(), await publish(), await publish()]
    clock.advance(400 * dayMs)
    await settle()
    const pins: typeof store.pins = async (table) => {
      const found = await store.pins(table)
      const until = clock.now() + dayMs
      await store.pinSnapshot({ table: 'hits', snapshot: one, name: 'just now', until, by: 'me' })
      return found
    }
    expect(await expire({ store: { ...store, pins } })).toEqual([two])
    expect(await left()).toContain(one)
    // Of a lake that takes only the oldest, none that is newer than one which stays.
    await store.unpinSnapshot('hits', 'just now')
    await publish()
    clock.advance(400 * dayMs)
    await settle()
    expect(await expire({ store: { ...store, pins }, lake: { ...lake, expires: 'oldest' } })).toEqual([])
    expect((await left()).length).toBe(3)
  })

  it('does nothing while a publication is open: its repeat looks for its snapshot in the history', async () => {
    const { clock, store, lake, fence, begin, publish, settle, expire } = await rig()
    const one = await publish()
    await publish()
    const open = await begin()
    const { snapshot } = await lake.publish('hits', open.id, open.files)
    clock.advance(400 * dayMs)
    await settle()
    expect(await expire()).toBeNull()
    expect((await lake.publish('hits', open.id, open.files)).snapshot).toBe(snapshot)
    await store.finishPublication('hits', lease, await fence(), open.id, snapshot)
    expect(await expire()).toEqual([one])
  })

  it('begins nothing where a publication began after its look', async () => {
    const { clock, store, begin, publish, settle, expire, left } = await rig()
    await publish()
    await publish()
    clock.advance(400 * dayMs)
    await settle()
    const pins: typeof store.pins = async (table) => {
      await begin()
      return store.pins(table)
    }
    expect(await expire({ store: { ...store, pins } })).toBeNull()
    expect(await left()).toHaveLength(2)
  })

  it('leaves what an open derivation of another table reads', async () => {
    const { clock, store, publish, settle, expire } = await rig()
    const [one, two] = [await publish(), await publish()]
    const held = await store.acquireLease(leaseName('sessions'), 'one', 60_000, clock.now())
    const units = [{ merchant: 'shop' as never, start, end: start + dayMs }]
    const given = { units, reads: 'published', idAbove: 0 } as const
    const { id } = await store.beginDerivation('sessions', leaseName('sessions'), held?.fence ?? 0, given)
    await publish()
    clock.advance(400 * dayMs)
    await settle()
    expect(await expire()).toEqual([one])
    const again = await store.acquireLease(leaseName('sessions'), 'one', 60_000, clock.now())
    await store.finishDerivation('sessions', leaseName('sessions'), again?.fence ?? 0, id, null)
    expect(await expire()).toEqual([two])
  })

  it('leaves the newest snapshot that names a publication: the next id counts on from it', async () => {
    const { clock, store, lake, fence, publish, settle, expire } = await rig()
    const [one, two] = [await publish(), await publish()]
    for (let n = 0; n < 2; n++) {
      const rewritten = await lake.rewrite('hits', partition)
      if (rewritten === null) break
      const { snapshot } = rewritten
      await store.finishRewrite('hits', lease, await fence(), { snapshot, replaces: two, touched: [] })
    }
    clock.advance(400 * dayMs)
    await settle()
    expect(await expire()).toEqual([one])
    expect(await lake.lastPublish('hits')).toBe(2)
  })

  it('does nothing where another process has the lease', async () => {
    const { clock, store, options, publish } = await rig()
    await publish()
    await store.releaseLease(lease, (await store.acquireLease(lease, 'one', 1, clock.now()))?.fence ?? 0)
    await store.acquireLease(lease, 'other', 60_000, clock.now())
    expect(await expireRound(options, 'hits', 'remove')).toEqual({ outcome: 'held elsewhere', removed: null })
    expect(await orphanRound(options, 'hits', 'remove')).toEqual({ outcome: 'held elsewhere', removed: null })
  })

  it('asks for orphans only what is old, and of publications that are finished', async () => {
    const { clock, options, lake, begin, publish } = await rig()
    await publish()
    const asked: unknown[] = []
    const removeOrphans: typeof lake.removeOrphans = async (table, limits) => {
      asked.push([table, limits])
      return { snapshots: [], files: 1, bytes: 1 }
    }
    const given = { ...options, lake: { ...lake, removeOrphans } }
    await orphanRound(given, 'hits', 'remove')
    expect(asked).toEqual([['hits', { before: clock.now() - orphanMinAgeMs, through: 1 }]])
    await begin()
    expect((await orphanRound(given, 'hits', 'remove')).removed).toBeNull()
    expect(asked).toHaveLength(1)
    expect(fileOf('a').rows).toBeGreaterThan(0)
  })
})

describe('maintenance', () => {
  it('whose process is the only one that reads may take at once what was left before it started', async () => {
    const { clock, store, lake, publish } = await rig()
    for (let n = 0; n < 3; n++) await publish()
    clock.advance(500 * dayMs)
    const maintenance = createMaintenance({
      ...{ store, lake, clock, timers: clock, owner: 'one' },
      reads: 'pending',
      readers: 'begin here',
    })
    await maintenance.start()
    await publish()
    // What was current at the start may be read by now.
    expect((await maintenance.remove('expire', 'hits', 'remove'))?.snapshots).toHaveLength(2)
    expect((await maintenance.remove('expire', 'hits', 'remove'))?.snapshots).toEqual([])
    await maintenance.stop()
  })

  it('looks at the history every hour, and lets others ask what would go or make it go now', async () => {
    const { clock, store, lake, publish, left } = await rig()
    const removed: string[] = []
    const options: MaintenanceOptions = {
      store,
      lake,
      clock,
      timers: clock,
      owner: 'one',
      reads: 'pending',
      onRemoved: ({ snapshots }, { step, table }) => removed.push(`${step} ${table} ${snapshots.length}`),
    }
    const maintenance = createMaintenance(options)
    for (let n = 0; n < 5; n++) await publish()
    clock.advance(2 * dayMs)
    const before = (await left()).length
    expect(await maintenance.remove('expire', 'hits', 'remove')).toBeNull()
    await maintenance.runNow()
    clock.advance(leftSnapshotHoldMs)
    const would = await maintenance.remove('expire', 'hits', 'dry run')
    expect(would?.snapshots.length).toBeGreaterThan(0)
    expect(await left()).toHaveLength(before + 1) // that of the rewrite
    expect(removed).toEqual([])
    await maintenance.runNow()
    expect(removed).toEqual([`expire hits ${would?.snapshots.length}`])
    expect(await maintenance.remove('expire', 'hits', 'remove')).toEqual({ snapshots: [], files: 0, bytes: 0 })

    removed.length = 0
    for (let n = 0; n < 3; n++) await publish()
    clock.advance(3 * dayMs - hourMs)
    await maintenance.runNow()
    clock.advance(leftSnapshotHoldMs)
    await maintenance.runNow()
    const done = removed.length
    clock.advance(defaultMaintainEveryMs)
    await maintenance.runNow()
    expect(removed.length).toBe(done)
    expect(expireEveryMs).toBeGreaterThan(defaultMaintainEveryMs)
    await maintenance.stop()
  })
})
