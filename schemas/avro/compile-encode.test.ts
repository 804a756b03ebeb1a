import { describe, expect, it } from 'vitest'
import { compileEncode } from './compile-encode.ts'
import type { AvroSchema } from './fingerprint.ts'

function bytes(schema: AvroSchema, value: unknown): string {
  const buffer = Buffer.alloc(2_000)
  return buffer.toString('hex', 0, compileEncode(schema)(value, buffer, 0))
}

describe('writing Avro', () => {
  // Avro specification 1.11, "Binary Encoding": the table of longs, and the string foo.
  it.each([
    [0, '00'],
    [-1, '01'],
    [1, '02'],
    [-2, '03'],
    [2, '04'],
    [-64, '7f'],
    [64, '8001'],
  ])('gives the long %i its published bytes', (value, expected) => {
    expect(bytes('long', value)).toBe(expected)
    expect(bytes({ type: 'long', logicalType: 'micros' }, BigInt(value))).toBe(expected)
  })

  it('gives strings their length in bytes, on both sides of each change of method', () => {
    expect(bytes('string', 'foo')).toBe('06666f6f')
    expect(bytes('string', 'é')).toBe('04c3a9')
    for (const length of [0, 63, 64, 65, 119, 120, 121, 127, 128, 300]) {
      for (const [letter, hex] of [
        ['a', '61'],
        ['é', 'c3a9'],
        ['😀', 'f09f9880'],
      ] as const) {
        const encoded = bytes('string', letter.repeat(length))
        const byteLength = (hex.length / 2) * length
        expect(encoded).toBe(bytes('long', byteLength) + hex.repeat(length))
      }
    }
  })

  it('says by its position that the buffer was too small, and writes nothing beyond it', () => {
    const encode = compileEncode<string>('string')
    for (const text of ['short', 'a text long enough for the other method, which is a call', 'ünïcödé']) {
      const memory = Buffer.alloc(8).fill(0xaa)
      const end = encode(text, memory.subarray(0, 4), 0)
      expect(end).toBeGreaterThan(4)
      expect(memory.subarray(4)).toEqual(Buffer.alloc(4).fill(0xaa))
    }
  })

  it('is refused, when it is compiled, for a type it does not know and a union it cannot tell apart', () => {
    expect(() => compileEncode({ type: 'fixed', name: 'F', size: 4 })).toThrow(/no rule to write the Avro type fixed/)
    expect(() => compileEncode(['long', 'double'])).toThrow(/cannot be told apart/)
    expect(() => compileEncode(['null', { type: 'array', items: 'long' }])).toThrow(/no rule/)
  })
})
