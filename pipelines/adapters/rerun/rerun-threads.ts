/**
 * Splits of reruns in threads of their own: each has its own DuckDB, plans and data sets, and asks this thread for nothing but
 * facts of merchants. Threads start with the first split and end when none came for a while. A thread that dies fails the
 * split it was at, and the next split has a new one.
 */
import { type MessagePort, Worker } from 'node:worker_threads'
import { createCaller, serve } from '../../../core/adapters/thread/remote.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { SplitOutput, SplitWork } from '../../../core/ports/rerun-work.ts'
import type { SplitRunner } from '../../runtime/rerun/split-runner.ts'
import { RerunSplitFailedError } from './rerun-split-failed-error.ts'
import type { RerunHostStore, RerunThreadCalls } from './rerun-thread-calls.ts'

/** Threads, at most. */
export const rerunThreadsMax = 64
/** JavaScript heap of each: rows that wait for their flush are most of it. */
export const rerunThreadHeapMaxMb = 768
/** A thread without a split ends after this long. */
export const rerunThreadIdleMs = 60_000
/** A cancelled split may take this long to end by itself, which is when it removes its files; then its thread is ended. */
export const rerunCancelGraceMs = 10_000

export interface RerunThreadsOptions {
  /** A module that calls `serveRerunThread`, as this process can load it. */
  readonly entry: URL
  /** For its `open`: plain data. */
  readonly settings: unknown
  /** 1 to `rerunThreadsMax`. Splits beyond wait for their turn. */
  readonly threads: number
  readonly store: RerunHostStore
  readonly timers: Timers
  /** Default: `rerunThreadHeapMaxMb`. */
  readonly heapMaxMb?: number
  readonly idleMs?: number
  readonly cancelGraceMs?: number
}

export interface RerunThreads extends SplitRunner {
  /** Ends all threads; splits under way fail. */
  close(): Promise<void>
}

/** @throws RangeError for threads that cannot be */
export function createRerunThreads(options: RerunThreadsOptions): RerunThreads {
  const { threads } = options
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > rerunThreadsMax) {
    throw new RangeError(`reruns have 1 to ${rerunThreadsMax} threads, not ${threads}`)
  }
  return new Threads(options)
}

class Threads implements RerunThreads {
  readonly #idle: RerunThread[] = []
  readonly #all = new Set<RerunThread>()
  readonly #waiting: (() => void)[] = []
  #busy = 0
  #closed = false

  constructor(private readonly options: RerunThreadsOptions) {}

  /** @throws RerunSplitFailedError where its thread died; the signal's reason; what running it throws */
  async run(...[work, answers, { signal }]: Parameters<SplitRunner['run']>): Promise<SplitOutput> {
    await this.#turn(signal)
    try {
      const thread = this.#take()
      try {
        return await thread.run(work, answers, signal)
      } finally {
        this.#giveBack(thread)
      }
    } finally {
      this.#busy -= 1
      this.#waiting.shift()?.()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#all].map((thread) => thread.end()))
  }

  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#busy >= this.options.threads && !signal.aborted) await this.#wait(signal)
    signal.throwIfAborted()
    if (this.#closed) throw new Error('the threads of reruns have ended')
    this.#busy += 1
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1)
        resolve()
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(go)
    })
  }

  #take(): RerunThread {
    const known = this.#idle.pop()
    if (known !== undefined) {
      known.wake()
      return known
    }
    const thread = new RerunThread(this.options)
    this.#all.add(thread)
    return thread
  }

  #giveBack(thread: RerunThread): void {
    if (thread.isDead || this.#closed) {
      this.#all.delete(thread)
      void thread.end()
      return
    }
    this.#idle.push(thread)
    thread.rest(this.options.idleMs ?? rerunThreadIdleMs, () => {
      this.#idle.splice(this.#idle.indexOf(thread), 1)
      this.#all.delete(thread)
    })
  }
}

class RerunThread {
  isDead = false
  readonly #worker: Worker
  readonly #splits: RerunThreadCalls
  readonly #stopServing: () => void
  #died: Error | null = null
  #wake: (() => void) | null = null

  constructor(private readonly options: RerunThreadsOptions) {
    const { entry, settings: workerData, heapMaxMb = rerunThreadHeapMaxMb } = options
    this.#worker = new Worker(entry, { workerData, resourceLimits: { maxOldGenerationSizeMb: heapMaxMb } })
    const port = this.#worker as unknown as MessagePort
    this.#stopServing = serve(port, { store: options.store })
    const caller = createCaller(port)
    this.#splits = caller.remote<RerunThreadCalls>('splits')
    const die = (error: Error) => {
      this.isDead = true
      this.#died ??= error
      caller.close(this.#died)
    }
    this.#worker.on('error', (error) => die(error instanceof Error ? error : new Error(String(error))))
    this.#worker.on('exit', (code) => die(new Error(`its thread ended with ${code}`)))
  }

  async run(work: SplitWork, answers: Parameters<SplitRunner['run']>[1], signal: AbortSignal): Promise<SplitOutput> {
    const { timers, cancelGraceMs = rerunCancelGraceMs } = this.options
    let giveUp: (() => void) | null = null
    const cancel = () => {
      giveUp = timers.after(cancelGraceMs, () => void this.end())
    }
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await this.#splits.run(work, answers, { signal })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (this.#died !== null) throw new RerunSplitFailedError(work.split.name, this.#died)
      throw error
    } finally {
      signal.removeEventListener('abort', cancel)
      ;(giveUp as (() => void) | null)?.()
    }
  }

  rest(idleMs: number, ended: () => void): void {
    this.#wake = this.options.timers.after(idleMs, () => {
      ended()
      void this.end()
    })
  }

  wake(): void {
    this.#wake?.()
    this.#wake = null
  }

  async end(): Promise<void> {
    this.wake()
    this.isDead = true
    this.#stopServing()
    await this.#worker.terminate()
  }
}
