/**
 * What a key may still send, on answers of the collecting routes: `RateLimit-Policy` and `RateLimit` as of
 * draft-ietf-httpapi-ratelimit-headers-10. The policy is called `hits`; q = hits the bucket holds, w = seconds it fills in,
 * r = hits left, t = seconds until it is full.
 */
import type { FastifyReply } from 'fastify'
import type { StoredKey } from '../../../core/ports/control-store.ts'
import type { Collector } from '../../core/accept-hits.ts'
import { quotaBurstSeconds } from '../../core/quota.ts'

export function tellQuota(reply: FastifyReply, collector: Pick<Collector, 'quotaOf'>, key: StoredKey): void {
  const left = collector.quotaOf(key)
  if (left === undefined) return
  reply
    .header('ratelimit-policy', `"hits";q=${left.burst};w=${quotaBurstSeconds}`)
    .header('ratelimit', `"hits";r=${left.remaining};t=${left.fullInSeconds}`)
}
