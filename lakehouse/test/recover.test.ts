import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryObjectStore } from '../../core/adapters/memory/memory-object-store.ts'
import { createMemoryControlStore } from '../adapters/memory/memory-control-store.ts'
import { type CopiedStore, loseAndRecover } from './recover-run.ts'

function memoryStore(seed: number): CopiedStore {
  const store = createMemoryControlStore({ visible: seed % 2 === 0 ? 'published' : 'committed' })
  let moment = store.snapshot()
  return {
    store,
    async copy() {
      moment = store.snapshot()
    },
    async restore() {
      store.restore(moment)
    },
  }
}

describe('a control store restored from any earlier moment', () => {
  it('is refused by everybody, and after recovery is what was lost: each offset published once, all books the same', async () => {
    let epochs = 0
    let publications = 0
    let accepted = 0
    let rewrites = 0
    let reruns = 0
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), async (seed) => {
        const found = await loseAndRecover(memoryStore(seed), memoryObjectStore(), seed)
        epochs += found.epochs
        publications += found.publications
        accepted += found.accepted
        rewrites += found.rewrites
        reruns += found.reruns
      }),
      { numRuns: 60 },
    )
    expect(Math.min(epochs, publications, accepted)).toBeGreaterThan(60)
    // Rarer: one needs a publication before it.
    expect(rewrites).toBeGreaterThan(10)
    expect(reruns).toBeGreaterThan(60)
  })
})
