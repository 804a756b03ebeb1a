/** What every engine does around its answer: buckets checked, cancelled by its caller or by `close`, one error for all trouble. */
import { EngineUnavailableError, RawBudgetError } from '../../core/errors.ts'
import type { QueryEngine, SeriesQuestion, SeriesRow } from '../../core/ports/query-engine.ts'
import { checkBuckets } from './sql/series-parts.ts'

export interface ClosableQueryEngine extends QueryEngine {
  /** Refuses what comes after, ends what runs and what waits, and lets go of what the engine holds. */
  close(): Promise<void>
}

export interface Answerer {
  answer(question: SeriesQuestion, signal: AbortSignal): Promise<readonly SeriesRow[]>
  /** Called once, after every `signal` has been aborted. */
  release(): Promise<void>
}

export function closableEngine({ answer, release }: Answerer): ClosableQueryEngine {
  const closing = new AbortController()
  let released: Promise<void> | undefined
  return {
    async series(question, { signal: asked }) {
      checkBuckets(question.buckets)
      const signal = asked === undefined ? closing.signal : AbortSignal.any([asked, closing.signal])
      try {
        signal.throwIfAborted()
        return await answer(question, signal)
      } catch (error) {
        if (asked?.aborted) throw asked.reason
        if (error instanceof RawBudgetError) throw error
        throw new EngineUnavailableError({ cause: error })
      }
    },
    close() {
      closing.abort(new Error('the query engine is closed'))
      released ??= release()
      return released
    },
  }
}
