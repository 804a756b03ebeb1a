/**
 * The publisher: moves committed staged files into the tables, many per Iceberg commit, in the order they were committed.
 *
 * Exactly once by three things together: a publication is fixed with its id and files in the control store before the
 * lake is touched; the lake takes an id once; only then it is recorded as finished. After a crash anywhere the open
 * publication is repeated first, and whatever happened is found done or is done again. One publisher a table: a lease
 * with a fence, so that one overtaken can record nothing. Several processes may each run one: those without the lease
 * wait, and one of them goes on when it runs out.
 *
 * Nothing is ever given up: a failed publication is tried again after a growing, bounded pause, and until then readers
 * see its files as pending. Without `pollMs`, no timer runs and nothing is written while nothing is unpublished.
 */
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { ControlStore, Publication } from '../../core/ports/control-store.ts'
import type { StagedFile } from '../../core/ports/lake.ts'
import type { TableName } from '../../core/tables.ts'
import { createDiscards } from './discards.ts'
import { holdTurn } from './hold-turn.ts'
import type { PublishingLake } from './publication-turn.ts'
import { type GarbageRule, garbageWhenAlone } from './staged-garbage.ts'
import { takeFiles } from './take-files.ts'

/** Unpublished files wait at most about this long (design.md, section 4). */
export const defaultPublishEveryMs = 60_000
/** Staged bytes of one publication; that much waiting starts one early. */
export const defaultPublishMaxBytes = 128 * 1_048_576
/** Staged files of one publication: DuckDB opens them all at once. */
export const defaultPublishMaxFiles = 1_000
/** Must be longer than a pause of the process; it is renewed at a third of it while a publication runs. */
export const defaultLeaseTtlMs = 120_000
/** Readers may hold a view with files just published for this long: longer than any query runs. */
export const defaultDiscardGraceMs = 60_000
/** Where other processes commit: how often it is looked for what they did. */
export const defaultPublishPollMs = 1_000
/** A publication under way when the publisher stops may take this long; then it is left for the next to repeat. */
export const defaultStopGraceMs = 20_000
/** Pause after a failure; doubled by each further one up to `retryMaxMs`. */
export const defaultRetryMinMs = 1_000
export const defaultRetryMaxMs = 60_000

export interface Published {
  readonly table: TableName
  readonly id: number
  readonly snapshot: string
  readonly files: number
  readonly stagedRows: number
  readonly tookMs: number
}

export interface PublisherOptions {
  readonly store: Pick<
    ControlStore,
    'acquireLease' | 'releaseLease' | 'unpublished' | 'openPublication' | 'beginPublication' | 'finishPublication'
  >
  readonly lake: PublishingLake
  readonly clock: Clock
  readonly timers: Timers
  /** Who holds the leases. A process that alone owns its data folder gives a fixed name: a restart has them at once. */
  readonly owner: string
  readonly tables: readonly TableName[]
  /** From the first commit seen until it is published. */
  readonly everyMs?: number
  /** Looks for commits of other processes this often; absent: `committed` tells of all there are. */
  readonly pollMs?: number
  /** What may be removed of what is staged; absent: the rule of a process that is alone. */
  readonly garbage?: GarbageRule
  readonly maxBytes?: number
  readonly maxFiles?: number
  readonly leaseTtlMs?: number
  readonly discardGraceMs?: number
  readonly stopGraceMs?: number
  readonly retryMinMs?: number
  readonly retryMaxMs?: number
  readonly onPublished?: (published: Published) => void
  /** Something failed and will be tried again; nothing is lost. */
  readonly onError?: (error: unknown, during: { readonly table: TableName | null; readonly retryInMs: number }) => void
}

