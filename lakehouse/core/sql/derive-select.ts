/** The one query of a derivation: the units' rows, in the table's columns but for `_publish` and `_row`, in no order. */

import type { DeriveWork } from '../../../core/ports/lake.ts'
import { baseOfDerived } from '../../../core/ports/maintenance-store.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import type { Select } from './ast.ts'
import { deriveDailySelect } from './derive-select-daily.ts'
import { spanOf } from './derive-select-parts.ts'
import { deriveSessionsSelect, sessionsReadRanges } from './derive-select-sessions.ts'

export interface DerivationQuery {
  readonly select: Select
  /** Table that it reads, and the stretch of it by which files may be skipped. */
  readonly base: TableName
  readonly span: BucketRange
}

/** @throws RangeError where units are none, too many or empty, or the rule exceeds what days around decide */
export function deriveSelect(
  work: Pick<DeriveWork, 'table' | 'generations' | 'units' | 'rule' | 'erased'>,
  maxValues?: number,
): DerivationQuery {
  const base = baseOfDerived[work.table]
  if (work.table === 'daily') return { select: deriveDailySelect(work, maxValues), base, span: spanOf(work.units) }
  return { select: deriveSessionsSelect(work), base, span: spanOf(sessionsReadRanges(work.units)) }
}
