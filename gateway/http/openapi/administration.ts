/** The routes of the admin API. */
import { z } from 'zod'
import { merchantIdPattern } from '../../../core/ids.ts'
import { newErasure } from '../../core/erasure-requests.ts'
import { filePattern, importRequest } from '../../core/imports.ts'
import { merchantChange, newKey, newMerchant } from '../../core/merchants.ts'
import {
  changesQuery,
  compactRequest,
  newPin,
  pinToRemove,
  removalRequest,
  rollbackRequest,
} from '../../core/table-requests.ts'
import { defaultPageLimit, pageLimitMax } from '../routes/admin-merchants.ts'
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
})
export const newMerchantAnswer = merchantView.omit({ blockedNames: true, retentionDays: true }).extend({
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
export const snapshotsAnswer = z.array(
  z.object({
    id: z.string(),
    at: z.string(),
    rows: counted,
    operation: z.string(),
    parent: z.string().nullable(),
    publish: counted.nullable().meta({ description: 'The publication that made it, where it says so' }),
    addedRows: counted,
    pinnedBy: z.array(z.string()).meta({ description: 'Names of pins' }),
  }),
)
export const pinAnswer = z.object({ name: z.string(), snapshot: z.string(), until: z.string(), by: z.string() })
export const tablesAnswer = z.object({
  tables: z.array(
    z.object({
      name: z.string(),
      snapshot: z.string().nullable().meta({ description: 'What is read now' }),
      pendingFiles: counted.meta({ description: 'Committed and not in the snapshot yet' }),
      pins: z.array(pinAnswer),
    }),
  ),
})
const partition = z.object({
  generation: counted.nullable(),
  period: counted.meta({ description: 'UTC days since 1970, or months' }),
})
const partitionFiles = partition.extend({ files: counted, rows: counted, bytes: counted })
export const partitionsAnswer = z.object({ partitions: z.array(partitionFiles) })
const filesChanged = z.object({ files: counted, rows: counted })
export const changesAnswer = z.object({
  changes: z.array(
    z.object({
      partition: partition.nullable().meta({ description: 'Null: files that others partitioned in their own way' }),
      added: filesChanged,
      removed: filesChanged,
    }),
  ),
})
export const rollbackAnswer = z.object({
  rolledBack: z
    .object({
      from: z.string(),
      to: z.string(),
      undone: z.array(z.string()).meta({ description: 'Snapshots, newest first; to be read by id until they expire' }),
      days: counted.meta({ description: "Merchants' UTC days whose numbers may differ" }),
    })
    .nullable()
    .meta({ description: 'Null: not at the moment' }),
})
const removal = z
  .object({ snapshots: z.array(z.string()), files: counted, bytes: counted })
  .nullable()
  .meta({ description: 'Null: not at the moment' })
export const expireAnswer = z.object({ expired: removal, orphans: removal })
export const compactAnswer = z.object({
  compacted: z
    .object({ partitions: counted, of: z.array(partitionFiles).meta({ description: 'As they were before' }) })
    .nullable()
    .meta({ description: 'Null: not at the moment' }),
})
export const faultsAnswer = z.object({
  faults: z.array(z.object({ at: z.string(), says: z.string(), mend: z.string() })),
})
export const importProgressAnswer = z.object({
  done: counted.meta({ description: 'Lines [0, done) are answered for' }),
})
export const importAnswer = importProgressAnswer.extend({
  accepted: counted,
  rejected: z.array(z.object({ line: counted, code: z.string(), message: z.string() })),
})

const json = (schema: z.ZodType, examples?: Readonly<Record<string, unknown>>) => [
  { mediaType: 'application/json', schema, ...(examples && { examples }) },
]
const access = ['no_key', 'bad_key', 'forbidden', 'control_store_unavailable'] as const
const bodies = ['bad_json', 'bad_content_type', 'body_too_large', 'bad_query'] as const
const merchantId = z.string().regex(merchantIdPattern)
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
const tableName: Parameter = {
  name: 'table',
  in: 'path',
  required: true,
  schema: z.string(),
  description: 'Its name',
  example: 'hits',
}
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
    access: 'admin',
    parameters: [id],
    body: {
      content: json(merchantChange, {
        'a new name': { name: 'Shop & Co.' },
        'no more tests': { blockedNames: ['test'] },
        'hits of 13 months': { retentionDays: 396 },
      }),
    },
    answers: { 200: { description: 'The merchant as it is now', content: json(merchantView) } },
    problems: [...access, ...bodies, 'not_found'],
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
    path: '/v1/admin/tables/{table}/snapshots',
    tag: 'administration',
    id: 'snapshots',
    summary: 'Snapshots of a table, newest first',
    access: 'admin',
    parameters: [tableName],
    answers: { 200: { description: 'What can be read again', content: json(snapshotsAnswer) } },
    problems: [...access, 'not_found'],
  },
  {
    method: 'GET',
    path: '/v1/admin/tables',
    tag: 'administration',
    id: 'tables',
    summary: 'Tables, what is read of them, and their pins',
    access: 'admin',
    answers: { 200: { description: 'All of them', content: json(tablesAnswer) } },
    problems: [...access],
  },
  {
    method: 'POST',
    path: '/v1/admin/tables/{table}/pin',
    tag: 'administration',
    id: 'pinSnapshot',
    summary: 'Keep a snapshot',
    access: 'admin',
    parameters: [tableName],
    body: {
      content: json(newPin, {
        'for two weeks': { snapshot: '1', name: 'audit', until: '2026-03-21T00:00:00Z', by: 'finance' },
      }),
    },
    answers: { 201: { description: 'Kept', content: json(pinAnswer) } },
    problems: [...access, ...bodies, 'not_found', 'pin_refused'],
  },
  {
    method: 'POST',
    path: '/v1/admin/tables/{table}/unpin',
    tag: 'administration',
    id: 'unpinSnapshot',
    summary: 'Keep it no longer',
    access: 'admin',
    parameters: [tableName],
    body: { content: json(pinToRemove, { 'by its name': { name: 'audit' } }) },
    answers: { 200: { description: 'Its pin is gone', content: json(z.object({ name: z.string() })) } },
    problems: [...access, ...bodies, 'not_found'],
  },
  {
    method: 'GET',
    path: '/v1/admin/tables/{table}/partitions',
    tag: 'administration',
    id: 'partitions',
    summary: 'Files and rows of each partition',
    access: 'admin',
    parameters: [tableName],
    answers: { 200: { description: 'Of the newest snapshot', content: json(partitionsAnswer) } },
    problems: [...access, 'not_found'],
  },
  {
    method: 'GET',
    path: '/v1/admin/tables/{table}/faults',
    tag: 'administration',
    id: 'tableFaults',
    summary: 'What is wrong with a table, and how to mend it',
    access: 'admin',
    parameters: [tableName],
    answers: { 200: { description: 'None: every reference, count and bound is right', content: json(faultsAnswer) } },
    problems: [...access, 'not_found'],
  },
  {
    method: 'POST',
    path: '/v1/admin/tables/{table}/expire',
    tag: 'administration',
    id: 'expireTable',
    summary: 'Remove snapshots off the ladder, and files that nothing names',
    access: 'admin',
    parameters: [tableName],
    body: { content: json(removalRequest, { 'only say what would go': { dryRun: true } }) },
    answers: { 200: { description: 'What went', content: json(expireAnswer) } },
    problems: [...access, ...bodies, 'not_found'],
  },
  {
    method: 'POST',
    path: '/v1/admin/tables/{table}/compact',
    tag: 'administration',
    id: 'compactTable',
    summary: 'Rewrite the partitions that are worth it',
    access: 'admin',
    parameters: [tableName],
    body: {
      content: json(compactRequest, { 'only say what it would rewrite': { dryRun: true } }),
      optional: true,
    },
    answers: { 200: { description: 'Done', content: json(compactAnswer) } },
    problems: [...access, ...bodies, 'not_found'],
  },
  {
    method: 'POST',
    path: '/v1/admin/tables/{table}/rollback',
    tag: 'administration',
    id: 'rollbackTable',
    summary: 'Take a table back to a snapshot, where no accepted hit gets lost by it',
    description:
      'Undoes rewrites, derivations and commits of others. A publication is never undone: 409 `rollback_refused` names it.',
    access: 'admin',
    parameters: [tableName],
    body: { content: json(rollbackRequest, { 'only say what it would undo': { snapshot: '1', dryRun: true } }) },
    answers: { 200: { description: 'Done', content: json(rollbackAnswer) } },
    problems: [...access, ...bodies, 'not_found', 'rollback_refused'],
  },
  {
    method: 'GET',
    path: '/v1/admin/tables/{table}/changes',
    tag: 'administration',
    id: 'tableChanges',
    summary: 'Which partitions differ between two snapshots, in files and rows',
    access: 'admin',
    parameters: [
      tableName,
      ...(['from', 'to'] as const).map(
        (name): Parameter => ({
          name,
          in: 'query',
          required: true,
          schema: changesQuery.shape[name],
          description: 'A snapshot',
          example: '1',
        }),
      ),
    ],
    answers: { 200: { description: 'None: they hold the same files', content: json(changesAnswer) } },
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
