/**
 * The hits that both systems read: the same values as packs of batches, as our collectors forward them, and as flat rows,
 * one record each, as Flink is fed. With them the numbers that both must come to.
 */
import { type EventTime, eventTime, hourMs, minuteMs, type ReceivedTime } from '../../../core/event-time.ts'
import type { Hit, HitBatch } from '../../../core/hit.ts'
import type { MerchantId } from '../../../core/ids.ts'

export const partitions = 4
export const hitsPerBatch = 20
export const batchesPerPack = 10
export const hitsPerPack = hitsPerBatch * batchesPerPack
/** None has so many visitors in an hour that our sketches would estimate them (4,096). */
export const merchants = Array.from({ length: 48 }, (_, n) => `shop-${n}` as MerchantId)
const visitors = 100_000
/** Ten minutes behind midnight, so that every hit is of this day. */
const begin = eventTime('2026-03-01T00:10:00.000Z')
const spanMs = 23 * hourMs
/** A hit is received so long after it happened at most: Flink's watermark waits as long. */
export const longestDelayMs = 10 * minuteMs

/** A hit as a flat row; an instant is ms since 1970, money is micros. The order of the fields is that of the Avro record. */
export interface FlatHit {
  readonly merchant: string
  readonly id: string
  readonly name: string
  readonly time: number
  readonly received: number
  readonly visitor: string
  readonly session: string
  readonly url: string
  readonly referrer: string
  readonly title: string
  readonly revenueMicros: number | null
  readonly revenueCurrency: string | null
  /** A JSON object. */
  readonly props: string
  readonly language: string
  readonly screen: string
  readonly addressPrefix: string
  readonly requestUserAgent: string
  readonly keyKind: string
  readonly zone: string
  readonly currency: string
}

/** All hits in order of receipt, a batch at a time, each with its partition: that of its merchant. */
export function* batches(count: number): Generator<{ readonly partition: number; readonly batch: HitBatch }> {
  const random = below(1)
  const total = count / hitsPerBatch
  for (let at = 0; at < total; at++) {
    const received = Math.floor(begin + (at * spanMs) / total) as ReceivedTime
    // Each partition in turn, so that all are of one length.
    const shop = random(merchants.length / partitions) * partitions + (at % partitions)
    yield {
      partition: at % partitions,
      batch: {
        ...{ merchant: merchants[shop] as MerchantId, zone: 'UTC', currency: 'EUR', received },
        addressPrefix: `${random(200) + 20}.${random(250)}.${random(250)}.0/24`,
        requestUserAgent: `Mozilla/5.0 (X11; Linux x86_64; rv:${random(50)}.0) Gecko/20100101 Firefox/130.0`,
        ...{ requestLanguage: null, requestClientHints: null, keyKind: 'browser' },
        hits: Array.from({ length: hitsPerBatch }, (_, n) => hit(random, received, `${at}-${n}`)),
      },
    }
  }
}

/** Of a shop: half of the pages are seldom seen, one hit of twenty is an order. */
function hit(random: (below: number) => number, received: number, id: string): Hit {
  const isOrder = random(20) === 0
  const product = random(2) === 0 ? random(500) : random(1e6)
  const visitor = random(visitors)
  return {
    ...{
      id: `${hex(random(2 ** 31))}${hex(random(2 ** 31))}-4c1e-4a7b-${id}`,
      name: isOrder ? 'purchase' : 'page_view',
    },
    time: (received - random(longestDelayMs)) as EventTime,
    ...{ visitor: `visitor-${visitor}-${hex(visitor * 7919)}`, session: `session-${hex(random(2 ** 31))}`, user: null },
    url: `https://shop.example/products/${product}?ref=mail&n=${random(1e6)}`,
    ...{ referrer: 'https://www.search.example/results', title: `Product ${product} of the shop` },
    revenue: isOrder ? { micros: BigInt(random(100_000)) * 10_000n, currency: 'EUR' } : null,
    ...{ items: [], props: { load_ms: random(2_000) } },
    context: { userAgent: null, language: 'de', screen: '1920x1080', timeZone: null, campaign: null },
  }
}

export function flatHits({ hits, ...batch }: HitBatch): readonly FlatHit[] {
  return hits.map(({ id, name, time, visitor, session, url, referrer, title, revenue, props, context }) => ({
    ...{ merchant: batch.merchant, id, name, time, received: batch.received, visitor, session: session ?? '' },
    ...{ url: url ?? '', referrer: referrer ?? '', title: title ?? '' },
    ...{ revenueMicros: revenue && Number(revenue.micros), revenueCurrency: revenue?.currency ?? null },
    ...{ props: JSON.stringify(props), language: context?.language ?? '', screen: context?.screen ?? '' },
    ...{ addressPrefix: batch.addressPrefix ?? '', requestUserAgent: batch.requestUserAgent ?? '' },
    ...{ keyKind: batch.keyKind, zone: batch.zone, currency: batch.currency },
  }))
}

/** `<key> <hits> <micros> <distinct visitors>`, sorted: by hour (`2026-03-01 07`), and by merchant and hour. */
export interface Recount {
  readonly hours: readonly string[]
  readonly merchantHours: readonly string[]
}

/** Counts as batches are made, without a window, a sketch or a table. */
export function createRecount(): { add(batch: HitBatch): void; result(): Recount } {
  const [hours, merchantHours] = [new Map<string, Numbers>(), new Map<string, Numbers>()]
  return {
    add({ merchant, hits }) {
      for (const { time, visitor, revenue } of hits) {
        const hour = new Date(time).toISOString().slice(0, 13).replace('T', ' ')
        for (const numbers of [of(hours, hour), of(merchantHours, `${merchant} ${hour}`)]) {
          numbers.hits += 1
          numbers.micros += revenue?.micros ?? 0n
          numbers.visitors.add(visitor)
        }
      }
    },
    result: () => ({ hours: lines(hours), merchantHours: lines(merchantHours) }),
  }
}

interface Numbers {
  hits: number
  micros: bigint
  readonly visitors: Set<string>
}

function of(all: Map<string, Numbers>, key: string): Numbers {
  const numbers = all.get(key) ?? { hits: 0, micros: 0n, visitors: new Set() }
  all.set(key, numbers)
  return numbers
}

const lines = (all: ReadonlyMap<string, Numbers>) =>
  [...all].map(([key, { hits, micros, visitors }]) => `${key} ${hits} ${micros} ${visitors.size}`).sort()

const hex = (n: number) => n.toString(16).padStart(8, '0')

/** Whole numbers from 0, by mulberry32: fast, and the same ones each time. */
function below(seed: number): (below: number) => number {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
}
