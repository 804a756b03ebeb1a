import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PackedState, packed } from '../../core/aggregates/aggregate.ts'
import type { Offset } from '../../core/ids.ts'
import { decodeAggregateState, encodeAggregateState } from './aggregate-state.ts'

const through = (state: PackedState) => decodeAggregateState(encodeAggregateState(state))

describe("an aggregate's state as bytes", () => {
  it('holds integers of any size, at the edges of each byte too', () => {
    fc.assert(
      fc.property(fc.nat(130), fc.constantFrom(-1n, 0n, 1n), fc.boolean(), (bits, off, negative) => {
        const edge = 2n ** BigInt(bits) + off
        const whole = negative ? -edge : edge
        expect(through(packed('sum', { sum: whole })).sum).toBe(whole)
      }),
    )
  })

  it('tells a text, a double, an integer and nothing apart', () => {
    for (const value of ['', '1', 0, 1.5, 1n, -1n, null]) {
      expect(through(packed('max', { value })).value).toBe(value)
    }
  })

  it('is read for ever as it was written first', () => {
    const place = { time: 5, position: { partition: 1, offset: 2 as Offset, index: 3 } }
    const written = 'c3019b6efb68e385ca430a66697273740200020000000000020a02040602042f610000'
    expect(decodeAggregateState(Buffer.from(written, 'hex'))).toEqual(packed('first', { place, value: '/a' }))
  })

  it.each([
    ['another schema', () => Buffer.from('c30100000000000000000000', 'hex'), "no aggregate's state"],
    ['nothing', () => Buffer.alloc(0), "no aggregate's state"],
    ['cut bytes', () => encodeAggregateState(packed('sum', { sum: 300n })).subarray(0, 14), 'damaged'],
    ['no aggregate', () => encodeAggregateState({ ...packed('sum', {}), kind: 'median' as never }), "called 'median'"],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeAggregateState(bytes())).toThrow(message)
  })
})