export interface Publisher {
  /**
   * Removes staged files that the garbage rule names, then publishes in the background. Must resolve before a process that
   * is alone stages anything: what is staged and not committed at this moment is taken for what a dead process left.
   */
  start(): Promise<void>
  /** To be called after every commit of an epoch, with the bytes it staged. */
  committed(stagedBytes?: number): void
  /** Publishes until nothing committed is unpublished. @throws the first failure; the rest is tried all the same */
  publishNow(): Promise<void>
  /**
   * Waits for a running publication, though not longer than `stopGraceMs` where the lake can leave one, discards what was
   * published, gives the leases back. Publishes nothing more.
   */
  stop(): Promise<void>
}

type TableOutcome = 'done' | 'left over' | 'held elsewhere'

export function createPublisher(options: PublisherOptions): Publisher {
  const { store, lake, clock, timers, owner, tables } = options
  const everyMs = options.everyMs ?? defaultPublishEveryMs
  const maxBytes = options.maxBytes ?? defaultPublishMaxBytes
  const maxFiles = options.maxFiles ?? defaultPublishMaxFiles
  const leaseTtlMs = options.leaseTtlMs ?? defaultLeaseTtlMs
  const retryMinMs = options.retryMinMs ?? defaultRetryMinMs
  const retryMaxMs = options.retryMaxMs ?? defaultRetryMaxMs
  const leaseOf = (table: TableName) => `publish/${table}`
  const discards = createDiscards({
    timers,
    graceMs: options.discardGraceMs ?? defaultDiscardGraceMs,
    discard: (name) => lake.discard(name),
    // A file left is garbage of the next start.
    onError: (error) => options.onError?.(error, { table: null, retryInMs: 0 }),
  })

  const fences = new Map<TableName, number>()
  /** When each lease was last asked for and got, on the monotonic clock. */
  const leasedAt = new Map<TableName, number>()
  const garbage = options.garbage ?? garbageWhenAlone
  const stopping = new AbortController()
  let state: 'new' | 'running' | 'stopped' = 'new'
  let cancelTimer: (() => void) | undefined
  const repeats = new Set<() => void>()
  let waitingBytes = 0
  let failures = 0
  /** Rounds run one after another; this many are running or waiting. */
  let rounds = 0
  let lastRound: Promise<unknown> = Promise.resolve()

  async function lease(table: TableName): Promise<number | undefined> {
    const asked = clock.monotonic()
    const held = await store.acquireLease(leaseOf(table), owner, leaseTtlMs, clock.now())
    if (held === undefined) {
      fences.delete(table)
    } else {
      fences.set(table, held.fence)
      leasedAt.set(table, asked)
    }
    return held?.fence
  }

  async function finish({ table, id, files }: Publication, fence: number): Promise<void> {
    const started = clock.monotonic()
    const turn = holdTurn({
      lease: leaseOf(table),
      fence,
      leaseTtlMs,
      leasedAt: leasedAt.get(table) ?? started,
      renew: () => lease(table),
      stop: stopping.signal,
      clock,
      timers,
    })
    let snapshot: string
    try {
      snapshot = (await lake.publish(table, id, files, turn)).snapshot
    } finally {
      turn.end()
    }
    await store.finishPublication(table, leaseOf(table), fence, id, snapshot)
    discards.later(files.map((file) => file.name))
    const stagedRows = files.reduce((sum, file) => sum + file.rows, 0)
    options.onPublished?.({ table, id, snapshot, files: files.length, stagedRows, tookMs: clock.monotonic() - started })
  }

  /** What was committed when it began; with `drain` also what is committed meanwhile. */
  async function publishTable(table: TableName, until: 'begun' | 'drain'): Promise<TableOutcome> {
    if (isStopped() && until === 'begun') return 'left over'
    const fence = await lease(table)
    if (fence === undefined) return 'held elsewhere'
    const open = await store.openPublication(table)
    if (open !== undefined) await finish(open, fence)
    let waiting: readonly StagedFile[] = await store.unpublished(table)
    while (waiting.length > 0) {
      const files = takeFiles(waiting, { maxBytes, maxFiles })
      const fence = await lease(table)
      if (fence === undefined) return 'held elsewhere'
      const names = files.map((file) => file.name)
      await finish(await store.beginPublication(table, leaseOf(table), fence, names), fence)
      waiting = until === 'drain' ? await store.unpublished(table) : waiting.slice(files.length)
      if (isStopped() && until === 'begun') return waiting.length > 0 ? 'left over' : 'done'
    }
    return 'done'
  }

  const isStopped = () => state === 'stopped'

  function round(until: 'begun' | 'drain'): Promise<readonly unknown[]> {
    rounds++
    const next = lastRound.then(async () => {
      cancelTimer?.()
      cancelTimer = undefined
      waitingBytes = 0
      const errors: unknown[] = []
      let leftOver = false
      for (const table of tables) {
        try {
          if ((await publishTable(table, until)) !== 'done') leftOver = true
        } catch (error) {
          errors.push(error)
          options.onError?.(error, { table, retryInMs: retryDelay(failures + 1) })
        }
      }
      failures = errors.length > 0 ? failures + 1 : 0
      rounds--
      if (errors.length > 0) arm(retryDelay(failures))
      // What another process holds is looked at again by polling.
      else if (leftOver && options.pollMs === undefined) arm(everyMs)
      return errors
    })
    lastRound = next
    return next
  }

  function retryDelay(count: number): number {
    return Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(count - 1, 30))
  }

  function arm(delayMs: number): void {
    if (state !== 'running' || cancelTimer !== undefined) return
    cancelTimer = timers.after(delayMs, () => {
      cancelTimer = undefined
      void round('begun')
    })
  }

  /** Repeats `work` with pauses, until stopped. */
  function repeat(everyMs: number, work: () => Promise<void>): void {
    const cancel = timers.after(everyMs, () => {
      repeats.delete(cancel)
      work()
        .catch((error) => options.onError?.(error, { table: null, retryInMs: everyMs }))
        .finally(() => {
          if (state === 'running') repeat(everyMs, work)
        })
    })
    repeats.add(cancel)
  }

  async function poll(): Promise<void> {
    if (cancelTimer === undefined && rounds === 0 && (await pendingNames()).size > 0) arm(everyMs)
  }

  async function pendingNames(): Promise<ReadonlySet<string>> {
    const names = new Set<string>()
    for (const table of tables) {
      // In this order: a publication that begins in between has its files named twice, not never.
      for (const file of await store.unpublished(table)) names.add(file.name)
      for (const file of (await store.openPublication(table))?.files ?? []) names.add(file.name)
    }
    return names
  }

  async function removeGarbage(): Promise<void> {
    const found = await garbage.find({
      stagedNames: () => lake.stagedNames(),
      pendingNames,
      async holdsEveryLease() {
        const held = await Promise.all(tables.map((table) => lease(table)))
        return !held.includes(undefined)
      },
    })
    for (const name of found) await lake.discard(name)
  }

  return {
    async start() {
      if (state !== 'new') throw new TypeError('a publisher starts once')
      await removeGarbage()
      state = 'running'
      if ((await pendingNames()).size > 0) arm(everyMs)
      if (options.pollMs !== undefined) repeat(options.pollMs, poll)
      if (garbage.everyMs !== null) repeat(garbage.everyMs, removeGarbage)
    },

    committed(stagedBytes = 0) {
      waitingBytes += stagedBytes
      if (waitingBytes >= maxBytes && failures === 0 && state === 'running') {
        waitingBytes = 0
        void round('begun')
        return
      }
      arm(everyMs)
    },

    async publishNow() {
      const [error] = await round('drain')
      if (error !== undefined) throw error
    },

    async stop() {
      state = 'stopped'
      cancelTimer?.()
      cancelTimer = undefined
      for (const cancel of repeats) cancel()
      const endGrace = timers.after(options.stopGraceMs ?? defaultStopGraceMs, () =>
        stopping.abort(new Error('the publisher stops; what it was publishing is repeated by the next')),
      )
      await lastRound
      endGrace()
      await discards.now()
      for (const [table, fence] of fences) await store.releaseLease(leaseOf(table), fence)
      fences.clear()
    },
  }
}
