/**
 * Runs a pipeline over the splits of a finite input in several threads. Each thread imports the module that exports the
 * program, takes one split after the other, and gives the same results for it whatever the number of threads: results of one
 * split come in one order, those of several in any.
 *
 * At least once: a run that fails or is cancelled leaves what it has given so far to be thrown away.
 */
import { InvalidPlanError } from '../../../core/errors.ts'
import type { BoundedResult } from '../../runtime/bounded/result.ts'
import type { BoundedSummary } from '../../runtime/bounded/run-bounded.ts'
import { checkSplits, type Split } from '../../runtime/bounded/split.ts'
import type { HostCalls, SplitProgram } from './split-calls.ts'
import { SplitFailedError } from './split-failed-error.ts'
import { startThreadOfSplits, type ThreadOfSplits } from './thread-of-splits.ts'

/** Threads of a run, at most. */
export const threadsMax = 64

/** JavaScript heap of a thread: window state, its panes and rows that are put in order are the most it holds. */
export const threadHeapMaxMb = 1_024

export interface SplitsRunOptions {
  /** Exports the program (runtime/bounded/program.ts). */
  readonly module: URL
  /** Under this name. */
  readonly export: string
  readonly splits: readonly Split[]
  readonly threads: number
  /**
   * Takes results, batch by batch, never two at once. A thread whose results are not taken waits, with at most
   * `untakenBatchesMax` (split-calls.ts) batches of `resultBatchRows` under way.
   */
  readonly output: (split: string, results: readonly BoundedResult[]) => void | Promise<void>
  /** Of each split; default: the plan's own limit. */
  readonly stateMaxBytes?: number
  /** Of each; default: `threadHeapMaxMb`. One that needs more dies. */
  readonly threadHeapMaxMb?: number
  /** Ends all threads at once, wherever they are. */
  readonly signal?: AbortSignal
  /** What a thread runs. Default: split-thread beside this file, built. */
  readonly threadEntry?: URL
}

/**
 * What became of each split, in their order.
 * @throws SplitFailedError naming the split that could not be run, or whose thread died
 * @throws InvalidPlanError for splits or threads that cannot be; what `output` throws; the signal's reason
 */
export async function runBoundedSplits(options: SplitsRunOptions): Promise<readonly BoundedSummary[]> {
  const { splits, threads, signal } = options
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > threadsMax) {
    throw new InvalidPlanError(`a run has 1 to ${threadsMax} threads, got ${threads}`)
  }
  checkSplits(splits)
  signal?.throwIfAborted()
  return new SplitsRun(options).run()
}

class SplitsRun {
  readonly #threads: ThreadOfSplits[] = []
  readonly #summaries: BoundedSummary[] = []
  readonly #host: HostCalls = { take: (split, results) => this.#take(split, results) }
  #next = 0
  /** The first failure is the run's; what follows of it is not. */
  #failure: { readonly error: unknown } | null = null
  #taking: Promise<void> = Promise.resolve()

  constructor(private readonly options: SplitsRunOptions) {}

  async run(): Promise<readonly BoundedSummary[]> {
    const { splits, threads, signal } = this.options
    const cancel = () => this.#fail(signal?.reason)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      await Promise.all(Array.from({ length: Math.min(threads, splits.length) }, () => this.#runThread()))
      // What is being taken ends before the run does.
      await this.#taking
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
    if (this.#failure !== null) throw this.#failure.error
    return this.#summaries
  }

  async #runThread(): Promise<void> {
    const thread = this.#start()
    for (let at = this.#claim(); at !== null; at = this.#claim()) {
      const split = this.options.splits[at] as Split
      try {
        this.#summaries[at] = await thread.run(split)
      } catch (error) {
        this.#fail(new SplitFailedError(split, error))
      }
    }
    await thread.terminate()
  }

  #start(): ThreadOfSplits {
    const { module, export: name, stateMaxBytes = null, threadEntry } = this.options
    const program: SplitProgram = { module: module.href, export: name, stateMaxBytes }
    const entry = threadEntry ?? new URL('./split-thread.js', import.meta.url)
    const heapMaxMb = this.options.threadHeapMaxMb ?? threadHeapMaxMb
    const thread = startThreadOfSplits({ entry, program, heapMaxMb, host: this.#host })
    this.#threads.push(thread)
    return thread
  }

  /** The place of the next split to run; null: none, or the run has failed. */
  #claim(): number | null {
    if (this.#failure !== null || this.#next >= this.options.splits.length) return null
    this.#next += 1
    return this.#next - 1
  }

  #fail(error: unknown): void {
    if (this.#failure !== null) return
    this.#failure = { error }
    for (const thread of this.#threads) void thread.terminate()
  }

  #take(split: string, results: readonly BoundedResult[]): Promise<void> {
    this.#taking = this.#taking.then(async () => {
      if (this.#failure !== null) return
      try {
        await this.options.output(split, results)
      } catch (error) {
        this.#fail(error)
      }
    })
    return this.#taking
  }
}
