/** One life of a small cluster over a store that is set back and recovered, and all that must hold then. */
import { expect } from 'vitest'
import { ControlStoreBehindError, PlatformError } from '../../core/errors.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import { merchantId } from '../../core/ports/control-store.contract.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { TableName } from '../../core/tables.ts'
import { headsOf } from '../core/journal/heads.ts'
import { journalFolder } from '../core/journal/names.ts'
import { type Recovered, recover } from '../core/journal/recover.ts'
import { rewrittenFrom } from './recover-maintenance.ts'
import { cancelledFiles, rerunsOf, splitOf } from './recover-reruns.ts'
import { type Content, jobs, pipeline, source, writtenAt } from './recover-staging.ts'
import { RecoverWorld } from './recover-world.ts'

const tables: readonly TableName[] = ['hits', 'failed_hits', 'hourly']
const ranges = {
  table: 'sessions',
  merchant: merchantId('m0'),
  from: 0,
  to: 1_000,
  reach: { daysBefore: 0, daysAfter: 0 },
} as const
const everything = { from: 0, to: Number.MAX_SAFE_INTEGER }

/** All that a store knows and the journal must bring back; numbers of commits apart, whose order within a moment is free. */
async function factsOf(store: ClusterStore) {
  const { changes, positions } = await store.versionsSince(0)
  const merchants = await store.merchants({ limit: 100 })
  const hashes = merchants.flatMap(({ id }) => [`key-${id}`, ...[0, 1, 2].map((n) => `more-${id}-${n}`)])
  const isCancelled = await cancelledFiles(store)
  const names = (files: readonly { readonly name: string }[]) =>
    kept(
      files.map(({ name }) => name),
      isCancelled,
    )
  return {
    positions,
    changed: changes
      .filter(({ day }) => day < rewrittenFrom)
      .map(({ merchant, day }) => `${merchant} ${day}`)
      .sort(),
    views: await Promise.all(
      tables.map(async (table) => {
        const open = await store.openPublication(table)
        const { pending } = await store.tableView(table)
        return {
          unpublished: names(await store.unpublished(table)),
          open: open && { id: open.id, files: names(open.files) },
          pending: names(pending),
        }
      }),
    ),
    books: await store.books(everything),
    merchants,
    reruns: await rerunsOf(store),
    // Recovered ones begin anew, in an order that is free within a moment.
    erased: (await store.erasures({ limit: 100 }))
      .map(({ merchant, subject, through }) => JSON.stringify([merchant, subject, through]))
      .sort(),
    dropped: (await store.droppedDays({ limit: 10_000 })).map(({ merchant, day }) => `${merchant} ${day}`).sort(),
    keys: await Promise.all(hashes.map((hash) => store.findKey(hash))),
  }
}

/** Names of files that must be the same before and after. */
function kept(names: readonly string[], isCancelled: (name: string) => boolean): readonly string[] {
  return names
    .filter((name) => !isCancelled(name))
    .map(splitOf)
    .sort()
}

async function rewrittenDays(store: ClusterStore): Promise<number[]> {
  const { changes } = await store.versionsSince(0)
  return changes.flatMap(({ day }) => (day >= rewrittenFrom ? [day] : [])).sort((a, b) => a - b)
}

/** The store, whose changes fail from the `after`th on: the process is killed there. */
function killedAfter(store: ClusterStore, after: number): ClusterStore {
  const changes = /^(create|update|add|acquire|commit|release|begin|finish|report|forget|eraseHits|touch|restore|skip)/
  let left = after
  return new Proxy(store, {
    get(_target, name: keyof ClusterStore) {
      const method = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) => {
        if (changes.test(name) && left-- <= 0) throw new Error('killed')
        return method(...args)
      }
    },
  })
}

/** From 0 to each partition's position, each offset once. */
function expectEachOffsetOnce(rows: readonly Content[], ends: ReadonlyMap<number, number>): void {
  const at = new Map<number, number>()
  for (const { partition, from, next } of rows) {
    expect(from, `partition ${partition}`).toBe(at.get(partition) ?? 0)
    at.set(partition, next)
  }
  expect(at).toEqual(ends)
}

/** A store of which a copy is made, and which the copy replaces. */
export interface CopiedStore {
  readonly store: ClusterStore
  copy(): Promise<void>
  restore(): Promise<void>
}

