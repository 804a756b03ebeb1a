/**
 * Runs a plan over a feed, for ever: epochs of records, each processed, staged, checkpointed and committed in one
 * control-store transaction (design.md, section 4).
 *
 * Delivery: every record exactly once in what is committed, whatever fails between, because a record counts with the
 * transaction that moves the position past it. Order: per partition, as in the feed. Back pressure: one batch of each
 * partition is read ahead of processing. Idle: no timer runs, nothing is written.
 *
 * Errors: another owner, damaged records or state end the runner, with the error; all else is tried again from the last
 * commit after a wait that doubles up to `retryLongestMs`. Nothing is ever skipped.
 */
import { PlatformError } from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import { firstGeneration } from '../../schemas/tables.ts'
import { Backoff } from './backoff.ts'
import { type CommittedEpoch, OutcomeUnknownError } from './commit-epoch.ts'
import { type EpochFacts, type RunnerState, type StreamRunnerOptions, stopMaxAttempts } from './runner-options.ts'
import { Session, StateFullError } from './session.ts'

export interface StreamRunner {
  /** Takes the job over and begins to read. @throws what stands in the way; `start` may then be called again */
  start(): Promise<void>
  /**
   * Processes and commits all that is durable in the feed at this moment, then ends. Where that fails
   * `stopMaxAttempts` times, it ends without: the feed keeps what is not committed.
   */
  stop(): Promise<void>
  /** Ends the open epoch at once, rather than at its time. Nothing happens where none is open. */
  kick(): void
  readonly state: RunnerState
  /** What it failed of, or last tried again after. */
  readonly error: unknown
  /** Committed positions of all partitions, as of the last commit. */
  readonly positions: readonly JobPosition[]
  /** Resolves when it has ended, whatever the reason. */
  readonly ended: Promise<void>
}

/** A runner that has not begun. */
export function createStreamRunner(options: StreamRunnerOptions): StreamRunner {
  return new JobRunner(options)
}

class JobRunner implements StreamRunner {
  error: unknown = null
  readonly ended: Promise<void>
  #state: RunnerState = 'new'
  readonly #job: string
  readonly #backoff = new Backoff()
  readonly #positions = new Map<number, JobPosition>()
  #end: () => void = () => {}
  #session: Session | null = null
  #fence = 0
  #attempt = 0
  #stopping = false
  /** Set where an epoch's outcome is not known: asked for before anything else. */
  #unknown: OutcomeUnknownError | null = null
  #stopAt = new Map<number, Offset>()
  #endWait: () => void = () => {}

