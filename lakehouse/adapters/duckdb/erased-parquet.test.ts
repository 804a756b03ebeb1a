import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemTimers } from '../../../core/adapters/node/system.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { createNeedle, type ErasedQuestion } from '../../core/erasure-proof/question.ts'
import { createErasedParquet } from './erased-parquet.ts'

const folder = await mkdtemp(join(tmpdir(), 'hitlake-erased-'))
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
const question: ErasedQuestion = {
  ...{ merchant: 'shop' as MerchantId, subject: { kind: 'visitor', value: `o'brien-of-many` }, through: 1_000 },
  visitorHash: null,
}
const asked = { question, needle: createNeedle(question), laterHours: new Set<number>() }
const fileOf = async (name: string, select: string) => {
  const path = join(folder, name)
  const connection = await instance.connect()
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
  return path
}
let large: string
beforeAll(async () => {
  large = await fileOf(
    'large.parquet',
    `SELECT 'shop' AS merchant, repeat(md5(i::VARCHAR), 8) AS visitor FROM range(300000) t(i)`,
  )
})
afterAll(async () => {
  instance.closeSync()
  await rm(folder, { recursive: true, force: true })
})

it('a file that takes longer than its limit is cut off, and said to be so; with more time it is read', async () => {
  const hasty = createErasedParquet({
    instance,
    // At once: as if the time were over when it begins.
    timers: { after: (_ms, action) => systemTimers.after(1, action) },
    fileTimeoutMs: 7,
  })
  await expect(hasty.search(large, asked)).rejects.toThrow('it took longer than 7 ms')
  const { search } = createErasedParquet({ instance, timers: systemTimers })
  expect(await search(large, asked)).toEqual({ finds: [], explainedRows: 0 })
})

it('columns of any shape are searched: structs in lists, maps, blobs, quotes in the value', async () => {
  const { search } = createErasedParquet({ instance, timers: systemTimers })
  const name = `'o''brien-of-many'`
  const path = await fileOf(
    'shapes.parquet',
    `SELECT [{a: 1, b: ${name}}] AS list, MAP {'k': ${name}} AS map, encode(${name}) AS blob, ${name} AS text, 5 AS number`,
  )
  const { finds } = await search(path, asked)
  expect(finds.map(({ where }) => where).sort()).toEqual(['column blob', 'column list', 'column map', 'column text'])
})

it('what is no Parquet file is not read', async () => {
  const { search, laterHours } = createErasedParquet({ instance, timers: systemTimers })
  await expect(search(join(folder, 'missing.parquet'), asked)).rejects.toThrow()
  await expect(laterHours(join(folder, 'missing.parquet'), question)).rejects.toThrow()
})
