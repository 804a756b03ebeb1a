/**
 * Source: apache/flink, flink-streaming-java/src/test/java/org/apache/flink/streaming/runtime/watermarkstatus/
 * StatusWatermarkValveTest.java (Apache-2.0); the name of each test there is in the test. Channels are our parts. Facts
 * only, in our words.
 */
import { describe, expect, it } from 'vitest'
import { LeastWatermark, type Standing } from '../../core/watermarks.ts'

/** All channels are there from the start, active and without a watermark. */
function valve(channels: number) {
  const least = new LeastWatermark<number>()
  const all = Array.from({ length: channels }, (_, key) => ({ key, watermark: null, standing: 'active' as Standing }))
  least.setAll(all)
  return {
    watermark(at: number, key: number): number | null {
      least.set({ key, watermark: at, standing: 'active' })
      return least.current
    },
    stand(standing: Standing, key: number): number | null {
      least.set({ key, watermark: null, standing })
      return least.current
    },
    get standing() {
      return least.standing
    },
  }
}

describe('the watermark valve of Flink', () => {
  it('testSingleInputIncreasingWatermarks, testSingleInputDecreasingWatermarksYieldsNoOutput', () => {
    const one = valve(1)
    expect([0, 25, 18, 42].map((at) => one.watermark(at, 0))).toEqual([0, 25, 25, 42])
  })

  it('testMultipleInputYieldsWatermarkOnlyWhenAllChannelsReceivesWatermarks', () => {
    const three = valve(3)
    expect([three.watermark(0, 0), three.watermark(0, 1), three.watermark(0, 2)]).toEqual([null, null, 0])
  })

  it('testMultipleInputIncreasingWatermarks', () => {
    const three = valve(3)
    const steps = [
      [0, 0, null],
      [0, 1, null],
      [0, 2, 0],
      [12, 0, 0],
      [8, 2, 0],
      [10, 2, 0],
      [15, 1, 10],
      [17, 2, 12],
      [20, 0, 15],
    ] as const
    for (const [at, channel, reached] of steps) expect(three.watermark(at, channel)).toBe(reached)
  })

  it('testMultipleInputDecreasingWatermarksYieldsNoOutput', () => {
    const three = valve(3)
    three.watermark(25, 0)
    three.watermark(10, 1)
    expect(three.watermark(17, 2)).toBe(10)
    expect([three.watermark(12, 0), three.watermark(8, 1), three.watermark(15, 2)]).toEqual([10, 10, 10])
  })

  it('testMultipleInputWatermarkStatusToggling', () => {
    const two = valve(2)
    expect(two.standing).toBe('active')
    two.stand('idle', 1)
    expect(two.standing).toBe('active')
    two.stand('idle', 0)
    expect(two.standing).toBe('idle')
    two.stand('active', 1)
    expect(two.standing).toBe('active')
  })

  it('testMultipleInputWatermarkAdvancingWithPartiallyIdleChannels', () => {
    const three = valve(3)
    three.watermark(15, 0)
    expect(three.watermark(10, 1)).toBeNull()
    expect(three.stand('idle', 2)).toBe(10)
    expect(three.watermark(18, 1)).toBe(15)
    expect(three.watermark(20, 0)).toBe(18)
  })

  it('testMultipleInputWatermarkAdvancingAsChannelsIndividuallyBecomeIdle', () => {
    const three = valve(3)
    three.watermark(25, 0)
    three.watermark(10, 1)
    expect(three.watermark(17, 2)).toBe(10)
    expect(three.stand('idle', 1)).toBe(17)
    expect(three.stand('idle', 2)).toBe(25)
  })

  it('testMultipleInputFlushMaxWatermarkAndWatermarkStatusOnceAllInputsBecomeIdle', () => {
    const three = valve(3)
    three.watermark(10, 0)
    three.watermark(5, 1)
    expect(three.watermark(3, 2)).toBe(3)
    expect([three.stand('idle', 0), three.stand('idle', 1), three.stand('idle', 2)]).toEqual([3, 3, 10])
  })

  it('testMultipleInputWatermarkRealignmentAfterResumeActive differs: a channel that wakes behind holds the others', () => {
    const three = valve(3)
    three.watermark(10, 0)
    three.watermark(7, 1)
    three.watermark(3, 2)
    expect(three.stand('idle', 2)).toBe(7)
    // There it is left out until it has caught up; here its rows to come are waited for, so fewer of them are late.
    three.stand('active', 2)
    three.watermark(12, 1)
    expect(three.watermark(6, 2)).toBe(7)
    expect(three.watermark(9, 2)).toBe(9)
    expect(three.watermark(15, 2)).toBe(10)
  })
})
