/**
 * A cluster in small over memory stores, drawn from a seed: workers of two jobs over four partitions that take them from
 * each other, publishers, collectors and an operator, all over journaled stores whose answers get lost and whose processes
 * die at any place. What was published is kept as a lake would, so that at the end every offset must be there once.
 */
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { type SeededRandom, seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { ControlStoreUnavailableError, PlatformError, StaleEpochError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import { keyOf, merchantId, merchantOf } from '../../core/ports/control-store.contract.ts'
import type { EpochCommit, JobPosition, Publication } from '../../core/ports/control-store.ts'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import type { Writing } from '../../core/ports/rerun-store.ts'
import type { TableName } from '../../core/tables.ts'
import { journaledStore } from '../core/journal/journaled-store.ts'
import { derive, rewrite, Snapshots } from './recover-maintenance.ts'
import { RerunsUnderTest } from './recover-reruns.ts'
import { type Content, jobs, merchants, pipeline, positionAt, Staging, source } from './recover-staging.ts'
import { type Fate, LostAnswer, troubledStore } from './recover-trouble.ts'

const partitions = [0, 1, 2, 3]
const logs = ['log-a', 'log-b']
/** PostgreSQL goes by its own clock, which no test moves. */
const leaseTtlMs = 1
/** Records that one count of accepted hits covers at most. */
const furthestRange = 10

interface Worker {
  readonly store: ClusterStore
  readonly held: Map<
    string,
    {
      readonly fence: number
      readonly positions: Map<number, JobPosition>
      readonly writing: Writing
      /** Of its next epoch; it may have begun long ago. */
      erasuresKnown: number
    }
  >
}

export class RecoverWorld {
  readonly clock = new ManualClock()
  /** By table: publications the lake took. */
  readonly lake = new Map<string, Map<number, readonly string[]>>()
  readonly snapshots = new Snapshots()
  readonly workers: Worker[] = []
  readonly publishers: { readonly store: ClusterStore; readonly owner: string }[] = []
  collector: ClusterStore
  readonly reruns: RerunsUnderTest
  readonly #random: SeededRandom
  readonly #staging: Staging
  #processes = 0
  #fate: Fate = 'done'
  #trouble = true

  constructor(
    readonly real: ClusterStore,
    readonly objects: ObjectStore,
    seed: number,
  ) {
    this.#random = seededRandom(seed)
    this.#staging = new Staging(objects, this.#random, this.clock)
    this.reruns = new RerunsUnderTest(objects, this)
    this.collector = this.open()
    this.refresh()
  }

  /** New processes instead of those there are; returns the old ones. */
  refresh(): readonly ClusterStore[] {
    const old = [...this.workers, ...this.publishers].map(({ store }) => store)
    this.workers.splice(0)
    this.publishers.splice(0)
    for (let i = 0; i < 3; i++) this.workers.push({ store: this.open(), held: new Map() })
    for (let i = 0; i < 2; i++) this.publishers.push({ store: this.open(), owner: `publisher-${this.#processes}` })
    this.collector = this.open()
    return old
  }

  open(): ClusterStore {
    return journaledStore(
      troubledStore(this.real, () => this.#takeFate()),
      {
        objects: this.objects,
        owner: `process-${this.#processes++}`,
        clock: this.clock,
      },
    )
  }

  below(limit: number): number {
    return this.#random.below(limit)
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T
  }

  some<T>(of: readonly T[]): T[] {
    const chosen = of.filter(() => this.below(2) === 0)
    return chosen.length > 0 ? chosen : [this.pick(of)]
  }

  /** One thing that happens. */
  async step(): Promise<void> {
    this.clock.advance(this.below(1_500))
    const draw = this.below(100)
    if (this.below(5) === 0) await this.rerun()
    else if (draw < 15) await this.take(this.pick(this.workers), this.pick(Object.keys(jobs)), this.some(partitions))
    else if (draw < 55) await this.epoch(this.pick(this.workers), this.pick(Object.keys(jobs)))
    else if (draw < 70) await this.publish(this.pick(this.publishers), this.pick(['hits', 'failed_hits', 'hourly']))
    else if (draw < 80) await this.maintain(this.pick(this.publishers))
    else if (draw < 87) await this.count(this.pick(logs))
    else if (draw < 95) await this.direct()
    else await this.collector.reportCollector({ log: this.pick(logs), visibleThrough: this.clock.now(), state: 'live' })
  }

  /** From now on every call is answered, and nobody dies. */
  calm(): void {
    this.#trouble = false
    this.#fate = 'done'
  }

  async take(worker: Worker, job: string, wanted: readonly number[]): Promise<void> {
    const { fence, positions } = await worker.store.acquirePartitions(job, source, 'worker', wanted)
    const known = new Map(positions.map((position) => [position.partition, position]))
    worker.held.set(job, {
      fence,
      positions: new Map(wanted.map((partition) => [partition, known.get(partition) ?? positionAt(partition, 0)])),
      writing: await worker.store.writing(pipeline),
      erasuresKnown: await worker.store.erasuresAsked(),
    })
  }

  async epoch(worker: Worker, job: string, which: 'some' | 'all' = 'some'): Promise<void> {
    const held = worker.held.get(job)
    if (held === undefined) return
    const all = [...held.positions.keys()]
    const moved = which === 'all' ? all : this.some(all)
    const commit = await this.#staging.stage(job, held, moved)
    this.#fate = this.#draw()
    const dies = this.#trouble && this.below(6) === 0
    try {
      await worker.store.commitEpoch(commit)
    } catch (error) {
      this.#fate = 'done'
      worker.held.delete(job)
      if (dies) return
      const isRefusal =
        error instanceof PlatformError && (error instanceof StaleEpochError || error.retry === 'afterBackoff')
      if (isRefusal) return this.#staging.discard(commit)
      if (error instanceof PlatformError) throw error
      return this.#settle(worker, commit)
    }
    for (const position of commit.partitions) held.positions.set(position.partition, position)
    held.erasuresKnown = await worker.store.erasuresAsked()
    if (!dies) await this.#staging.removeObsolete(job, commit)
    else worker.held.delete(job)
  }

  async publish(publisher: { readonly store: ClusterStore; readonly owner: string }, table: TableName): Promise<void> {
    const { store, owner } = publisher
    const lease = await store.acquireLease(`publish/${table}`, owner, leaseTtlMs, this.clock.now())
    if (lease === undefined) return
    let open = await store.openPublication(table)
    if (open === undefined) {
      const waiting = (await store.unpublished(table)).map(({ name }) => name)
      const files = waiting.slice(0, 1 + this.below(3))
      if (files.length === 0) return
      this.#fate = this.#draw()
      open = await this.#unlessLost(() => store.beginPublication(table, `publish/${table}`, lease.fence, files))
      if (open === undefined) return
    }
    if (this.#trouble && this.below(6) === 0) return
    this.#land(open)
    if (this.#trouble && this.below(6) === 0) return
    const { id, files } = open
    this.#fate = this.#draw()
    const snapshot = this.snapshots.published(table, id)
    await this.#unlessLost(() => store.finishPublication(table, `publish/${table}`, lease.fence, id, snapshot))
    if (this.below(2) === 0) for (const { name } of files) await this.objects.remove(name)
    if (this.below(3) === 0) await store.releaseLease(`publish/${table}`, lease.fence)
  }

  async maintain(publisher: { readonly store: ClusterStore; readonly owner: string }): Promise<void> {
    const { store, owner } = publisher
    const rewritten = this.below(2) === 0
    const table = rewritten ? this.pick(['hits', 'failed_hits', 'hourly'] as const) : 'sessions'
    const lease = `publish/${table}`
    const held = await store.acquireLease(lease, owner, leaseTtlMs, this.clock.now())
    if (held === undefined) return
    const step = { store, lease, fence: held.fence, below: (limit: number) => this.below(limit) }
    this.#fate = this.#draw()
    await this.#unlessLost(async () => {
      if (table === 'sessions') return derive(step, table)
      await rewrite(step, table, this.snapshots, async () => {
        if (this.below(4) === 0) await this.publish(publisher, table)
      })
    })
    this.#fate = 'done'
  }

  async count(log: string, atLeast = 1): Promise<void> {
    const from = await this.collector.acceptedThrough(log)
    const through = (from + atLeast + this.below(furthestRange - atLeast)) as Offset
    // Of its place, as what is counted in a log is: however it is cut, the sum is the same.
    const counts = Array.from({ length: through - from }, (_, i) => ({
      merchant: merchantId('m0'),
      hour: 0,
      hits: from + i + 1,
    }))
    this.#fate = this.#draw()
    await this.#unlessLost(() => this.collector.addAccepted(log, from, through, counts))
  }

  async direct(): Promise<void> {
    const id = this.pick(merchants)
    const draw = this.below(6)
    if (draw === 5) await this.collector.fenceErasures(await this.collector.erasures({ limit: 100 }))
    else if (draw === 4) await this.collector.touchDays(merchantId(id), [this.below(5)])
    else if (draw === 3) {
      const subject = { kind: 'visitor', value: `v${this.below(3)}` } as const
      const now = this.clock.now()
      await this.collector.createMerchant(merchantOf(id), [])
      await this.collector.eraseHits({ merchant: merchantId(id), subject, through: this.below(100), by: 'x', now })
    } else if (draw === 0) {
      const merchant = merchantOf(id, { name: `made ${this.below(1_000)}` })
      const key = keyOf(id, `key-${id}`)
      await this.collector.createMerchant(merchant, [key])
    } else if (draw === 1) await this.collector.updateMerchant(merchantId(id), { name: `named ${this.below(1_000)}` })
    else {
      const key = keyOf(id, `more-${id}-${this.below(3)}`, { rights: [this.pick(['read', 'write'] as const)] })
      await this.collector.addKey(key).catch((error) => {
        if (!(error instanceof RangeError)) throw error
      })
    }
  }

  async rerun(): Promise<void> {
    this.#fate = this.#draw()
    await this.#unlessLost(() => this.reruns.step(this.collector))
    this.#fate = 'done'
  }

  /** Brings all partitions forward once more and publishes everything, without trouble. */
  async settle(): Promise<void> {
    this.calm()
    const [worker] = this.workers
    const [publisher] = this.publishers
    if (worker === undefined || publisher === undefined) return
    for (const job of Object.keys(jobs)) {
      await this.take(worker, job, partitions)
      await this.epoch(worker, job, 'all')
    }
    await this.reruns.settle(this.collector)
    // Beyond what any count reached that was lost.
    for (const log of logs) await this.count(log, furthestRange - 1)
    this.clock.advance(leaseTtlMs + 1)
    for (const table of ['hits', 'failed_hits', 'hourly'] as const) {
      const begun = await this.real.openPublication(table)
      if (begun !== undefined) await this.publish(publisher, table)
    }
  }

  async publishAll(): Promise<void> {
    this.calm()
    this.clock.advance(leaseTtlMs + 1)
    const [publisher] = this.publishers
    for (const table of ['hits', 'failed_hits', 'hourly'] as const) {
      while ((await this.real.tableView(table)).pending.length > 0) {
        await this.publish(publisher as (typeof this.publishers)[number], table)
      }
    }
  }

  /** Names of files whose rows readers see: in the snapshot they read, and beside it. */
  async seen(table: TableName): Promise<readonly string[]> {
    const { snapshot, pending } = await this.real.tableView(table)
    const taken = this.lake.get(table)
    const published = this.snapshots.publications(table, snapshot).flatMap((id) => taken?.get(id) ?? [])
    return [...published, ...pending.map(({ name }) => name)].sort()
  }

  /** Ranges of offsets that the lake's rows of a table were made of, by job and partition, in order. */
  rows(table: TableName): readonly Content[] {
    const names = [...(this.lake.get(table)?.values() ?? [])].flat()
    return names
      .flatMap((name) => this.#staging.contents.get(name) ?? [])
      .sort((a, b) => a.partition - b.partition || a.from - b.from)
  }

  #land({ table, id, files }: Publication): void {
    const names = files.map(({ name }) => name)
    const taken = this.lake.get(table) ?? new Map<number, readonly string[]>()
    this.lake.set(table, taken)
    const before = taken.get(id)
    if (before !== undefined && [...before].sort().join() !== [...names].sort().join()) {
      throw new Error(`publication ${id} of ${table} came with ${names}, and before with ${before}`)
    }
    taken.set(id, before ?? names)
    this.snapshots.published(table, id)
  }

  /** The outcome is not known: the store's word after the partitions were taken anew. */
  async #settle(worker: Worker, commit: EpochCommit): Promise<void> {
    await this.take(
      worker,
      commit.job,
      commit.partitions.map(({ partition }) => partition),
    )
    const held = worker.held.get(commit.job)
    const happened = commit.partitions.every(
      ({ partition, next, checkpoint }) =>
        held?.positions.get(partition)?.next === next && held.positions.get(partition)?.checkpoint === checkpoint,
    )
    if (happened) await this.#staging.removeObsolete(commit.job, commit)
    else await this.#staging.discard(commit)
  }

  async #unlessLost<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call()
    } catch (error) {
      this.#fate = 'done'
      if (error instanceof LostAnswer || error instanceof ControlStoreUnavailableError) return undefined
      throw error
    }
  }

  #draw(): Fate {
    const draw = this.#trouble ? this.below(10) : 0
    return draw < 7 ? 'done' : draw < 8 ? 'refused' : 'answer lost'
  }

  #takeFate(): Fate {
    const fate = this.#fate
    this.#fate = 'done'
    return fate
  }
}
