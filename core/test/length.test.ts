import { afterEach, describe, expect, it, vi } from 'vitest'
import { testLength } from './length.ts'

const lengths = { short: 10, full: 500 }
afterEach(() => vi.unstubAllEnvs())

describe('a test of random work', () => {
  it('is short where nothing is said, and full where that is asked for', () => {
    vi.stubEnv('TEST_LENGTH', undefined)
    expect(testLength('SOME_TEST_COUNT', lengths)).toBe(10)
    vi.stubEnv('TEST_LENGTH', 'full')
    expect(testLength('SOME_TEST_COUNT', lengths)).toBe(500)
  })

  it('is as long as its own variable says', () => {
    vi.stubEnv('SOME_TEST_COUNT', '3')
    expect(testLength('SOME_TEST_COUNT', lengths)).toBe(3)
  })

  it('never runs over nothing because of a slip', () => {
    for (const slip of ['', '0', '-1', '1.5', 'many']) {
      vi.stubEnv('SOME_TEST_COUNT', slip)
      expect(() => testLength('SOME_TEST_COUNT', lengths)).toThrow(RangeError)
    }
    vi.stubEnv('TEST_LENGTH', 'long')
    expect(() => testLength('SOME_OTHER_COUNT', lengths)).toThrow(RangeError)
  })
})
