/**
 * Shop traffic from a seed, for tests that recount: what is sent, in the order it is sent, with repeats, late hits, bots,
 * hits of a blocked name and orders in home and foreign currency. The same seed gives the same hits for ever.
 */
import { mulberry32 } from '../../seed/random.ts'

export interface Shop {
  readonly id: string
  readonly timeZone: string
  readonly currency: string
  readonly blockedNames: readonly string[]
}

export interface SentHit {
  readonly id: string
  readonly name: string
  readonly time: string
  readonly visitor: string
  readonly url?: string
  readonly revenue?: { readonly amount: string | number; readonly currency: string }
  readonly context?: { readonly userAgent: string }
}

export interface Sending {
  readonly shop: Shop
  readonly hit: SentHit
}

export const shops: readonly Shop[] = [
  { id: 'mumbai', timeZone: 'Asia/Kolkata', currency: 'INR', blockedNames: [] },
  { id: 'new-york', timeZone: 'America/New_York', currency: 'USD', blockedNames: ['internal_ping'] },
  { id: 'kathmandu', timeZone: 'Asia/Kathmandu', currency: 'NPR', blockedNames: [] },
  { id: 'lord-howe', timeZone: 'Australia/Lord_Howe', currency: 'AUD', blockedNames: [] },
]

/** `count` shops with ids of their own, in the zones and currencies of the four. */
export function manyShops(count: number): readonly Shop[] {
  return Array.from({ length: count }, (_, i) => ({ ...(shops[i % shops.length] as Shop), id: `shop-${i}` }))
}

const hour = 3_600_000
const day = 24 * hour

/** When the clocks of New York and Lord Howe change in 2026: the middle of windows that get traffic of their own. */
const clockChanges = ['2026-03-08T07:00:00Z', '2026-11-01T06:00:00Z', '2026-04-04T15:00:00Z', '2026-10-03T15:30:00Z']

export const browserAgent =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
export const botAgent = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'

/** `count` sendings, one in twenty of them a repeat of an earlier one, shuffled, none later than `now`. */
export function traffic(options: {
  readonly seed: number
  readonly count: number
  readonly now: number
  /** Default: the four of `shops`. */
  readonly of?: readonly Shop[]
  /**
   * Default: `a year`, with 20 days and all clock changes. `few days` has four and the latest change, for tests of which days are
   * not the matter: each is a partition that every publication writes.
   */
  readonly over?: 'a year' | 'few days'
}): Sending[] {
  const { of = shops, over = 'a year' } = options
  const random = mulberry32(options.seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
  const past = clockChanges.map((iso) => Date.parse(iso)).filter((at) => at + 2 * day < options.now)
  const changes = over === 'a year' ? past : past.filter((at) => at === Math.max(...past))
  const lastDays = over === 'a year' ? 20 : 4
  const sendings: Sending[] = []
  while (sendings.length < options.count) {
    if (sendings.length > 100 && random() < 0.05) {
      sendings.push(pick(sendings))
      continue
    }
    const shop = pick(of)
    // A third over the last days (most of it late by days), the rest around clock changes of the year.
    const time =
      random() < 0.34 || changes.length === 0
        ? options.now - Math.floor(random() * lastDays * day)
        : pick(changes) + Math.floor((random() - 0.5) * 3 * day)
    sendings.push({ shop, hit: hitAt(sendings.length, shop, time, random, pick) })
  }
  for (let i = sendings.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swapped = sendings[i] as Sending
    sendings[i] = sendings[j] as Sending
    sendings[j] = swapped
  }
  return sendings
}

function hitAt(
  index: number,
  shop: Shop,
  time: number,
  random: () => number,
  pick: <T>(from: readonly T[]) => T,
): SentHit {
  const draw = random()
  const name = draw < 0.7 ? 'page_view' : draw < 0.9 ? 'add_to_cart' : draw < 0.96 ? 'purchase' : 'internal_ping'
  const cents = 1 + Math.floor(random() * 1_000_000)
  const currency = random() < 0.9 ? shop.currency : pick(['EUR', 'JPY', 'USD', 'INR'])
  return {
    id: `h${index}`,
    name,
    time: new Date(time).toISOString(),
    visitor: `v${Math.floor(random() ** 2 * 3_000)}`,
    url: `https://${shop.id}.example/p/${Math.floor(random() * 50)}`,
    ...(name === 'purchase' && {
      revenue: { amount: random() < 0.5 ? cents / 100 : (cents / 100).toFixed(2), currency },
    }),
    ...(random() < 0.5 && { context: { userAgent: random() < 0.1 ? botAgent : browserAgent } }),
  }
}
