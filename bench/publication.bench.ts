/**
 * Publication through Trino: 200,000 committed rows of `hits` over two days become rows of the table (merged by DuckDB,
 * registered, one MERGE), beside the least that Trino needs to write the same rows: `INSERT … SELECT` from one table into
 * another of the same shape. Wall time, with Trino, object store and this process on the same cores.
 *
 * Needs servers: HITLAKE_TRINO_URL and its fellows, as `npm run cluster:up` says.
 */

import { systemTimers } from '../core/adapters/node/system.ts'
import type { StagedFile } from '../core/ports/lake.ts'
import type { LakeRow } from '../core/tables.ts'
import { ensureTables, publicationsSchemaOf, trinoTable } from '../lakehouse/adapters/trino/tables.ts'
import { quotedName } from '../lakehouse/core/sql/printer.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from '../lakehouse/test/trino-lake-under-test.ts'
import { sampleRows } from './lake.bench.ts'
import { type Bench, byItself } from './runner.ts'

const filesPerPublication = 5
const rowsPerFile = 40_000
const total = filesPerPublication * rowsPerFile
const dayMs = 86_400_000

let under: TrinoLakeUnderTest | undefined
let next = 1

function opened(): TrinoLakeUnderTest {
  if (under === undefined) throw new Error('setup did not run')
  return under
}

async function staged(): Promise<readonly StagedFile[]> {
  const id = next++
  const lake = opened().lake()
  const files: StagedFile[] = []
  for (let n = 0; n < filesPerPublication; n++) {
    const rows = sampleRows(rowsPerFile, n).map(
      (row, at): LakeRow => ({ ...row, time: Number(row.time) + (at % 2) * dayMs }),
    )
    files.push(await lake.stage('hits', `staged/hits/bench-1-${id}-${n}.parquet`, rows))
  }
  return files
}

async function perSecond(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return (total * 1_000) / (performance.now() - started)
}

async function publish(): Promise<number> {
  const files = await staged()
  return perSecond(() => opened().lake().publish('hits', next++, files))
}

const copyOf = (schema: string) => `${schema}_copy`

async function insert(): Promise<number> {
  const { trino, catalog, schema } = opened()
  const copy = trinoTable({ catalog, schema: copyOf(schema) }, 'hits')
  const hits = trinoTable({ catalog, schema }, 'hits')
  await trino.query(`DELETE FROM ${copy}`)
  const [row] = await trino.query(`SELECT min("_publish") FROM ${hits}`)
  return perSecond(() =>
    trino.query(`INSERT INTO ${copy} SELECT * FROM ${hits} WHERE "_publish" = ${row?.[0]}`, { effect: 'writes' }),
  )
}

const bench: Bench = {
  name: 'publication through Trino, 200,000 rows of hits',
  unit: 'rows/s',
  async setup() {
    under = await openTrinoLake()
    const { trino, catalog, schema } = under
    await ensureTables({ trino, timers: systemTimers, catalog, schema: copyOf(schema) })
    await opened()
      .lake()
      .publish('hits', next++, await staged())
  },
  async teardown() {
    const { trino, catalog, schema } = opened()
    for (const copy of [copyOf(schema), publicationsSchemaOf(copyOf(schema))]) {
      await trino.query(`DROP SCHEMA ${[catalog, copy].map(quotedName).join('.')} CASCADE`)
    }
    await opened().close()
  },
  control: { name: 'INSERT … SELECT of the same rows', run: insert },
  candidate: { name: 'the publisher', run: publish },
  also: (result) => [byItself(result)],
}

if (process.env.HITLAKE_TRINO_URL === undefined) {
  console.log('publication.bench.ts left out: HITLAKE_TRINO_URL is not set, see `npm run cluster:up`')
}
export const benches: readonly Bench[] = process.env.HITLAKE_TRINO_URL === undefined ? [] : [bench]
