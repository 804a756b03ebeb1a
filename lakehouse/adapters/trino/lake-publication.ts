/**
 * A publication on its way into a Trino table: the rows as an Iceberg table of their own, and the statements that move
 * them. All of it lies in `publications/<table>/<id>-<hex>/`, a name nobody else uses, for Trino keeps what it read of a
 * metadata file for as long as its name is the same.
 */
import { utcDayText } from '../../../core/event-time.ts'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { type AppendFile, appendFiles } from '../../core/iceberg/append.ts'
import { TableLayout } from '../../core/iceberg/layout.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import { partitionTime, periodDays } from '../../core/partition.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { trinoLiteral } from '../../core/sql/trino-printer.ts'
import type { Staging } from '../local/staging.ts'
import { publicationsSchemaOf, type TrinoPlace, trinoTable } from './tables.ts'

export const publicationsFolder = 'publications/'

/** Partitions one statement writes; Trino refuses more than 100 open writers (ICEBERG_TOO_MANY_OPEN_PARTITIONS). */
export const mergeMaxPartitions = 64

/** Partitions that follow each other, of one generation: `first` to `last` period, both inclusive. */
export interface PartitionRun {
  readonly generation: number | null
  readonly first: number
  readonly last: number
}

export interface PreparedPublication {
  readonly id: number
  /** Object names of all its files begin with it. */
  readonly folder: string
  /** In the schema for publications. */
  readonly tableName: string
  readonly location: string
  readonly runs: readonly PartitionRun[]
}

export interface PrepareOptions {
  readonly objects: ObjectStore
  readonly staging: Staging
  readonly random: Random
  readonly clock: Clock
  /** URI of the object store's root as Trino reaches it, without a slash at its end. */
  readonly objectsUri: string
}

/** Writes the data files and their metadata: an Iceberg table that no catalog knows yet. Durable. */
export async function preparePublication(
  options: PrepareOptions,
  definition: TableDefinition,
  id: number,
  files: readonly StagedFile[],
): Promise<PreparedPublication> {
  const { objects, staging, random, clock } = options
  const unique = Buffer.from(random.bytes(8)).toString('hex')
  const folder = `${publicationsFolder}${definition.name}/${id}-${unique}/`
  const location = `${options.objectsUri}/${folder.slice(0, -1)}`
  const layout = new TableLayout(definition, { folder, location })
  const merged = await mergeAndForget()
  const reader = new TableReader({ objects, definition, layout })
  await appendFiles({ objects, definition, layout, reader, random, clock }, id, merged)
  return { id, folder, tableName: `${definition.name}_${id}_${unique}`, location, runs: partitionRuns(merged) }

  async function mergeAndForget() {
    try {
      return await staging.merge({ definition, layout }, id, files)
    } finally {
      for (const file of files) await objects.forgetLocal(file.name)
    }
  }
}

/** All partitions, in order, in runs of at most `mergeMaxPartitions`. */
export function partitionRuns(files: readonly Pick<AppendFile, 'partition'>[]): readonly PartitionRun[] {
  const partitions = files
    .map(({ partition }) => ({
      generation: partition.length > 1 ? (partition[0] ?? null) : null,
      period: partition.at(-1),
    }))
    .sort((a, b) => (a.generation ?? 0) - (b.generation ?? 0) || (a.period ?? 0) - (b.period ?? 0))
  const runs: PartitionRun[] = []
  let size = 0
  for (const { generation, period } of partitions) {
    if (period === undefined || period === null) throw new TypeError('a data file has no partition')
    const last = runs.at(-1)
    if (last === undefined || last.generation !== generation || size === mergeMaxPartitions) {
      runs.push({ generation, first: period, last: period })
      size = 1
    } else {
      runs[runs.length - 1] = { ...last, last: period }
      size++
    }
  }
  return runs
}

export function registerTable({ catalog, schema }: TrinoPlace, prepared: PreparedPublication): string {
  const given = {
    schema_name: publicationsSchemaOf(schema),
    table_name: prepared.tableName,
    table_location: prepared.location,
    metadata_file_name: 'v1.metadata.json',
  }
  return `CALL ${quotedName(catalog)}.system.register_table(${namedArguments(given)})`
}

export function unregisterTable({ catalog, schema }: TrinoPlace, tableName: string): string {
  const given = { schema_name: publicationsSchemaOf(schema), table_name: tableName }
  return `CALL ${quotedName(catalog)}.system.unregister_table(${namedArguments(given)})`
}

function namedArguments(given: Readonly<Record<string, string>>): string {
  return Object.entries(given)
    .map(([name, value]) => `${name} => ${trinoLiteral({ type: 'text', value })}`)
    .join(', ')
}

/**
 * Moves the rows of one run that are not in the table yet. The join is on the publication and the row's number in it: of
 * two statements at once one lands and one fails, and a repeat finds every row. The bounds on the target keep Trino from
 * looking for them in other partitions.
 */
export function mergeRun(
  place: TrinoPlace,
  definition: TableDefinition,
  prepared: PreparedPublication,
  run: PartitionRun,
): string {
  const source = trinoTable({ ...place, schema: publicationsSchemaOf(place.schema) }, prepared.tableName)
  const names = definition.columns.map((column) => quotedName(column.name))
  const on = [
    `t."_publish" = ${prepared.id}`,
    's."_publish" = t."_publish"',
    's."_row" = t."_row"',
    ...inRun('t', definition, run),
  ]
  return `MERGE INTO ${trinoTable(place, definition.name)} t
USING (SELECT * FROM ${source} p WHERE ${inRun('p', definition, run).join(' AND ')}) s
ON ${on.join(' AND ')}
WHEN NOT MATCHED THEN INSERT (${names.join(', ')})
VALUES (${names.map((name) => `s.${name}`).join(', ')})`
}

function inRun(alias: string, definition: TableDefinition, run: PartitionRun): string[] {
  const time = partitionTime(definition)
  const column = `${alias}.${quotedName(time.column)}`
  const start = (utcDay: number) => `TIMESTAMP '${utcDayText(utcDay)} 00:00:00.000000 UTC'`
  return [
    ...(run.generation === null ? [] : [`${alias}."_gen" = ${run.generation}`]),
    `${column} >= ${start(periodDays(time, run.first).first)}`,
    `${column} < ${start(periodDays(time, run.last).end)}`,
  ]
}
