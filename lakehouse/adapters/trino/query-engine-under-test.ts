/**
 * A Trino with a schema of its own, for tests of queries: rows are put into Iceberg tables by plain INSERTs, so that what
 * is tested is the reading and not our way of publishing.
 */
import { randomBytes } from 'node:crypto'
import { systemClock, systemTimers } from '../../../core/adapters/node/system.ts'
import { utcDay } from '../../../core/event-time.ts'
import type { LakeWriter, StagedFile } from '../../../core/ports/lake.ts'
import type { Column, ColumnType, LakeRow, LakeValue, TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime } from '../../core/partition.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { trinoLiteral } from '../../core/sql/trino-printer.ts'
import { serversGoWithTheSuite } from '../../test/trino-lake-under-test.ts'
import { createTrino, type Trino } from './client.ts'
import { createSchema, createTable, trinoTable, trinoType } from './tables.ts'

/** Fewer than the 100 partitions that Trino writes in one statement. */
const maxDaysPerInsert = 64
const maxRowsPerInsert = 20_000

export interface TrinoUnderTest {
  readonly trino: Trino
  readonly catalog: string
  /** Makes a schema with a name of its own, and drops it in `close`, whatever is in it. */
  openSchema(): Promise<string>
  /** An empty lake in a schema. */
  lakeIn(schema: string): Pick<LakeWriter, 'stage' | 'publish'>
  close(): Promise<void>
}

/** @throws Error where no Trino is named in the environment */
export function openTrinoUnderTest(source = 'test'): TrinoUnderTest {
  const { HITLAKE_TRINO_URL: url, HITLAKE_TRINO_CATALOG: catalog = 'lake' } = process.env
  if (url === undefined) throw new Error('HITLAKE_TRINO_URL names no Trino to test against')
  // Patient: the machine may be busy with other suites.
  const trino = createTrino({
    url,
    user: 'test',
    source,
    catalog,
    clock: systemClock,
    timers: systemTimers,
    timeoutMs: 280_000,
  })
  const schemas: string[] = []
  return {
    trino,
    catalog,
    async openSchema() {
      const schema = `queries_${randomBytes(6).toString('hex')}`
      await trino.query(createSchema(catalog, schema))
      schemas.push(schema)
      return schema
    },
    lakeIn: (schema) => insertingLake(trino, catalog, schema),
    async close() {
      for (const schema of serversGoWithTheSuite() ? [] : schemas)
        await trino.query(`DROP SCHEMA ${quotedName(catalog)}.${quotedName(schema)} CASCADE`)
      await trino.close()
    },
  }
}

function insertingLake(trino: Trino, catalog: string, schema: string): Pick<LakeWriter, 'stage' | 'publish'> {
  const staged = new Map<string, readonly LakeRow[]>()
  const created = new Set<TableName>()
  const place = { catalog, schema }
  // Without: a second commit of each INSERT, for distinct counts that no plan here is made by.
  const session = { [`${catalog}.collect_extended_statistics_on_write`]: 'false' }

  return {
    async stage(table, name, rows) {
      staged.set(name, rows)
      const { column } = partitionTime(tables[table])
      const days = rows.map((row) => utcDay(Number(row[column])))
      return {
        name,
        table,
        rows: rows.length,
        bytes: 1,
        firstDay: days.reduce((a, b) => Math.min(a, b)),
        lastDay: days.reduce((a, b) => Math.max(a, b)),
      } satisfies StagedFile
    },
    async publish(table, id, files) {
      if (!created.has(table)) await trino.query(createTable(place, tables[table]))
      created.add(table)
      const { columns } = tables[table]
      const rows = files.flatMap(({ name }) => staged.get(name) ?? []).map((row) => ({ ...row, _publish: id }))
      for (const part of parts(rows, partitionTime(tables[table]).column))
        await trino.query(insert(trinoTable(place, table), columns, part), { session })
      const history = trinoTable(place, `${table}$snapshots`)
      const newest = `SELECT CAST(snapshot_id AS varchar) FROM ${history} ORDER BY committed_at DESC LIMIT 1`
      return { snapshot: String((await trino.query(newest))[0]?.[0]) }
    },
  }
}

function* parts(rows: readonly LakeRow[], day: string): Generator<readonly LakeRow[]> {
  const rising = rows.toSorted((a, b) => Number(a[day]) - Number(b[day]))
  let part: LakeRow[] = []
  let days = new Set<number>()
  for (const row of rising) {
    const rowDay = utcDay(Number(row[day]))
    if (part.length === maxRowsPerInsert || (days.size === maxDaysPerInsert && !days.has(rowDay))) {
      yield part
      part = []
      days = new Set()
    }
    part.push(row)
    days.add(rowDay)
  }
  if (part.length > 0) yield part
}

/** Rows as one JSON literal, every value a text in it, so that none is rounded on the way. */
function insert(name: string, all: readonly Column[], rows: readonly LakeRow[]): string {
  const columns = all.filter((column) => rows.some((row) => row[column.name] !== undefined))
  const row = columns.map((column) => `${quotedName(column.name)} ${textsOf(column.type)}`)
  const cells = columns.map((column) =>
    column.type === 'timestamptz'
      ? `from_unixtime_nanos(CAST(${quotedName(column.name)} AS bigint) * 1000000)`
      : `CAST(${quotedName(column.name)} AS ${trinoType(column.type)})`,
  )
  const json = JSON.stringify(rows.map((each) => columns.map((column) => jsonValue(each[column.name]))))
  const names = columns.map((column) => quotedName(column.name)).join(', ')
  return `INSERT INTO ${name} (${names})
SELECT ${cells.join(', ')}
FROM UNNEST(CAST(json_parse(${trinoLiteral({ type: 'text', value: json })}) AS array(row(${row.join(', ')}))))`
}

/** The type with varchar for every plain one. */
function textsOf(type: ColumnType): string {
  if (typeof type === 'string') return 'varchar'
  if ('list' in type) return `array(${textsOf(type.list.element)})`
  return `row(${type.struct.map((part) => `${quotedName(part.name)} ${textsOf(part.type)}`).join(', ')})`
}

/** A struct as the list of its values, which is how a row is read. */
function jsonValue(value: LakeValue | undefined): unknown {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.map(jsonValue)
  return typeof value === 'object' ? Object.values(value).map(jsonValue) : String(value)
}
