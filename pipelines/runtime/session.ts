/**
 * A run of a job from committed positions until it ends or something fails: the open epoch and what it has made. A session
 * that failed is thrown away whole; the next one begins where the control store says. Nothing in flight outlives it.
 */
import { PlatformError, StateLimitError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import type { FeedRecord } from '../../core/ports/feed.ts'
import { canonicalJson } from '../plan/canonical.ts'
import { type CommittedEpoch, commitEpoch, OutcomeUnknownError } from './commit-epoch.ts'
import { EpochErasures } from './epoch-erasures.ts'
import { EpochOutput } from './epoch-output.ts'
import { Inbox } from './inbox.ts'
import { openPartition } from './open-partition.ts'
import { type Arrival, type DecodedRecord, merchantsOf, type Partition } from './partition.ts'
import { mergedSteps } from './plan-windows.ts'
import {
  defaultEpochMaxBytes,
  defaultEpochMaxHits,
  defaultEpochMs,
  defaultStateMaxBytes,
  type EpochFacts,
  type StreamRunnerOptions,
  stateRetryMs,
  turnMaxHits,
  turnMaxMs,
} from './runner-options.ts'
import { type SessionStart, StateFullError } from './session-start.ts'
import { openStateOf } from './state.ts'
import { WindowClock } from './window-clock.ts'
import { type JobWriting, openWriting } from './writing.ts'

export class Session {
  readonly inbox = new Inbox<Arrival>()
  readonly #output = new EpochOutput()
  readonly #limits: { readonly epochMs: number; readonly maxHits: number; readonly maxBytes: number }
  readonly #turn: () => Promise<void>
  #partitions: readonly Partition[] = []
  #hits = 0
  #records = 0
  #bytes = 0
  #openedAt = 0
  #due = false
  #cancelDue: () => void = () => {}
  #sinceTurn = 0
  #turnedAt = 0
  #stopping = false
  #left = false
  #drainTo: ReadonlyMap<number, Offset> | null = null
  #retryState = false
  #writing: JobWriting | null = null
  #cancelRetry: (() => void) | null = null
  readonly #windowClock: WindowClock
  readonly #erasures: EpochErasures

  constructor(
    private readonly options: StreamRunnerOptions,
    private readonly start: SessionStart,
  ) {
    this.#limits = {
      epochMs: options.epochMs ?? defaultEpochMs,
      maxHits: options.epochMaxHits ?? defaultEpochMaxHits,
      maxBytes: options.epochMaxBytes ?? defaultEpochMaxBytes,
    }
    this.#erasures = new EpochErasures(options)
    this.#windowClock = new WindowClock({ ...options, ring: () => this.inbox.ring() })
    this.#turn = options.turn ?? (() => new Promise((resolve) => options.timers.after(0, resolve)))
  }

  /** Opens every partition. @throws as `openPartition`; then nothing stays open */
  async open(): Promise<void> {
    const { options, start } = this
    const { feed, objects, inputs, random, stateReader, tables } = options
    const openState = options.openState ?? openStateOf({ objects, random, ...(stateReader && { reader: stateReader }) })
    const stateMaxBytes = Math.floor((options.stateMaxBytes ?? defaultStateMaxBytes) / start.positions.length)
    const dataSets = canonicalJson(inputs.dataSets)
    const writing = await openWriting({ ...options, dataSets: inputs.dataSets })
    const { base, beside } = writing
    this.#writing = writing
    const plan = base.pipeline.hash(inputs.dataSets)
    const opened: Partition[] = []
    this.#partitions = opened
    this.#erasures.begin()
    try {
      for (const committed of start.positions) {
        const { partition } = committed
        const facts = { plan, dataSets, source: feed.source, partition, generation: base.generation }
        const stopAt = start.stopAt.get(partition) ?? null
        const { context } = inputs
        const shared = {
          pipeline: base.pipeline,
          beside,
          baseSinks: base.sinks,
          job: start.job,
          fence: start.fence,
          feed,
          objects,
          openState,
          stateMaxBytes,
          context,
          output: this.#output,
          ...(tables && { tables }),
        }
        opened.push(await openPartition({ ...shared, facts, committed, stopAt }))
      }
      this.#windowClock.wait(opened)
    } catch (error) {
      await this.close()
      throw error
    }
  }

  get blocked(): boolean {
    return this.#partitions.some((partition) => partition.blocked)
  }

  /** Ends the open epoch at once rather than at its time. */
  kick(): void {
    this.#due = true
    this.inbox.ring()
  }

  /** The partitions are not this session's any more: nothing of what is open counts. */
  leave(): void {
    this.#left = true
    this.inbox.ring()
  }

  /** From now on: only what `stopAfter` says, then the end. */
  stop(): void {
    this.#stopping = true
    this.inbox.ring()
  }

  /**
   * Runs epochs. `stopped`: all that `stop` asked for is committed; `retryState`: open again without `stopAt`; `left`: as
   * `leave` asked.
   */
  async run(): Promise<'stopped' | 'failed' | 'retryState' | 'left'> {
    for (;;) {
      if (this.#left) return 'left'
      if (this.#windowClock.hasCome) await this.#followTime()
      if (this.#stopping && this.#drainTo === null) this.#drainTo = await this.#ends()
      const ended = this.#ended()
      if (this.#hasWork && (this.#due || ended !== null || this.blocked)) await this.#endEpoch()
      this.#due = false
      if (ended !== null) return ended
      if (this.blocked) this.#armRetry()
      for (const partition of this.#partitions) partition.request(this.inbox)
      for (const arrival of await this.inbox.take()) await this.#arrived(arrival)
    }
  }

  async close(): Promise<void> {
    this.#cancelDue()
    this.#windowClock.cancel()
    this.#cancelRetry?.()
    await Promise.allSettled(this.#partitions.map((partition) => partition.close()))
  }

  #armRetry(): void {
    if (this.#cancelRetry !== null) return
    this.#cancelRetry = this.options.timers.after(stateRetryMs, () => {
      this.#retryState = true
      this.inbox.ring()
    })
  }

  #ended(): 'stopped' | 'failed' | 'retryState' | null {
    if (this.#partitions.length > 0 && this.#partitions.every((partition) => partition.error !== null)) return 'failed'
    if (this.#retryState) return 'retryState'
    const drainTo = this.#drainTo
    if (drainTo === null) return null
    const drained = this.#partitions.every(
      (partition) =>
        partition.next >= (drainTo.get(partition.number) ?? 0) || partition.blocked || partition.error !== null,
    )
    return drained ? 'stopped' : null
  }

  async #ends(): Promise<ReadonlyMap<number, Offset>> {
    const ends = new Map<number, Offset>()
    if (this.start.stopAfter === 'what was processed') return ends
    for (const { number } of this.#partitions) ends.set(number, await this.options.feed.end(number))
    return ends
  }

  async #arrived(arrival: Arrival): Promise<void> {
    if ('records' in arrival) return this.#process(arrival.partition, arrival.records)
    const { partition, error } = arrival
    if (!(error instanceof PlatformError) || error.retry !== 'never') throw error
    // What came before the damage is good and is committed; only this partition ends.
    partition.error = error
    this.#due = true
    this.start.onPartitionFailed(error)
  }

  async #process(partition: Partition, records: readonly FeedRecord[]): Promise<void> {
    let rest = partition.decode(records)
    while (rest.length > 0) {
      await this.#erasures.lookUp(merchantsOf(rest))
      this.#openEpoch()
      const taken = await this.#take(partition, rest)
      rest = rest.slice(taken)
      if (this.#full()) await this.#endEpoch()
    }
  }

  /** Processes records until the epoch is full; how many it took. */
  async #take(partition: Partition, records: readonly DecodedRecord[]): Promise<number> {
    const { clock } = this.options
    let taken = 0
    for (const record of records) {
      const hits = this.#processOne(partition, record)
      taken += 1
      this.#records += 1
      this.#hits += hits
      this.#bytes += record.bytes
      this.#sinceTurn += hits
      if (this.#sinceTurn >= turnMaxHits || clock.monotonic() - this.#turnedAt >= turnMaxMs) {
        await this.#turn()
        this.#sinceTurn = 0
        this.#turnedAt = clock.monotonic()
      }
      if (this.#full()) break
    }
    return taken
  }

  #processOne(partition: Partition, record: DecodedRecord): number {
    try {
      return partition.process(record, this.options.clock.now())
    } catch (error) {
      if (error instanceof StateLimitError) throw new StateFullError(partition.number, record.offset, error)
      throw error
    }
  }

  /** Whether something is not committed. */
  get #hasWork(): boolean {
    return this.#records > 0 || this.#partitions.some(({ hasPanes }) => hasPanes)
  }

  async #followTime(): Promise<void> {
    await this.#windowClock.follow(this.#partitions)
    // Panes join an epoch that is open.
    if (this.#records === 0 && this.#hasWork) this.#due = true
  }

  #full(): boolean {
    return this.#hits >= this.#limits.maxHits || this.#bytes >= this.#limits.maxBytes || this.#erasures.isFull
  }

  #openEpoch(): void {
    if (this.#records > 0) return
    this.#openedAt = this.options.clock.monotonic()
    this.#turnedAt = this.#openedAt
    this.#cancelDue = this.options.timers.after(this.#limits.epochMs, () => this.kick())
  }

  async #endEpoch(): Promise<void> {
    this.#cancelDue()
    const { options, start } = this
    const { clock, feed, inputs, lake, objects, store } = options
    const { base, writing } = this.#writing as JobWriting
    const began = clock.monotonic()
    if (this.#records === 0) this.#openedAt = began
    const moved = this.#partitions.filter((partition) => partition.moved)
    for (const partition of moved) partition.parts.plan.emitPanes()
    const { job, fence } = start
    const { books = 'kept' } = options
    const ids = {
      job,
      fence,
      books,
      source: feed.source,
      plan: base.pipeline.hash(inputs.dataSets),
      writing,
      ...this.#erasures.said(),
      attempt: start.nextAttempt(),
    }
    const facts = (epoch: Omit<CommittedEpoch, 'commit'>) => this.#facts(began, epoch)
    let committed: CommittedEpoch
    try {
      committed = await commitEpoch({ ...ids, store, lake, objects }, this.#output, moved)
    } catch (error) {
      if (error instanceof OutcomeUnknownError) error.facts = facts(error.epoch)
      throw error
    }
    const epoch = facts(committed)
    moved.forEach((partition, i) => {
      partition.commit(committed.positions[i] as JobPosition)
    })
    this.#output.clear()
    this.#hits = 0
    this.#records = 0
    this.#bytes = 0
    this.#due = false
    this.#erasures.begin()
    this.#windowClock.wait(this.#partitions)
    start.onCommitted(committed, epoch)
    // Leftovers of a removal that fails are removed when the partition is next opened.
    await Promise.allSettled(committed.obsolete.map((name) => objects.remove(name)))
  }

  #facts(began: number, { positions, staged }: Omit<CommittedEpoch, 'commit'>): EpochFacts {
    const ended = this.options.clock.monotonic()
    return {
      records: this.#records,
      bytes: this.#bytes,
      counts: this.#output.counts,
      repeatedForwards: this.#output.repeatedForwards,
      stateBytes: this.#partitions.reduce((sum, { stateBytes }) => sum + stateBytes, 0),
      windows: mergedSteps(this.#partitions.map(({ windows }) => windows?.steps ?? [])),
      totalMs: ended - this.#openedAt,
      commitMs: ended - began,
      positions,
      stagedBytes: staged.reduce((sum, { bytes }) => sum + bytes, 0),
    }
  }
}
