import { describe, expect, it } from 'vitest'
import { merchantOf } from '../../../core/ports/control-store.contract.ts'
import type { SplitCommit } from '../../../core/ports/rerun-store.ts'
import { createRerunWorld, shop } from './driver-under-test.ts'

describe('a split under way while an erasure of its merchants is carried out', () => {
  it('is made again, knowing of it, and nothing that it staged before is left', async () => {
    const world = createRerunWorld()
    await world.accept(12)
    await world.publish()
    const { store, executor, lake } = world
    await store.createMerchant(merchantOf(shop), [])
    const commits: SplitCommit[] = []
    const discarded: string[] = []
    let isErased = false
    const driver = world.driver('one', {
      store: {
        ...store,
        commitSplit(commit) {
          commits.push(commit)
          return store.commitSplit(commit)
        },
      },
      lake: {
        ...lake,
        async discard(name) {
          discarded.push(name)
          await lake.discard(name)
        },
      },
      executor: {
        ...executor,
        async run(work, options) {
          const output = await executor.run(work, options)
          if (isErased) return output
          isErased = true
          const subject = { kind: 'merchant' } as const
          await store.eraseHits({ merchant: shop, subject, through: 5, by: 'me', now: 6 })
          await store.fenceErasures([{ id: 1, through: 5 }])
          return output
        },
      },
    })
    await world.ask()
    driver.start()
    expect(await world.live(async () => (await store.rerun(1))?.state === 'ready')).toBe(true)
    const [first, ...others] = commits
    expect(first?.erasuresKnown).toBe(0)
    expect(others.map(({ erasuresKnown }) => erasuresKnown)).toEqual(others.map(() => 1))
    expect(others.some(({ split }) => split === first?.split)).toBe(true)
    expect(first?.staged.every(({ name }) => discarded.includes(name))).toBe(true)
    await driver.stop()
  })
})
