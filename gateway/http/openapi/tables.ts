/** The routes of the lake's tables: snapshots, pins, upkeep. */
import { z } from 'zod'
import {
  changesQuery,
  compactRequest,
  newPin,
  pinToRemove,
  removalRequest,
  rollbackRequest,
} from '../../core/table-requests.ts'
import { access, bodies, json } from './admin-parts.ts'
import type { Operation, Parameter } from './operation.ts'

const counted = z.int()
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
const tableName: Parameter = {
  name: 'table',
  in: 'path',
  required: true,
  schema: z.string(),
  description: 'Its name',
  example: 'hits',
}

export const tableOperations: readonly Operation[] = [
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
]
