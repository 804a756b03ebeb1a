import { describe, expect, it } from 'vitest'
import type { Offset } from '../../core/ids.ts'
import { partitionLags } from './cluster-lag.ts'

const at = (partition: number, next: number, received: number | null) => ({
  job: 'hits-rollups',
  partition,
  next: next as Offset,
  checkpoint: null,
  watermark: received,
  received,
  forwarded: {},
})
const ends = new Map([[0, 10 as Offset]])

describe('the lag of a job', () => {
  it('is in records up to the end, and in seconds since the last committed one was received', () => {
    expect(partitionLags([at(0, 7, 4_000)], ends, 6_000)).toEqual([
      { job: 'hits-rollups', partition: 0, lagRecords: 3, lagSeconds: 2, watermarkMs: 4_000 },
    ])
  })

  it('is nothing where all is committed, however long ago', () => {
    expect(partitionLags([at(0, 10, 4_000)], ends, 9_000_000)[0]).toMatchObject({ lagRecords: 0, lagSeconds: 0 })
  })

  it('is not below 0 where the position is newer than the end, or the clock behind', () => {
    expect(partitionLags([at(0, 12, 4_000)], ends, 5_000)[0]).toMatchObject({ lagRecords: 0, lagSeconds: 0 })
    expect(partitionLags([at(0, 9, 4_000)], ends, 3_000)[0]).toMatchObject({ lagRecords: 1, lagSeconds: 0 })
  })

  it('is not known in seconds before the first record, and not told of a partition without an end', () => {
    expect(partitionLags([at(0, 9, null)], ends, 3_000)[0]?.lagSeconds).toBeNaN()
    expect(partitionLags([at(5, 1, 1)], ends, 3_000)).toEqual([])
  })
})
