import { describe, expect, it } from 'vitest'
import { LeastWatermark, PartitionWatermarks } from './watermarks.ts'

/** A source of two partitions whose rows are up to 10 out of order, idle after 100 without a record. */
function twoPartitions(idlenessMs: number | null = 100) {
  const watermarks = new PartitionWatermarks({ delayMs: 10, idlenessMs })
  watermarks.take(0, null, 0)
  watermarks.take(1, null, 0)
  return watermarks
}

describe('the watermark of a feed', () => {
  // partition 0:  50        90
  // partition 1:       70
  // of the feed:   -   40   60
  it('is the least of its partitions, each the delay behind the largest time seen', () => {
    const watermarks = twoPartitions()
    watermarks.see(0, 50, 1)
    expect(watermarks.at(1)).toBeNull()
    watermarks.see(1, 70, 2)
    expect(watermarks.at(2)).toBe(40)
    watermarks.see(0, 90, 3)
    expect(watermarks.at(3)).toBe(60)
  })

  it('never goes back: not for older rows, a partition that joins, nor one that wakes', () => {
    const watermarks = twoPartitions()
    watermarks.see(0, 50, 1)
    watermarks.see(1, 70, 1)
    watermarks.see(0, 20, 2)
    expect(watermarks.at(2)).toBe(40)
    watermarks.take(2, 5, 3)
    expect(watermarks.at(3)).toBe(40)
    watermarks.see(0, 100, 4)
    watermarks.see(1, 100, 4)
    // The one that joined is behind: it holds the watermark where it is.
    expect(watermarks.at(4)).toBe(40)
    watermarks.see(2, 80, 5)
    expect(watermarks.at(5)).toBe(70)
  })

  it('is not held by a partition that has had no record for the idleness, from that instant on', () => {
    const watermarks = twoPartitions()
    watermarks.see(1, 20, 5)
    watermarks.see(0, 50, 10)
    expect(watermarks.at(104)).toBe(10)
    expect(watermarks.nextIdle()).toBe(105)
    expect(watermarks.at(105)).toBe(40)
    expect(watermarks.parts()).toEqual([
      { key: 0, watermark: 40, standing: 'active' },
      { key: 1, watermark: 10, standing: 'idle' },
    ])
  })

  it('is not held by a partition that never had a record, once that is idle', () => {
    const watermarks = twoPartitions()
    watermarks.see(0, 50, 50)
    expect(watermarks.at(99)).toBeNull()
    expect(watermarks.at(100)).toBe(40)
  })

  it('is not held by a partition read to its end, until its next record', () => {
    const watermarks = twoPartitions(null)
    watermarks.see(0, 50, 1)
    watermarks.see(1, 20, 1)
    watermarks.drained(1)
    expect(watermarks.at(1)).toBe(40)
    watermarks.see(0, 80, 2)
    watermarks.see(1, 60, 2)
    expect(watermarks.at(2)).toBe(50)
    expect(watermarks.nextIdle()).toBeNull()
  })

  it('is the largest of all where all are idle, and says so to what stands below', () => {
    const watermarks = twoPartitions()
    watermarks.see(0, 50, 0)
    watermarks.see(1, 70, 0)
    expect(watermarks.at(99)).toBe(40)
    expect(watermarks.standing).toBe('active')
    expect(watermarks.at(100)).toBe(60)
    expect(watermarks.standing).toBe('idle')
  })

  it('moves on when the partition that held it is given up, and refuses rows of that one', () => {
    const watermarks = twoPartitions()
    watermarks.see(0, 50, 0)
    watermarks.see(1, 20, 0)
    expect(watermarks.at(0)).toBe(10)
    watermarks.giveUp(1)
    expect(watermarks.at(0)).toBe(40)
    expect(() => watermarks.see(1, 90, 1)).toThrowError('partition 1 is not ours')
  })

  it('goes on from what was kept', () => {
    const watermarks = new PartitionWatermarks({ delayMs: 10, idlenessMs: null }, 40)
    watermarks.take(0, 40, 0)
    watermarks.take(1, 60, 0)
    expect(watermarks.at(0)).toBe(40)
    watermarks.see(0, 200, 1)
    expect(watermarks.at(1)).toBe(60)
  })
})

describe('the watermark of a union', () => {
  it('is the least of its inputs, and an idle input holds nothing', () => {
    const union = new LeastWatermark<string>()
    union.set({ key: 'shop', watermark: 10, standing: 'active' })
    union.set({ key: 'app', watermark: null, standing: 'active' })
    // What was reached stays, what is new holds from here.
    expect(union.current).toBe(10)
    union.set({ key: 'shop', watermark: 30, standing: 'active' })
    expect(union.current).toBe(10)
    union.set({ key: 'app', watermark: null, standing: 'idle' })
    expect(union.current).toBe(30)
  })
})
