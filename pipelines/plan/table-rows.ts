/** A table of the lake as plans read it: the columns they use, each of the type that the table says. */
import { InvalidPlanError } from '../../core/errors.ts'
import type { ColumnType, TableDefinition } from '../../core/tables.ts'
import type { RowType } from './node/step.ts'

export interface TableRows<R> {
  readonly table: TableDefinition
  readonly columns: Readonly<Record<keyof R & string, RowType>>
}

/** Declares rows `R` of a table. @throws InvalidPlanError naming a column that the table has not, or of another type */
export function tableRows<R>(
  table: TableDefinition,
  columns: Readonly<Record<keyof R & string, RowType>>,
): TableRows<R> {
  for (const [name, type] of Object.entries<RowType>(columns)) {
    const found = table.columns.find((column) => column.name === name)
    if (found === undefined) throw new InvalidPlanError(`the table '${table.name}' has no column '${name}'`)
    const told = rowTypeOf(found.type)
    if (told !== type) throw new InvalidPlanError(`'${table.name}.${name}' is ${told}, not ${type}`)
  }
  return { table, columns }
}

/** What a column of the lake is in a plan's rows. */
export function rowTypeOf(type: ColumnType): RowType {
  if (typeof type !== 'string') return 'object'
  if (type === 'timestamptz') return 'instant'
  return type === 'decimal38' ? 'bigint' : type
}
