/**
 * The publisher: moves committed staged files into the tables, many per Iceberg commit, in the order they were committed.
 *
 * Exactly once by three things together: a publication is fixed with its id and files in the control store before the
 * lake is touched; the lake takes an id once; only then it is recorded as finished. After a crash anywhere the open
 * publication is repeated first, and whatever happened is found done or is done again. One publisher a table: a lease
 * with a fence, so that one overtaken can record nothing.
 *
 * Nothing is ever given up: a failed publication is tried again after a growing, bounded pause, and until then readers
 * see its files as pending. While nothing is unpublished no timer runs and nothing is written.
 */
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { ControlStore, Publication } from '../../core/ports/control-store.ts'
import type { LakeWriter, StagedFile } from '../../core/ports/lake.ts'
import type { TableName } from '../../core/tables.ts'
import { createDiscards } from './discards.ts'
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
  readonly lake: LakeWriter
  readonly clock: Clock
  readonly timers: Timers
  /** Who holds the leases. A process that alone owns its data folder gives a fixed name: a restart has them at once. */
  readonly owner: string
  readonly tables: readonly TableName[]
  readonly everyMs?: number
  readonly maxBytes?: number
  readonly maxFiles?: number
  readonly leaseTtlMs?: number
  readonly discardGraceMs?: number
  readonly retryMinMs?: number
  readonly retryMaxMs?: number
  readonly onPublished?: (published: Published) => void
  /** Something failed and will be tried again; nothing is lost. */
  readonly onError?: (error: unknown, during: { readonly table: TableName | null; readonly retryInMs: number }) => void
}

export interface Publisher {
  /**
   * Removes staged files of epochs that were never committed and of publications long finished, then publishes in the
   * background. Must resolve before this process stages anything: what is staged and not committed at this moment is
   * taken for what a dead process left.
   */
  start(): Promise<void>
  /** To be called after every commit of an epoch, with the bytes it staged. */
  committed(stagedBytes?: number): void
  /** Publishes until nothing committed is unpublished. @throws the first failure; the rest is tried all the same */
  publishNow(): Promise<void>
  /** Waits for a running publication, discards what was published, gives the leases back. Publishes nothing more. */
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
  let state: 'new' | 'running' | 'stopped' = 'new'
  let cancelTimer: (() => void) | undefined
  let waitingBytes = 0
  let failures = 0
  /** Rounds run one after another. */
  let lastRound: Promise<unknown> = Promise.resolve()

  async function lease(table: TableName): Promise<number | undefined> {
    const held = await store.acquireLease(leaseOf(table), owner, leaseTtlMs, clock.now())
    if (held === undefined) fences.delete(table)
    else fences.set(table, held.fence)
    return held?.fence
  }

  async function finish(publication: Publication): Promise<void> {
    const { table, id, files } = publication
    const started = clock.monotonic()
    const stopRenewing = renew(table)
    let snapshot: string
    try {
      snapshot = (await lake.publish(table, id, files)).snapshot
    } finally {
      stopRenewing()
    }
    await store.finishPublication(table, leaseOf(table), fences.get(table) ?? -1, id, snapshot)
    discards.later(files.map((file) => file.name))
    const stagedRows = files.reduce((sum, file) => sum + file.rows, 0)
    options.onPublished?.({ table, id, snapshot, files: files.length, stagedRows, tookMs: clock.monotonic() - started })
  }

  // A renewal that fails changes nothing here: a lost lease shows when the publication is to be recorded.
  function renew(table: TableName): () => void {
    let cancel = () => {}
    const arm = () => {
      cancel = timers.after(leaseTtlMs / 3, () => {
        lease(table).catch(() => undefined)
        arm()
      })
    }
    arm()
    return () => cancel()
  }

  /** What was committed when it began; with `drain` also what is committed meanwhile. */
  async function publishTable(table: TableName, until: 'begun' | 'drain'): Promise<TableOutcome> {
    if ((await lease(table)) === undefined) return 'held elsewhere'
    const open = await store.openPublication(table)
    if (open !== undefined) await finish(open)
    let waiting: readonly StagedFile[] = await store.unpublished(table)
    while (waiting.length > 0) {
      const files = takeFiles(waiting, { maxBytes, maxFiles })
      const fence = await lease(table)
      if (fence === undefined) return 'held elsewhere'
      const names = files.map((file) => file.name)
      await finish(await store.beginPublication(table, leaseOf(table), fence, names))
      waiting = until === 'drain' ? await store.unpublished(table) : waiting.slice(files.length)
      if (state === 'stopped' && until === 'begun') return waiting.length > 0 ? 'left over' : 'done'
    }
    return 'done'
  }

  function round(until: 'begun' | 'drain'): Promise<readonly unknown[]> {
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
      if (errors.length > 0) arm(retryDelay(failures))
      else if (leftOver) arm(everyMs)
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

  async function removeGarbage(): Promise<'nothing waits' | 'something waits'> {
    const committed = new Set<string>()
    let heldElsewhere = false
    for (const table of tables) {
      if ((await lease(table)) === undefined) heldElsewhere = true
      const open = await store.openPublication(table)
      for (const file of [...(open?.files ?? []), ...(await store.unpublished(table))]) committed.add(file.name)
    }
    // Another live process may be staging right now; its leftovers are for the next one that starts alone.
    if (!heldElsewhere) {
      for (const name of await lake.stagedNames()) if (!committed.has(name)) await lake.discard(name)
    }
    return committed.size > 0 ? 'something waits' : 'nothing waits'
  }

  return {
    async start() {
      if (state !== 'new') throw new TypeError('a publisher starts once')
      const found = await removeGarbage()
      state = 'running'
      if (found === 'something waits') arm(everyMs)
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
      await lastRound
      await discards.now()
      for (const [table, fence] of fences) await store.releaseLease(leaseOf(table), fence)
      fences.clear()
    },
  }
}
