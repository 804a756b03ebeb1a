import { describe, expect, it } from 'vitest'
import { distinctOf } from './distinct-of.ts'

describe('the hash that texts are counted by', () => {
  it('is for ever: the first 63 bits below the highest of SHA-256, as every engine has them', () => {
    // echo -n abc | sha256sum: ba7816bf8f01cfea…
    expect(distinctOf('abc')).toBe(0x3a7816bf8f01cfean)
    // echo -n '' | sha256sum: e3b0c44298fc1c14…
    expect(distinctOf('')).toBe(0x63b0c44298fc1c14n)
  })

  it('is of UTF-8, and of no text nothing', () => {
    expect(distinctOf('ä😀')).toBe(BigInt.asUintN(63, distinctOf('ä😀')))
    expect(distinctOf('ä😀')).not.toBe(distinctOf('a😀'))
    expect(distinctOf(null)).toBeNull()
  })
})
