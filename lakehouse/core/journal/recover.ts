/**
 * `recover` brings a control store that was restored from an older copy up to date, from the journal in the object store.
 * It may be repeated, and cut off at any moment: each step looks at what the store holds. Processes that find the store
 * behind refuse to work until it is through; what may go on meanwhile (collectors, queries) does no harm.
 */
import { JournalGapError, StartError } from '../../../core/errors.ts'
import { type Clock, sleep, type Timers } from '../../../core/ports/clock.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { closeStore, createHeads, headsOf, newestCommit, reopenStore } from './heads.ts'
import { createJournal, type Journal } from './journal.ts'
import { countOf, fenceFolder, holderOf } from './names.ts'
import type { IndexedEpoch } from './plan-epochs.ts'
import { changeAgain, countAgain, directoryEntries, planAccepted, retireAgain } from './recover-counts.ts'
import {
  commitAgain,
  indexEpochs,
  maxFenceRaises,
  ofNewestSources,
  plan,
  raiseJobFences,
  standingNow,
  type Takings,
  takePartitions,
} from './recover-epochs.ts'
import {
  type JournaledTable,
  journaledPublications,
  type Lease,
  planPublications,
  publishAgain,
} from './recover-publications.ts'
import { planReruns, type RerunPlan, restoreReruns, skipMoves } from './recover-reruns.ts'
import { journaledRewrites, rewriteAgain } from './recover-rewrites.ts'

/**
 * Entries this much older than the newest hit the store knows are not read: its copy was made after that hit was received,
 * and what it lacks was written after the copy. Covers how far the clocks of processes may lie apart.
 */
export const recoverMarginMs = 86_400_000
/** How long a lease that somebody still holds is waited for: longer than any lease lasts that is not renewed. */
export const leaseWaitMs = 15 * 60_000
const leasePollMs = 1_000
const recoverLease = 'recover'
const recoverTtlMs = 600_000
/** Fixed, so that a second run has the lease of one that was cut off. */
const owner = 'recover'

export interface RecoverOptions {
  /** Only says what would be done; changes nothing. */
  readonly dryRun: boolean
  /** One sentence a call. */
  readonly say: (sentence: string) => void
  readonly clock: Clock
  readonly timers: Timers
}

export interface Recovered {
  readonly epochs: number
  readonly publications: number
  /** Ranges of accepted records. */
  readonly accepted: number
  /** Changes of merchants, keys, erasures and pins looked at; most are there already. */
  readonly directory: number
  /** Rewrites by maintenance looked at; most are there already. */
  readonly rewrites: number
  /** Reruns, and splits of reruns, that the store lacks or has an older state of. */
  readonly reruns: number
}

/**
 * @param store the control store itself, not behind a journal
 * @throws JournalGapError where the journal does not lead from the copy to what was lost; what was done until then is right
 * @throws StartError where a process goes on holding a lease
 */
export async function recover(store: ClusterStore, objects: ObjectStore, options: RecoverOptions): Promise<Recovered> {
  const { dryRun, say, clock } = options
  const journal = createJournal({ objects, owner, clock })
  const parts = { store, objects, journal, owner }
  const head = (await headsOf(objects)).highest
  if (!dryRun) await closeStore(objects, { at: clock.now(), owner, number: 0 })
  const commit = await newestCommit(store)
  say(`the store's newest commit is ${commit}; the newest that is known to have been made is ${head}`)

  const lease = dryRun ? undefined : await holdLease(store, clock)
  if (lease !== undefined) {
    await raiseJobFences(parts)
    await raiseLeaseFences(store, objects, journal, options)
  }
  const since = await copyMadeAfter(store)
  const directory = await directoryEntries(objects, since)
  say(`${directory.length} changes of merchants, keys, erasures and pins are looked at`)
  const accepted = await planAccepted(store, objects)
  for (const { log, from, through } of accepted)
    say(`accepted hits of log ${log} are counted from ${from} to ${through}`)

  const { planned, tables, takings, reruns } = await planAll(parts, since, dryRun)
  for (const { name } of planned) say(`an epoch is committed again: ${name}`)
  for (const { rerun } of reruns.reruns) say(`rerun ${rerun.id} is ${rerun.state}, by the journal`)
  if (reruns.splits.length > 0) say(`${reruns.splits.length} splits of reruns are committed again`)
  const files = new Set([
    ...planned.flatMap(({ staged }) => staged),
    ...reruns.splits.flatMap(({ staged }) => staged.map(({ name }) => name)),
  ])
  const publications = await Promise.all(tables.map((table) => planPublications(store, table, files)))
  for (const { table, begin } of publications) {
    for (const { id } of begin) say(`a publication is begun again: ${id} of ${table}`)
  }
  const rewrites = await journaledRewrites(objects, since)
  for (const [table, entries] of rewrites) say(`${entries.length} rewrites of ${table} are looked at`)
  const done: Recovered = {
    epochs: planned.length,
    publications: publications.reduce((sum, { begin }) => sum + begin.length, 0),
    accepted: accepted.reduce((sum, { names }) => sum + names.length, 0),
    directory: directory.length,
    rewrites: [...rewrites.values()].reduce((sum, entries) => sum + entries.length, 0),
    reruns: reruns.reruns.length + reruns.splits.length,
  }
  if (lease === undefined || takings === undefined) {
    say(summary(done, 'would be made again; nothing was changed'))
    return done
  }

  // The derived tables went on after the copy, and may have dropped rows that its ranges name.
  await store.forgetDerivations()
  say('what was derived is forgotten; maintenance derives it again')
  await changeAgain(store, directory)
  await retireAgain(store, objects)
  for (const each of accepted) await countAgain(store, objects, each)
  await commitAgain(parts, takings, planned)
  await restoreReruns(store, reruns)
  for (const each of publications) {
    await publishAgain(store, objects, lease, each, () =>
      rewriteAgain(store, lease, each.table, rewrites.get(each.table) ?? []),
    )
  }
  // Of tables that are never published into: the derived ones.
  for (const [table, entries] of rewrites) {
    if (!publications.some((each) => each.table === table)) await rewriteAgain(store, lease, table, entries)
  }

  const reached = await skipMoves(store, reruns, { commit: await newestCommit(store), head })
  if (reached < head) throw new JournalGapError(`it leads to commit ${reached}, and ${head} had been made`)
  await createHeads({ objects, owner, clock }).write(reached)
  await store.releaseLease(lease.name, lease.fence)
  await reopenStore(objects)
  say(summary(done, `were made again; the store's newest commit is ${reached}`))
  return done
}

