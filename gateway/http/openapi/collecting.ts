/** The routes that take hits. */
import { z } from 'zod'
import { hitSchema } from '../../../core/hit/hit-schema.ts'
import { requestMaxHits } from '../../core/sent-batch.ts'
import { socketFrameMaxBytes } from '../../core/socket-frame.ts'
import { socketMaxUnanswered } from '../../core/socket-session.ts'
import type { HeaderName, Operation, Parameter } from './operation.ts'

export const hit = hitSchema
const manyHits = z.array(hit).min(1).max(requestMaxHits)
export const batch = z.union([
  hit,
  manyHits,
  z.strictObject({
    hits: manyHits,
    sentAt: z
      .union([z.string(), z.number()])
      .optional()
      .meta({ description: 'When it was sent by the client’s clock, whose skew is then removed' }),
  }),
])
export const rejection = z.object({
  index: z.int().meta({ description: 'Of the hit in the request, from 0' }),
  code: z.string(),
  pointer: z.string().meta({ description: 'JSON Pointer in the hit' }),
  message: z.string(),
})
export const acceptAnswer = z.object({ accepted: z.int(), rejected: z.array(rejection) })

const key: Parameter = {
  name: 'key',
  in: 'query',
  schema: z.string(),
  description: 'The write key, for who cannot set headers',
}
const refused = ['no_key', 'bad_key', 'forbidden', 'bad_origin', 'quota_exceeded', 'control_store_unavailable'] as const
const badBodies = [
  'bad_json',
  'bad_content_type',
  'body_too_large',
  'too_deep',
  'no_hits',
  'too_many_hits',
  'bad_query',
] as const
const quotaHeaders = ['RateLimit-Policy', 'RateLimit'] as const satisfies readonly HeaderName[]

const bodies = {
  content: ['application/json', 'text/plain'].map((mediaType) => ({
    mediaType,
    schema: batch,
    ...(mediaType === 'application/json' && {
      examples: {
        'one hit': { name: 'page_view', url: 'https://shop.example/', visitor: 'v-1' },
        'an order, sent by a server': {
          hits: [
            {
              id: 'order-4711',
              name: 'purchase',
              visitor: 'v-1',
              revenue: { amount: '129.90', currency: 'EUR' },
              items: [{ id: 'sku-1', name: 'Lamp', quantity: 2, price: '64.95' }],
              props: { coupon: true, load_ms: 812.5 },
              context: { userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', language: 'de-DE' },
            },
          ],
        },
      },
    }),
  })),
}

export const collecting: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/hits',
    tag: 'collecting',
    id: 'sendHits',
    summary: 'Send hits',
    description: 'Optionally with `Content-Encoding: gzip`. Browsers may send from other origins (CORS).',
    access: 'write',
    parameters: [key],
    body: bodies,
    answers: {
      202: {
        description: 'What was accepted is durable; `rejected` says what was not, hit by hit',
        headers: ['Hitlake-Durability', ...quotaHeaders],
        content: [{ mediaType: 'application/json', schema: acceptAnswer }],
      },
    },
    problems: [...refused, ...badBodies, 'nothing_accepted', 'log_unavailable'],
  },
  {
    method: 'POST',
    path: '/v1/hits/validate',
    tag: 'collecting',
    id: 'validateHits',
    summary: 'What sending the same would be answered; nothing is stored',
    access: 'write',
    parameters: [key],
    body: bodies,
    answers: {
      200: {
        description: 'As the answer to sending them',
        headers: quotaHeaders,
        content: [{ mediaType: 'application/json', schema: acceptAnswer }],
      },
    },
    problems: [...refused, ...badBodies],
  },
  {
    method: 'GET',
    path: '/v1/hits.gif',
    tag: 'collecting',
    id: 'pixel',
    summary: 'Send one hit as an image',
    description: 'Properties are `p.<property>=…`, as text.',
    access: 'write',
    parameters: [
      key,
      {
        name: 'name',
        in: 'query',
        required: true,
        schema: hit.shape.name,
        description: 'As of a hit',
        example: 'open',
      },
      ...(['id', 'time', 'visitor', 'session', 'url', 'referrer', 'title'] as const).map(
        (name): Parameter => ({
          name,
          in: 'query',
          schema: name === 'time' ? z.string() : hit.shape[name].unwrap(),
          description: name === 'time' ? 'ISO 8601 with a zone, or ms since 1970' : 'As of a hit',
        }),
      ),
    ],
    answers: {
      200: {
        description: '43 bytes, once the hit is durable',
        headers: ['Hitlake-Durability', ...quotaHeaders],
        content: [{ mediaType: 'image/gif' }],
      },
    },
    problems: [...refused, 'bad_query', 'nothing_accepted', 'log_unavailable'],
  },
  {
    method: 'GET',
    path: '/v1/hits/socket',
    tag: 'collecting',
    id: 'socket',
    summary: 'Send hits by WebSocket',
    description: `An upgrade; without one it is 404. A frame is what \`POST /v1/hits\` takes, or \`{"seq": n, "hits": […], "sentAt"?}\`, of at most ${socketFrameMaxBytes.toLocaleString('en')} bytes (larger: close 1009). It is answered \`{"seq"?, "accepted", "rejected", "durability"}\` or \`{"seq"?, "error": {"code", "message", "retryAfter"?}}\`, not always in order; with ${socketMaxUnanswered} unanswered the server stops reading. It pings every 30 s.`,
    access: 'write',
    parameters: [key],
    answers: { 101: { description: 'Switched to WebSocket' } },
    problems: [...refused, 'not_found'],
  },
]