/** Returns what there was to bring back. */
export async function loseAndRecover(under: CopiedStore, objects: ObjectStore, seed: number): Promise<Recovered> {
  const real = under.store
  const world = new RecoverWorld(real, objects, seed)
  for (let left = world.below(60); left > 0; left--) await world.step()
  await under.copy()
  const copied = (await real.versionsSince(0)).commit
  for (let left = 5 + world.below(80); left > 0; left--) {
    await world.step()
    if (world.below(30) === 0) world.refresh()
  }
  // Half of the time the last epochs of some partitions are such that nobody knows whether they were committed.
  const settled = world.below(2) === 0
  if (settled) await world.settle()
  const lost = await factsOf(real)
  const rewrittenBefore = await rewrittenDays(real)
  const seenBefore = new Map<TableName, readonly string[]>()
  for (const table of tables) seenBefore.set(table, settled ? await world.seen(table) : [])
  await under.restore()

  // A commit whose process died before it wrote a head, nobody has built on: its loss is not noticed, and does no harm.
  if ((await headsOf(world.objects)).highest > copied) {
    for (const { store } of [...world.workers, { store: world.open() }]) {
      await expect(store.acquirePartitions('warehouse', source, 'x', [0])).rejects.toThrow(ControlStoreBehindError)
    }
    for (const { store } of world.publishers) {
      await expect(store.openPublication('hits')).rejects.toThrow(ControlStoreBehindError)
    }
    await under.restore()
  }

  const options = { say: () => {}, clock: world.clock, timers: world.clock }
  const journal = await world.objects.list(journalFolder)
  // A dry run asks the store for no change at all.
  const planned = await recover(killedAfter(real, 0), world.objects, { ...options, dryRun: true })
  expect(await world.objects.list(journalFolder)).toEqual(journal)
  world.clock.advance(60_000) // leases of the copy run out
  for (let after = world.below(6); ; after += 1 + world.below(12)) {
    const outcome = await recover(killedAfter(real, after), world.objects, { ...options, dryRun: false }).then(
      () => 'through',
      (error) => error.message,
    )
    if (outcome === 'through') break
    expect(outcome).toBe('killed')
    const late = world.open().acquirePartitions('warehouse', source, 'x', [0])
    await expect(late).rejects.toThrow(ControlStoreBehindError)
  }
  const recovered = await factsOf(real)
  if (settled) expect(recovered).toEqual(lost)
  const isCancelled = await cancelledFiles(real)
  for (const table of tables) {
    const seen = await world.seen(table)
    expect(seen).toEqual([...new Set(seen)])
    if (settled) expect(kept(seen, isCancelled)).toEqual(kept(seenBefore.get(table) ?? [], isCancelled))
  }
  // A rewrite whose answer was lost is done again, and whether the store took it or not its days rise.
  expect(await rewrittenDays(real)).toEqual(expect.arrayContaining(rewrittenBefore))
  expect(await real.openDerivation('sessions')).toBeUndefined()
  expect(await real.derivedRanges(ranges)).toEqual([])
  for (const { job, partition, next } of lost.positions) {
    const now = recovered.positions.find((each) => each.job === job && each.partition === partition)
    expect(now?.next).toBeGreaterThanOrEqual(next)
  }
  const again = await recover(real, world.objects, { ...options, dryRun: false })
  expect(again).toMatchObject({ epochs: 0, publications: 0, accepted: 0 })
  expect(await factsOf(real)).toEqual(recovered)

  // Who was there before commits nothing more; others go on where the lost store was.
  world.calm()
  for (const worker of world.workers) {
    for (const job of Object.keys(jobs)) {
      if (!worker.held.has(job)) continue
      const before = await real.versionsSince(0)
      await world.epoch(worker, job).catch((error) => expect(error).toBeInstanceOf(PlatformError))
      expect(await real.versionsSince(0)).toEqual(before)
    }
  }
  world.refresh()
  for (let left = 20; left > 0; left--) await world.step()
  await world.settle()
  await world.publishAll()
  const { positions } = await real.versionsSince(0)
  for (const [job, table] of [
    ['warehouse', 'hits'],
    ['rollups', 'hourly'],
  ] as const) {
    const ends = positions.filter((each) => each.job === job).map(({ partition, next }) => [partition, next] as const)
    expectEachOffsetOnce(world.rows(table), new Map(ends))
  }
  const writing = await real.writing(pipeline)
  for (const content of [...world.rows('hits'), ...world.rows('hourly')]) {
    expect(content.generations).toEqual(expect.arrayContaining([...writtenAt(writing, content)]))
  }
  await world.reruns.expectSplitsOnce(real, world.lake)
  const failed = world.rows('failed_hits').map(({ partition, from }) => `${partition} ${from}`)
  expect(new Set(failed).size).toBe(failed.length)
  const { accepted, stored, duplicates, dropped, acceptedThrough } = await real.books(everything)
  expect(stored).toBe(positions.reduce((sum, { next }) => sum + next, 0))
  expect(dropped.bot ?? 0).toBe(2 * duplicates)
  expect(accepted).toBe(Object.values(acceptedThrough).reduce((sum, through) => sum + (through * (through + 1)) / 2, 0))
  return planned
}
