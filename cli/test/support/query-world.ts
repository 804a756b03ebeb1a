/** A shop's traffic as it arrives, out of order and partly late, and the questions asked of it. */
import type { SeedHit, SeedSettings } from '../../seed/traffic.ts'
import { knownOf, knownTraffic } from './known-traffic.ts'
import { randomQueries } from './random-query.ts'
import type { Asked, KnownHit } from './recount-query.ts'

export interface ShopWorld {
  /** Nine tenths, in an order that has nothing to do with time. */
  readonly early: readonly SeedHit[]
  /** The last tenth, from all days. */
  readonly late: readonly SeedHit[]
  readonly knownEarly: readonly KnownHit[]
  readonly knownAll: readonly KnownHit[]
  readonly queries: readonly Asked[]
}

/** Whole days of the shop's zone, the last of them the day before yesterday. */
export function shopWorld(
  settings: SeedSettings,
  options: { readonly days: number; readonly queries: number; readonly seed: number },
): ShopWorld {
  const { days, seed } = options
  const lastDate = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10)
  const firstDate = new Date(Date.parse(lastDate) - (days - 1) * 86_400_000).toISOString().slice(0, 10)
  const { sent, known } = knownTraffic(settings, firstDate, days)
  const shuffled = shuffledByHash(sent)
  const early = shuffled.slice(0, Math.floor(sent.length * 0.9))
  return {
    early,
    late: shuffled.slice(early.length),
    knownEarly: early.map(knownOf),
    knownAll: known,
    queries: randomQueries(
      { hits: known, timeZone: settings.timeZone, firstDate, lastDate },
      { seed, count: options.queries },
    ),
  }
}

/** One hit in thirty once more, as a client does whose answer was lost. */
export function withRepeats(hits: readonly SeedHit[]): readonly SeedHit[] {
  return [...hits, ...hits.filter((_, i) => i % 30 === 0)]
}

function shuffledByHash(sent: readonly SeedHit[]): SeedHit[] {
  const rank = ({ hit }: SeedHit) => {
    let hash = 0
    for (const letter of hit.id) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x5bd1e995)
    return hash
  }
  return [...sent].sort((a, b) => rank(a) - rank(b) || (a.hit.id < b.hit.id ? -1 : 1))
}
