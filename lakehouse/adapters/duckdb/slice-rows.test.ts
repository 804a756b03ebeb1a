import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { openDatabase } from './database.ts'
import { withConnection } from './parquet.ts'
import { memoryBytes, sliceLeastRows, sliceMostRows, sliceRowsFor, sliceRowsOf, sortBufferBytes } from './slice-rows.ts'

describe('rows that a rewrite sorts at once', () => {
  it('follow from the memory that DuckDB was given', async () => {
    const given = async (memoryLimitBytes: number) => {
      const instance = await openDatabase({ file: ':memory:', memoryLimitBytes, threads: 1, scratch: tmpdir() })
      try {
        return await withConnection(instance, sliceRowsOf)
      } finally {
        instance.closeSync()
      }
    }
    // DuckDB prints a decimal place of its limit, so the last digits are not to be had.
    expect((await given(160e6)) / sliceRowsFor(160e6)).toBeCloseTo(1, 1)
    expect((await given(1e9)) / sliceRowsFor(1e9)).toBeCloseTo(1, 1)
  })

  it('are never fewer than the least nor more than the most', () => {
    const perRow = sliceRowsFor(sortBufferBytes + 36_000_000) / 36_000_000
    expect(sliceRowsFor(sortBufferBytes + sliceLeastRows / perRow)).toBe(sliceLeastRows)
    expect(sliceRowsFor(sortBufferBytes)).toBe(sliceLeastRows)
    expect(sliceRowsFor(64e6)).toBe(sliceLeastRows)
    expect(sliceRowsFor(sortBufferBytes + sliceMostRows / perRow)).toBe(sliceMostRows)
    expect(sliceRowsFor(2 ** 50)).toBe(sliceMostRows)
    expect(sliceRowsFor(Number.NaN)).toBe(sliceLeastRows)
  })

  it('are reckoned from what DuckDB prints of its limit', () => {
    expect(memoryBytes('152.5 MiB')).toBe(152.5 * 2 ** 20)
    expect([memoryBytes('512 bytes'), memoryBytes('1.0 GiB'), memoryBytes('2 TiB')]).toEqual([512, 2 ** 30, 2 ** 41])
    expect(memoryBytes('80%')).toBeNaN()
    expect(memoryBytes('')).toBeNaN()
  })
})
