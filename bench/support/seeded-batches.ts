/** Seeded traffic (cli/seed) as records of a collector's log: each a batch of hits of one network and hour. */
import type { SeedHit } from '../../cli/seed/traffic.ts'
import { type EventTime, hourMs, type ReceivedTime } from '../../core/event-time.ts'
import { amountToMicros } from '../../core/hit/amount.ts'
import type { Hit } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import { encodeHitBatch } from '../../schemas/avro/hit-batch.ts'

/** A tracker's page or a server's queue sends so many at once, at most. */
const hitsPerBatchMax = 50

export function benchMerchant(id: string, timeZone: string): Merchant {
  const visitorSeed = '00000000000000aa'
  return {
    id: id as MerchantId,
    name: id,
    timeZone,
    currency: 'EUR',
    blockedNames: [],
    visitorSeed,
    retentionDays: null,
  }
}

/** All of `hits` (by time), those of one hour received at its end. */
export function* seededBatches(merchant: Merchant, hits: readonly SeedHit[]): Generator<Uint8Array> {
  const open = new Map<string, Hit[]>()
  let received = 0
  function* flush(): Generator<Uint8Array> {
    for (const [prefix, waiting] of open) {
      for (let from = 0; from < waiting.length; from += hitsPerBatchMax) {
        yield encode(merchant, prefix, received, waiting.slice(from, from + hitsPerBatchMax))
      }
    }
    open.clear()
  }
  for (const seeded of hits) {
    const end = (Math.floor(seeded.hit.time / hourMs) + 1) * hourMs
    if (end !== received) yield* flush()
    received = end
    const prefix = seeded.address.replace(/\.\d+$/, '.0/24')
    const same = open.get(prefix)
    if (same === undefined) open.set(prefix, [hitOf(seeded)])
    else same.push(hitOf(seeded))
  }
  yield* flush()
}

function encode(merchant: Merchant, addressPrefix: string, received: number, hits: readonly Hit[]): Uint8Array {
  return encodeHitBatch({
    merchant: merchant.id,
    zone: merchant.timeZone,
    currency: merchant.currency,
    received: received as ReceivedTime,
    addressPrefix,
    requestUserAgent: null,
    requestLanguage: null,
    requestClientHints: null,
    keyKind: 'browser',
    hits,
  })
}

function hitOf({ hit }: SeedHit): Hit {
  const { campaign, userAgent, language, screen, timeZone } = hit.context
  return {
    id: hit.id,
    name: hit.name,
    time: hit.time as EventTime,
    visitor: hit.visitor,
    session: null,
    user: null,
    url: hit.url,
    referrer: hit.referrer ?? null,
    title: hit.title,
    revenue: hit.revenue ? { micros: amountToMicros(hit.revenue.amount), currency: hit.revenue.currency } : null,
    items: (hit.items ?? []).map(({ id, name, quantity, price }) => {
      return { id, name, quantity, priceMicros: amountToMicros(price) }
    }),
    props: hit.props,
    context: {
      userAgent,
      language,
      screen,
      timeZone,
      campaign: campaign ? { ...campaign, term: null, content: null } : null,
    },
  }
}
