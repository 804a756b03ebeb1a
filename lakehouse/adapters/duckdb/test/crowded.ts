/** An instance of DuckDB whose memory something else has taken. */
import type { DuckDBInstance } from '@duckdb/node-api'
import { expect } from 'vitest'
import { hitRow } from '../../../../core/ports/lake.contract.ts'

/** Takes all memory that the instance may have, without a folder to spill to; the result gives it back. */
export async function crowd(instance: DuckDBInstance): Promise<() => void> {
  const greedy = await instance.connect()
  await greedy.run("SET temp_directory = ''").catch(() => undefined)
  await greedy.run('BEGIN')
  await greedy.run('CREATE TEMP TABLE held (x VARCHAR)')
  const fill = async () => {
    for (;;) await greedy.run('INSERT INTO held SELECT repeat(x::VARCHAR, 20) FROM range(200000) AS t(x)')
  }
  await expect(fill()).rejects.toThrow(/Out of Memory|could not/)
  return () => greedy.closeSync()
}

/** Epochs that need more than is left anywhere: of many hits, and of wide ones. */
export const largeEpochs = [
  ['many', 100_000, 40],
  ['wide', 1_000, 24_000],
] as const

export const hitsOfWidth = (count: number, width: number) =>
  Array.from({ length: count }, (_, n) =>
    hitRow({ _off: n, merchant: `shop ${n % 40}`, props: `${n * 7_919}-`.repeat(width).slice(0, width) }),
  )
