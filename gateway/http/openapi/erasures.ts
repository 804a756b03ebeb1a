/** The routes of erasures. */
import { z } from 'zod'
import { newErasure } from '../../core/erasure-requests.ts'
import { access, bodies, json, merchantId } from './admin-parts.ts'
import type { Operation } from './operation.ts'

export const erasureAnswer = z.object({
  id: z.int(),
  merchant: z.string(),
  visitor: z.string().optional(),
  user: z.string().optional(),
  all: z.literal(true).optional().meta({ description: 'Every hit of the merchant' }),
  through: z.string().meta({ description: 'Hits received up to and at this instant' }),
  state: z.enum(['asked', 'removing', 'removed']).meta({
    description: '`asked`: nobody reads them; `removing`: no number counts them; `removed`: no file holds them',
  }),
  askedAt: z.string(),
  movedAt: z.string(),
  by: z.string(),
})
export const erasuresAnswer = z.object({
  erasures: z.array(erasureAnswer),
  next: z.int().optional().meta({ description: '`after` of the next page' }),
})

export const erasureOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/admin/erasures',
    tag: 'administration',
    id: 'erase',
    summary: 'Erase what a visitor, a user or a whole merchant has sent until now',
    access: 'admin',
    body: {
      content: json(newErasure, {
        'a visitor': { merchant: 'shop', visitor: 'v-1234', by: 'ticket 51' },
        'a user': { merchant: 'shop', user: 'ada' },
        'all of a merchant': { merchant: 'shop', all: true },
      }),
    },
    answers: {
      202: {
        description: 'No question reads these hits and visits any more; stored numbers and files follow',
        headers: ['Location'],
        content: json(erasureAnswer),
      },
    },
    problems: [...access, ...bodies, 'not_found', 'too_many_erasures', 'engine_unavailable'],
  },
  {
    method: 'GET',
    path: '/v1/admin/erasures',
    tag: 'administration',
    id: 'listErasures',
    summary: 'Erasures by number, a page',
    access: 'admin',
    parameters: [
      { name: 'merchant', in: 'query', schema: merchantId, description: 'One; all where left out', example: 'shop' },
      { name: 'state', in: 'query', schema: z.literal('open'), description: 'Those not `removed`', example: 'open' },
      { name: 'after', in: 'query', schema: z.int(), description: 'The last number of the page before', example: 0 },
    ],
    answers: { 200: { description: 'The page', content: json(erasuresAnswer) } },
    problems: [...access, 'bad_query'],
  },
  {
    method: 'GET',
    path: '/v1/admin/erasures/{id}',
    tag: 'administration',
    id: 'erasure',
    summary: 'How far an erasure is',
    access: 'admin',
    parameters: [{ name: 'id', in: 'path', required: true, schema: z.int(), description: 'Its number', example: 1 }],
    answers: { 200: { description: 'The erasure', content: json(erasureAnswer) } },
    problems: [...access, 'not_found'],
  },
]
