/** On which UTC days a merchant's hits hold erased ones. Columns: `day`. */
import { dayMs } from '../../../core/event-time.ts'
import type { BucketRange, ErasedDaysQuestion } from '../../../core/ports/query-engine.ts'
import { and, column, compare, not, type Select, text } from './ast.ts'
import { erasedColumns, notErased } from './not-erased.ts'

/** Hits lie in no other years. */
export const erasedDaysRange: BucketRange = { start: Date.parse('0001-01-01T00:00:00Z'), end: Date.UTC(9999, 11, 31) }

/** Undefined where nothing can be erased: no stored text has such a value. */
export function erasedDaysSelect(question: ErasedDaysQuestion): Select | undefined {
  const left = notErased([question.erased], 'stored')
  if (left.length === 0) return undefined
  return {
    distinct: 'distinct',
    columns: [
      {
        expression: { kind: 'floorDivide', of: { kind: 'epochMs', of: column('time', 'stored') }, by: dayMs },
        as: 'day',
      },
    ],
    from: {
      relation: { kind: 'table', table: 'hits', columns: ['merchant', 'time', ...erasedColumns] },
      as: 'stored',
    },
    where: and(compare(column('merchant', 'stored'), '=', text(question.merchant)), not(and(...left))),
  }
}