function summary({ epochs, publications, accepted }: Recovered, what: string): string {
  return `${epochs} epochs, ${publications} publications and ${accepted} counts of accepted hits ${what}`
}

interface Planned {
  readonly planned: readonly IndexedEpoch[]
  readonly tables: readonly JournaledTable[]
  /** None in a dry run. */
  readonly takings: Takings | undefined
  readonly reruns: RerunPlan
}

/** With the entries since the copy was made; where these leave a gap, with all there are. */
async function planAll(parts: Parameters<typeof takePartitions>[0], since: number, dryRun: boolean): Promise<Planned> {
  try {
    return await planSince(parts, since, dryRun)
  } catch (error) {
    if (!(error instanceof JournalGapError) || since === 0) throw error
    return planSince(parts, 0, dryRun)
  }
}

async function planSince(
  parts: Parameters<typeof takePartitions>[0],
  since: number,
  dryRun: boolean,
): Promise<Planned> {
  const { store, objects } = parts
  const tables = await journaledPublications(objects, since)
  const published = new Set(tables.flatMap(({ begun }) => begun.flatMap(({ files }) => files.map(({ name }) => name))))
  const reruns = await planReruns(store, objects, { since, published })
  const fenced = await store.newestFenced()
  const all = (await indexEpochs(objects, since)).filter(
    // Whoever knew fewer erasures than the copy has fenced was refused ever since.
    (epoch) => !reruns.refused(epoch) && (epoch.erasuresKnown ?? fenced) >= fenced,
  )
  // Which source a position of the store is of, only taking it tells.
  const index = dryRun ? ofNewestSources(all) : all
  const takings = dryRun ? undefined : await takePartitions(parts, index)
  const standing = takings?.standing ?? (await standingNow(store, index))
  return { planned: await plan(objects, index, { standing, published }), tables, takings, reruns }
}

/** A moment, ms, before the copy was made; 0 where that cannot be known. */
async function copyMadeAfter(store: ClusterStore): Promise<number> {
  const { positions } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
  const newest = positions.reduce((max, { received }) => Math.max(max, received ?? 0), 0)
  return Math.max(0, newest - recoverMarginMs)
}

async function holdLease(store: ClusterStore, clock: Clock): Promise<Lease> {
  const held = await store.acquireLease(recoverLease, owner, recoverTtlMs, clock.now())
  if (held === undefined) throw new StartError(`the lease ${recoverLease} is held by somebody else`)
  return { name: recoverLease, fence: held.fence }
}

/** Draws fences of each lease of the journal until they are above all there were. */
async function raiseLeaseFences(
  store: ClusterStore,
  objects: ObjectStore,
  journal: Journal,
  { clock, timers, say }: RecoverOptions,
): Promise<void> {
  const highest = new Map(
    (await objects.list(fenceFolder('leases'))).map((name) => [holderOf(name), countOf(name).count]),
  )
  for (const [name, count] of highest) {
    let waitedMs = 0
    for (let raised = 0; ; ) {
      const held = await store.acquireLease(name, owner, 1, clock.now())
      if (held === undefined) {
        if (waitedMs === 0) say(`the lease ${name} is still held; it is waited for`)
        if (waitedMs >= leaseWaitMs)
          throw new StartError(`the lease ${name} is still held; stop all processes and run it again`)
        waitedMs += leasePollMs
        await sleep(timers, leasePollMs)
        continue
      }
      await store.releaseLease(name, held.fence)
      if (held.fence > count) {
        await journal.lease(name, held.fence)
        break
      }
      if (++raised > maxFenceRaises)
        throw new JournalGapError(`fence ${held.fence} of lease ${name} is too far below ${count}`)
    }
  }
}
