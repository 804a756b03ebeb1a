/** Erasures on rows as they are read back from the lake. */
import { type ErasableHit, erasedTest } from '../../core/erased.ts'
import type { ErasedHits } from '../../core/ports/erasure-store.ts'
import type { LakeRow, LakeValue, TableName } from '../../core/tables.ts'

/** Whether a row of the table is of an erased hit; of tables that hold no hits, none is. */
export function erasedRowTest(erased: readonly ErasedHits[], table: TableName): (row: LakeRow) => boolean {
  if (erased.length === 0 || (table !== 'hits' && table !== 'failed_hits')) return () => false
  const isErased = erasedTest(erased)
  return (row) => isErased(table === 'failed_hits' ? failedHit(row) : hitOf(row))
}

function hitOf({ merchant, visitor, user, received }: LakeRow): ErasableHit {
  return { merchant: String(merchant), visitor: textOf(visitor), user: textOf(user), received: Number(received) }
}

/** Rows from before `visitor` and `user` were columns say them in their original only. */
function failedHit(row: LakeRow): ErasableHit {
  const hit = hitOf(row)
  if (hit.visitor !== null || row.id === null || row.id === undefined) return hit
  const { visitor, user } = acceptedOf(row.original)
  return { ...hit, visitor: textOf(visitor), user: textOf(user) }
}

function acceptedOf(original: LakeValue | undefined): Readonly<Record<string, LakeValue>> {
  try {
    const accepted: unknown = JSON.parse(String(original))
    return typeof accepted === 'object' && accepted !== null ? (accepted as Readonly<Record<string, LakeValue>>) : {}
  } catch {
    return {} // nothing names a visitor then
  }
}

function textOf(value: LakeValue | undefined): string | null {
  return typeof value === 'string' ? value : null
}
