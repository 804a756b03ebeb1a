/**
 * Before the first statement of a lease: statements of whoever held it before are killed and gone, and what they left
 * (tables of publications, their files) is removed. Publication statements are known by their source, which names the
 * table and the fence.
 */
import { StaleLeaseError, TrinoQueryError, TrinoUnavailableError } from '../../../core/errors.ts'
import { type Clock, sleep, type Timers } from '../../../core/ports/clock.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableName } from '../../../core/tables.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { trinoLiteral } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'
import { publicationsFolder, unregisterTable } from './lake-publication.ts'
import { publicationsSchemaOf, type TrinoPlace } from './tables.ts'

/** How long killed statements may take to end before taking over fails (and is tried again). */
export const killWaitMs = 60_000
const killPollMs = 200

export interface TakeOverOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly objects: ObjectStore
  readonly clock: Clock
  readonly timers: Timers
}

/** The source of a publication's statements: `hitlake-publish/lake.hitlake_tables/hits/7`. */
export function publicationSource({ catalog, schema }: TrinoPlace, table: TableName, fence: number): string {
  return `${sourcePrefix({ catalog, schema }, table)}${fence}`
}

function sourcePrefix({ catalog, schema }: TrinoPlace, table: TableName): string {
  return `hitlake-publish/${catalog}.${schema}/${table}/`
}

/**
 * @throws StaleLeaseError where statements of a higher fence run: this turn is over
 * @throws TrinoUnavailableError also where killed statements do not end
 */
export async function takeOver(options: TakeOverOptions, table: TableName, fence: number, signal?: AbortSignal) {
  await endEarlierStatements(options, table, fence, signal)
  await removeLeftovers(options, table, signal)
}

async function endEarlierStatements(
  options: TakeOverOptions,
  table: TableName,
  fence: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { trino, clock, timers } = options
  const prefix = sourcePrefix(options, table)
  const until = clock.monotonic() + killWaitMs
  for (;;) {
    const running = await trino.query(
      `SELECT query_id, source FROM system.runtime.queries
WHERE state NOT IN ('FINISHED', 'FAILED') AND starts_with(source, ${trinoLiteral({ type: 'text', value: prefix })})`,
      { ...(signal && { signal }) },
    )
    const earlier = running.flatMap(([query, source]) => {
      const other = Number(String(source).slice(prefix.length))
      if (other > fence) throw new StaleLeaseError(`publish/${table}`, fence)
      return other < fence ? [String(query)] : []
    })
    if (earlier.length === 0) return
    if (clock.monotonic() >= until) throw new TrinoUnavailableError('time limit')
    for (const query of earlier) await kill(trino, query, signal)
    await sleep(timers, killPollMs)
    signal?.throwIfAborted()
  }
}

async function kill(trino: Pick<Trino, 'query'>, query: string, signal: AbortSignal | undefined): Promise<void> {
  const id = trinoLiteral({ type: 'text', value: query })
  try {
    await trino.query(
      `CALL system.runtime.kill_query(query_id => ${id}, message => 'its publisher no longer holds the lease')`,
      { ...(signal && { signal }) },
    )
  } catch (error) {
    // It ended by itself in the meantime; whether it did, the list says.
    if (!(error instanceof TrinoQueryError)) throw error
  }
}

async function removeLeftovers(
  options: TakeOverOptions,
  table: TableName,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { trino, objects, catalog, schema } = options
  const given = { ...(signal && { signal }) }
  const left = await trino.query(
    `SELECT table_name FROM ${quotedName(catalog)}.information_schema.tables
WHERE table_schema = ${trinoLiteral({ type: 'text', value: publicationsSchemaOf(schema) })}`,
    given,
  )
  for (const [name] of left) {
    if (!new RegExp(`^${table}_\\d+_[0-9a-f]+$`).test(String(name))) continue
    await trino.query(unregisterTable(options, String(name)), given)
  }
  await removeFolder(objects, `${publicationsFolder}${table}/`)
}

export async function removeFolder(objects: ObjectStore, folder: string): Promise<void> {
  for (const name of await objects.list(folder)) await objects.remove(name)
}
