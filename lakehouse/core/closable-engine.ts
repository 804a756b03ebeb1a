/** What every engine does around its answer: pieces checked, cancelled by its caller or by `close`, one error for all trouble. */
import { EngineUnavailableError, RawBudgetError, TooManyGroupsError } from '../../core/errors.ts'
import type {
  ErasedDaysQuestion,
  HitsGroup,
  HitsQuestion,
  KnownIdsQuestion,
  QueryEngine,
  VisitsGroup,
  VisitsQuestion,
} from '../../core/ports/query-engine.ts'
import { checkKnownIds } from './sql/known-ids-select.ts'
import { checkPieces } from './sql/pieces.ts'

export interface ClosableQueryEngine extends QueryEngine {
  /** Refuses what comes after, ends what runs and what waits, and lets go of what the engine holds. */
  close(): Promise<void>
}

export interface Answerer {
  hits(question: HitsQuestion, signal: AbortSignal): Promise<readonly HitsGroup[]>
  visits(question: VisitsQuestion, signal: AbortSignal): Promise<readonly VisitsGroup[]>
  knownIds(question: KnownIdsQuestion, signal: AbortSignal): Promise<readonly string[]>
  erasedDays(question: ErasedDaysQuestion, signal: AbortSignal): Promise<readonly number[]>
  /** Called once, after every `signal` has been aborted. */
  release(): Promise<void>
}

export function closableEngine(answerer: Answerer): ClosableQueryEngine {
  const closing = new AbortController()
  let released: Promise<void> | undefined

  async function guarded<T>(asked: AbortSignal | undefined, answer: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = asked === undefined ? closing.signal : AbortSignal.any([asked, closing.signal])
    try {
      signal.throwIfAborted()
      return await answer(signal)
    } catch (error) {
      if (asked?.aborted) throw asked.reason
      if (error instanceof RawBudgetError || error instanceof TooManyGroupsError) throw error
      throw new EngineUnavailableError({ cause: error })
    }
  }

  return {
    async hits(question, { signal }) {
      checkPieces(question.pieces)
      return guarded(signal, (limited) => answerer.hits(question, limited))
    },
    async visits(question, { signal }) {
      checkPieces(question.pieces)
      return guarded(signal, (limited) => answerer.visits(question, limited))
    },
    async knownIds(question, { signal }) {
      checkKnownIds(question)
      return guarded(signal, (limited) => answerer.knownIds(question, limited))
    },
    erasedDays: (question, { signal }) => guarded(signal, (limited) => answerer.erasedDays(question, limited)),
    close() {
      closing.abort(new Error('the query engine is closed'))
      released ??= answerer.release()
      return released
    },
  }
}
