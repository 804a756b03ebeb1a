/**
 * Makes docs/reference/tables.md of the table definitions. `schemas/tables-page.test.ts` holds page and definitions equal;
 * `npx vitest run schemas/tables-page.test.ts -u` writes the page anew.
 */
import type { Column, ColumnType, FoldKind, TableDefinition } from '../core/tables.ts'

const intro = `# Tables of the lake

Made from \`schemas/tables.ts\`; a test holds both equal.

Every table is an Apache Iceberg table, format version 2, at \`<data dir>/lake/<table>\`, its files Parquet (zstd). The
newest metadata is the \`metadata/v<N>.metadata.json\` with the highest N; \`version-hint.text\` names it or one shortly
before. Any engine that reads Iceberg opens it:

\`\`\`python
from pyiceberg.table import StaticTable
StaticTable.from_metadata("<data dir>/lake/hits/metadata/v12.metadata.json").scan().to_arrow()
\`\`\`

Ids are Iceberg field ids: a column's identity for ever. All columns are optional. Times are UTC, in microseconds.
\`_src, _part, _off, _idx\` are a row's position in the feed, \`_publish\` and \`_row\` its publication and number there;
within a generation no position occurs twice. Rows are numbered and sorted partition by partition, in the order given
below, ties by the position columns that are left.
`

export function tablesPage(definitions: readonly TableDefinition[]): string {
  return [intro, ...definitions.map(tableSection)].join('\n')
}

function tableSection(table: TableDefinition): string {
  const partition = [...(table.partition.generation ? ['`_gen`'] : []), partitionText(table.partition)]
  const lines = [
    `## ${table.name}`,
    '',
    table.doc,
    '',
    `- Partitioned by ${partition.join(', ')}`,
    `- Sorted by ${table.sort.map((name) => `\`${name}\``).join(', ')}`,
  ]
  if (table.fold !== undefined)
    lines.push(`- Folded per ${table.fold.key.map((name) => `\`${name}\``).join(', ')}: ${folds(table.fold)}`)
  lines.push('', '| id | column | type | meaning |', '|---|---|---|---|', ...rowsOf(table.columns, ''), '')
  return lines.join('\n')
}

function folds({ values }: NonNullable<TableDefinition['fold']>): string {
  return Object.entries(values)
    .map(([name, kind]) => `\`${name}\` ${foldText(kind)}`)
    .join(', ')
}

function foldText(kind: FoldKind): string {
  if (kind === 'sum') return 'summed'
  if (kind === 'sumByKey') return 'summed by key'
  const { of, is, k, otherwise } = kind.kmv
  return `the ${k.toLocaleString('en')} smallest of the union where \`${of}\` is ${is}, else ${otherwise.toLocaleString('en')}`
}

function partitionText(partition: TableDefinition['partition']): string {
  return 'day' in partition ? `day(\`${partition.day}\`)` : `month(\`${partition.month}\`)`
}

function rowsOf(columns: readonly Column[], path: string): string[] {
  return columns.flatMap(({ id, name, type, doc }) => [
    `| ${id} | \`${path}${name}\` | ${typeText(type)} | ${doc.replaceAll('|', '\\|')} |`,
    ...nestedRows(type, `${path}${name}`),
  ])
}

function nestedRows(type: ColumnType, path: string): string[] {
  if (typeof type === 'string') return []
  if ('struct' in type) return rowsOf(type.struct, `${path}.`)
  const { elementId, element } = type.list
  return [`| ${elementId} | \`${path}[]\` | ${typeText(element)} | element |`, ...nestedRows(element, `${path}[]`)]
}

function typeText(type: ColumnType): string {
  if (type === 'decimal38') return 'decimal(38, 0)'
  if (typeof type === 'string') return type
  return 'struct' in type ? 'struct' : 'list'
}
