/** What a request body is: one hit, an array of hits, or `{"hits": […], "sentAt": …}`. */
import { depthOf, type Refusal } from '../../core/hit/explain-refusal.ts'
import { instantMs } from '../../core/hit/instant.ts'
import { faultyRequest, ProblemError } from './problem.ts'

/** Hits of one request. */
export const requestMaxHits = 1_000
/** Objects and arrays inside each other in a whole body; deeper bodies are refused as a whole. */
export const bodyMaxDepth = 64

export interface SentBatch {
  readonly hits: readonly unknown[]
  readonly sentAt: 'given' | 'absent'
  /** NaN where it is absent or no instant. */
  readonly sentAtMs: number
  /** The refusal of one hit, unless its depth condemns the whole body. @throws ProblemError 400 `too_deep` */
  explain(refusal: Refusal, hit: unknown): Refusal
}

/**
 * The hits of a body, not yet looked at, at least 1 and at most `maxHits`.
 * @throws ProblemError 400 `no_hits`, `bad_query` (the wrapper), 413 `too_many_hits`, 400 `too_deep`
 */
export function readSentHits(body: unknown, maxHits: number): SentBatch {
  if (Array.isArray(body)) return batchOf(body, 1, undefined, maxHits)
  if (!isWrapper(body)) return batchOf([body], 0, undefined, maxHits)
  for (const key in body) {
    if (key !== 'hits' && key !== 'sentAt') {
      const message = 'beside hits and sentAt there may be nothing'
      throw faultyRequest([{ pointer: `/${key.slice(0, 100)}`, code: 'bad_query', message }])
    }
  }
  if (!Array.isArray(body.hits)) {
    throw faultyRequest([{ pointer: '/hits', code: 'bad_query', message: 'hits must be an array' }])
  }
  refuseDepth(body.sentAt, 1)
  return batchOf(body.hits, 2, body.sentAt, maxHits)
}

function isWrapper(body: unknown): body is { readonly hits: unknown; readonly sentAt?: unknown } {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'hits')
}

function batchOf(hits: readonly unknown[], depthAbove: number, sentAt: unknown, maxHits: number): SentBatch {
  if (hits.length === 0) throw new ProblemError(400, 'no_hits', 'the request holds no hit')
  if (hits.length > maxHits) {
    throw new ProblemError(413, 'too_many_hits', `${hits.length} hits came, a request may hold ${maxHits}`)
  }
  return {
    hits,
    sentAt: sentAt === undefined ? 'absent' : 'given',
    sentAtMs: instantMs(sentAt),
    explain(refusal, hit) {
      // Only a hit that is too deep by itself can take the body too deep: nobody else is measured.
      if (refusal.code === 'too_deep') refuseDepth(hit, depthAbove)
      return refusal
    },
  }
}

function refuseDepth(value: unknown, depthAbove: number): void {
  if (depthOf(value, bodyMaxDepth) + depthAbove > bodyMaxDepth) {
    throw new ProblemError(400, 'too_deep', `a body may be nested ${bodyMaxDepth} deep`)
  }
}
