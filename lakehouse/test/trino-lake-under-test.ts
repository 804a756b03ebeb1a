/** A lake on a running Trino and object store: tables in a schema of its own, objects below a prefix of their own. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { systemClock, systemRandom, systemTimers } from '../../core/adapters/node/system.ts'
import { type S3ObjectStore, s3ObjectStore } from '../../core/adapters/s3/s3-object-store.ts'
import type { LakeRow, LakeValue, TableName } from '../../core/tables.ts'
import { tableNames, tables } from '../../schemas/tables.ts'
import { createTrino, type StatementOptions, type Trino } from '../adapters/trino/client.ts'
import { createTrinoLake, type TrinoLake, type TrinoLakeOptions } from '../adapters/trino/lake.ts'
import { ensureTables, publicationsSchemaOf, trinoTable } from '../adapters/trino/tables.ts'
import { quotedName } from '../core/sql/printer.ts'

export interface TrinoLakeUnderTest {
  readonly trino: Trino
  readonly objects: S3ObjectStore
  readonly catalog: string
  readonly schema: string
  /** Folder for files on their way. */
  readonly scratch: string
  /** Each call is a process of its own over the same servers. */
  lake(change?: Partial<TrinoLakeOptions>): TrinoLake
  /** Rows of a table as `LakeRow` says they read back, ordered by `_publish`, `_row`. */
  rows(table: TableName, snapshot?: string): Promise<readonly LakeRow[]>
  close(): Promise<void>
}

/** With all tables, or with `only` these: Trino takes a while for each. @throws Error where the environment names no servers */
export async function openTrinoLake(
  only: readonly TableName[] = tableNames,
  env: Readonly<Record<string, string | undefined>> = process.env,
) {
  const setting = (name: string) => {
    const value = env[name]
    if (value === undefined) throw new Error(`${name} is not set: no servers to test against`)
    return value
  }
  const unique = `t${randomBytes(6).toString('hex')}`
  const catalog = setting('HITLAKE_TRINO_CATALOG')
  const schema = `lake_${unique}`
  const url = setting('HITLAKE_TRINO_URL')
  const trino = createTrino({
    url,
    user: 'test',
    source: 'test',
    catalog,
    clock: systemClock,
    timers: systemTimers,
    retryForMs: 1_000,
  })
  await ensureTables({ trino, timers: systemTimers, catalog, schema, only })
  const root = new URL(setting('HITLAKE_OBJECTS_URI'))
  const prefix = `${root.pathname.slice(1)}/${unique}`
  const scratch = await mkdtemp(join(tmpdir(), 'hitlake-trino-'))
  const objects = await s3ObjectStore({
    bucket: root.hostname,
    prefix,
    scratch: join(scratch, 'copies'),
    endpoint: setting('HITLAKE_S3_ENDPOINT'),
    region: setting('HITLAKE_S3_REGION'),
    accessKey: setting('HITLAKE_S3_ACCESS_KEY'),
    secretKey: setting('HITLAKE_S3_SECRET_KEY'),
    timers: systemTimers,
    random: systemRandom,
  })
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const under: TrinoLakeUnderTest = {
    trino,
    objects,
    catalog,
    schema,
    scratch,
    lake: (change = {}) =>
      createTrinoLake({
        trino,
        objects,
        objectsUri: `s3://${root.hostname}/${prefix}`,
        instance,
        scratch: join(scratch, 'files'),
        random: systemRandom,
        clock: systemClock,
        timers: systemTimers,
        catalog,
        schema,
        ...change,
      }),
    rows: (table, snapshot) => rowsOf(trino, { catalog, schema }, table, snapshot),
    async close() {
      if (!serversGoWithTheSuite()) {
        await Promise.all(
          [schema, publicationsSchemaOf(schema)].map((name) =>
            trino.query(`DROP SCHEMA ${quotedName(catalog)}.${quotedName(name)} CASCADE`),
          ),
        )
        for (const name of await objects.list('')) await objects.remove(name)
      }
      await objects.close()
      await trino.close()
      instance.closeSync()
      await rm(scratch, { recursive: true, force: true })
    },
  }
  return under
}

/** What is left in servers that infra/local/cluster/global-setup.ts removes needs nobody to drop it: that would take Trino a while. */
export function serversGoWithTheSuite(): boolean {
  return process.env.CLUSTER_TEST_SERVERS === 'go with the suite'
}

/** What of a publication's way is left anywhere: objects, tables, files of this machine. */
export async function leftovers({ trino, objects, catalog, schema, scratch }: TrinoLakeUnderTest): Promise<unknown[]> {
  const tablesLeft = await trino.query(
    `SHOW TABLES FROM ${quotedName(catalog)}.${quotedName(publicationsSchemaOf(schema))}`,
  )
  const files = await readdir(join(scratch, 'files')).catch(() => [])
  return [...tablesLeft, ...(await objects.list('publications/')), ...files]
}

/** The same client, doing `before` ahead of each statement; it may throw instead. */
export function watchedTrino(
  trino: Pick<Trino, 'query'>,
  before: (sql: string, options: StatementOptions | undefined) => Promise<void>,
): Pick<Trino, 'query'> {
  return {
    async query(sql, options) {
      await before(sql, options)
      return trino.query(sql, options)
    },
  }
}

async function rowsOf(
  trino: Trino,
  place: { readonly catalog: string; readonly schema: string },
  table: TableName,
  snapshot: string | undefined,
): Promise<readonly LakeRow[]> {
  const { columns } = tables[table]
  // Everything as JSON text made by Trino: exact numbers, and instants as microseconds.
  const cells = columns.map(({ name, type }) => {
    const quoted = quotedName(name)
    if (type === 'timestamptz') return `CAST(CAST(to_unixtime(${quoted}) * 1000 AS bigint) AS varchar)`
    if (type === 'decimal38') return `CAST(${quoted} AS varchar)`
    return typeof type === 'string' ? `CAST(${quoted} AS varchar)` : `json_format(CAST(${quoted} AS json))`
  })
  const version = snapshot === undefined ? '' : ` FOR VERSION AS OF ${snapshot}`
  const rows = await trino.query(
    `SELECT ${cells.join(', ')} FROM ${trinoTable(place, table)}${version} ORDER BY "_publish", "_row"`,
  )
  return rows.map((row) =>
    Object.fromEntries(columns.map(({ name, type }, at) => [name, cellValue(type, row[at] as string | null)])),
  )
}

function cellValue(type: (typeof tables)['hits']['columns'][number]['type'], text: string | null): LakeValue {
  if (text === null) return null
  switch (type) {
    case 'string':
      return text
    case 'boolean':
      return text === 'true'
    case 'decimal38':
      return BigInt(text)
    case 'int':
    case 'long':
    case 'timestamptz': {
      const value = BigInt(text)
      return Number.isSafeInteger(Number(value)) ? Number(value) : value
    }
    case 'double':
      return Number(text)
    default:
      return text
  }
}
