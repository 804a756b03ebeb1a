/**
 * `GET /v1/hits.gif`: one hit in an address, answered with a transparent pixel once it is durable. The status is the only
 * thing an image can tell, so it is 200 for a stored hit alone. HEAD is no route: looking at an address stores nothing.
 */
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify'
import type { AcceptReply } from '../../core/accept-hits.ts'
import { pixelHit } from '../../core/pixel.ts'
import { senderOf, writeHolder } from '../plugins/collecting-access.ts'
import { tellQuota } from '../plugins/quota.ts'
import { type HitsRoutesOptions, nothingAccepted } from './hits.ts'

/** 1 × 1, transparent: 43 bytes. */
const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64')

export function pixelRoute(
  app: FastifyInstance,
  { collector, clientAddress }: HitsRoutesOptions,
  onRequest: onRequestHookHandler,
): void {
  app.get('/v1/hits.gif', { onRequest, exposeHeadRoute: false }, async (request, reply) => {
    const holder = writeHolder(request)
    const body = pixelHit(request.query as Record<string, unknown>)
    const accepted = await collector
      .accept({ body, holder, ...senderOf(request, clientAddress) })
      .finally(() => tellQuota(reply, collector, holder.key))
    return answer(reply, accepted)
  })
}

function answer(reply: FastifyReply, accepted: AcceptReply): Buffer {
  if (accepted.status === 400) throw nothingAccepted(accepted)
  reply
    .header('content-type', 'image/gif')
    .header('cache-control', 'no-store')
    .header('hitlake-durability', accepted.durability)
    // Pages that isolate themselves (COEP) show no image that does not say this.
    .header('cross-origin-resource-policy', 'cross-origin')
  return gif
}
