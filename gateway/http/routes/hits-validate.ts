/**
 * `POST /v1/hits/validate`: what `POST /v1/hits` would make of the same request. Nothing is stored, nothing is in the
 * books; the hits do count against the key's quota, as checking them costs the same.
 */
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import { ProblemError } from '../../core/problem.ts'
import type { ParsedBody } from '../body.ts'
import { senderOf, writeHolder } from '../plugins/collecting-access.ts'
import { tellQuota } from '../plugins/quota.ts'
import type { HitsRoutesOptions } from './hits.ts'

export function validateRoute(
  app: FastifyInstance,
  { collector, clientAddress }: HitsRoutesOptions,
  onRequest: onRequestHookHandler,
): void {
  app.post('/v1/hits/validate', { onRequest }, (request, reply) => {
    const holder = writeHolder(request)
    const body = request.body as ParsedBody | undefined
    if (body === undefined) throw new ProblemError(400, 'bad_json', 'the body is empty')
    try {
      return collector.validate({ body: body.json, text: body.text, holder, ...senderOf(request, clientAddress) })
    } finally {
      tellQuota(reply, collector, holder.key)
    }
  })
}
