import { describe, expect, it } from 'vitest'
import { KnownKeys, knownCharsMax, knownKeysMax } from './known-keys.ts'

function keysOf(...columns: readonly string[]) {
  const made: string[] = []
  const keys = new KnownKeys({
    columns,
    encode(values) {
      made.push(values.join('|'))
      return values.join('|')
    },
    keyOf: (values) => ({ values }),
    decode: (text) => ({ values: text.split('|') }),
  })
  return { keys, made }
}

describe('known keys', () => {
  it('are made once for equal values, by however many columns', () => {
    for (const columns of [[], ['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      const { keys, made } = keysOf(...columns)
      const texts = [
        { a: 1, b: 2, c: 3 },
        { a: 1, b: 2, c: 3 },
      ].map((row) => keys.textOf(row))
      expect(texts[0]).toBe(texts[1])
      expect(made).toEqual([[1, 2, 3].slice(0, columns.length).join('|')])
    }
  })

  it('tell values apart of which one is the same', () => {
    const { keys } = keysOf('a', 'b')
    const texts = [1, 2].flatMap((a) => [1, 2].map((b) => keys.textOf({ a, b })))
    expect(texts).toEqual(['1|1', '1|2', '2|1', '2|2'])
  })

  it('give what sinks get, frozen, of texts that were never seen as well', () => {
    const { keys } = keysOf('a', 'b')
    expect(keys.of(keys.textOf({ a: 'x', b: 'y' }))).toEqual({ values: ['x', 'y'] })
    expect(keys.of('never|seen')).toEqual({ values: ['never', 'seen'] })
    expect([keys.of('x|y'), keys.of('never|seen')].every(Object.isFrozen)).toBe(true)
  })

  it('are no more than the limit; those that come again stay, the others are made again', () => {
    const { keys, made } = keysOf('a')
    let most = 0
    for (let a = 0; a < 3 * knownKeysMax; a++) {
      keys.textOf({ a })
      keys.textOf({ a: 'often' })
      most = Math.max(most, keys.size)
    }
    expect(most).toBeGreaterThan(knownKeysMax / 2)
    expect(most).toBeLessThanOrEqual(knownKeysMax)
    expect(made.filter((text) => text === 'often')).toHaveLength(1)
    expect(keys.textOf({ a: 0 })).toBe('0')
    expect(made.filter((text) => text === '0')).toHaveLength(2)
  })

  it('are few where their texts are long', () => {
    const { keys } = keysOf('a')
    const long = 'x'.repeat(knownCharsMax / 8)
    for (let n = 0; n < 40; n++) keys.textOf({ a: `${n}${long}` })
    expect(keys.size).toBeLessThanOrEqual(9)
  })
})
