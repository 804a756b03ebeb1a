/** The routes of merchants, keys, books and imports. */
import { z } from 'zod'
import { filePattern, importRequest } from '../../core/imports.ts'
import { merchantChange, newKey, newMerchant } from '../../core/merchants.ts'
import { defaultPageLimit, pageLimitMax } from '../routes/admin-merchants.ts'
import { access, bodies, json, merchantId } from './admin-parts.ts'
import type { Operation, Parameter } from './operation.ts'

export { importRequest, merchantChange, newKey, newMerchant }

export const merchantView = z.object({
  id: z.string(),
  name: z.string(),
  timeZone: z.string(),
  currency: z.string(),
  blockedNames: z.array(z.string()).meta({ description: 'Hits of these names are set aside' }),
  retentionDays: z.int().nullable().meta({
    description: 'Days that hits, failed hits and visits are kept; null: for ever. Hourly and daily numbers stay',
  }),
  formerZones: z
    .array(z.object({ timeZone: z.string(), until: z.string() }))
    .meta({ description: 'Time zones it had before, each with when it was over' }),
})
export const newMerchantAnswer = merchantView
  .omit({ blockedNames: true, retentionDays: true, formerZones: true })
  .extend({
    writeKey: z.string().meta({ description: 'Shown here and never again' }),
    readKey: z.string().meta({ description: 'Shown here and never again' }),
  })
export const merchantsAnswer = z.object({
  merchants: z.array(merchantView),
  next: z.string().optional().meta({ description: '`after` of the next page' }),
})
export const newKeyAnswer = z.object({
  key: z.string().meta({ description: 'Shown here and never again' }),
  kind: z.enum(['browser', 'server']),
  rights: z.array(z.string()),
  origins: z.array(z.string()),
  quota: z.int().nullable(),
  tool: z.string().nullable(),
})
const counted = z.int()
export const booksAnswer = z.object({
  from: z.string(),
  to: z.string(),
  accepted: counted,
  stored: counted,
  duplicates: counted,
  failed: counted,
  dropped: z.record(z.string(), counted).meta({ description: 'By rule' }),
  inFlight: counted,
  balanced: z.boolean().meta({ description: 'accepted = stored + duplicates + failed + dropped + inFlight' }),
})
export const importProgressAnswer = z.object({
  done: counted.meta({ description: 'Lines [0, done) are answered for' }),
})
export const importAnswer = importProgressAnswer.extend({
  accepted: counted,
  rejected: z.array(z.object({ line: counted, code: z.string(), message: z.string() })),
})

const id: Parameter = {
  name: 'id',
  in: 'path',
  required: true,
  schema: merchantId,
  description: 'Of the merchant',
  example: 'shop',
}
const importPath: readonly Parameter[] = [
  { name: 'merchant', in: 'path', required: true, schema: merchantId, description: 'Its id', example: 'shop' },
  {
    name: 'file',
    in: 'path',
    required: true,
    schema: z.string().regex(filePattern),
    description: 'Hex digits of the SHA-256 of the file',
    example: '0123456789abcdef',
  },
]
const instant = 'A date or an instant, by time received; widened to whole UTC hours'

