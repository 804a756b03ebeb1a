/** How an answer leaves: its form and headers, or 304 where the client has a body that still holds. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Representation } from '../../core/formats/representation.ts'
import { tagToKeep } from '../../core/formats/tag.ts'

/** An answer is its asker's alone, and differs by these headers. */
export const answerHeaders = {
  'cache-control': 'private',
  vary: 'Authorization, Accept, Accept-Encoding',
} as const

/**
 * Sends the answer. A 304 carries the tag of the body it speaks of, and like every answer the `asOf` of now. So does one
 * to POST: asking changes nothing, and 412, which RFC 9110 has for methods that change something, would help nobody.
 */
export function sendRepresentation(
  request: FastifyRequest,
  reply: FastifyReply,
  { body, contentType, tag, asOf, meta }: Representation,
): FastifyReply {
  reply.headers(answerHeaders).header('hitlake-as-of', asOf)
  const kept = tagToKeep(request.headers['if-none-match'], tag)
  if (kept !== undefined) return reply.header('etag', kept).code(304).send()
  reply.header('etag', tag).header('content-type', contentType)
  if (meta !== undefined) reply.header('hitlake-meta', meta)
  return reply.send(body)
}
