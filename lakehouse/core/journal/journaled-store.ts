/**
 * A control store behind its journal: every change that the store alone would know is an object before it is made there, so
 * that an older copy of the store can be brought up to date (`recover`). An entry says what was to be done, not that it was:
 * recovery tells which. Whoever meets a store that lacks what was once committed gets a ControlStoreBehindError, and nothing
 * is built on it.
 *
 * The journal is part of each commit: while the object store is away nothing is committed.
 */
import { ControlStoreBehindError, ControlStoreUnavailableError, StaleEpochError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { EpochCommit, JobPosition } from '../../../core/ports/control-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { checkErased, checkTouchedDays } from '../control/erasures.ts'
import { checkAcceptedRange, checkEpoch, checkMerchant, checkMerchantChange } from '../control/rules.ts'
import { assertStoreIsCurrent, createHeads, highestHead } from './heads.ts'
import { createJournal } from './journal.ts'
import { journaledMaintenance } from './maintenance.ts'
import { rangeOf, topicFolder } from './names.ts'
import { journaledPublications } from './publications.ts'
import { journaledReruns } from './reruns.ts'

/** A store found current is taken for current so long where somebody asks for an unknown key: floods of those are cheap. */
export const currentHoldsMs = 1_000

export interface JournalOptions {
  readonly objects: ObjectStore
  /** Names this process among all there ever were. */
  readonly owner: string
  readonly clock: Clock
}

export function journaledStore(store: ClusterStore, options: JournalOptions): ClusterStore {
  const { objects } = options
  const journal = createJournal(options)
  const heads = createHeads(options)
  const checkpoints = knownCheckpoints()
  const leases = new Map<string, number>()
  /** By log: how far it was counted when this process last heard. */
  const counted = new Map<string, Offset>()
  /** Best effort. */
  const forget = (name: string) => objects.remove(name).catch(() => undefined)

  let currentSince = Number.NEGATIVE_INFINITY

  /**
   * That a key is unknown is no answer of a store that was set back, or is being put back and half empty: whoever asks shall
   * go by what it knew, or ask again.
   * @throws ControlStoreUnavailableError
   */
  async function askedOfCurrent(): Promise<void> {
    const now = options.clock.now()
    if (Math.abs(now - currentSince) < currentHoldsMs) return
    try {
      await assertStoreIsCurrent(store, objects)
      currentSince = now
    } catch (cause) {
      const reason =
        cause instanceof ControlStoreBehindError
          ? 'it was put back from an older copy; run hitlake recover'
          : 'whether it holds all it was told could not be looked up'
      throw new ControlStoreUnavailableError(reason, { cause })
    }
  }

  /** Makes an entry, then the change; an entry of what the store refused for certain goes again. */
  async function changeDirectory<T>(
    entry: Parameters<typeof journal.directory>[0],
    change: () => Promise<T>,
    refused: (outcome: T) => boolean,
  ): Promise<T> {
    const name = await journal.directory(entry)
    try {
      const outcome = await change()
      if (refused(outcome)) await forget(name)
      return outcome
    } catch (error) {
      if (error instanceof RangeError) await forget(name)
      throw error
    }
  }

  return {
    ...journaledPublications(store, { objects, journal, heads }),
    ...journaledMaintenance(store, { objects, journal }),
    ...journaledReruns(store, { objects, journal, heads }),

    async createMerchant(merchant, keys) {
      checkMerchant(merchant, keys)
      return changeDirectory(
        { call: 'createMerchant', args: [merchant, keys] },
        () => store.createMerchant(merchant, keys),
        (outcome) => outcome === 'exists',
      )
    },
    async updateMerchant(id, change) {
      checkMerchantChange(change)
      return changeDirectory(
        { call: 'updateMerchant', args: [id, change] },
        () => store.updateMerchant(id, change),
        (merchant) => merchant === undefined,
      )
    },
    async addKey(key) {
      return changeDirectory(
        { call: 'addKey', args: [key] },
        () => store.addKey(key),
        () => false,
      )
    },
    async eraseHits(erased) {
      checkErased(erased)
      return changeDirectory(
        { call: 'eraseHits', args: [erased] },
        () => store.eraseHits(erased),
        (erasure) => erasure === null,
      )
    },
    erasure: (id) => store.erasure(id),
    erasures: (page) => store.erasures(page),
    erasedOf: (merchants, state) => store.erasedOf(merchants, state),
    async touchDays(merchant, days) {
      checkTouchedDays(days)
      if (days.length === 0) return
      // What it raises is numbered as commits are.
      await changeDirectory(
        { call: 'touchDays', args: [merchant, days] },
        () => store.touchDays(merchant, days),
        () => false,
      )
    },
    erasuresAsked: () => store.erasuresAsked(),
    // Neither fences nor what is forgotten is journaled: what was fenced since the copy is `asked` again, and a day that is
    // counted twice comes out the same.
    fenceErasures: (erasures) => store.fenceErasures(erasures),
    newestFenced: () => store.newestFenced(),
    droppedDays: (page) => store.droppedDays(page),
    forgetDroppedDays: (days) => store.forgetDroppedDays(days),
    // Not journaled: a recovered erasure is `asked` again, and what was removed of it is looked for again.
    moveErasure: (id, move) => store.moveErasure(id, move),
    merchant: (id) => store.merchant(id),
    merchants: (page) => store.merchants(page),
    async findKey(hash) {
      const holder = await store.findKey(hash)
      if (holder === undefined) await askedOfCurrent()
      return holder
    },
    merchantsById: (ids) => store.merchantsById(ids),
    // Never journaled: a secret that is deleted must be nowhere.
    dailySecrets: (dates, keepFrom, make) => store.dailySecrets(dates, keepFrom, make),

    async acquirePartitions(job, source, owner, partitions) {
      const taken = await store.acquirePartitions(job, source, owner, partitions)
      await journal.taken(job, taken.fence, source, partitions)
      // The owner before may have ended between a commit and its head.
      await heads.write(await assertStoreIsCurrent(store, objects))
      checkpoints.taken(job, source, partitions, taken.positions)
      return taken
    },
    async commitEpoch(commit) {
      checkEpoch(commit)
      const [head] = await Promise.all([highestHead(objects), journal.epoch(commit, checkpoints.of(commit))])
      // A number at or below a head that was there before says that the store was set back: found out too late to refuse,
      // but the entry is in the journal too, and nobody builds on it.
      const done = await store.commitEpoch(commit)
      checkpoints.moved(commit)
      if (done.commit <= head) {
        throw new ControlStoreBehindError(`it made commit ${done.commit} after ${head} had been made`)
      }
      try {
        await heads.write(done.commit)
      } catch (cause) {
        // Not an error of the object store's kind, which would say that nothing was committed.
        throw new Error(`commit ${done.commit} was made, but the journal does not say so yet; take the job anew`, {
          cause,
        })
      }
      return done
    },
    async acquireLease(name, owner, ttlMs, now) {
      const lease = await store.acquireLease(name, owner, ttlMs, now)
      if (lease === undefined || leases.get(name) === lease.fence) return lease
      await journal.lease(name, lease.fence)
      await assertStoreIsCurrent(store, objects)
      leases.set(name, lease.fence)
      return lease
    },
    releaseLease: (name, fence) => store.releaseLease(name, fence),
    tableView: (table) => store.tableView(table),
    versionsSince: (since) => store.versionsSince(since),

    async addAccepted(log, from, through, counts) {
      checkAcceptedRange(log, from, through)
      const name = await journal.accepted(log, from, through, counts)
      try {
        await store.addAccepted(log, from, through, counts)
      } catch (error) {
        // Its start proves nothing where the store never said it; where it did, the entry tells that the store was set back.
        if (error instanceof StaleEpochError && counted.get(log) !== from) await forget(name)
        throw error
      }
      counted.set(log, through)
    },
    async acceptedThrough(log) {
      const through = await store.acceptedThrough(log)
      // A collector counts on from what the store has told it, so every start of a range was reached.
      for (const name of await objects.list(topicFolder('accepted', log))) {
        const { from } = rangeOf(name)
        if (from > through) {
          throw new ControlStoreBehindError(
            `accepted hits of log ${log} are counted to ${through}, and were to ${from}`,
          )
        }
      }
      counted.set(log, through)
      return through
    },
    books: (range) => store.books(range),
    // Not journaled: lines sent once more are repeats.
    importProgress: (merchant, file) => store.importProgress(merchant, file),
    setImportProgress: (merchant, file, progress) => store.setImportProgress(merchant, file, progress),

    logProgress: (log) => store.logProgress(log),
    async reportCollector(report) {
      if (report.state === 'retired') await journal.retired(report)
      await store.reportCollector(report)
    },
    collectors: () => store.collectors(),
    async lowestFence(job) {
      // Files are removed by it.
      await assertStoreIsCurrent(store, objects)
      return store.lowestFence(job)
    },

    close: () => store.close(),
  }
}

/** Which checkpoint each partition of this process stands on. */
function knownCheckpoints() {
  const known = new Map<string, Pick<JobPosition, 'next' | 'checkpoint'>>()
  const key = (job: string, source: string, partition: number) => JSON.stringify([job, source, partition])
  return {
    taken(job: string, source: string, partitions: readonly number[], positions: readonly JobPosition[]): void {
      const beginning = { next: 0 as Offset, checkpoint: null }
      for (const partition of partitions) known.set(key(job, source, partition), beginning)
      for (const position of positions) known.set(key(job, source, position.partition), position)
    },
    moved({ job, source, partitions }: EpochCommit): void {
      for (const position of partitions) known.set(key(job, source, position.partition), position)
    },
    of({ job, source, partitions }: EpochCommit): Readonly<Record<number, string | null>> {
      return Object.fromEntries(
        partitions.flatMap(({ partition, from }) => {
          const position = known.get(key(job, source, partition))
          return position?.next === from ? [[partition, position.checkpoint]] : []
        }),
      )
    },
  }
}