export const administration: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/admin/merchants',
    tag: 'administration',
    id: 'createMerchant',
    summary: 'Make a merchant, with a write and a read key',
    access: 'admin',
    body: {
      content: json(newMerchant, {
        'a shop': { id: 'lamps', name: 'Lamps & more', timeZone: 'Europe/Berlin', currency: 'EUR' },
        'a shop whose pages send hits themselves': {
          id: 'tables',
          name: 'Tables',
          timeZone: 'America/New_York',
          currency: 'USD',
          kind: 'browser',
          origins: ['https://tables.example'],
          rights: ['no_revenue'],
        },
      }),
    },
    answers: { 201: { description: 'Made', headers: ['Location'], content: json(newMerchantAnswer) } },
    problems: [...access, ...bodies, 'unknown_zone', 'merchant_exists'],
  },
  {
    method: 'GET',
    path: '/v1/admin/merchants',
    tag: 'administration',
    id: 'listMerchants',
    summary: 'Merchants by id, a page',
    access: 'admin',
    parameters: [
      { name: 'after', in: 'query', schema: z.string(), description: 'The last id of the page before', example: 'a' },
      {
        name: 'limit',
        in: 'query',
        schema: z.int().min(1).max(pageLimitMax).default(defaultPageLimit),
        description: 'Of the page',
        example: 10,
      },
    ],
    answers: { 200: { description: 'The page', content: json(merchantsAnswer) } },
    problems: [...access, 'bad_query'],
  },
  {
    method: 'GET',
    path: '/v1/admin/merchants/{id}',
    tag: 'administration',
    id: 'merchant',
    summary: 'One merchant',
    access: 'admin',
    parameters: [id],
    answers: { 200: { description: 'The merchant', content: json(merchantView) } },
    problems: [...access, 'not_found'],
  },
  {
    method: 'PATCH',
    path: '/v1/admin/merchants/{id}',
    tag: 'administration',
    id: 'changeMerchant',
    summary: 'Change a merchant',
    description:
      'Another time zone is that of hits received from now on. Stored hours keep theirs: where these do not line up, hits are counted instead, until a rerun with `zones: "today"` makes the hours anew.',
    access: 'admin',
    parameters: [id],
    body: {
      content: json(merchantChange, {
        'a new name': { name: 'Shop & Co.' },
        'no more tests': { blockedNames: ['test'] },
        'hits of 13 months': { retentionDays: 396 },
        'another time zone, from now on': { timeZone: 'Asia/Kolkata' },
      }),
    },
    answers: { 200: { description: 'The merchant as it is now', content: json(merchantView) } },
    problems: [...access, ...bodies, 'not_found', 'too_many_zones', 'unknown_zone'],
  },
  {
    method: 'POST',
    path: '/v1/admin/merchants/{id}/keys',
    tag: 'administration',
    id: 'createKey',
    summary: 'Another key for a merchant',
    access: 'admin',
    parameters: [id],
    body: {
      content: json(newKey, {
        'a read key': { kind: 'server', rights: ['read'] },
        'a write key for one site, 50 hits a second': {
          kind: 'browser',
          rights: ['write', 'no_revenue'],
          origins: ['https://*.shop.example'],
          quota: 50,
          tool: 'shop pages',
        },
      }),
    },
    answers: { 201: { description: 'Made', content: json(newKeyAnswer) } },
    problems: [...access, ...bodies, 'not_found'],
  },
  {
    method: 'GET',
    path: '/v1/admin/books',
    tag: 'administration',
    id: 'books',
    summary: 'Whether every accepted hit is accounted for',
    access: 'admin',
    parameters: [
      { name: 'merchant', in: 'query', schema: merchantId, description: 'One; all where left out', example: 'shop' },
      { name: 'from', in: 'query', schema: z.string(), description: instant, example: '2026-03-01' },
      { name: 'to', in: 'query', schema: z.string(), description: instant, example: '2026-03-02' },
    ],
    answers: { 200: { description: 'The books', content: json(booksAnswer) } },
    problems: [...access, 'bad_query', 'not_found'],
  },
  {
    method: 'GET',
    path: '/v1/admin/imports/{merchant}/{file}',
    tag: 'administration',
    id: 'importProgress',
    summary: 'How much of a file is imported',
    access: 'admin',
    parameters: importPath,
    answers: { 200: { description: 'How far it is', content: json(importProgressAnswer) } },
    problems: [...access, 'not_found'],
  },
  {
    method: 'POST',
    path: '/v1/admin/imports/{merchant}/{file}',
    tag: 'administration',
    id: 'importLines',
    summary: 'Import the next lines of a file, each once',
    access: 'admin',
    parameters: importPath,
    body: {
      content: json(importRequest, {
        'two lines, one of them a page view': {
          from: 0,
          to: 2,
          lines: [
            {
              line: 1,
              address: '203.0.113.9',
              hit: { name: 'page_view', time: '2026-03-01T10:00:00Z', url: 'https://shop.example/' },
            },
          ],
        },
      }),
    },
    answers: { 200: { description: 'Stored', content: json(importAnswer) } },
    problems: [...access, ...bodies, 'not_found', 'import_out_of_order', 'quota_exceeded', 'log_unavailable'],
  },
]
