import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { openDatabase } from './database.ts'
import { withConnection } from './parquet.ts'
import {
  inSlices,
  memoryBytes,
  type Slices,
  sliceLeastRows,
  sliceMinRows,
  sliceMostRows,
  sliceRowsFor,
  sliceRowsOf,
  sortBufferBytes,
} from './slice-rows.ts'

describe('rows that are sorted at once', () => {
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

describe('work in slices', () => {
  const outOfMemory = new Error('Out of Memory Error: failed to allocate data of size 1.0 MiB')

  async function tried({
    given,
    fails,
    error = outOfMemory,
  }: {
    readonly given?: number
    readonly fails: number
    readonly error?: Error
  }) {
    const instance = await openDatabase({ file: ':memory:', memoryLimitBytes: 64e6, threads: 1, scratch: tmpdir() })
    const slices: Slices[] = []
    try {
      const work = async (_: unknown, now: Slices) => {
        if (slices.push(now) <= fails) throw error
        return 'done'
      }
      return { result: await inSlices(instance, given, work).catch((thrown: unknown) => thrown), slices }
    } finally {
      instance.closeSync()
    }
  }

  it('is done once, in slices by the memory and row groups as they please', async () => {
    expect(await tried({ fails: 0 })).toEqual({
      result: 'done',
      slices: [{ sliceMaxRows: sliceLeastRows, rowGroupMaxRows: Number.POSITIVE_INFINITY }],
    })
  })

  it('is done in slices as large as given, and row groups no larger', async () => {
    expect((await tried({ given: 7, fails: 0 })).slices).toEqual([{ sliceMaxRows: 7, rowGroupMaxRows: 7 }])
  })

  it('is done again in a quarter of them where memory runs out, down to the least', async () => {
    const { result, slices } = await tried({ given: 3_000, fails: 10 })
    expect(slices.map(({ sliceMaxRows }) => sliceMaxRows)).toEqual([3_000, 750, 187, sliceMinRows])
    expect(slices.every(({ sliceMaxRows, rowGroupMaxRows }) => sliceMaxRows === rowGroupMaxRows)).toBe(true)
    expect(result).toBe(outOfMemory)
    expect((await tried({ fails: 2 })).slices.at(-1)).toEqual({ sliceMaxRows: 625, rowGroupMaxRows: 625 })
  })

  it('is not done again after another error', async () => {
    const error = new Error('IO Error: no such file')
    expect(await tried({ fails: 1, error })).toMatchObject({ result: error, slices: { length: 1 } })
  })
})
