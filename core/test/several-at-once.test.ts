import { expect, it } from 'vitest'
import { questionsAtOnce, severalAtOnce } from './several-at-once.ts'

it('does all, in order, as many at a time as it may', async () => {
  const begun: number[] = []
  let running = 0
  let most = 0
  await severalAtOnce([1, 2, 3, 4, 5], async (item) => {
    begun.push(item)
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 1))
    running--
  })
  expect(begun).toEqual([1, 2, 3, 4, 5])
  expect(most).toBe(questionsAtOnce)
})

it('begins nothing after a failure, and waits for what is under way before it rejects', async () => {
  const ended: number[] = []
  const all = severalAtOnce(
    [1, 2, 3, 4],
    async (item) => {
      if (item === 1) throw new Error('the first')
      await new Promise((resolve) => setTimeout(resolve, 1))
      ended.push(item)
    },
    2,
  )
  await expect(all).rejects.toThrow('the first')
  expect(ended).toEqual([2])
})
