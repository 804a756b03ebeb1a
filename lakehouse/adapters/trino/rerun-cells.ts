/**
 * Rows of the lake out of Trino, exactly: a row is one JSON text, an array of texts, for the client rounds numbers beyond
 * 2^53 and drops a mark at the start of a bare text. Lists are JSON texts inside it.
 */
import type { Column, ColumnType, LakeRow, LakeValue } from '../../../core/tables.ts'
import { column } from '../../core/sql/ast.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { printTrinoExpression } from '../../core/sql/trino-printer.ts'

/** Selects the columns of `as`, as `readRow` reads them. */
export function rowText(columns: readonly Column[], as: string): string {
  const cells = columns.map(({ name, type }) => cellText(type, `${quotedName(as)}.${quotedName(name)}`, { as, name }))
  return `json_format(CAST(ARRAY[${cells.join(', ')}] AS json))`
}

function cellText(type: ColumnType, sql: string, { as, name }: { readonly as: string; readonly name: string }): string {
  if (type === 'timestamptz')
    return `CAST(${printTrinoExpression({ kind: 'epochMs', of: column(name, as) })} AS varchar)`
  if (typeof type === 'string') return `CAST(${sql} AS varchar)`
  if ('struct' in type) throw new RangeError(`${name} is a struct outside a list, which no table has`)
  const { element } = type.list
  if (typeof element === 'string') return `json_format(CAST(transform(${sql}, e -> CAST(e AS varchar)) AS json))`
  if ('list' in element) throw new RangeError(`${name} is a list of lists, which no table has`)
  const fields = element.struct.map((field) => `CAST(e.${quotedName(field.name)} AS varchar)`)
  return `json_format(CAST(transform(${sql}, e -> ARRAY[${fields.join(', ')}]) AS json))`
}

/** As `LakeRow` says that rows read back. */
export function readRow(columns: readonly Column[], text: unknown): LakeRow {
  const cells = JSON.parse(String(text)) as readonly (string | null)[]
  return Object.fromEntries(columns.map(({ name, type }, at) => [name, cellValue(type, cells[at] ?? null, 'column')]))
}

function cellValue(type: ColumnType, text: string | null, place: 'column' | 'list'): LakeValue {
  if (text === null) return null
  if (typeof type !== 'string') {
    if ('struct' in type) throw new RangeError('a struct stands in a list')
    const { element } = type.list
    if (typeof element !== 'string' && 'struct' in element) {
      const rows = JSON.parse(text) as readonly (readonly (string | null)[])[]
      return rows.map((row) =>
        Object.fromEntries(
          element.struct.map((field, at) => [field.name, cellValue(field.type, row[at] ?? null, 'list')]),
        ),
      )
    }
    return (JSON.parse(text) as readonly (string | null)[]).map((each) => cellValue(element, each, 'list'))
  }
  switch (type) {
    case 'string':
      return text
    case 'boolean':
      return text === 'true'
    case 'decimal38':
      return BigInt(text)
    case 'long': {
      const number = Number(text)
      return place === 'column' && Number.isSafeInteger(number) ? number : BigInt(text)
    }
    case 'int':
    case 'double':
    case 'timestamptz':
      return Number(text)
  }
}
