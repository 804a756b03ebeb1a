/** What is erased, asked of the server again and again while an emission lasts: readers leave it out at once, so does this. */
import type { MerchantId } from '../../core/ids.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ErasedHits } from '../../core/ports/erasure-store.ts'
import type { ErasureView } from '../../gateway/core/erasure-requests.ts'
import type { HistoryParts } from '../../pipelines/runtime/emit/read-history.ts'
import type { Api } from '../client/api.ts'
import { answerOf } from './snapshots.ts'

/** An erasure that is asked for meanwhile is known after this. */
export const erasuresMaxAgeMs = 30_000

export function askedErasures({ api, clock }: { readonly api: Api; readonly clock: Clock }): HistoryParts['store'] {
  let known: readonly ErasedHits[] = []
  let asked = Number.NEGATIVE_INFINITY
  return {
    async erasedOf(merchants) {
      const now = clock.monotonic()
      if (now - asked >= erasuresMaxAgeMs) {
        known = await allErasures(api)
        asked = now
      }
      const wanted = new Set<string>(merchants)
      const found = new Map<MerchantId, ErasedHits[]>()
      for (const each of known) {
        if (!wanted.has(each.merchant)) continue
        const of = found.get(each.merchant)
        if (of === undefined) found.set(each.merchant, [each])
        else of.push(each)
      }
      return found
    },
  }
}

async function allErasures(api: Api): Promise<readonly ErasedHits[]> {
  const all: ErasedHits[] = []
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: { erasures: readonly ErasureView[]; next?: number } = answerOf(
      await api.get(`/v1/admin/erasures?after=${after}`),
    )
    all.push(...page.erasures.map(erasedHits))
    after = page.next
  }
  return all
}

function erasedHits({ merchant, visitor, user, through }: ErasureView): ErasedHits {
  const subject =
    visitor !== undefined
      ? ({ kind: 'visitor', value: visitor } as const)
      : user !== undefined
        ? ({ kind: 'user', value: user } as const)
        : ({ kind: 'merchant' } as const)
  return { merchant: merchant as MerchantId, subject, through: Date.parse(through) }
}
