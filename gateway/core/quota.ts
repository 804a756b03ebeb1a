/**
 * How many hits a key may send: a token bucket per key. It fills at the key's hits per second and holds
 * `quotaBurstSeconds` of them, so a key that was quiet may send that much at once.
 *
 * A request takes all of its hits or none. One of more hits than the bucket holds passes when the bucket is full and
 * leaves it in debt: otherwise a small quota would refuse it for ever.
 *
 * Limits: synchronous, one entry per key in use, the least recently used of more than `maxKeys` forgotten (and full again
 * when it comes back). Each collector counts for itself: behind n of them a key may send up to n times its quota.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../core/ports/clock.ts'
import type { StoredKey } from '../../core/ports/control-store.ts'
import { ProblemError } from './problem.ts'

/** Hits per second of a key that has no quota of its own. */
export const defaultKeyQuota = 5_000
export const quotaBurstSeconds = 2
/** Keys whose buckets are remembered: as many as the key directory knows. */
export const defaultMaxBuckets = 100_000

/** A key's bucket as it stands. */
export interface QuotaLeft {
  /** Hits the bucket holds when full; fills in `quotaBurstSeconds`. */
  readonly burst: number
  /** Whole hits it holds now; 0 where it is in debt. */
  readonly remaining: number
  /** Whole seconds until it is full. */
  readonly fullInSeconds: number
}

export interface KeyQuotas {
  /** Takes `hits` from the key's bucket. @throws ProblemError 429 `quota_exceeded` with the wait, and takes nothing */
  take(key: StoredKey, hits: number): void
  look(key: StoredKey): QuotaLeft
}

export interface KeyQuotasOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Of keys without a quota of their own. */
  readonly perSecond?: number
  readonly maxKeys?: number
}

interface Bucket {
  hits: number
  atMs: number
}

// Sums of fractions: after exactly the wait that was asked for, a bucket may be this much short.
const rounding = 1e-6

export function createKeyQuotas(options: KeyQuotasOptions): KeyQuotas {
  const { clock } = options
  const perSecondByDefault = options.perSecond ?? defaultKeyQuota
  const buckets = new LRUCache<string, Bucket>({ max: options.maxKeys ?? defaultMaxBuckets })

  function filled(key: StoredKey, perSecond: number): Bucket {
    const now = clock.monotonic()
    const full = perSecond * quotaBurstSeconds
    let bucket = buckets.get(key.hash)
    if (bucket === undefined) {
      bucket = { hits: full, atMs: now }
      buckets.set(key.hash, bucket)
      return bucket
    }
    // Also where the key was given another quota since.
    bucket.hits = Math.min(full, bucket.hits + ((now - bucket.atMs) / 1_000) * perSecond)
    bucket.atMs = now
    return bucket
  }

  return {
    take(key, hits) {
      const perSecond = key.quota ?? perSecondByDefault
      const bucket = filled(key, perSecond)
      const needed = Math.min(hits, perSecond * quotaBurstSeconds)
      if (bucket.hits + rounding < needed) {
        const retryAfterSeconds = Math.ceil((needed - bucket.hits) / perSecond - rounding)
        throw new ProblemError(
          429,
          'quota_exceeded',
          `this key may send ${perSecond} hits a second; nothing of this request was stored, send it again later`,
          { quota: perSecond },
          { retryAfterSeconds },
        )
      }
      bucket.hits -= hits
    },
    look(key) {
      const perSecond = key.quota ?? perSecondByDefault
      const burst = perSecond * quotaBurstSeconds
      const { hits } = filled(key, perSecond)
      return {
        burst,
        remaining: Math.max(0, Math.floor(hits + rounding)),
        fullInSeconds: Math.max(0, Math.ceil((burst - hits) / perSecond - rounding)),
      }
    },
  }
}
