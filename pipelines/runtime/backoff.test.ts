import { expect, it } from 'vitest'
import { Backoff, retryFirstMs, retryLongestMs } from './backoff.ts'

it('waits double with each failure up to the longest, and begin anew after a success', () => {
  const backoff = new Backoff()
  expect([1, 2, 3].map(() => backoff.nextMs())).toEqual([retryFirstMs, 2 * retryFirstMs, 4 * retryFirstMs])
  for (let failure = 0; failure < 2_000; failure++) expect(backoff.nextMs()).toBeLessThanOrEqual(retryLongestMs)
  expect(backoff.nextMs()).toBe(retryLongestMs)
  backoff.reset()
  expect(backoff.nextMs()).toBe(retryFirstMs)
})
