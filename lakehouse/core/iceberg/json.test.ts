import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JsonValue, parseJson, printJson } from './json.ts'

describe('lossless JSON', () => {
  it('keeps the 63-bit snapshot ids of other writers', () => {
    const text = '{"snapshot-id":9223372036854775807,"parent-snapshot-id":-9007199254740993,"small":9007199254740991}'
    expect(parseJson(text)).toEqual({
      'snapshot-id': 9223372036854775807n,
      'parent-snapshot-id': -9007199254740993n,
      small: 9007199254740991,
    })
    expect(printJson(parseJson(text))).toBe(text)
  })

  it('takes no digits inside strings for numbers', () => {
    const value = { doc: 'id 9223372036854775807, "9223372036854775807" and \\', list: ['9223372036854775807'] }
    expect(parseJson(JSON.stringify(value))).toEqual(value)
  })

  it('leaves numbers with a point or an exponent as they are, however many digits they have', () => {
    for (const text of [
      '0.1234567890123456789',
      '-12345678901234567.5',
      '1.2345678901234567e300',
      '12345678901234567E2',
    ]) {
      expect(parseJson(`{"n":${text},"id":9223372036854775807}`)).toEqual({
        n: Number(text),
        id: 9223372036854775807n,
      })
    }
    fc.assert(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
        const read = parseJson(JSON.stringify([value, '1']))
        expect(read).toEqual([
          Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21
            ? BigInt(JSON.stringify(value))
            : value + 0,
          '1',
        ])
      }),
    )
  })

  it('refuses what is not JSON', () => {
    expect(() => parseJson('[1234567890123456-1]')).toThrow(SyntaxError)
    expect(() => parseJson('{"a":')).toThrow(SyntaxError)
  })

  it('refuses a number that it could only print as null', () => {
    for (const text of ['[1e999]', '{"required":-1e999}', `[${'9'.repeat(400)}.5]`]) {
      expect(() => parseJson(text)).toThrow(SyntaxError)
    }
    expect(printJson(parseJson('[-0,1e-999]'))).toBe('[0,0]')
  })

  it('reads back whatever it printed', () => {
    const scalar = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', '"', '\\', '\u0000', '1', '😀', '\n') }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }),
      fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    )
    const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        scalar,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(
          fc.string({ minLength: 1 }).filter((name) => name !== '__proto__' && !name.includes('\u0000')),
          tie('tree'),
          {
            maxKeys: 4,
            noNullPrototype: true,
          },
        ),
      ),
    }))
    fc.assert(
      fc.property(tree, (value) => {
        expect(parseJson(printJson(value))).toEqual(value)
      }),
      { numRuns: 500 },
    )
  })
})
