/**
 * Rows of derived tables that a newer derivation of their unit has replaced: within a partition, those that do not have the
 * largest `_publish` of the rows equal in these columns. `sessions` is partitioned by the day that is its unit.
 */
import type { LakeRow, LakeValue, TableDefinition, TableName } from '../../core/tables.ts'

const units: Partial<Record<TableName, readonly string[]>> = {
  daily: ['merchant', 'bucket'],
  sessions: ['merchant'],
}

/** Undefined for tables whose rows are never superseded. */
export function unitColumns(definition: TableDefinition): readonly string[] | undefined {
  return units[definition.name]
}

/** `rows` of one partition without those that are superseded. */
export function withoutSuperseded(definition: TableDefinition, rows: readonly LakeRow[]): readonly LakeRow[] {
  const columns = unitColumns(definition)
  if (columns === undefined) return rows
  const unitOf = (row: LakeRow) => JSON.stringify(columns.map((name): LakeValue => row[name] ?? null))
  const newest = new Map<string, number>()
  for (const row of rows) {
    const unit = unitOf(row)
    newest.set(unit, Math.max(newest.get(unit) ?? 0, Number(row._publish)))
  }
  return rows.filter((row) => Number(row._publish) === newest.get(unitOf(row)))
}
