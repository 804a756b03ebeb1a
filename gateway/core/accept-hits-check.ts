/** What of a request's hits is refused before their time is decided, and why. */
import { explainRefusal, type Refusal } from '../../core/hit/explain-refusal.ts'
import { hitChecks } from '../../core/hit/hit-checks.ts'
import type { SentHit } from '../../core/hit/hit-schema.ts'
import { isText, type TextKnowledge } from '../../core/hit/text.ts'
import type { KeyRight } from '../../core/ports/control-store.ts'
import type { SentBatch } from './sent-batch.ts'

export interface Rejection extends Refusal {
  /** Of the hit in the request, from 0. */
  readonly index: number
}

export interface Checked {
  /** By index in the request. */
  readonly rejections: Map<number, Refusal>
  readonly visitors: 'all given' | 'some to derive'
}

const nobodyRejected: readonly Rejection[] = []

/** Checks each hit by itself, for a key of these rights. @throws ProblemError 400 `too_deep` for the whole body */
export function checkHits(batch: SentBatch, text: TextKnowledge, rights: readonly KeyRight[]): Checked {
  const isHit = hitChecks[text]
  const mayHaveRevenue = !rights.includes('no_revenue')
  const rejections = new Map<number, Refusal>()
  let visitors: Checked['visitors'] = 'all given'
  for (let index = 0; index < batch.hits.length; index++) {
    const sent = batch.hits[index]
    if (!isHit(sent)) {
      rejections.set(index, batch.explain(explainRefusal(sent), sent))
      continue
    }
    const refusal = mayHaveRevenue ? undefined : refuseRevenue(sent as SentHit)
    if (refusal !== undefined) rejections.set(index, refusal)
    else if ((sent as SentHit).visitor === undefined) visitors = 'some to derive'
  }
  return { rejections, visitors }
}

/** The rejections as an answer lists them: by index. */
export function inOrder({ rejections }: Checked): readonly Rejection[] {
  if (rejections.size === 0) return nobodyRejected
  return [...rejections].sort(([a], [b]) => a - b).map(([index, why]) => ({ index, ...why }))
}

export function tooLarge(maxBytes: number): Refusal {
  return { code: 'hit_too_large', pointer: '', message: `takes more than ${maxBytes} bytes; shorten its properties` }
}

function refuseRevenue(sent: SentHit): Refusal | undefined {
  const message = 'this key may send no money; send orders from a server, with a key that may'
  if (sent.revenue !== undefined) return { code: 'revenue_not_allowed', pointer: '/revenue', message }
  const priced = sent.items?.findIndex((item) => item.price !== undefined) ?? -1
  return priced < 0 ? undefined : { code: 'revenue_not_allowed', pointer: `/items/${priced}/price`, message }
}

/** A header's text as far as it is kept; null where it is none or holds what a hit may not. */
export function headerText(text: string | undefined, maxLength: number): string | null {
  if (text === undefined || !isText(text)) return null
  return text.length > maxLength
    ? (text.slice(0, maxLength) as unknown as { toWellFormed(): string }).toWellFormed()
    : text
}