  constructor(private readonly options: StreamRunnerOptions) {
    this.#job = options.job ?? options.plan.plan.name
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get state(): RunnerState {
    return this.#session?.blocked ? 'blocked' : this.#state
  }

  get positions(): readonly JobPosition[] {
    return [...this.#positions.values()]
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new TypeError(`a runner starts once; this one is ${this.#state}`)
    this.#state = 'running'
    try {
      await this.#acquire()
      this.#session = await this.#open()
    } catch (error) {
      this.#state = 'new'
      throw error
    }
    // Every error is handled inside; the promise is `ended`.
    void this.#loop()
  }

  async stop(): Promise<void> {
    if (this.#state === 'new') {
      this.#state = 'stopped'
      return this.#end()
    }
    this.#stopping = true
    this.#session?.stop()
    this.#endWait()
    await this.ended
  }

  kick(): void {
    this.#session?.kick()
  }

  async #loop(): Promise<void> {
    for (;;) {
      const then = await this.#runSession()
      await this.#session?.close()
      this.#session = null
      if (then !== 'again') {
        this.#state = then
        return this.#end()
      }
    }
  }

  /** One session to its end; what to do then. */
  async #runSession(): Promise<'again' | 'stopped' | 'failed'> {
    try {
      if (this.#unknown !== null) await this.#settle(this.#unknown)
      this.#session ??= await this.#open()
      this.#state = 'running'
      if (this.#stopping) this.#session.stop()
      const result = await this.#session.run()
      if (result !== 'retryState') return result
      this.#stopAt.clear()
      return 'again'
    } catch (error) {
      return this.#failed(error)
    }
  }

  async #failed(error: unknown): Promise<'again' | 'stopped' | 'failed'> {
    if (error instanceof StateFullError) {
      this.#tell(error.cause, this.#stopping ? 'stopped' : 'retrying')
      // The next session takes what comes before that record, and then waits.
      this.#stopAt.set(error.partition, error.offset)
      return 'again'
    }
    if (error instanceof OutcomeUnknownError) this.#unknown = error
    const cause = error instanceof OutcomeUnknownError ? error.cause : error
    if (cause instanceof PlatformError && cause.retry === 'never' && !(error instanceof OutcomeUnknownError)) {
      this.#tell(cause, 'stopped')
      return 'failed'
    }
    const waitMs = this.#backoff.nextMs()
    if (this.#stopping && this.#backoff.failures >= stopMaxAttempts) {
      this.#tell(cause, 'stopped')
      return 'stopped'
    }
    this.#state = 'retrying'
    this.#tell(cause, 'retrying')
    await this.#session?.close()
    this.#session = null
    await this.#wait(waitMs)
    return 'again'
  }

  /** Takes the job: from here on whoever held it can no longer commit, and the positions are what counts. */
  async #acquire(): Promise<void> {
    const { store, feed, owner } = this.options
    const { fence, positions } = await store.acquirePartitions(this.#job, feed.source, owner, feed.partitions)
    this.#fence = fence
    for (const partition of feed.partitions) {
      const known = positions.find((position) => position.partition === partition)
      this.#positions.set(partition, known ?? emptyPosition(partition))
    }
  }

  async #open(): Promise<Session> {
    const { generation = firstGeneration } = this.options
    const session = new Session(this.options, {
      job: this.#job,
      fence: this.#fence,
      generation,
      positions: this.positions,
      stopAt: this.#stopAt,
      nextAttempt: () => this.#attempt++,
      onCommitted: (epoch, facts) => this.#committed(epoch, facts),
      onPartitionFailed: (error) => this.#tell(error, 'stopped'),
    })
    await session.open()
    return session
  }

  #committed({ commit, positions }: Pick<CommittedEpoch, 'commit' | 'positions'>, facts: EpochFacts | null): void {
    for (const position of positions) this.#positions.set(position.partition, position)
    this.#backoff.reset()
    this.options.onCommitted?.({ commit, positions })
    if (facts !== null) this.options.onEpoch?.(facts)
  }

  /**
   * Finds out whether an epoch was committed. Taking the job anew raises its fence, so a commit that is still under way
   * can land no more after the positions were read.
   */
  async #settle(unknown: OutcomeUnknownError): Promise<void> {
    const before = new Map(this.#positions)
    await this.#acquire()
    const { positions, obsolete } = unknown.epoch
    const landed = positions.every(
      ({ partition, checkpoint }) => this.#positions.get(partition)?.checkpoint === checkpoint,
    )
    if (landed) {
      const { commit } = await this.options.store.versionsSince(Number.MAX_SAFE_INTEGER)
      this.#unknown = null
      this.#committed({ commit, positions }, unknown.facts)
      await Promise.allSettled(obsolete.map((name) => this.options.objects.remove(name)))
      return
    }
    const unmoved = positions.every(
      ({ partition }) => this.#positions.get(partition)?.next === before.get(partition)?.next,
    )
    this.#unknown = null
    // Where another owner went on, it may have begun from our commit: then the files are not ours to remove.
    if (unmoved) await unknown.discard()
  }

  #wait(delayMs: number): Promise<void> {
    if (this.#stopping) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.options.timers.after(delayMs, resolve)
      this.#endWait = () => {
        cancel()
        resolve()
      }
    })
  }

  #tell(error: unknown, then: 'retrying' | 'stopped'): void {
    this.error = error
    this.options.onError?.(error, then)
  }
}

function emptyPosition(partition: number): JobPosition {
  return { partition, next: 0 as Offset, checkpoint: null, watermark: null, received: null, forwarded: {} }
}
