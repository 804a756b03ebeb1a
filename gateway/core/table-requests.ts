/** What administration asks of a table: pins, removals. */
import { z } from 'zod'
import { boundedText } from '../../core/bounded.ts'
import { faultyRequest } from './problem.ts'

/** Letters, digits, `.`, `_` and `-`, as a tag's in Iceberg. */
const pinName = z.string().regex(/^[A-Za-z0-9][\w.-]{0,127}$/)

/** Decimal. */
const snapshotId = z.string().regex(/^\d{1,19}$/)

export const newPin = z.strictObject({
  snapshot: snapshotId,
  name: pinName,
  until: z.iso.datetime().meta({ description: 'An instant in UTC: the pin holds until then' }),
  by: boundedText(200, 1).default('an administrator').meta({ description: 'For people' }),
})

export const pinToRemove = z.strictObject({ name: pinName })

export const removalRequest = z.strictObject({
  dryRun: z.boolean().default(false).meta({ description: 'Only say what would go' }),
})

export const compactRequest = z.strictObject({
  dryRun: z.boolean().default(false).meta({ description: 'Only say which partitions would be rewritten' }),
})

export const rollbackRequest = z.strictObject({
  snapshot: snapshotId.meta({ description: 'What the table shall be at' }),
  dryRun: z.boolean().default(false).meta({ description: 'Only say what would be undone' }),
})

export const changesQuery = z.strictObject({
  from: snapshotId.meta({ description: 'A snapshot' }),
  to: snapshotId.meta({ description: 'Another one' }),
})

/** @throws ProblemError with every fault found */
export function parseTableRequest<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body, { reportInput: false })
  if (result.success) return result.data
  throw faultyRequest(
    result.error.issues.map(({ path, message }) => {
      const pointer = path.map((step) => `/${String(step)}`).join('')
      return { pointer, code: 'bad_field', message: `${pointer === '' ? 'the body' : pointer}: ${message}` }
    }),
  )
}
