/**
 * Runs a plan over a feed, for ever: epochs of records, each processed, staged, checkpointed and committed in one
 * control-store transaction (design.md, section 4).
 *
 * Delivery: every record exactly once in what is committed, whatever fails between, because a record counts with the
 * transaction that moves the position past it. Order: per partition, as in the feed. Back pressure: one batch of each
 * partition is read ahead of processing. Idle: no timer runs, nothing is written.
 *
 * Windows: a plan that keeps some runs by operators (graph-plan.ts), any other by closures (compile-plan.ts). While windows
 * are kept a timer waits for the next that time alone brings about: early panes, and, where a partition is read to its end,
 * the close of windows, for its watermark is then the clock less the delay. What comes of it is an epoch of its own.
 *
 * Owners: with an assignment the runner takes the partitions it is given and works on them until they change; what it has
 * not committed then is dropped, and whoever has them next begins where the control store says. Being wrong about what is
 * ours does no harm: taking partitions raises their fence, and a commit under an older one is refused.
 *
 * Errors: damaged records or state end the runner, with the error, and so does another owner where there is no
 * assignment; all else is tried again from the last commit after a wait that doubles up to `retryLongestMs`. Nothing is
 * ever skipped.
 */
import {
  CorruptCheckpointError,
  OffsetTrimmedError,
  PlatformError,
  StaleEpochError,
  StaleErasuresError,
  StaleWritingError,
} from '../../core/errors.ts'
import type { Offset } from '../../core/ids.ts'
import type { JobPosition } from '../../core/ports/control-store.ts'
import { expectStream } from '../plan/check-bounded.ts'
import { Backoff } from './backoff.ts'
import { type CommittedEpoch, OutcomeUnknownError } from './commit-epoch.ts'
import { Ownership } from './ownership.ts'
import { type EpochFacts, type RunnerState, type StreamRunnerOptions, stopMaxAttempts } from './runner-options.ts'
import { Session } from './session.ts'
import { StateFullError } from './session-start.ts'

export interface StreamRunner {
  /**
   * Takes the job's partitions over and begins to read. Without an assignment it throws what stands in the way, and may
   * then be called again; with one, partitions may come later, and what stands in the way then is met as any other error.
   */
  start(): Promise<void>
  /**
   * Without an assignment: processes and commits all that is durable in the feed at this moment, then ends. With one:
   * commits what is processed, and ends; the rest is for whoever has the partitions next. Where that fails
   * `stopMaxAttempts` times, it ends without: the feed keeps what is not committed.
   */
  stop(): Promise<void>
  /** Ends the open epoch at once, rather than at its time. Nothing happens where none is open. */
  kick(): void
  readonly state: RunnerState
  /** What it failed of, or last tried again after. */
  readonly error: unknown
  /** Committed positions of the partitions it works on, as of the last commit. */
  readonly positions: readonly JobPosition[]
  /** Resolves when it has ended, whatever the reason. */
  readonly ended: Promise<void>
}

/** A runner that has not begun. @throws InvalidPlanError for a plan that cannot run as a stream */
export function createStreamRunner(options: StreamRunnerOptions): StreamRunner {
  expectStream(options.plan.plan)
  return new JobRunner(options)
}

class JobRunner implements StreamRunner {
  error: unknown = null
  readonly ended: Promise<void>
  #state: RunnerState = 'new'
  readonly #ownership: Ownership
  readonly #backoff = new Backoff()
  #end: () => void = () => {}
  #session: Session | null = null
  #attempt = 0
  #stopping = false
  /** Whether what the open session works on was taken already. */
  #taken = false
  /** An error that only a person mends was met once: met again, it is believed. */
  #suspicious = false
  /** Set where an epoch's outcome is not known: asked for before anything else. */
  #unknown: OutcomeUnknownError | null = null
  #stopAt = new Map<number, Offset>()
  #endWait: () => void = () => {}

