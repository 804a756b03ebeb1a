import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BlockFilter, filterWords } from './block-filter.ts'

const word = fc.nat({ max: 0xffffffff })

it('never says that something added is not here', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word), { maxLength: 300 }), fc.integer({ min: 0, max: 300 }), (added, room) => {
      const filter = new BlockFilter(new Uint32Array(filterWords(room)))
      for (const [hi, lo] of added) filter.add(hi, lo)
      for (const [hi, lo] of added) expect(filter.mayHold(hi, lo)).toBe(true)
    }),
  )
})

it('holds the edges of the range of fingerprints', () => {
  const filter = new BlockFilter(new Uint32Array(filterWords(1_000)))
  expect(filter.mayHold(0xffffffff, 0xffffffff)).toBe(false)
  filter.add(0xffffffff, 0xffffffff)
  filter.add(0, 0)
  expect(filter.mayHold(0xffffffff, 0xffffffff)).toBe(true)
  expect(filter.mayHold(0, 0)).toBe(true)
})

it('says "look" in vain at most once in 60 times when full', () => {
  const entries = 100_000
  const filter = new BlockFilter(new Uint32Array(filterWords(entries)))
  // Weyl sequences through a mixer: evenly spread words without a random source.
  const mixed = (i: number, salt: number) => {
    let x = Math.imul(i, 0x9e3779b1) ^ salt
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return (x ^ (x >>> 16)) >>> 0
  }
  for (let i = 0; i < entries; i++) filter.add(mixed(i, 1), mixed(i, 2))
  let inVain = 0
  for (let i = entries; i < 3 * entries; i++) if (filter.mayHold(mixed(i, 1), mixed(i, 2))) inVain += 1
  expect(inVain / (2 * entries)).toBeLessThan(1 / 60)
})