  constructor(private readonly options: StreamRunnerOptions) {
    this.#ownership = new Ownership({ ...options, job: options.job ?? options.plan.plan.name })
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get state(): RunnerState {
    return this.#session?.blocked ? 'blocked' : this.#state
  }

  get positions(): readonly JobPosition[] {
    return this.#ownership.positions
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new TypeError(`a runner starts once; this one is ${this.#state}`)
    this.#state = 'running'
    try {
      if (!this.#ownership.isShared) {
        await this.#take()
        this.#session = await this.#open()
      }
    } catch (error) {
      this.#state = 'new'
      throw error
    }
    const stopListening = this.#ownership.onChange(() => this.#reassigned())
    // Every error is handled inside; the promise is `ended`.
    void this.#loop().then(stopListening)
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

  #reassigned(): void {
    if (!this.#ownership.isCurrent) this.#session?.leave()
    this.#endWait()
  }

  async #loop(): Promise<void> {
    for (;;) {
      const then = await this.#runSession()
      await this.#closeSession()
      if (then !== 'again') {
        this.#state = then
        return this.#end()
      }
    }
  }

  /** One session to its end; what to do then. */
  async #runSession(): Promise<'again' | 'stopped' | 'failed'> {
    try {
      const session = await this.#prepare()
      if (session === null) return this.#stopping ? 'stopped' : 'again'
      this.#state = 'running'
      if (this.#stopping) session.stop()
      if (!this.#ownership.isCurrent) session.leave()
      const result = await session.run()
      if (result === 'left') return 'again'
      if (result !== 'retryState') return result
      this.#stopAt.clear()
      return 'again'
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** A session over what is ours now; null where something came between, and it is to be looked at anew. */
  async #prepare(): Promise<Session | null> {
    if (this.#session !== null) return this.#session
    const ownership = this.#ownership
    if (ownership.doubted && !this.#stopping) {
      // An assignment that changes meanwhile was given after the doubt, which is as good.
      await Promise.race([ownership.confirm(), this.#interrupted()])
      ownership.doubted = false
    }
    if (ownership.given.length === 0) {
      // Whoever has the partitions of an epoch of unknown outcome goes on from what was committed, be it or not.
      this.#unknown = null
      if (!this.#stopping) await this.#interrupted()
      return null
    }
    if (this.#unknown !== null) await this.#settle(this.#unknown)
    if (this.#stopping && ownership.isShared) return null
    if (!this.#taken) await this.#take()
    this.#session = await this.#open()
    return this.#session
  }

  async #failed(error: unknown): Promise<'again' | 'stopped' | 'failed'> {
    // Another generation is to be written, or an erasure is carried out that the epoch did not know: the next session reads
    // which, and makes the same epoch again.
    if (error instanceof StaleWritingError || error instanceof StaleErasuresError) return 'again'
    if (error instanceof StateFullError) {
      this.#tell(error.cause, this.#stopping ? 'stopped' : 'retrying')
      // The next session takes what comes before that record, and then waits.
      this.#stopAt.set(error.partition, error.offset)
      return 'again'
    }
    if (error instanceof OutcomeUnknownError) this.#unknown = error
    const cause = error instanceof OutcomeUnknownError ? error.cause : error
    if (!(error instanceof OutcomeUnknownError) && this.#isFinal(cause)) {
      this.#tell(cause, 'stopped')
      return 'failed'
    }
    // Owners may have changed unnoticed meanwhile: what is ours is asked for, and taken, anew.
    this.#ownership.doubted = this.#ownership.isShared
    const waitMs = this.#backoff.nextMs()
    const nothingLeft = this.#ownership.isShared && this.#unknown === null
    if (this.#stopping && (nothingLeft || this.#backoff.failures >= stopMaxAttempts)) {
      this.#tell(cause, 'stopped')
      return 'stopped'
    }
    this.#state = 'retrying'
    this.#tell(cause, 'retrying')
    await this.#closeSession()
    await this.#wait(waitMs)
    return 'again'
  }

  /**
   * Whether only a person mends it. Where others may take our partitions, state or records that are gone can mean that the
   * new owner needed them no more: so that is believed only when a second try, begun after asking, meets it again.
   */
  #isFinal(cause: unknown): boolean {
    if (!(cause instanceof PlatformError) || cause.retry !== 'never') return false
    if (!this.#ownership.isShared) return true
    if (cause instanceof StaleEpochError) return false
    if (!(cause instanceof CorruptCheckpointError || cause instanceof OffsetTrimmedError)) return true
    const again = this.#suspicious
    this.#suspicious = true
    return again
  }

  async #take(): Promise<void> {
    await this.#ownership.take()
    this.#taken = true
  }

  async #open(): Promise<Session> {
    const { job, fence, positions, isShared } = this.#ownership
    const session = new Session(this.options, {
      job,
      fence,
      positions,
      stopAt: this.#stopAt,
      stopAfter: isShared ? 'what was processed' : 'what is durable',
      nextAttempt: () => this.#attempt++,
      onCommitted: (epoch, facts) => this.#committed(epoch, facts),
      onPartitionFailed: (error) => this.#tell(error, 'stopped'),
    })
    await session.open()
    return session
  }

  async #closeSession(): Promise<void> {
    const session = this.#session
    this.#session = null
    if (this.#ownership.isShared) this.#taken = false
    await session?.close()
  }

  #committed({ commit, positions }: Pick<CommittedEpoch, 'commit' | 'positions'>, facts: EpochFacts | null): void {
    this.#ownership.moved(positions)
    this.#backoff.reset()
    this.#suspicious = false
    this.options.onCommitted?.({ commit, positions })
    if (facts !== null) this.options.onEpoch?.(facts)
  }

  /**
   * Finds out whether an epoch was committed. Taking its partitions anew raises their fence, so a commit that is still
   * under way can land no more after the positions were read. One of them is enough: they move together or not at all.
   */
  async #settle(unknown: OutcomeUnknownError): Promise<void> {
    const before = new Map(this.positions.map((position) => [position.partition, position]))
    await this.#take()
    const now = new Map(this.positions.map((position) => [position.partition, position]))
    const { positions, obsolete } = unknown.epoch
    const ours = positions.filter(({ partition }) => now.has(partition))
    this.#unknown = null
    // None of them is ours any more: nothing can be asked, and nothing of it is ours to remove.
    if (ours.length === 0) return
    if (ours.every(({ partition, checkpoint }) => now.get(partition)?.checkpoint === checkpoint)) {
      this.#unknown = unknown
      const { commit } = await this.options.store.versionsSince(Number.MAX_SAFE_INTEGER)
      this.#unknown = null
      this.#committed({ commit, positions }, unknown.facts)
      await Promise.allSettled(obsolete.map((name) => this.options.objects.remove(name)))
      return
    }
    // An epoch that has panes and no record leaves the position where it is, so the checkpoint is what tells.
    const unmoved = ours.every(({ partition }) => now.get(partition)?.checkpoint === before.get(partition)?.checkpoint)
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

  /** Until `stop`, or until the assignment changes. */
  #interrupted(): Promise<void> {
    return new Promise((resolve) => {
      this.#endWait = resolve
    })
  }

  #tell(error: unknown, then: 'retrying' | 'stopped'): void {
    this.error = error
    this.options.onError?.(error, then)
  }
}
